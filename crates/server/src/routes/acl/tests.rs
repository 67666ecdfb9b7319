use http::Method;
use serde_json::{Value, json};

use crate::testing::TestApp;

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];

async fn notebook(app: &TestApp) -> String {
    let (_, body) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    format!("/api/n/{}/acl", body["notebook_id"].as_str().unwrap())
}

fn row(kind: &str, subject: &str, scope: &str) -> String {
    json!({"subject_kind": kind, "subject": subject, "scope": scope}).to_string()
}

// CP-087, CP-282
#[tokio::test]
async fn only_owners_reach_the_rows_and_methods_come_after() {
    let app = TestApp::with_dev_identity().await;
    let path = notebook(&app).await;
    let (status, body) = app.call(Method::PUT, &path, &ADA, "{}").await;
    assert_eq!(
        (status, &body["error"]),
        (405, &json!("method not allowed"))
    );
    let (status, _) = app.call(Method::PUT, &path, &[], "{}").await;
    assert_eq!(status, 403);
    let (status, _) = app.call(Method::GET, &path, &[("x-user", "eve")], "").await;
    assert_eq!(status, 403);
}

// CP-283, CP-284
#[tokio::test]
async fn bad_rows_are_named() {
    let app = TestApp::with_dev_identity().await;
    let path = notebook(&app).await;
    for (body, message) in [
        (
            row("public", "x", "viewer"),
            "public ACL rows must use subject 'anonymous'",
        ),
        (
            row("public", "anonymous", "editor"),
            "public ACL rows may only grant viewer scope",
        ),
        (
            row("principal", "system", "viewer"),
            "principal ACL rows cannot target system or anonymous principals",
        ),
        (
            row("principal", "x", "viewer"),
            "principal must be 'system' or '<scheme>:<id>'",
        ),
        (
            row("principal", "a:b", "admin"),
            "unknown connection scope: admin",
        ),
        ("null".into(), "ACL mutation body must be a JSON object"),
        ("{".into(), "ACL mutation body must be JSON"),
    ] {
        let (status, answer) = app.call(Method::POST, &path, &ADA, body).await;
        assert_eq!((status, &answer["error"]), (400, &json!(message)));
    }
}

// CP-285, CP-286, CP-287, CP-290
#[tokio::test]
async fn granting_and_revoking() {
    let app = TestApp::with_dev_identity().await;
    let path = notebook(&app).await;
    for _ in 0..2 {
        let body = row("principal", "user:dev:eve", "editor");
        let (status, answer) = app.call(Method::POST, &path, &ADA, body).await;
        assert_eq!(status, 201);
        assert_eq!(answer["acl"].as_array().unwrap().len(), 2);
    }
    let (_, answer) = app
        .call(
            Method::POST,
            &path,
            &ADA,
            row("public", "anonymous", "viewer"),
        )
        .await;
    let public = answer["acl"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["subject_kind"] == "public")
        .unwrap()
        .clone();
    assert_eq!(public["display"]["label"], "Anyone with the link");
    assert_eq!(public.get("may_run"), None::<&Value>);
    for _ in 0..2 {
        let body = row("principal", "user:dev:eve", "editor");
        let (status, _) = app.call(Method::DELETE, &path, &ADA, body).await;
        assert_eq!(status, 200);
    }
    let body = row("principal", "user:dev:ada", "owner");
    let (status, answer) = app.call(Method::DELETE, &path, &ADA, body).await;
    assert_eq!(
        (status, &answer["error"]),
        (409, &json!("cannot remove the last owner ACL row"))
    );
}
