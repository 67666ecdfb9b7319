use std::time::Duration;

use http::{Method, header};
use serde_json::Value;

use crate::identity::session;
use crate::testing::{TestApp, request};

/// Signs the owner in with a browser of that name; the cookie pair.
async fn sign_in(app: &TestApp, browser: &str) -> String {
    let token = session::mint_sign_in_token(app.catalog(), app.now_ms())
        .await
        .unwrap();
    let path = format!("/sign-in?token={token}");
    let answer = app
        .send(request(Method::GET, &path, &[("user-agent", browser)], ""))
        .await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn listed(app: &TestApp, cookie: &str) -> Vec<Value> {
    let headers = [("cookie", cookie)];
    let (status, body) = app
        .call(Method::GET, "/api/auth/sessions", &headers, "")
        .await;
    assert_eq!(status, 200, "{body}");
    body["sessions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn each_device_is_listed_and_ends_alone() {
    let app = TestApp::without_dev_identity().await;
    let laptop = sign_in(&app, "Laptop").await;
    app.clock().advance(Duration::from_secs(60));
    let phone = sign_in(&app, "Phone").await;
    let rows = listed(&app, &laptop).await;
    let labels: Vec<_> = rows.iter().map(|row| row["label"].as_str()).collect();
    assert_eq!(labels, [Some("Phone"), Some("Laptop")]);
    assert_eq!(rows[0]["current"], false);
    assert_eq!(rows[1]["current"], true);
    let path = format!("/api/auth/sessions/{}", rows[0]["id"].as_str().unwrap());
    for _ in 0..2 {
        let (status, _) = app
            .call(Method::DELETE, &path, &[("cookie", &laptop)], "")
            .await;
        assert_eq!(status, 200);
    }
    let (status, _) = app
        .call(Method::GET, "/api/n", &[("cookie", &phone)], "")
        .await;
    assert_eq!(status, 401);
    assert_eq!(listed(&app, &laptop).await.len(), 1);
    let unknown = "/api/auth/sessions/none";
    let (status, body) = app
        .call(Method::DELETE, unknown, &[("cookie", &laptop)], "")
        .await;
    assert_eq!(
        (status, body["error"].as_str()),
        (404, Some("session not found"))
    );
}

#[tokio::test]
async fn all_other_devices_end_at_once() {
    let app = TestApp::without_dev_identity().await;
    let (here, there) = (sign_in(&app, "A").await, sign_in(&app, "B").await);
    let (status, body) = app
        .call(
            Method::DELETE,
            "/api/auth/sessions",
            &[("cookie", &here)],
            "",
        )
        .await;
    assert_eq!((status, &body["ended"]), (200, &Value::from(1)));
    assert_eq!(listed(&app, &here).await.len(), 1);
    let (status, _) = app
        .call(Method::GET, "/api/auth/sessions", &[("cookie", &there)], "")
        .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_use_is_noted_now_and_then_and_ends_nothing() {
    let app = TestApp::without_dev_identity().await;
    let cookie = sign_in(&app, "A").await;
    let before = listed(&app, &cookie).await;
    app.clock().advance(Duration::from_secs(600));
    listed(&app, &cookie).await;
    let after = listed(&app, &cookie).await;
    assert_ne!(before[0]["last_used_at"], after[0]["last_used_at"]);
    assert_eq!(before[0]["expires_at"], after[0]["expires_at"]);
}

#[tokio::test]
async fn a_session_of_somebody_else_is_not_there() {
    let app = TestApp::with_dev_identity().await;
    let cookie = sign_in(&app, "A").await;
    let rows = listed(&app, &cookie).await;
    let path = format!("/api/auth/sessions/{}", rows[0]["id"].as_str().unwrap());
    let (status, _) = app
        .call(Method::DELETE, &path, &[("x-user", "eve")], "")
        .await;
    assert_eq!(status, 404);
    let (status, _) = app.call(Method::DELETE, &path, &[], "").await;
    assert_eq!(status, 401);
    let foreign = [
        ("cookie", cookie.as_str()),
        ("origin", "https://evil.example"),
    ];
    let (status, _) = app.call(Method::DELETE, &path, &foreign, "").await;
    assert_eq!(status, 403);
}
