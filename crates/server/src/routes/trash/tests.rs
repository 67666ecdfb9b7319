use http::Method;
use serde_json::{Value, json};
use store::document_log::DocumentLog as _;

use crate::testing::TestApp;

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];
const EVE: [(&str, &str); 2] = [("x-user", "eve"), ("x-scope", "owner")];

async fn create(app: &TestApp, body: Value) -> String {
    let (status, answer) = app
        .call(Method::POST, "/api/n", &ADA, body.to_string())
        .await;
    assert_eq!(status, 201, "{answer}");
    answer["notebook_id"].as_str().unwrap().to_owned()
}

fn sample() -> Value {
    let text = include_str!("../../../../../tests/vectors/sample.ipynb");
    serde_json::from_str(text).unwrap()
}

async fn list(app: &TestApp, query: &str) -> Value {
    let path = format!("/api/n{query}");
    let (status, answer) = app.call(Method::GET, &path, &ADA[..1], "").await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn into_the_trash_out_of_it_and_for_good() {
    let app = TestApp::with_dev_identity().await;
    let id = create(&app, json!({ "title": "T", "content": sample() })).await;
    let path = format!("/api/n/{id}");
    let call = async |method: Method, what: &str| {
        app.call(method, &format!("{path}{what}"), &ADA, "").await
    };
    let (status, answer) = call(Method::DELETE, "").await;
    assert_eq!(status, 409);
    assert!(
        answer["error"].as_str().unwrap().contains("trash"),
        "{answer}"
    );
    let (status, answer) = call(Method::POST, "/trash").await;
    assert_eq!((status, &answer["ok"]), (200, &json!(true)));
    assert!(answer["trashed_at"].is_string());
    assert_eq!(call(Method::GET, "").await.0, 404);
    assert_eq!(list(&app, "").await["total_count"], 0);
    let trash = list(&app, "?view=trash").await;
    assert_eq!(trash["notebooks"][0]["notebook_id"], id.as_str());
    assert_eq!(trash["notebooks"][0]["trashed_at"], answer["trashed_at"]);
    let (status, answer) = call(Method::POST, "/restore").await;
    assert_eq!((status, &answer["trashed_at"]), (200, &Value::Null));
    assert_eq!(call(Method::GET, "").await.0, 200);
    call(Method::POST, "/trash").await;
    assert_eq!(app.documents().notebooks().await.unwrap(), [id.as_str()]);
    assert_eq!(call(Method::DELETE, "").await.0, 200);
    assert_eq!(call(Method::POST, "/restore").await.0, 404);
    assert_eq!(list(&app, "?view=trash").await["total_count"], 0);
    assert!(app.documents().notebooks().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_its_owner_moves_a_notebook_and_only_from_our_own_page() {
    let app = TestApp::with_dev_identity().await;
    let id = create(&app, json!({})).await;
    for (method, what) in [
        (Method::POST, "/trash"),
        (Method::POST, "/restore"),
        (Method::DELETE, ""),
        (Method::POST, "/duplicate"),
    ] {
        let path = format!("/api/n/{id}{what}");
        let (status, _) = app.call(method.clone(), &path, &EVE, "").await;
        assert_eq!(status, 403, "{what}");
        let mut foreign = ADA.to_vec();
        foreign.push(("origin", "https://evil.example"));
        let (status, answer) = app.call(method, &path, &foreign, "").await;
        assert_eq!(
            (status, &answer["error"]),
            (403, &json!("request origin is not allowed"))
        );
    }
}

#[tokio::test]
async fn a_copy_has_the_cells_and_outputs_and_its_own_right_to_the_blobs() {
    let app = TestApp::with_dev_identity().await;
    let id = create(&app, json!({ "title": "First", "content": sample() })).await;
    let viewer = json!({"subject_kind": "principal", "subject": "user:dev:eve", "scope": "viewer"});
    let acl = format!("/api/n/{id}/acl");
    app.call(Method::POST, &acl, &ADA, viewer.to_string()).await;
    let (status, copy) = app
        .call(Method::POST, &format!("/api/n/{id}/duplicate"), &EVE, "")
        .await;
    assert_eq!((status, &copy["title"]), (201, &json!("First (copy)")));
    let copy = copy["notebook_id"].as_str().unwrap().to_owned();
    // The first one goes; the copy is whole by itself.
    app.call(Method::POST, &format!("/api/n/{id}/trash"), &ADA, "")
        .await;
    app.call(Method::DELETE, &format!("/api/n/{id}"), &ADA, "")
        .await;
    let download = format!("/api/n/{copy}/download");
    let (status, file) = app.call(Method::GET, &download, &EVE, "").await;
    assert_eq!(status, 200);
    assert_eq!(file, sample());
    let (_, shown) = app
        .call(Method::GET, &format!("/api/n/{copy}"), &EVE, "")
        .await;
    assert_eq!(shown["notebook"]["owner_principal"], "user:dev:eve");
    let hash = shown["blobs"][0]["hash"].as_str().unwrap();
    let blob = format!("/api/n/{copy}/blobs/{hash}");
    assert_eq!(app.call(Method::GET, &blob, &EVE, "").await.0, 200);
    assert_eq!(app.call(Method::GET, &blob, &ADA, "").await.0, 403);
}

#[tokio::test]
async fn a_copy_takes_the_title_it_is_given() {
    let app = TestApp::with_dev_identity().await;
    let id = create(&app, json!({ "title": "x".repeat(160) })).await;
    let path = format!("/api/n/{id}/duplicate");
    let (_, copy) = app.call(Method::POST, &path, &ADA, "{}").await;
    let title = copy["title"].as_str().unwrap();
    assert_eq!(title.len(), 160);
    assert!(title.ends_with(" (copy)"));
    let (_, copy) = app
        .call(Method::POST, &path, &ADA, r#"{"title": "Mine"}"#)
        .await;
    assert_eq!(copy["title"], "Mine");
}
