use std::time::Duration;

use axum::body::Body;
use http::{Method, header};
use serde_json::Value;

use super::*;
use crate::testing::{TestApp, request};

async fn link_token(app: &TestApp) -> String {
    session::mint_sign_in_token(app.catalog(), app.now_ms())
        .await
        .unwrap()
}

/// Signs in and returns the cookie pair.
async fn sign_in(app: &TestApp) -> String {
    let path = format!("/sign-in?token={}", link_token(app).await);
    let response = app
        .send(request(Method::GET, &path, &[], Body::empty()))
        .await;
    assert_eq!(response.status(), 303);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.ends_with("; Path=/; Max-Age=21600; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_signs_in_once_and_leads_to_a_local_page() {
    let app = TestApp::without_dev_identity().await;
    let token = link_token(&app).await;
    let path = format!("/sign-in?token={token}&next=%2Fn%2Fabc");
    let response = app
        .send(request(Method::GET, &path, &[], Body::empty()))
        .await;
    assert_eq!(response.headers()[header::LOCATION], "/n/abc");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let again = app
        .send(request(Method::GET, &path, &[], Body::empty()))
        .await;
    assert_eq!(again.status(), 403);
    assert!(again.headers().get(header::SET_COOKIE).is_none());
}

// A mail program that looks a link up must not use it up before its reader does.
#[tokio::test]
async fn a_link_that_is_only_looked_up_still_signs_in() {
    let app = TestApp::without_dev_identity().await;
    let path = format!("/sign-in?token={}", link_token(&app).await);
    let send = |method| app.send(request(method, &path, &[], Body::empty()));
    let looked = send(Method::HEAD).await;
    assert_eq!(looked.status(), 200);
    assert_eq!(looked.headers()[header::CACHE_CONTROL], "no-store");
    assert!(looked.headers().get(header::SET_COOKIE).is_none());
    assert_eq!(send(Method::GET).await.status(), 303);
}

#[tokio::test]
async fn a_link_ends_after_ten_minutes() {
    let app = TestApp::without_dev_identity().await;
    let token = link_token(&app).await;
    app.clock().advance(Duration::from_secs(601));
    let path = format!("/sign-in?token={token}");
    let response = app
        .send(request(Method::GET, &path, &[], Body::empty()))
        .await;
    assert_eq!(response.status(), 403);
}

#[test]
fn a_link_never_leads_away() {
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil",
        "n",
        "/a b",
        "/sign-in?x",
    ] {
        assert!(!is_local_path(next), "{next}");
    }
    assert!(is_local_path("/n/abc?x=1"));
}

// CP-048, CP-049, CP-053
#[tokio::test]
async fn the_session_tells_when_it_ends_and_never_who_it_is() {
    let app = TestApp::without_dev_identity().await;
    let (status, body) = app.call(Method::GET, "/api/auth/session", &[], "").await;
    assert_eq!((status, &body["session"]), (200, &Value::Null));
    let cookie = sign_in(&app).await;
    let response = app
        .send(request(
            Method::GET,
            "/api/auth/session",
            &[("cookie", &cookie)],
            "",
        ))
        .await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert!(
        response.headers()["server-timing"]
            .to_str()
            .unwrap()
            .contains("total")
    );
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["session"]["expires_at"], app.now_ms() / 1000 + 21_600);
    assert!(body["session"]["cache_key"].is_string());
    assert!(!text.contains("owner"), "{text}");
}

// CP-051
#[tokio::test]
async fn a_session_is_renewed_in_its_second_half_only() {
    let app = TestApp::without_dev_identity().await;
    let cookie = sign_in(&app).await;
    let headers = [("cookie", cookie.as_str())];
    for path in ["/api/auth/session", "/api/n"] {
        let response = app.send(request(Method::GET, path, &headers, "")).await;
        assert!(
            response.headers().get(header::SET_COOKIE).is_none(),
            "{path}"
        );
    }
    app.clock().advance(Duration::from_secs(3 * 3600 + 60));
    let response = app.send(request(Method::GET, "/api/n", &headers, "")).await;
    assert!(response.headers().get(header::SET_COOKIE).is_some());
    app.clock().advance(Duration::from_secs(5 * 3600));
    let (_, body) = app
        .call(Method::GET, "/api/auth/session", &headers, "")
        .await;
    assert!(body["session"].is_object());
    app.clock().advance(Duration::from_secs(7 * 3600));
    let (_, body) = app
        .call(Method::GET, "/api/auth/session", &headers, "")
        .await;
    assert!(body["session"].is_null());
}

// CP-051; additive: what an open notebook page asks for renews as well, since its socket ends with the session.
#[tokio::test]
async fn whoever_is_at_a_notebook_stays_signed_in() {
    let app = TestApp::without_dev_identity().await;
    let cookie = sign_in(&app).await;
    let headers = [
        ("cookie", cookie.as_str()),
        ("origin", "http://127.0.0.1:8080"),
    ];
    let (status, made) = app.call(Method::POST, "/api/n", &headers, "{}").await;
    assert_eq!(status, 201, "{made}");
    let id = made["notebook_id"].as_str().unwrap();
    let paths = [
        format!("/api/n/{id}"),
        format!("/api/n/{id}/access-requests"),
    ];
    for path in paths {
        app.clock().advance(Duration::from_secs(3 * 3600 - 60));
        let is_renewed = async || {
            let response = app.send(request(Method::GET, &path, &headers, "")).await;
            assert_eq!(response.status(), 200, "{path}");
            response.headers().contains_key(header::SET_COOKIE)
        };
        assert!(!is_renewed().await, "{path}");
        app.clock().advance(Duration::from_secs(120));
        assert!(is_renewed().await, "{path}");
    }
}

// CP-050, CP-052
#[tokio::test]
async fn signing_out_ends_the_row_and_clears_the_cookie() {
    let app = TestApp::without_dev_identity().await;
    let cookie = sign_in(&app).await;
    let headers = [("cookie", cookie.as_str())];
    let response = app
        .send(request(Method::DELETE, "/api/auth/session", &headers, ""))
        .await;
    assert_eq!(response.status(), 200);
    let cleared = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cleared.contains("Max-Age=0; HttpOnly; SameSite=Lax"),
        "{cleared}"
    );
    let (status, _) = app.call(Method::GET, "/api/n", &headers, "").await;
    assert_eq!(status, 401);
    let (status, _) = app.call(Method::DELETE, "/api/auth/session", &[], "").await;
    assert_eq!(status, 200);
}

// CP-047
#[tokio::test]
async fn a_foreign_origin_cannot_touch_the_session() {
    let app = TestApp::without_dev_identity().await;
    let headers = [("origin", "https://evil.example")];
    for method in [Method::POST, Method::DELETE] {
        let (status, body) = app.call(method, "/api/auth/session", &headers, "").await;
        assert_eq!(status, 403);
        assert_eq!(body["error"], "request origin is not allowed");
    }
}
