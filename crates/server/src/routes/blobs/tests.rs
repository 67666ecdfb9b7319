use http::Method;
use serde_json::json;

use crate::testing::{TestApp, request};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];

async fn notebook(app: &TestApp) -> String {
    let (_, body) = app.call(Method::POST, "/api/n", &ADA, "").await;
    format!("/api/n/{}/blobs", body["notebook_id"].as_str().unwrap())
}

fn with(kind: &str) -> Vec<(&str, &str)> {
    let mut headers = ADA.to_vec();
    headers.push(("content-type", kind));
    headers
}

// CP-316, CP-317, CP-321 RP-290 RP-294
#[tokio::test]
async fn bytes_come_back_with_their_first_type() {
    let app = TestApp::with_dev_identity().await;
    let path = format!("{}/{HELLO}", notebook(&app).await);
    let (status, body) = app
        .call(
            Method::PUT,
            &path,
            &with("text/Plain; charset=utf-8"),
            "hello",
        )
        .await;
    assert_eq!((status, &body["size"]), (201, &json!(5)));
    assert_eq!(body["ok"], true);
    let (status, body) = app
        .call(Method::PUT, &path, &with("text/html"), "hello")
        .await;
    assert_eq!((status, &body["deduplicated"]), (200, &json!(true)));
    for method in [Method::GET, Method::HEAD] {
        let response = app.send(request(method.clone(), &path, &ADA, "")).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], "text/plain");
        assert_eq!(headers["content-length"], "5");
        assert_eq!(headers["etag"], format!("\"{HELLO}\""));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("sandbox")
        );
        assert!(
            headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        let bytes = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        let expected = if method == Method::GET { "hello" } else { "" };
        assert_eq!(bytes, expected);
    }
}

// CP-009, CP-314, CP-315 RP-291
#[tokio::test]
async fn bad_uploads_are_refused() {
    let app = TestApp::with_dev_identity().await;
    let base = notebook(&app).await;
    let path = format!("{base}/{HELLO}");
    let editor = [("x-user", "ada"), ("x-scope", "editor")];
    let (status, body) = app.call(Method::PUT, &path, &editor, "hello").await;
    assert_eq!(
        (status, &body["error"]),
        (403, &json!("editor cannot upload blobs"))
    );
    let (status, body) = app
        .call(Method::PUT, &path, &with("application/x-sh"), "hello")
        .await;
    assert_eq!(
        (status, &body["error"]),
        (415, &json!("unsupported blob content type"))
    );
    let (status, _) = app.call(Method::PUT, &path, &with(""), "hello").await;
    assert_eq!(status, 415);
    let upper = format!("{base}/{}", HELLO.to_uppercase());
    for (path, bytes) in [(&upper, "hello"), (&path, "other")] {
        let (status, body) = app.call(Method::PUT, path, &ADA, bytes).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &json!("blob hash mismatch"))
        );
        assert!(body["expected"].is_string() && body["actual"].is_string());
    }
    let (status, body) = app.call(Method::GET, &path, &ADA, "").await;
    assert_eq!((status, &body["error"]), (404, &json!("blob not found")));
    let (status, _) = app.call(Method::POST, &path, &ADA, "").await;
    assert_eq!(status, 405);
}

// CP-320, CP-322
#[tokio::test]
async fn a_blob_belongs_to_its_notebook() {
    let app = TestApp::with_dev_identity().await;
    let path = format!("{}/{HELLO}", notebook(&app).await);
    app.call(Method::PUT, &path, &ADA, "hello").await;
    let other = format!("{}/{HELLO}", notebook(&app).await);
    let (status, _) = app.call(Method::GET, &other, &ADA, "").await;
    assert_eq!(status, 404);
    let (status, _) = app.call(Method::GET, &path, &[("x-user", "eve")], "").await;
    assert_eq!(status, 403);
    let (status, _) = app.call(Method::GET, &path, &[], "").await;
    assert_eq!(status, 404);
}
