use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::*;
use crate::app::App;
use crate::request::Facts;
use crate::testing::TestApp;

fn facts(app: &App, uri: &str, headers: &[(&str, &str)]) -> Facts {
    let mut map = HeaderMap::new();
    if !headers.iter().any(|(name, _)| *name == "host") {
        map.insert("host", HeaderValue::from_static("127.0.0.1:8080"));
    }
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Facts::new(app, &Method::GET, &uri.parse::<Uri>().unwrap(), &map)
}

async fn identify(uri: &str, headers: &[(&str, &str)]) -> Result<Identity, ApiError> {
    let app = TestApp::with_dev_identity().await;
    let facts = facts(&app, uri, headers);
    app.identify(&facts, Accept::PEOPLE).await
}

// CP-004, CP-067, RP-008
#[tokio::test]
async fn an_unknown_scope_is_named() {
    let refused = identify("/?scope=admin", &[]).await.unwrap_err();
    assert_eq!(refused.text(), "Error: unknown connection scope: admin");
    assert_eq!(refused.status(), 400);
}

// CP-005, RP-006, RP-007
#[tokio::test]
async fn a_header_beats_the_query() {
    let caller = identify(
        "/?scope=viewer&user=bob&operator=a:1",
        &[
            ("x-scope", "owner"),
            ("x-user", "ada"),
            ("x-operator", "b:2"),
        ],
    )
    .await
    .unwrap();
    assert_eq!(caller.actor_label(), "user:dev:ada/b:2");
    assert_eq!(caller.scope, Scope::Owner);
    let caller = identify("/?user=bob", &[]).await.unwrap();
    assert_eq!(caller.principal, "user:dev:bob");
    assert_eq!(caller.scope, Scope::Viewer);
}

// CP-011, CP-012
#[tokio::test]
async fn nobody_is_an_anonymous_viewer() {
    let caller = identify("/", &[]).await.unwrap();
    assert!(caller.is_anonymous());
    assert!(caller.operator.starts_with("browser:"));
    let caller = identify("/", &[("x-viewer-session", "s 1")]).await.unwrap();
    assert_eq!(caller.actor_label(), "anonymous:s%201/browser:s%201");
}

// CP-013, CP-021
#[tokio::test]
async fn a_scope_or_a_dev_token_alone_presents_nobody() {
    for header in [("x-scope", "owner"), ("x-notebook-cloud-dev-token", "t")] {
        let caller = identify("/", &[header]).await.unwrap();
        assert!(caller.is_anonymous(), "{header:?}");
    }
}

// CP-014, CP-015, CP-016
#[tokio::test]
async fn a_dev_user_becomes_a_principal() {
    let caller = identify("/", &[("x-user", "a/b")]).await.unwrap();
    assert_eq!(caller.principal, "user:dev:a%2Fb");
    assert_eq!(caller.scope, Scope::Viewer);
    let refused = identify("/", &[("x-user", " ")]).await.unwrap_err();
    assert_eq!(refused.text(), "Error: dev user cannot be empty");
    assert_eq!(refused.status(), 400);
}

// CP-017, CP-022: a name that only resolves to this machine is not loopback.
#[tokio::test]
async fn the_dev_identity_needs_a_loopback_host_and_the_switch() {
    let refused = identify("/", &[("host", "evil.example:8080"), ("x-user", "ada")])
        .await
        .unwrap_err();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.text(),
        "dev credentials require a loopback request or NOTEBOOK_CLOUD_DEV_TOKEN"
    );
    let app = TestApp::without_dev_identity().await;
    let facts = facts(&app, "/", &[("x-user", "ada")]);
    let refused = app.identify(&facts, Accept::PEOPLE).await.unwrap_err();
    assert_eq!(refused.status(), 401);
}

// CP-062, CP-064, CP-066, RP-014
#[tokio::test]
async fn a_workstation_credential_is_looked_at_first() {
    let headers = [("authorization", "bearer  nwc_x "), ("x-scope", "owner")];
    let refused = identify("/", &headers).await.unwrap_err();
    assert_eq!(refused.status(), 403);
    let app = TestApp::with_dev_identity().await;
    let facts = facts(&app, "/", &headers);
    let refused = app.identify(&facts, Accept::MACHINES).await.unwrap_err();
    assert_eq!(refused.text(), "workstation credential is not recognized");
    assert_eq!(refused.status(), 401);
}

// CP-030, CP-031, CP-032, RP-010
#[tokio::test]
async fn credential_subprotocols_conflict() {
    let two = "nteract.v4, nteract-bearer.YQ, nteract-bearer.Yg";
    let refused = identify("/", &[("sec-websocket-protocol", two)])
        .await
        .unwrap_err();
    assert_eq!(
        refused.text(),
        "multiple WebSocket credential subprotocols presented"
    );
    let one = ("sec-websocket-protocol", "nteract-bearer.YQ");
    let refused = identify("/", &[one, ("authorization", "Bearer x.y.z")])
        .await
        .unwrap_err();
    assert_eq!(refused.text(), "multiple identity credentials presented");
    let refused = identify("/", &[one]).await.unwrap_err();
    assert_eq!(refused.text(), "OIDC auth is not configured");
    assert_eq!(refused.status(), 503);
}

// HAZ-2, HAZ-3
#[tokio::test]
async fn a_bearer_is_never_overlooked() {
    let unknown = ("authorization", "Bearer something");
    let refused = identify("/", &[unknown]).await.unwrap_err();
    assert_eq!(refused.status(), 401);
    for bearer in ["Bearer nwc_x", "Bearer nct_x"] {
        for other in [("x-user", "ada"), ("x-notebook-cloud-dev-token", "t")] {
            let app = TestApp::with_dev_identity().await;
            let facts = facts(&app, "/", &[("authorization", bearer), other]);
            let refused = app.identify(&facts, Accept::ALL).await.unwrap_err();
            assert_eq!(refused.text(), "multiple identity credentials presented");
            assert_eq!(refused.status(), 400);
        }
    }
}

// CP-035, CP-037
#[tokio::test]
async fn a_vendors_account_key_has_no_provider_here() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = URL_SAFE_NO_PAD.encode(r#"{"ver":"api:1","sub":"u"}"#);
    let shaped = format!("Bearer e30.{payload}.c2ln");
    let named = ("x-notebook-cloud-auth-provider", "Anaconda-API-Key");
    for headers in [
        vec![("authorization", shaped.as_str())],
        vec![("authorization", "Bearer opaque"), named],
    ] {
        let refused = identify("/", &headers).await.unwrap_err();
        assert_eq!(refused.text(), "Anaconda API key auth is not configured");
        assert_eq!(refused.status(), 503);
    }
}

// CP-071
#[tokio::test]
async fn a_workstation_credential_is_no_subprotocol() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let app = TestApp::with_dev_identity().await;
    let offered = format!("nteract-bearer.{}", URL_SAFE_NO_PAD.encode("nwc_x"));
    let facts = facts(&app, "/", &[("sec-websocket-protocol", &offered)]);
    let refused = app.identify(&facts, Accept::MACHINES).await.unwrap_err();
    assert_eq!(refused.text(), "OIDC auth is not configured");
}

// CP-019
#[tokio::test]
async fn a_dev_token_in_the_query_is_nothing() {
    let caller = identify("/?x-notebook-cloud-dev-token=t&dev_token=t", &[]).await;
    assert!(caller.unwrap().is_anonymous());
}

/// A browser's session cookie.
async fn cookie(app: &TestApp) -> String {
    let token = session::mint_sign_in_token(app.catalog(), app.now_ms())
        .await
        .unwrap();
    let secret = session::exchange(app, &token, None).await.unwrap().unwrap();
    format!("{}={secret}", session::cookie_name(false))
}

// CP-060 RP-012
#[tokio::test]
async fn a_cookie_is_no_machine() {
    let app = TestApp::without_dev_identity().await;
    let cookie = cookie(&app).await;
    let facts = facts(&app, "/n/x/sync?scope=runtime_peer", &[("cookie", &cookie)]);
    let refused = app.identify_socket(&facts).await.unwrap_err();
    assert_eq!(
        refused.text(),
        "browser app sessions cannot request runtime_peer scope"
    );
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn whoever_was_disabled_is_told_so_by_any_credential() {
    let app = TestApp::with_dev_identity().await;
    let cookie = cookie(&app).await;
    let now = app.now_ms();
    for principal in ["user:dev:ada", session::OWNER_PRINCIPAL] {
        control_plane::people::disable(app.catalog(), principal, now)
            .await
            .unwrap();
    }
    let facts = facts(&app, "/", &[("x-user", "ada")]);
    let refused = app.identify(&facts, Accept::PEOPLE).await.unwrap_err();
    assert_eq!(
        (refused.status().as_u16(), refused.text()),
        (403, "this account is disabled")
    );
    // The session went with the account, so that it does not come back with it.
    control_plane::people::enable(app.catalog(), session::OWNER_PRINCIPAL, now)
        .await
        .unwrap();
    let facts = self::facts(&app, "/", &[("cookie", &cookie)]);
    let caller = app.identify(&facts, Accept::PEOPLE).await.unwrap();
    assert!(caller.is_anonymous());
}

// RP-011
#[tokio::test]
async fn a_cookie_and_a_bearer_are_two_identities() {
    let app = TestApp::without_dev_identity().await;
    let cookie = cookie(&app).await;
    let headers = [("cookie", cookie.as_str()), ("authorization", "Bearer x")];
    let facts = facts(&app, "/n/x/sync", &headers);
    let refused = app.identify_socket(&facts).await.unwrap_err();
    assert_eq!(refused.text(), "multiple identity credentials presented");
    assert_eq!(refused.status(), 400);
}

// RP-009
#[tokio::test]
async fn an_operator_has_no_slash() {
    let headers = [("x-user", "ada"), ("x-operator", "a/b")];
    let refused = identify("/", &headers).await.unwrap_err();
    assert_eq!(refused.status(), 400);
}

// RP-029
#[tokio::test]
async fn a_client_cannot_say_who_it_is_by_the_rooms_own_headers() {
    for user in [None, Some(("x-user", "ada"))] {
        let mut headers = vec![
            ("x-nteract-principal", "user:dev:mallory"),
            ("x-nteract-scope", "owner"),
            ("x-nteract-operator", "desktop:m"),
            ("x-nteract-identity-provider", "oidc"),
        ];
        headers.extend(user);
        let caller = identify("/", &headers).await.unwrap();
        assert_eq!(caller.scope, Scope::Viewer);
        assert_eq!(caller.is_anonymous(), user.is_none());
        assert!(!caller.actor_label().contains("mallory"));
        assert!(!caller.actor_label().contains("desktop:m"));
    }
}
