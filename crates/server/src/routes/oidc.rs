//! Signing in by the OpenID Connect provider: authorization code with PKCE (CP 1.9).
//!
//! - `GET /oidc/sign-in?next=/n/…` → 303 to the provider's page; `next` is where the browser goes
//!   afterwards, a path of this server.
//! - `GET /oidc?code=…&state=…`, where the provider leads back to (`<public address>/oidc` is the
//!   redirect address to register there) → 303 to `next` with a session's cookie.
//!
//! Both answer people: plain text with a hint when something is wrong. 404 without a provider;
//! `/api/config` tells the page whether there is one.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control_plane::{hash_secret, people};
use http::{HeaderValue, StatusCode, header};
use store::{People as _, ProviderSignIn};
use subtle::ConstantTimeEq as _;

use super::sign_in::{add_cookie, browser, is_local_path};
use super::table::Routes;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::oidc::{Oidc, SignInError};
use crate::identity::session;
use crate::request::Facts;

/// How long a person may take at the provider.
const PATIENCE_SECONDS: i64 = 600;

/// The routes of signing in by the provider.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/oidc/sign-in", begin)
        .get("/oidc", finish)
}

/// Why nobody was signed in.
enum Stop {
    /// The request itself was refused.
    Refused(ApiError),
    /// What a person reads, and the status.
    Told(StatusCode, String),
}

impl From<ApiError> for Stop {
    fn from(cause: ApiError) -> Self {
        Self::Refused(cause)
    }
}

impl From<SignInError> for Stop {
    fn from(cause: SignInError) -> Self {
        tracing::warn!(%cause, "a sign-in failed");
        match cause {
            SignInError::Provider(_) => told(
                StatusCode::SERVICE_UNAVAILABLE,
                "The identity provider does not answer.\n\
                 Hint: try again in a minute; the server's log has the cause.\n",
            ),
            SignInError::Answer(_) => told(
                StatusCode::FORBIDDEN,
                "The identity provider's answer was not accepted.\n\
                 Hint: sign in again; the server's log has the cause.\n",
            ),
        }
    }
}

fn told(status: StatusCode, text: impl Into<String>) -> Stop {
    Stop::Told(status, text.into())
}

async fn begin(State(app): State<App>, facts: Facts) -> Response {
    let next = facts
        .query("next")
        .filter(|next| is_local_path(next))
        .unwrap_or_else(|| "/".into());
    answer(start(&app, next).await)
}

async fn start(app: &App, next: String) -> Result<Response, Stop> {
    let begun = provider(app)?.begin(&redirect(app)).await?;
    let row = ProviderSignIn {
        nonce: begun.nonce,
        verifier: begun.verifier,
        next,
    };
    let now = app.now_ms();
    let ends = now + PATIENCE_SECONDS * 1000;
    app.catalog()
        .begin_provider_sign_in(&hash_secret(&begun.state), &row, now, ends)
        .await
        .map_err(ApiError::from)?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, begun.address)]).into_response();
    // Binds the answer to the browser that asked: nobody can be signed in as somebody else by a
    // link that was made elsewhere.
    let https = app.config().public.is_https();
    let cookie = session::cookie(sign_in_cookie(https), https, &begun.state, PATIENCE_SECONDS);
    add_cookie(&mut response, &cookie);
    Ok(response)
}

async fn finish(State(app): State<App>, facts: Facts) -> Response {
    answer(end(&app, &facts).await)
}

async fn end(app: &App, facts: &Facts) -> Result<Response, Stop> {
    let oidc = provider(app)?;
    let https = app.config().public.is_https();
    let state = facts.query("state").unwrap_or_default();
    let asked = facts.cookie(sign_in_cookie(https)).unwrap_or_default();
    let same: bool = asked.as_bytes().ct_eq(state.as_bytes()).into();
    let now = app.now_ms();
    let begun = if same && !state.is_empty() {
        app.catalog()
            .take_provider_sign_in(&hash_secret(&state), now)
            .await
            .map_err(ApiError::from)?
    } else {
        None
    };
    let Some(begun) = begun else {
        return Err(told(
            StatusCode::FORBIDDEN,
            "This sign-in did not begin in this browser, was used already, or took longer than ten minutes.\n\
             Hint: sign in again from the start page.\n",
        ));
    };
    let Some(code) = facts.query("code") else {
        let reason = facts.query("error").unwrap_or_default();
        let word: String = reason
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .take(64)
            .collect();
        return Err(told(
            StatusCode::FORBIDDEN,
            format!(
                "The identity provider did not sign you in ({word}).\n\
                 Hint: sign in again from the start page, or ask whoever runs the provider.\n"
            ),
        ));
    };
    let profile = oidc
        .finish(&redirect(app), &code, &begun.nonce, &begun.verifier, now)
        .await?;
    if !oidc.allows(profile.email.as_deref()) {
        return Err(told(
            StatusCode::FORBIDDEN,
            "This account may not sign in here: its verified e-mail address is not on the server's list.\n\
             Hint: ask whoever runs this server, or use another account.\n",
        ));
    }
    let principal = app
        .note_sign_in(profile)
        .await
        .map_err(|cause| match cause.status() {
            StatusCode::FORBIDDEN => told(
                StatusCode::FORBIDDEN,
                "This account was disabled.\nHint: ask whoever runs this server.\n",
            ),
            _ => Stop::Refused(cause),
        })?;
    let secret = session::create(app, &principal, people::OIDC, browser(facts)).await?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, begun.next)]).into_response();
    add_cookie(&mut response, &session::set_cookie(https, &secret));
    add_cookie(
        &mut response,
        &session::cookie(sign_in_cookie(https), https, "", 0),
    );
    Ok(response)
}

fn provider(app: &App) -> Result<&Oidc, ApiError> {
    app.oidc().ok_or_else(|| ApiError::not_found("not found"))
}

/// Where the provider leads back to.
fn redirect(app: &App) -> String {
    format!("{}/oidc", app.config().public)
}

fn sign_in_cookie(https: bool) -> &'static str {
    if https {
        "__Host-nteract_cloud_sign_in"
    } else {
        "nteract_cloud_sign_in"
    }
}

fn answer(done: Result<Response, Stop>) -> Response {
    let mut response = match done {
        Ok(response) => response,
        Err(Stop::Refused(cause)) => cause.into_response(),
        Err(Stop::Told(status, text)) => (
            status,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            text,
        )
            .into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The code is in the address: it must not travel on as a referrer.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}
