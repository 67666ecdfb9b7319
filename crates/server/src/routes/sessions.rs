//! A person's browser sessions, one for each device (D8; additive to the specification).
//!
//! - `GET /api/auth/sessions` → `{"ok":true,"person":{"label","principal","email"},"sessions":[{"id",
//!   "provider","label","created_at","last_used_at","expires_at","current"}]}`: whose they are, and
//!   those that work, newest first. `label` is what the browser called itself; `current` marks the
//!   one that asks.
//! - `DELETE /api/auth/sessions/{session_id}` → `{"ok":true,"ended":1}`, 404 `session not found`.
//! - `DELETE /api/auth/sessions` → `{"ok":true,"ended":n}`: all but the one that asks.
//!
//! 401 when nobody is signed in; 403 for API tokens. Open sockets end with their session.

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::{Effect, sessions};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use wire::UnixMs;

use super::acl::person_display;
use super::table::Routes;
use crate::app::App;
use crate::error::{self, ApiError};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of sessions.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/auth/sessions", list)
        .delete("/api/auth/sessions", end_others)
        .delete("/api/auth/sessions/{session_id}", end)
}

async fn list(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    let rows = sessions::list(app.catalog(), &caller, app.now_ms()).await?;
    let person = person_display(&app, &caller.principal).await;
    let sessions: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id,
                "provider": row.provider,
                "label": row.label,
                "created_at": UnixMs(row.created_ms),
                "last_used_at": UnixMs(row.last_used_ms),
                "expires_at": UnixMs(row.expires_ms),
                "current": Some(&row.id) == identity.session_id.as_ref(),
            })
        })
        .collect();
    Ok(unstored(
        &json!({"ok": true, "person": person, "sessions": sessions}),
    ))
}

async fn end(
    State(app): State<App>,
    Path(id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let effects = sessions::revoke(app.catalog(), &caller, &id, app.now_ms()).await?;
    ended(&app, effects).await
}

async fn end_others(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let kept = identity.session_id.as_deref();
    let effects =
        sessions::revoke_others(app.catalog(), &identity.caller(), kept, app.now_ms()).await?;
    ended(&app, effects).await
}

async fn ended(app: &App, effects: Vec<Effect>) -> Result<Response, ApiError> {
    let count = effects.len();
    app.carry_out(effects).await;
    Ok(unstored(&json!({"ok": true, "ended": count})))
}

/// 200 with a body that no cache keeps.
pub(super) fn unstored(body: &Value) -> Response {
    let mut response = error::json(StatusCode::OK, body);
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

#[cfg(test)]
mod tests;
