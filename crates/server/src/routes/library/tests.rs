use http::Method;
use serde_json::{Value, json};

use crate::testing::TestApp;

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];

async fn list(app: &TestApp, query: &str) -> (u16, Value) {
    let path = format!("/api/n{query}");
    app.call(Method::GET, &path, &ADA[..1], "").await
}

// CP-268
#[tokio::test]
async fn what_a_request_for_the_list_says_is_checked_before_the_caller() {
    let app = TestApp::with_dev_identity().await;
    for (query, text) in [
        ("?limit=x", "limit must be a positive integer"),
        ("?view=bin", "view must be all, owned, shared, or trash"),
        ("?cursor=1.2", "cursor is invalid"),
    ] {
        let path = format!("/api/n{query}");
        let (status, body) = app.call(Method::GET, &path, &[], "").await;
        assert_eq!((status, &body["error"]), (400, &json!(text)), "{query}");
    }
}

#[tokio::test]
async fn a_search_goes_on_page_by_page() {
    let app = TestApp::with_dev_identity().await;
    for n in 0..5 {
        let title = json!({ "title": format!("{} {n}", ["Odd", "Even"][usize::from(n % 2 == 0)]) });
        app.call(Method::POST, "/api/n", &ADA, title.to_string())
            .await;
    }
    let (_, first) = list(&app, "?q=even&limit=2").await;
    assert_eq!(first["total_count"], 3);
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = list(&app, &format!("?q=even&limit=2&cursor={cursor}")).await;
    assert_eq!(second["notebooks"].as_array().unwrap().len(), 1);
    assert_eq!(second.get("next_cursor"), None);
}

// CP-271 CP-274
#[tokio::test]
async fn cp_271_what_is_malformed_or_missing_drops_only_itself() {
    use store::Notebooks as _;
    let app = TestApp::with_dev_identity().await;
    let (_, made) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    let id = made["notebook_id"].as_str().unwrap();
    app.catalog()
        .set_notebook_summary(
            id,
            Some("{"),
            Some(r#"[{"kind":"code","text":"1"}]"#),
            Some("python"),
            app.now_ms(),
        )
        .await
        .unwrap();
    let (status, body) = list(&app, "").await;
    assert_eq!(status, 200);
    let row = &body["notebooks"][0];
    assert_eq!(row.get("composition"), None);
    assert_eq!(row["preview"][0]["text"], "1");
    assert_eq!(row["language"], "python");
    // Nobody's name is known here.
    assert_eq!(row["owner_resolved"], false);
    assert_eq!(row.get("owner_display"), None);
}

#[tokio::test]
async fn a_row_has_its_picture_and_the_answer_the_callers_name() {
    let app = TestApp::with_dev_identity().await;
    let text = include_str!("../../../../../tests/vectors/sample.ipynb");
    let content: Value = serde_json::from_str(text).unwrap();
    let body = json!({ "content": content }).to_string();
    let (_, made) = app.call(Method::POST, "/api/n", &ADA, body).await;
    let (_, before) = list(&app, "").await;
    assert_eq!(before["notebooks"][0].get("cover"), None);
    let path = format!("/api/n/{}/revisions", made["notebook_id"].as_str().unwrap());
    let (status, taken) = app.call(Method::POST, &path, &ADA, "{}").await;
    assert_eq!(status, 201, "{taken}");
    let (_, listed) = list(&app, "").await;
    assert_eq!(listed["current_user_display"], "ada");
    let cover = &listed["notebooks"][0]["cover"];
    assert_eq!(cover["mime"], "image/png", "{listed}");
    assert_eq!(cover["blob_hash"], taken["revision"]["cover_blob_hash"]);
}
