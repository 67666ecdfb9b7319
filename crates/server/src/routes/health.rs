//! `GET /api/health` (CP 3.13); `/healthz` and `/readyz` for whoever watches over the server.
//!
//! - `GET /healthz` → 200 `{"status":"ok"}` while the process answers.
//! - `GET /readyz` → 200 or 503 with each check by name: `{"status":"ready","checks":{"catalog":"ok",…}}`.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::json as json_response;
use crate::identity::oidc::{DEFAULT_NAMESPACE, OidcConfig};

pub(super) async fn health(State(app): State<App>) -> Response {
    let disabled = json!({ "status": "disabled", "principal_namespace": "default" });
    let sha = option_env!("NOTEBOOK_CLOUD_BUILD_SHA").and_then(build_sha);
    json_response(
        StatusCode::OK,
        &json!({
            "status": "ok",
            "service": "nteract-notebook-cloud",
            "deployment_env": "self-hosted",
            "build": { "sha": sha, "version": env!("CARGO_PKG_VERSION") },
            "auth": {
                "anaconda_api_key": disabled,
                "app_session": { "status": "configured" },
                "host_session": { "status": "disabled" },
                "oidc": oidc(app.config().oidc.as_ref()),
            },
        }),
    )
}

/// How people sign in by a provider, without anything that names it.
fn oidc(config: Option<&OidcConfig>) -> Value {
    let Some(config) = config else {
        return json!({
            "status": "disabled",
            "jwks": "none",
            "audience": "none",
            "principal_namespace": "default",
        });
    };
    let audience = match config.audiences.as_slice() {
        [only] if *only == config.client_id => "client_id",
        _ => "explicit",
    };
    let namespace = if config.namespace == DEFAULT_NAMESPACE {
        "default"
    } else {
        "configured"
    };
    json!({
        "status": "configured",
        "jwks": "remote",
        "audience": audience,
        "principal_namespace": namespace,
    })
}

/// Whether a path is one of those that are answered however busy the server is.
pub(super) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// The process answers.
pub(super) async fn alive() -> Response {
    json_response(StatusCode::OK, &json!({ "status": "ok" }))
}

/// The process can do its work; why not is in the log, not in the answer.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let readiness = app.readiness().await;
    let word = |good| if good { "ok" } else { "failed" };
    let checks: Map<String, Value> = readiness
        .checks()
        .into_iter()
        .map(|(name, good)| (name.to_owned(), Value::from(word(good))))
        .collect();
    let (status, text) = if readiness.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    json_response(status, &json!({ "status": text, "checks": checks }))
}

/// 7 to 40 hex digits, lower-cased; anything else is no build (CP-332).
fn build_sha(text: &str) -> Option<String> {
    let text = text.trim();
    ((7..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{OidcConfig, build_sha, oidc};

    #[test]
    fn cp_331_a_provider_is_reported_and_not_named() {
        assert_eq!(oidc(None)["status"], "disabled");
        let mut config = OidcConfig {
            issuer: "https://id.example.org".into(),
            client_id: "cloud".into(),
            client_secret: None,
            audiences: vec!["cloud".into()],
            namespace: "user:oidc".into(),
            scopes: Vec::new(),
            allow: Vec::new(),
        };
        let reported = json!({
            "status": "configured", "jwks": "remote", "audience": "client_id",
            "principal_namespace": "default",
        });
        assert_eq!(oidc(Some(&config)), reported);
        config.audiences.push("api".into());
        config.namespace = "user:example".into();
        let reported = oidc(Some(&config));
        assert_eq!(reported["audience"], "explicit");
        assert_eq!(reported["principal_namespace"], "configured");
        assert!(!reported.to_string().contains("example"));
    }

    #[test]
    fn cp_332_a_build_is_7_to_40_hex_digits() {
        assert_eq!(build_sha("AF1351D").as_deref(), Some("af1351d"));
        for text in ["af1351", "zf1351d", "", &"a".repeat(41)] {
            assert_eq!(build_sha(text), None, "{text}");
        }
    }
}
