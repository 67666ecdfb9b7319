use control_plane::notebooks::parse_repair;
use http::Method;
use serde_json::{Value, json};

use crate::testing::TestApp;

const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];
const JSON: (&str, &str) = ("content-type", "application/json");

async fn notebook(app: &TestApp) -> String {
    let (_, answer) = app.call(Method::POST, "/api/n", &ADA, "").await;
    answer["notebook_id"].as_str().unwrap().to_owned()
}

async fn repair(app: &TestApp, id: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let path = format!("/api/n/{id}/runtime-state-repair");
    app.call(Method::POST, &path, headers, body.to_owned())
        .await
}

// CP-250 CP-254
#[tokio::test]
async fn an_owner_repairs_with_or_without_a_body() {
    let app = TestApp::with_dev_identity().await;
    let id = notebook(&app).await;
    let with_type = [ADA[0], ADA[1], JSON];
    for (headers, body) in [(&ADA[..], "{"), (&ADA[..], ""), (&with_type[..], "")] {
        let (status, answer) = repair(&app, &id, headers, body).await;
        assert_eq!(status, 200, "{answer}");
        let members: Vec<&str> = answer
            .as_object()
            .unwrap()
            .keys()
            .map(|key| &**key)
            .collect();
        assert_eq!(
            members,
            [
                "ok",
                "changed",
                "forced",
                "checkpoint_persisted",
                "runtime_peer_count"
            ]
        );
        assert_eq!(answer["runtime_peer_count"], 0);
    }
    let input = parse_repair(&serde_json::Map::new()).unwrap();
    assert_eq!(
        (input.reason.as_str(), input.force),
        ("manual runtime state repair", false)
    );
}

#[tokio::test]
async fn a_repair_body_is_checked() {
    let app = TestApp::with_dev_identity().await;
    let id = notebook(&app).await;
    let headers = [ADA[0], ADA[1], JSON];
    let long = json!({ "reason": "x".repeat(241) }).to_string();
    for (body, text) in [
        ("{", "runtime state repair body must be JSON"),
        ("[]", "runtime state repair body must be a JSON object"),
        (r#"{"reason": 1}"#, "reason must be a string"),
        (&long, "reason is too long"),
    ] {
        let (status, answer) = repair(&app, &id, &headers, body).await;
        assert_eq!((status, &answer["error"]), (400, &json!(text)));
    }
}

// CP-252
#[tokio::test]
async fn only_owners_repair() {
    let app = TestApp::with_dev_identity().await;
    let id = notebook(&app).await;
    let acl = json!({"subject_kind": "principal", "subject": "user:dev:eve", "scope": "editor"});
    let path = format!("/api/n/{id}/acl");
    let headers = [ADA[0], ADA[1], JSON];
    app.call(Method::POST, &path, &headers, acl.to_string())
        .await;
    for name in ["eve", "mallory"] {
        let headers = [("x-user", name), ("x-scope", "owner")];
        assert_eq!(repair(&app, &id, &headers, "").await.0, 403, "{name}");
    }
}

// CP-253
#[tokio::test]
async fn a_repair_for_another_session_changes_nothing() {
    let app = TestApp::with_dev_identity().await;
    let id = notebook(&app).await;
    let outcome = app
        .rooms()
        .repair(&app, &id, "ended", Some("another"), true)
        .await
        .unwrap()
        .unwrap();
    assert!(outcome.skipped && !outcome.changed && !outcome.forced);
}
