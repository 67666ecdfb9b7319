//! Signing in by link, reading the session, signing out (D8, CP 3.12).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control_plane::{hash_secret, people};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use store::Accounts as _;
use tokio::time::Instant;

use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::{Accept, Provider, session};
use crate::request::Facts;

/// The longest local address a sign-in link may lead to.
const NEXT_LIMIT: usize = 1024;
/// The longest session label kept of a browser's name for itself.
const LABEL_LIMIT: usize = 200;

/// `GET /sign-in?token=…`: exchanges the one-time token for a cookie and goes on to the page.
pub(super) async fn sign_in(State(app): State<App>, facts: Facts) -> Response {
    let next = facts
        .query("next")
        .filter(|next| is_local_path(next))
        .unwrap_or_else(|| "/".into());
    let token = facts.query("token").unwrap_or_default();
    if facts.method == Method::HEAD {
        // Mail programs look links up before a person follows them; that must not use this one up.
        return no_trace(StatusCode::OK.into_response());
    }
    let response = match session::exchange(&app, &token, browser(&facts)).await {
        Ok(Some(secret)) => {
            let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, next)]).into_response();
            let cookie = session::set_cookie(app.config().public.is_https(), &secret);
            add_cookie(&mut response, &cookie);
            response
        }
        // A link followed twice by the same browser is no error for a person who is signed in.
        Ok(None) if matches!(session::live(&app, &facts).await, Ok(Some(_))) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, next)]).into_response()
        }
        Ok(None) => (
            StatusCode::FORBIDDEN,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            "This sign-in link was used already, or is older than ten minutes.\n\
             Hint: print a new one with `notebook-cloud sign-in-link --data DIR`.\n",
        )
            .into_response(),
        Err(cause) => cause.into_response(),
    };
    no_trace(response)
}

fn no_trace(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The token is in the address: it must not travel on as a referrer.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// `GET /api/auth/session`: never an error, never who it is (CP-048, CP-049).
pub(super) async fn read(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let started = Instant::now();
    let mut renewal = None;
    let mut body = json!({ "ok": true, "session": null });
    if let Some((mut live, token)) = session::live(&app, &facts).await? {
        renewal = session::renew(&app, &mut live, &token).await?;
        body["session"] = json!({
            "provider": live.provider,
            "expires_at": live.expires_ms / 1000,
            "cache_key": hash_secret(&live.id),
        });
    }
    let mut response = json_response(StatusCode::OK, &body);
    if let Some(cookie) = renewal {
        add_cookie(&mut response, &cookie);
    }
    session_headers(&mut response, "session_read", started);
    Ok(response)
}

/// `POST /api/auth/session`: exchanges the provider's bearer for a cookie (CP-044, CP-045).
pub(super) async fn create(State(app): State<App>, facts: Facts) -> Response {
    let started = Instant::now();
    let mut response = match exchange_bearer(&app, &facts).await {
        Ok(secret) => {
            let body = json!({"ok": true, "expires_in": session::SESSION_SECONDS});
            let mut response = json_response(StatusCode::OK, &body);
            let cookie = session::set_cookie(app.config().public.is_https(), &secret);
            add_cookie(&mut response, &cookie);
            response
        }
        Err(refusal) => refusal.into_response(),
    };
    session_headers(&mut response, "auth_validate", started);
    response
}

async fn exchange_bearer(app: &App, facts: &Facts) -> Result<String, ApiError> {
    facts.check_origin(app)?;
    let identity = app.identify(facts, Accept::PEOPLE).await?;
    if identity.provider != Provider::Oidc {
        return Err(ApiError::forbidden("app sessions require OIDC sign-in"));
    }
    session::create(app, &identity.principal, people::OIDC, browser(facts)).await
}

/// What the browser calls itself, for the list of sessions.
pub(super) fn browser(facts: &Facts) -> Option<String> {
    let agent = facts.header("user-agent")?;
    Some(agent.chars().take(LABEL_LIMIT).collect())
}

/// `DELETE /api/auth/session`: ends the session's row and clears the cookie (CP-052).
pub(super) async fn delete(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let started = Instant::now();
    facts.check_origin(&app)?;
    if let Some((live, _)) = session::live(&app, &facts).await? {
        app.catalog()
            .revoke_session(&live.principal, &live.id, app.now_ms())
            .await?;
        app.rooms().session_ended(&live.id);
    }
    let mut response = json_response(StatusCode::OK, &json!({ "ok": true }));
    add_cookie(
        &mut response,
        &session::clear_cookie(app.config().public.is_https()),
    );
    session_headers(&mut response, "session_read", started);
    Ok(response)
}

/// Puts a cookie on a response.
pub(super) fn add_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn session_headers(response: &mut Response, step: &str, started: Instant) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let ms = started.elapsed().as_secs_f64() * 1000.0;
    if let Ok(value) = HeaderValue::from_str(&format!("{step};dur={ms:.1}, total;dur={ms:.1}")) {
        headers.insert("server-timing", value);
    }
}

/// Whether an address stays on this origin: an absolute path, not a protocol-relative one.
pub(super) fn is_local_path(text: &str) -> bool {
    text.len() <= NEXT_LIMIT
        && text.starts_with('/')
        && !text.starts_with("//")
        && !text.starts_with("/sign-in")
        && !text.starts_with("/oidc")
        && !text.contains('\\')
        && text.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

#[cfg(test)]
mod tests;
