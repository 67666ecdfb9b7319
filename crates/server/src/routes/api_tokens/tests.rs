use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::testing::TestApp;

const TOKENS: &str = "/api/auth/tokens";
const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];

/// Makes a token for Ada; its text and id.
async fn make(app: &TestApp, scope: &str) -> (String, String) {
    let body = json!({"name": "script", "scope": scope}).to_string();
    let (status, answer) = app.call(Method::POST, TOKENS, &ADA, body).await;
    assert_eq!(status, 201, "{answer}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&answer["token"]), text(&answer["api_token"]["id"]))
}

/// A call with the token and a requested scope.
async fn call(
    app: &TestApp,
    token: &str,
    scope: &str,
    method: Method,
    path: &str,
    body: &str,
) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-scope", scope),
        ("content-type", "application/json"),
    ];
    app.call(method, path, &headers, body.to_owned()).await
}

#[tokio::test]
async fn a_token_is_told_once_and_stored_as_a_hash() {
    let app = TestApp::with_dev_identity().await;
    let (token, id) = make(&app, "owner").await;
    assert!(token.starts_with("nct_") && token.len() == 47, "{token}");
    assert!(wire::token::checksum_holds(&token));
    let (_, listed) = app.call(Method::GET, TOKENS, &ADA, "").await;
    assert_eq!(listed["api_tokens"][0]["id"], id);
    assert!(!listed.to_string().contains("nct_"));
    let folder = app.config().data.clone();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let body = token.as_bytes();
            assert!(
                !bytes.windows(body.len()).any(|part| part == body),
                "{path:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_acts_as_its_maker_within_its_scope() {
    let app = TestApp::with_dev_identity().await;
    let (owner, _) = make(&app, "owner").await;
    let (status, made) = call(&app, &owner, "owner", Method::POST, "/api/n", "{}").await;
    assert_eq!(status, 201, "{made}");
    let notebook = format!("/api/n/{}", made["notebook_id"].as_str().unwrap());
    let (status, rows) = call(
        &app,
        &owner,
        "viewer",
        Method::GET,
        &format!("{notebook}/acl"),
        "",
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(rows["acl"][0]["subject"], "user:dev:ada");
    // HAZ-1: a token that may only look changes nothing of what its maker owns.
    let (viewer, _) = make(&app, "viewer").await;
    let (status, page) = call(&app, &viewer, "viewer", Method::GET, &notebook, "").await;
    assert_eq!((status, &page["access"]["scope"]), (200, &json!("viewer")));
    let acl = format!("{notebook}/acl");
    let refused = [
        (Method::PATCH, notebook.as_str(), r#"{"title":"x"}"#),
        (Method::GET, acl.as_str(), ""),
        (Method::POST, "/api/workstations/pairing-codes", ""),
        (Method::DELETE, "/api/workstations/ws", ""),
    ];
    for (method, path, body) in refused {
        let (status, answer) = call(&app, &viewer, "viewer", method, path, body).await;
        assert_eq!(status, 403, "{path}");
        assert_eq!(answer["error"], "this API token allows viewer scope only");
    }
    let (status, _) = call(&app, &viewer, "owner", Method::POST, "/api/n", "{}").await;
    assert_eq!(status, 403);
    let (editor, _) = make(&app, "editor").await;
    let body = r#"{"title":"x"}"#;
    let (status, _) = call(&app, &editor, "editor", Method::PATCH, &notebook, body).await;
    assert_eq!(status, 200);
    let (status, page) = call(&app, &editor, "viewer", Method::GET, &notebook, "").await;
    assert_eq!((status, &page["access"]["scope"]), (200, &json!("editor")));
}

#[tokio::test]
async fn a_token_makes_no_tokens_and_ends_no_sessions() {
    let app = TestApp::with_dev_identity().await;
    let (token, id) = make(&app, "owner").await;
    let one = format!("{TOKENS}/{id}");
    for (method, path) in [
        (Method::GET, TOKENS),
        (Method::POST, TOKENS),
        (Method::DELETE, one.as_str()),
        (Method::GET, "/api/auth/sessions"),
        (Method::DELETE, "/api/auth/sessions"),
    ] {
        let (status, answer) = call(&app, &token, "viewer", method, path, "{}").await;
        assert_eq!(status, 403, "{path}");
        assert_eq!(
            answer["error"],
            "API tokens cannot manage sessions or API tokens"
        );
    }
}

#[tokio::test]
async fn a_token_ends_by_its_date_or_by_revocation() {
    let app = TestApp::with_dev_identity().await;
    let (token, id) = make(&app, "viewer").await;
    let list = async || call(&app, &token, "viewer", Method::GET, "/api/n", "").await;
    assert_eq!(list().await.0, 200);
    let (_, listed) = app.call(Method::GET, TOKENS, &ADA, "").await;
    assert!(listed["api_tokens"][0]["last_used_at"].is_string());
    app.clock().advance(Duration::from_secs(91 * 86_400));
    let (status, answer) = list().await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("API token has expired"))
    );
    let path = format!("{TOKENS}/{id}");
    for _ in 0..2 {
        let (status, _) = app.call(Method::DELETE, &path, &ADA, "").await;
        assert_eq!(status, 200);
    }
    let (status, answer) = list().await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("API token was revoked"))
    );
    let eve = [("x-user", "eve")];
    let (status, _) = app.call(Method::DELETE, &path, &eve, "").await;
    assert_eq!(status, 404);
}

// D17
#[tokio::test]
async fn a_typo_is_told_from_a_token_that_is_gone() {
    let app = TestApp::with_dev_identity().await;
    let (mut token, _) = make(&app, "viewer").await;
    let other = if &token[10..11] == "A" { "B" } else { "A" };
    token.replace_range(10..11, other);
    let (status, answer) = call(&app, &token, "viewer", Method::GET, "/api/n", "").await;
    assert_eq!(status, 401);
    assert!(
        answer["error"].as_str().unwrap().contains("mistyped"),
        "{answer}"
    );
}

#[tokio::test]
async fn bad_wishes_are_named() {
    let app = TestApp::with_dev_identity().await;
    for (body, message) in [
        (
            json!({"scope": "viewer"}),
            "name must be a non-empty string",
        ),
        (
            json!({"name": "x", "scope": "admin"}),
            "unknown connection scope: admin",
        ),
        (
            json!({"name": "x", "scope": "viewer", "expires_at": "2000-01-01T00:00:00Z"}),
            "expires_at must be in the future",
        ),
        (
            json!({"name": "x", "scope": "viewer", "expires_at": "soon"}),
            "expires_at must be like 2027-01-31T00:00:00Z",
        ),
    ] {
        let (status, answer) = app.call(Method::POST, TOKENS, &ADA, body.to_string()).await;
        assert_eq!((status, &answer["error"]), (400, &json!(message)));
    }
    let (status, answer) = app.call(Method::POST, TOKENS, &[], "{}").await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("sign in to manage API tokens"))
    );
    let forever = json!({"name": "x", "scope": "viewer", "expires_at": null}).to_string();
    let (status, answer) = app.call(Method::POST, TOKENS, &ADA, forever).await;
    assert_eq!(
        (status, &answer["api_token"]["expires_at"]),
        (201, &Value::Null)
    );
}
