//! The development identity and the anonymous viewer (CP 1.7, 1.8).

use uuid::Uuid;

use wire::actor::percent_encode;
use wire::{Operator, Principal, SUBPROTOCOL_DEV_TOKEN_PREFIX, Scope, headers};

use super::{Identity, Provider, grammar_error};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Facts;

const REFUSED: &str = "dev credentials require a loopback request or NOTEBOOK_CLOUD_DEV_TOKEN";

/// Whether a request names a development identity or carries its token; an operator alone goes
/// with any credential (CP 1.6).
pub(super) fn is_presented(facts: &Facts) -> bool {
    facts.input(headers::PRINCIPAL, "principal").is_some()
        || facts.input(headers::USER, "user").is_some()
        || facts.header(headers::DEV_TOKEN).is_some()
        || facts
            .subprotocols()
            .any(|token| token.starts_with(SUBPROTOCOL_DEV_TOKEN_PREFIX))
}

/// The development identity when one is presented.
pub(super) fn presented(app: &App, facts: &Facts) -> Result<Option<Identity>, ApiError> {
    let principal = facts.input(headers::PRINCIPAL, "principal");
    let user = facts.input(headers::USER, "user");
    let operator = facts.input(headers::OPERATOR, "operator");
    let enabled = app.config().dev_identity;
    // An operator alone counts only where the development identity exists at all: the page sends
    // one beside its cookie.
    if principal.is_none() && user.is_none() && (operator.is_none() || !enabled) {
        return Ok(None);
    }
    if !enabled || !facts.is_loopback() {
        return Err(ApiError::unauthorized(REFUSED));
    }
    let user = user.unwrap_or_else(|| "dev-anonymous".into());
    let trimmed = user.trim();
    let principal = if let Some(principal) = principal {
        principal
    } else {
        if trimmed.is_empty() {
            return Err(grammar_error("dev user cannot be empty"));
        }
        format!("user:dev:{}", percent_encode(trimmed))
    };
    Principal::parse(&principal).map_err(grammar_error)?;
    let operator = operator.unwrap_or_else(|| format!("desktop:{}", Uuid::new_v4()));
    Operator::parse(&operator).map_err(grammar_error)?;
    Ok(Some(Identity {
        principal,
        operator,
        scope: requested_scope(facts)?,
        provider: Provider::Dev,
        principal_namespace: "user:dev".into(),
        display_name: Some(trimmed.to_owned()),
        credential: None,
        session_id: None,
        ceiling: None,
    }))
}

/// The viewer without an account (CP-011, CP-012).
pub(super) fn anonymous(facts: &Facts) -> Identity {
    let session = facts
        .input(headers::VIEWER_SESSION, "viewer_session")
        .or_else(|| facts.input(headers::SESSION, "session"))
        .map(|session| session.trim().to_owned())
        .filter(|session| !session.is_empty())
        .unwrap_or_else(|| Uuid::new_v4().to_string());
    let session = percent_encode(&session);
    Identity {
        principal: format!("anonymous:{session}"),
        operator: format!("browser:{session}"),
        scope: Scope::Viewer,
        provider: Provider::Anonymous,
        principal_namespace: "anonymous".into(),
        display_name: Some("Anonymous".into()),
        credential: None,
        session_id: None,
        ceiling: None,
    }
}

/// The requested scope: header, else query, else viewer (CP-005, RP-007).
pub(super) fn requested_scope(facts: &Facts) -> Result<Scope, ApiError> {
    match facts.input(headers::SCOPE, "scope") {
        None => Ok(Scope::Viewer),
        Some(text) => text.parse().map_err(grammar_error),
    }
}
