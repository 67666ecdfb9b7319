//! What whoever runs the server sees: probes, figures, request ids.

use http::Method;
use serde_json::json;

use super::person;
use crate::settings::{LimitSettings, Settings};
use crate::testing::{TestApp, request};

#[tokio::test]
async fn readiness_names_each_check() {
    let app = TestApp::with_dev_identity().await;
    let (status, body) = app.call(Method::GET, "/healthz", &[], "").await;
    assert_eq!((status, body), (200, json!({"status": "ok"})));
    let (status, body) = app.call(Method::GET, "/readyz", &[], "").await;
    assert_eq!((status, &body["status"]), (200, &json!("ready")));
    for check in ["catalog", "document_log", "blobs", "disk", "running"] {
        assert_eq!(body["checks"][check], "ok", "{body}");
    }
    app.closing().cancel();
    let (status, body) = app.call(Method::GET, "/readyz", &[], "").await;
    assert_eq!(
        (status, &body["checks"]["running"]),
        (503, &json!("failed"))
    );
    assert_eq!(app.call(Method::GET, "/healthz", &[], "").await.0, 200);
}

#[tokio::test]
async fn what_is_broken_fails_its_own_check_only() {
    let limits = LimitSettings {
        disk_free_bytes: u64::MAX,
        ..LimitSettings::default()
    };
    let app = TestApp::with(Settings {
        limits,
        ..Settings::default()
    })
    .await;
    app.documents().close().await;
    std::fs::remove_dir_all(app.config().data.join("blobs")).unwrap();
    let (status, body) = app.call(Method::GET, "/readyz", &[], "").await;
    assert_eq!((status, &body["status"]), (503, &json!("not ready")));
    for (check, word) in [
        ("catalog", "ok"),
        ("document_log", "failed"),
        ("blobs", "failed"),
        ("disk", "failed"),
    ] {
        assert_eq!(body["checks"][check], word, "{check}: {body}");
    }
}

#[tokio::test]
async fn figures_count_by_route_and_name_nobody() {
    let app = TestApp::with_dev_identity().await;
    let ada = person("ada-of-the-test");
    let (_, body) = app.call(Method::POST, "/api/n", &ada, "{}").await;
    let id = body["notebook_id"].as_str().unwrap();
    let path = format!("/api/n/{id}");
    assert_eq!(app.call(Method::GET, &path, &ada, "").await.0, 200);
    app.call(Method::GET, "/made-up/path", &[], "").await;
    app.call("BREW".parse().unwrap(), "/made-up/path", &[], "")
        .await;
    let text = String::from_utf8(app.metrics().text(&app).unwrap()).unwrap();
    for line in [
        "notebook_cloud_http_requests_total{method=\"GET\",route=\"/api/n/{notebook_id}\",status=\"200\"} 1",
        "notebook_cloud_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "notebook_cloud_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
        "notebook_cloud_sockets_open{kind=\"room\"} 0",
        "notebook_cloud_rooms_live 0",
        "notebook_cloud_http_requests_in_flight 0",
        "process_open_fds ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for secret in [id, "ada-of-the-test", "made-up"] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
}

#[tokio::test]
async fn a_plain_request_id_is_kept_and_any_other_replaced() {
    let app = TestApp::with_dev_identity().await;
    let long = "x".repeat(129);
    let id = async |headers: &[(&str, &str)]| {
        let asked = request(Method::GET, "/api/health", headers, "");
        let response = app.send(asked).await;
        response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(id(&[("x-request-id", "front-1:a")]).await, "front-1:a");
    for odd in ["", "a b", "a\"b", &long] {
        let made = id(&[("x-request-id", odd)]).await;
        assert_eq!(made.len(), 36, "{odd}: {made}");
    }
    assert_ne!(id(&[]).await, id(&[]).await);
}
