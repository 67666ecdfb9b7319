//! Bearer tokens of people: the API tokens they make, and those of the provider (CP 1.6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control_plane::{API_TOKEN_PREFIX, api_tokens};
use http::StatusCode;
use serde_json::Value;
use store::Accounts as _;
use uuid::Uuid;
use wire::actor::percent_encode;
use wire::{Principal, headers};

use super::dispatch::CONFLICT;
use super::oidc::{Claims, Oidc};
use super::{Identity, Provider, dev, grammar_error, session};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Facts;

/// The identity behind a bearer that is no workstation credential. A bearer that nobody knows is
/// refused, never taken for nobody (HAZ-3).
pub(super) async fn identify(app: &App, facts: &Facts, token: &str) -> Result<Identity, ApiError> {
    if is_account_key(facts, token) {
        // The account API key of another vendor has no provider here; people make tokens of
        // their own (CP-035, CP-037).
        return Err(ApiError::unavailable(
            "Anaconda API key auth is not configured",
        ));
    }
    if dev::is_presented(facts) {
        return Err(ApiError::bad_request(CONFLICT));
    }
    if token.starts_with(API_TOKEN_PREFIX) {
        return api_token(app, facts, token).await;
    }
    if let Some(oidc) = app.oidc() {
        return provider_token(app, oidc, facts, token).await;
    }
    if facts.bearer().is_none() {
        return Err(ApiError::unavailable("OIDC auth is not configured"));
    }
    Err(ApiError::unauthorized("bearer token is not recognized"))
}

/// The identity behind a bearer of the provider; the sign-in is noted.
async fn provider_token(
    app: &App,
    oidc: &Oidc,
    facts: &Facts,
    token: &str,
) -> Result<Identity, ApiError> {
    let Claims { profile, .. } = oidc.verify(token, app.now_ms() / 1000).await?;
    let scope = dev::requested_scope(facts)?;
    let operator = match facts.input(headers::OPERATOR, "operator") {
        Some(operator) => operator,
        None => match facts.input(headers::VIEWER_SESSION, "viewer_session") {
            Some(session) => format!("browser:{}", percent_encode(session.trim())),
            None => format!("browser:{}", Uuid::new_v4()),
        },
    };
    wire::Operator::parse(&operator).map_err(grammar_error)?;
    let namespace = oidc.config().namespace.clone();
    let principal = Principal::with_subject(&namespace, &profile.subject).map_err(grammar_error)?;
    let known = app.catalog().account(principal.as_str()).await?;
    let email = profile
        .email
        .clone()
        .or(known.and_then(|known| known.email));
    if !oidc.allows(email.as_deref()) {
        return Err(ApiError::forbidden("this account may not sign in here"));
    }
    let display_name = profile.display_name.clone();
    let account = match app.note_sign_in(profile).await {
        Ok(account) => account,
        Err(refused) if refused.status() == StatusCode::FORBIDDEN => return Err(refused),
        // Only the note failed; the token holds all the same (CP 1.6).
        Err(cause) => {
            tracing::warn!(%cause, "a sign-in was not noted");
            principal.to_string()
        }
    };
    Ok(Identity {
        principal: account,
        operator,
        scope,
        provider: Provider::Oidc,
        principal_namespace: namespace,
        display_name,
        credential: None,
        session_id: None,
        ceiling: None,
    })
}

async fn api_token(app: &App, facts: &Facts, token: &str) -> Result<Identity, ApiError> {
    let scope = facts.input(headers::SCOPE, "scope");
    let now = app.now_ms();
    let (found, ceiling, scope) =
        api_tokens::authenticate(app.catalog(), token, scope.as_deref(), now).await?;
    let operator = facts
        .input(headers::OPERATOR, "operator")
        .unwrap_or_else(|| format!("api-token:{}", found.id));
    wire::Operator::parse(&operator).map_err(grammar_error)?;
    let account = app.catalog().account(&found.principal).await?;
    Ok(Identity {
        principal_namespace: session::namespace(&found.principal),
        principal: found.principal,
        operator,
        scope,
        provider: Provider::ApiToken,
        display_name: account.and_then(|account| account.display_name),
        credential: None,
        session_id: Some(found.id),
        ceiling: Some(ceiling),
    })
}

/// Whether a bearer is a vendor's account API key: named so, or a JWT of that shape.
fn is_account_key(facts: &Facts, token: &str) -> bool {
    let named = facts
        .header(headers::AUTH_PROVIDER)
        .is_some_and(|name| name.eq_ignore_ascii_case("anaconda-api-key"));
    named || looks_like_account_key(token).unwrap_or(false)
}

fn looks_like_account_key(token: &str) -> Option<bool> {
    let mut segments = token.split('.');
    let (_, payload, _) = (segments.next()?, segments.next()?, segments.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    let foreign = ["iss", "aud", "azp"]
        .iter()
        .all(|claim| payload.get(claim).is_none());
    Some(foreign && payload.get("ver").and_then(Value::as_str) == Some("api:1"))
}
