use http::Method;
use serde_json::{Value, json};

use crate::testing::TestApp;

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];
const EVE: [(&str, &str); 2] = [("x-user", "eve"), ("x-scope", "owner")];

fn sample() -> Value {
    let text = include_str!("../../../../../tests/vectors/sample.ipynb");
    serde_json::from_str(text).unwrap()
}

async fn notebook(app: &TestApp) -> String {
    let body = json!({ "title": "Study", "content": sample() });
    let (status, made) = app
        .call(Method::POST, "/api/n", &ADA, body.to_string())
        .await;
    assert_eq!(status, 201, "{made}");
    made["notebook_id"].as_str().unwrap().to_owned()
}

async fn take(app: &TestApp, id: &str, title: &str) -> Value {
    let body = json!({ "title": title }).to_string();
    let path = format!("/api/n/{id}/revisions");
    let (status, answer) = app.call(Method::POST, &path, &ADA, body).await;
    assert_eq!(status, 201, "{answer}");
    answer["revision"].clone()
}

#[tokio::test]
async fn a_version_is_kept_listed_and_begun_anew() {
    let app = TestApp::with_dev_identity().await;
    let id = notebook(&app).await;
    let path = format!("/api/n/{id}");
    let revision = take(&app, &id, "Before the talk").await;
    assert_eq!(revision["title"], "Before the talk");
    let name = revision["notebook_heads_hash"].as_str().unwrap();
    assert!(name.starts_with("heads-") && name.len() == 30, "{name}");
    let (_, shown) = app.call(Method::GET, &path, &ADA[..1], "").await;
    assert_eq!(shown["notebook"]["latest_revision_id"], revision["id"]);
    assert_eq!(shown["revisions"][0]["id"], revision["id"]);
    // What the list shows is derived from it.
    let (_, list) = app.call(Method::GET, "/api/n", &ADA[..1], "").await;
    assert!(
        list["notebooks"][0]["composition"]["code"]
            .as_u64()
            .unwrap()
            > 0
    );
    // Nothing became public.
    assert_eq!(app.call(Method::GET, &path, &[], "").await.0, 404);
    // The notebook goes on; the version does not.
    app.call(Method::PATCH, &path, &ADA, r#"{"title": "Later"}"#)
        .await;
    let restore = format!(
        "{path}/revisions/{}/restore",
        revision["id"].as_str().unwrap()
    );
    let (status, made) = app.call(Method::POST, &restore, &ADA, "").await;
    assert_eq!(
        (status, &made["title"]),
        (201, &json!("Before the talk (copy)"))
    );
    let file = format!("/api/n/{}/download", made["notebook_id"].as_str().unwrap());
    let (_, file) = app.call(Method::GET, &file, &ADA[..1], "").await;
    assert_eq!(file, sample());
}

#[tokio::test]
async fn versions_come_in_pages_newest_first() {
    let app = TestApp::with_dev_identity().await;
    let id = notebook(&app).await;
    for n in 0..53 {
        app.clock().advance(std::time::Duration::from_millis(1));
        take(&app, &id, &n.to_string()).await;
    }
    let page = async |query: &str| {
        let path = format!("/api/n/{id}/revisions{query}");
        let (status, body) = app.call(Method::GET, &path, &ADA[..1], "").await;
        assert_eq!(status, 200, "{body}");
        body
    };
    let first = page("").await;
    assert_eq!(first["revisions"].as_array().unwrap().len(), 50);
    assert_eq!(first["revisions"][0]["title"], "52");
    let next = page(&format!(
        "?cursor={}",
        first["next_cursor"].as_str().unwrap()
    ))
    .await;
    assert_eq!(next["revisions"].as_array().unwrap().len(), 3);
    assert_eq!(next.get("next_cursor"), None);
    let (status, _) = app
        .call(
            Method::GET,
            &format!("/api/n/{id}/revisions?cursor=x"),
            &ADA[..1],
            "",
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn readers_see_versions_and_only_owners_make_or_delete_them() {
    let app = TestApp::with_dev_identity().await;
    let id = notebook(&app).await;
    let revision = take(&app, &id, "v").await;
    let all = format!("/api/n/{id}/revisions");
    let one = format!("{all}/{}", revision["id"].as_str().unwrap());
    assert_eq!(app.call(Method::GET, &all, &EVE, "").await.0, 403);
    let row = json!({"subject_kind": "principal", "subject": "user:dev:eve", "scope": "editor"});
    app.call(
        Method::POST,
        &format!("/api/n/{id}/acl"),
        &ADA,
        row.to_string(),
    )
    .await;
    assert_eq!(app.call(Method::GET, &all, &EVE, "").await.0, 200);
    assert_eq!(app.call(Method::GET, &one, &EVE, "").await.0, 200);
    assert_eq!(app.call(Method::POST, &all, &EVE, "").await.0, 403);
    assert_eq!(app.call(Method::DELETE, &one, &EVE, "").await.0, 403);
    assert_eq!(app.call(Method::DELETE, &one, &ADA, "").await.0, 200);
    assert_eq!(app.call(Method::DELETE, &one, &ADA, "").await.0, 404);
    let (_, shown) = app
        .call(Method::GET, &format!("/api/n/{id}"), &ADA[..1], "")
        .await;
    assert_eq!(shown["notebook"]["latest_revision_id"], Value::Null);
}
