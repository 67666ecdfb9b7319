use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::retention;
use crate::testing::TestApp;

const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];
const BOB: [(&str, &str); 2] = [("x-user", "bob"), ("x-scope", "owner")];

fn actions(body: &Value) -> Vec<&str> {
    let events = body["events"].as_array().unwrap().iter();
    events
        .map(|event| event["action"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn owners_read_what_happened_to_a_notebook_and_people_what_they_did() {
    let app = TestApp::with_dev_identity().await;
    let json = [ADA[0], ADA[1], ("content-type", "application/json")];
    let rain = r#"{"title": "Rain"}"#;
    let (_, body) = app.call(Method::POST, "/api/n", &json, rain).await;
    let id = body["notebook_id"].as_str().unwrap();
    let grant = json!({"subject_kind": "principal", "subject": "user:dev:bob", "scope": "editor"});
    let acl = format!("/api/n/{id}/acl");
    let (status, _) = app.call(Method::POST, &acl, &ADA, grant.to_string()).await;
    assert_eq!(status, 201);
    let path = format!("/api/n/{id}/audit");
    let (status, body) = app.call(Method::GET, &path, &ADA, "").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(actions(&body), ["access.grant", "notebook.create"]);
    assert_eq!(body["next_before"], Value::Null);
    assert!(
        body["events"][0]["actor_label"]
            .as_str()
            .unwrap()
            .starts_with("user:dev:ada/")
    );
    assert_eq!(body["events"][0]["notebook_title"], "Rain");
    // An editor is no owner, and nobody is nobody.
    assert_eq!(app.call(Method::GET, &path, &BOB, "").await.0, 403);
    assert_eq!(app.call(Method::GET, &path, &[], "").await.0, 403);
    assert_eq!(app.call(Method::GET, "/api/audit", &[], "").await.0, 401);
    let (status, body) = app.call(Method::GET, "/api/audit?limit=1", &ADA, "").await;
    assert_eq!((status, actions(&body)), (200, vec!["access.grant"]));
    let next = format!("/api/audit?limit=1&before={}", body["next_before"]);
    let (_, body) = app.call(Method::GET, &next, &ADA, "").await;
    assert_eq!(actions(&body), ["notebook.create"]);
    for odd in ["limit=0", "before=x", "before=-1"] {
        let path = format!("/api/audit?{odd}");
        assert_eq!(app.call(Method::GET, &path, &ADA, "").await.0, 400, "{odd}");
    }
    app.clock().advance(Duration::from_secs(366 * 86_400));
    retention::sweep(&app).await;
    let (_, body) = app.call(Method::GET, "/api/audit", &ADA, "").await;
    assert!(actions(&body).is_empty(), "{body}");
}

#[tokio::test]
async fn cells_that_ran_are_written_down_once_a_minute_for_each_person() {
    let app = TestApp::with_dev_identity().await;
    for actor in [
        "user:dev:ada/browser:1",
        "user:dev:ada/browser:1",
        "user:dev:bob/browser:2",
    ] {
        app.note_run("nb", actor.to_owned(), 3);
    }
    app.tasks().close();
    app.tasks().wait().await;
    let (_, body) = app.call(Method::GET, "/api/audit", &ADA, "").await;
    assert_eq!(actions(&body), ["notebook.run"]);
    assert_eq!(body["events"][0]["detail"], "3 cells");
    let (_, body) = app.call(Method::GET, "/api/audit", &BOB, "").await;
    assert_eq!(actions(&body), ["notebook.run"]);
}

#[tokio::test]
async fn owners_read_who_was_invited_and_nobody_else_does() {
    let app = TestApp::with_dev_identity().await;
    let (_, body) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    let id = body["notebook_id"].as_str().unwrap();
    let invite = json!({"email": "cleo@example.org", "scope": "editor"}).to_string();
    let invites = format!("/api/n/{id}/invites");
    let (status, made) = app.call(Method::POST, &invites, &ADA, invite).await;
    assert_eq!(status, 201, "{made}");
    let (_, body) = app
        .call(Method::GET, &format!("/api/n/{id}/audit"), &ADA, "")
        .await;
    let line = &body["events"][0];
    assert_eq!(line["action"], "access.invite");
    assert_eq!(line["subject_display"], "cleo@example.org");
    // The trail that is kept, and what a person did, hold no address.
    let (_, body) = app.call(Method::GET, "/api/audit", &ADA, "").await;
    assert_eq!(actions(&body)[0], "access.invite");
    assert!(!body.to_string().contains("cleo"), "{body}");
}
