//! The browser session: a row with a hashed id, carried by a cookie (D8, D9, CP 1.11).

use super::{Identity, Scope};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Facts;

/// How long a session lives unless it is renewed.
pub const SESSION_SECONDS: i64 = 21_600;

/// The cookie's name: prefixed over https, where browsers guard the prefix; plain on loopback.
pub fn cookie_name(https: bool) -> &'static str {
    if https {
        "__Host-nteract_cloud_app_session"
    } else {
        "nteract_cloud_app_session"
    }
}

/// The identity behind a valid session cookie; none when there is no valid one.
pub(super) async fn identify(_app: &App, _facts: &Facts) -> Result<Option<Identity>, ApiError> {
    Ok(None)
}

/// Applies what a socket's query may choose: the scope and the operator (CP 1.11).
pub(super) fn dial(identity: &mut Identity, facts: &Facts) -> Result<(), ApiError> {
    let scope = match facts.query("scope") {
        None => Scope::Viewer,
        Some(text) => Scope::parse(&text).map_err(ApiError::bad_request)?,
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
        .unwrap_or_else(|| format!("browser:{}", uuid::Uuid::new_v4()));
    super::check_operator(&identity.operator).map_err(super::grammar_error)
}
