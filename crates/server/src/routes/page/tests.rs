use http::Method;
use serde_json::json;

use crate::testing::{HOST, TestApp, request};

const OUTPUT: (&str, &str) = ("host", "localhost:8080");

#[tokio::test]
async fn the_page_is_told_where_outputs_live() {
    let app = TestApp::with_dev_identity().await;
    let (status, body) = app.call(Method::GET, "/api/config", &[], "").await;
    assert_eq!(status, 200);
    assert_eq!(body["output_origin"], "http://localhost:8080");
    assert_eq!(body["dev_identity"], true);
    assert!(body["version"].is_string());
}

#[tokio::test]
async fn the_output_host_has_no_api() {
    let app = TestApp::with_dev_identity().await;
    for path in ["/", "/sign-in", "/n/x"] {
        let (status, body) = app
            .call(Method::GET, path, &[OUTPUT, ("x-user", "ada")], "")
            .await;
        assert_eq!(
            (status, &body["error"]),
            (404, &json!("not found")),
            "{path}"
        );
    }
    // A program that was given this host's name learns the right one (RFC 9110, 15.5.20).
    let told = "http://localhost:8080 shows outputs only\nHint: use http://127.0.0.1:8080";
    for path in ["/api/health", "/api/n", "/n/x/sync", "/api/config"] {
        let headers = [OUTPUT, ("x-user", "ada"), ("accept", "text/html")];
        let (status, body) = app.call(Method::GET, path, &headers, "").await;
        assert_eq!((status, &body), (421, &json!({ "error": told })), "{path}");
    }
}

// D9: `localhost` is what people type; it leads to the page, which lives on 127.0.0.1.
#[tokio::test]
async fn a_window_at_the_output_host_is_led_to_the_page() {
    let app = TestApp::with_dev_identity().await;
    let html = ("accept", "text/html,application/xhtml+xml");
    for path in ["/", "/n/x?q=1", "/sign-in?token=t"] {
        for window in [
            vec![OUTPUT, html],
            vec![OUTPUT, html, ("sec-fetch-dest", "document")],
        ] {
            let response = app.send(request(Method::GET, path, &window, "")).await;
            assert_eq!(response.status(), 307, "{path}");
            let headers = response.headers();
            assert_eq!(headers["location"], format!("http://{HOST}{path}"));
            assert_eq!(headers["referrer-policy"], "no-referrer");
            assert_eq!(headers["cache-control"], "no-store");
        }
        let framed = [OUTPUT, html, ("sec-fetch-dest", "iframe")];
        assert_eq!(app.call(Method::GET, path, &framed, "").await.0, 404);
        assert_eq!(
            app.call(Method::POST, path, &[OUTPUT, html], "").await.0,
            404
        );
    }
}

#[tokio::test]
async fn the_frame_document_lives_on_the_output_host_only() {
    let app = TestApp::with_dev_identity().await;
    let (status, _) = app.call(Method::GET, "/output-frame.html", &[], "").await;
    assert_eq!(status, 404);
    let response = app
        .send(request(Method::GET, "/output-frame.html", &[OUTPUT], ""))
        .await;
    if super::Dist::get(super::FRAME).is_some() {
        assert_eq!(response.status(), 200);
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("sandbox allow-scripts;"), "{policy}");
        assert!(
            policy.contains(&format!("frame-ancestors http://{HOST}")),
            "{policy}"
        );
    } else {
        assert_eq!(response.status(), 404);
    }
}

#[tokio::test]
async fn frames_of_widgets_and_charts_load_their_files_from_the_output_host_and_nothing_else() {
    let app = TestApp::with_dev_identity().await;
    let get = |path: String| app.send(request(Method::GET, &path, &[OUTPUT], ""));
    for frame in super::LOADING_FRAMES {
        let (status, _) = app.call(Method::GET, &format!("/{frame}"), &[], "").await;
        assert_eq!(status, 404);
        let Some(file) = super::Dist::get(frame) else {
            return;
        };
        let response = get(format!("/{frame}")).await;
        assert_eq!(response.status(), 200);
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("sandbox allow-scripts; default-src 'none';"),
            "{policy}"
        );
        assert!(
            policy.contains("script-src http://localhost:8080 "),
            "{policy}"
        );
        assert!(!policy.contains("connect-src"), "{policy}");
        let html = String::from_utf8(file.data.to_vec()).unwrap();
        let script = html.split("src=\"../assets/").nth(1).unwrap();
        let script = script.split('"').next().unwrap();
        let path = format!("/frames/assets/{script}");
        let response = get(path.clone()).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert_eq!(headers["cache-control"], super::IMMUTABLE);
        assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
        let gzip = ("accept-encoding", "gzip");
        let response = app
            .send(request(Method::GET, &path, &[OUTPUT, gzip], ""))
            .await;
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let (status, _) = app.call(Method::GET, &path, &[], "").await;
        assert_eq!(status, 404);
    }
    // The page's own files are not the output host's.
    for path in ["/assets/", "/frames/assets/../../index.html", "/index.html"] {
        assert_eq!(get(path.to_owned()).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_page_says_so_when_it_was_not_built() {
    let app = TestApp::with_dev_identity().await;
    let response = app.send(request(Method::GET, "/", &[], "")).await;
    if super::Dist::get("index.html").is_some() {
        assert_eq!(response.status(), 200);
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(
            policy.contains("script-src 'self' 'wasm-unsafe-eval'"),
            "{policy}"
        );
        assert!(
            policy.contains("frame-src http://localhost:8080"),
            "{policy}"
        );
    } else {
        assert_eq!(response.status(), 503);
        let bytes = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        assert!(String::from_utf8(bytes.to_vec()).unwrap().contains("Hint:"));
    }
}

// CP-281
#[tokio::test]
async fn cp_281_no_page_names_a_notebook() {
    let app = TestApp::with_dev_identity().await;
    let ada = [("x-user", "ada"), ("x-scope", "owner")];
    let with_type = [ada[0], ada[1], ("content-type", "application/json")];
    let body = json!({"title": "Unpublished findings"}).to_string();
    let (status, made) = app.call(Method::POST, "/api/n", &with_type, body).await;
    assert_eq!(
        (status, &made["title"]),
        (201, &json!("Unpublished findings"))
    );
    let id = made["notebook_id"].as_str().unwrap();
    for path in [format!("/n/{id}"), format!("/n/{id}/x"), "/n".to_owned()] {
        for who in [&ada[..], &[]] {
            let response = app.send(request(Method::GET, &path, who, "")).await;
            let kind = response.headers()["content-type"].to_str().unwrap();
            assert!(kind.starts_with("text/"), "{kind}");
            let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
                .await
                .unwrap();
            let html = String::from_utf8(bytes.to_vec()).unwrap();
            assert!(!html.is_empty());
            assert!(!html.contains("Unpublished"), "{path}");
        }
    }
}
