//! The browser session: a row with a hashed id, carried by a cookie (D8, D9, CP 1.11).

use control_plane::{hash_secret, limits};
use store::{Account, Accounts as _, NewSession, Session};
use store_sql::SqlCatalog;
use uuid::Uuid;

use super::{Identity, Provider, Scope};
use crate::app::App;
use crate::clock::random_token;
use crate::error::ApiError;
use crate::request::Facts;

/// How long a session lives unless it is renewed.
pub const SESSION_SECONDS: i64 = 21_600;
/// How long a sign-in link works.
pub const SIGN_IN_TOKEN_MS: i64 = 600_000;
/// The person who signs in by link (D8).
pub const OWNER_PRINCIPAL: &str = "user:local:owner";
/// The provider that vouches for a person who signed in by link.
const LOCAL: &str = "local";
const SECOND_MS: i64 = 1000;

/// The cookie's name: prefixed over https, where browsers guard the prefix; plain on loopback.
pub fn cookie_name(https: bool) -> &'static str {
    if https {
        "__Host-nteract_cloud_app_session"
    } else {
        "nteract_cloud_app_session"
    }
}

/// The `Set-Cookie` value that gives a browser its session.
pub fn set_cookie(https: bool, token: &str) -> String {
    cookie(cookie_name(https), https, token, SESSION_SECONDS)
}

/// The `Set-Cookie` value that takes it away (CP-052).
pub fn clear_cookie(https: bool) -> String {
    cookie(cookie_name(https), https, "", 0)
}

/// A `Set-Cookie` value with the attributes that every cookie of ours has.
pub fn cookie(name: &str, https: bool, value: &str, age: i64) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly{secure}; SameSite=Lax")
}

/// The live session of a request's cookie, with the token that named it.
pub async fn live(app: &App, facts: &Facts) -> Result<Option<(Session, String)>, ApiError> {
    let Some(token) = facts.session_cookie(app).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let session = app.catalog().session_by_hash(&hash_secret(token)).await?;
    let now = app.now_ms();
    Ok(session
        .filter(|session| session.revoked_ms.is_none() && session.expires_ms > now)
        .map(|session| (session, token.to_owned())))
}

/// Moves the session's end when less than half of its life is left; the fresh cookie then
/// (CP-051).
pub async fn renew(
    app: &App,
    session: &mut Session,
    token: &str,
) -> Result<Option<String>, ApiError> {
    let now = app.now_ms();
    if session.expires_ms - now >= SESSION_SECONDS * SECOND_MS / 2 {
        return Ok(None);
    }
    session.expires_ms = now + SESSION_SECONDS * SECOND_MS;
    app.catalog()
        .touch_session(&session.id, now, session.expires_ms)
        .await?;
    Ok(Some(set_cookie(app.config().public.is_https(), token)))
}

/// The fresh cookie for a response, when the caller's session is due for one. Never fails.
pub async fn renewal(app: &App, facts: &Facts) -> Option<String> {
    let (mut session, token) = live(app, facts).await.ok()??;
    renew(app, &mut session, &token).await.ok()?
}

/// Stores a one-time sign-in token for the owner and returns it; it works once, for ten minutes.
///
/// # Errors
/// The catalog cannot be written, or the system gives no randomness.
pub async fn mint_sign_in_token(catalog: &SqlCatalog, now_ms: i64) -> Result<String, MintError> {
    let token = random_token()?;
    catalog
        .create_sign_in_token(
            &hash_secret(&token),
            OWNER_PRINCIPAL,
            now_ms,
            now_ms + SIGN_IN_TOKEN_MS,
        )
        .await?;
    Ok(token)
}

/// Why no sign-in link could be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The operating system gave no randomness.
    #[error("the system gave no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The catalog refused the row.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// Exchanges a one-time sign-in token for a session; none when the token is not (or no longer)
/// good. Returns the session's secret token.
pub async fn exchange(
    app: &App,
    token: &str,
    label: Option<String>,
) -> Result<Option<String>, ApiError> {
    let now = app.now_ms();
    let catalog = app.catalog();
    let Some(principal) = catalog
        .consume_sign_in_token(&hash_secret(token), now)
        .await?
    else {
        return Ok(None);
    };
    catalog
        .upsert_account(&Account {
            principal: principal.clone(),
            provider: LOCAL.into(),
            display_name: Some("Owner".into()),
            email: None,
            first_seen_ms: now,
            last_seen_ms: now,
        })
        .await?;
    create(app, &principal, LOCAL, label).await.map(Some)
}

/// Stores a session of a principal and returns its secret token.
pub async fn create(
    app: &App,
    principal: &str,
    provider: &str,
    label: Option<String>,
) -> Result<String, ApiError> {
    let now = app.now_ms();
    let secret = random_token().map_err(ApiError::internal)?;
    app.catalog()
        .create_session(&NewSession {
            id: Uuid::new_v4().to_string(),
            token_hash: hash_secret(&secret),
            principal: principal.to_owned(),
            provider: provider.to_owned(),
            label,
            created_ms: now,
            expires_ms: now + SESSION_SECONDS * SECOND_MS,
        })
        .await?;
    Ok(secret)
}

/// The namespace of a principal that was made of one and a subject.
pub(super) fn namespace(principal: &str) -> String {
    let split = principal.rsplit_once(':');
    split
        .map_or("user:local", |(namespace, _)| namespace)
        .to_owned()
}

/// Records the use of a session now and then, for its owner's list. A failure to note it is no
/// reason to refuse it; the next use notes it.
async fn note_use(app: &App, session: &Session) {
    let now = app.now_ms();
    if session.last_used_ms < now - limits::CREDENTIAL_TOUCH_MS {
        let _ = app
            .catalog()
            .touch_session(&session.id, now, session.expires_ms)
            .await;
    }
}

/// The identity behind a valid session cookie; none when there is no valid one.
pub(super) async fn identify(app: &App, facts: &Facts) -> Result<Option<Identity>, ApiError> {
    let Some((session, _)) = live(app, facts).await? else {
        return Ok(None);
    };
    note_use(app, &session).await;
    Ok(Some(Identity {
        principal_namespace: namespace(&session.principal),
        principal: session.principal,
        operator: "browser:http".into(),
        // On HTTP routes a cookie has whatever scope the route asks for (CP 1.11).
        scope: Scope::Owner,
        provider: Provider::AppSession,
        display_name: session.display_name,
        credential: None,
        session_id: Some(session.id),
        ceiling: None,
    }))
}

/// Applies what a socket's query may choose: the scope and the operator (CP 1.11).
pub(super) fn dial(identity: &mut Identity, facts: &Facts) -> Result<(), ApiError> {
    let scope = match facts.query("scope") {
        None => Scope::Viewer,
        Some(text) => text
            .parse()
            .map_err(|cause: wire::scope::UnknownScope| ApiError::bad_request(cause.to_string()))?,
    };
    if scope == Scope::RuntimePeer {
        return Err(ApiError::forbidden(
            "browser app sessions cannot request runtime_peer scope",
        ));
    }
    identity.scope = scope;
    identity.operator = facts
        .query("operator")
        .filter(|operator| operator.chars().count() <= 256)
        .unwrap_or_else(|| format!("browser:{}", Uuid::new_v4()));
    wire::Operator::parse(&identity.operator)
        .map(drop)
        .map_err(super::grammar_error)
}
