//! API tokens of a person (additive to the specification).
//!
//! - `GET /api/auth/tokens` → `{"ok":true,"api_tokens":[{"id","name","scope","created_at",
//!   "expires_at","last_used_at","revoked_at"}]}`, newest first, ended ones included.
//! - `POST /api/auth/tokens` `{"name","scope","expires_at"?}` → 201 `{"ok":true,"api_token":{…},
//!   "token":"nct_…"}`. The text is told this once. `scope` is `viewer`, `editor` or `owner`;
//!   `expires_at` is a date and time, null for never, 90 days on when absent. 400 for bad fields,
//!   409 past 100 tokens that work.
//! - `DELETE /api/auth/tokens/{token_id}` → `{"ok":true}`, 404 `API token not found`.
//!
//! 401 when nobody is signed in; 403 for API tokens themselves. A token is a bearer
//! (`Authorization: Bearer nct_…`, or the socket's `nteract-bearer.` subprotocol) on the routes
//! that people reach, and gives at most its scope there. Its sockets end with it.

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::api_tokens;
use http::StatusCode;
use serde_json::{Value, json};
use store::{ApiToken, ApiTokens as _};
use uuid::Uuid;
use wire::UnixMs;

use super::sessions::unstored;
use super::table::Routes;
use super::{JsonBody, json_object};
use crate::app::App;
use crate::clock::random_bytes;
use crate::error::ApiError;
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of API tokens.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/auth/tokens", list)
        .post("/api/auth/tokens", create)
        .delete("/api/auth/tokens/{token_id}", revoke)
}

async fn list(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    api_tokens::may_manage(&caller)?;
    let rows = app.catalog().api_tokens(&caller.principal).await?;
    let shown: Vec<Value> = rows.iter().map(shown).collect();
    Ok(unstored(&json!({"ok": true, "api_tokens": shown})))
}

async fn create(
    State(app): State<App>,
    facts: Facts,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    api_tokens::may_manage(&caller)?;
    let now = app.now_ms();
    let wish = api_tokens::parse(&json_object(&body, "API token body")?, now)?;
    let entropy = random_bytes().map_err(ApiError::internal)?;
    let id = Uuid::new_v4().to_string();
    let (row, token) = api_tokens::create(app.catalog(), &caller, wish, id, entropy, now).await?;
    let mut response = unstored(&json!({"ok": true, "api_token": shown(&row), "token": token}));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let effects = api_tokens::revoke(app.catalog(), &caller, &id, app.now_ms()).await?;
    app.carry_out(effects).await;
    Ok(unstored(&json!({"ok": true})))
}

fn shown(row: &ApiToken) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "scope": row.scope,
        "created_at": UnixMs(row.created_ms),
        "expires_at": row.expires_ms.map(UnixMs),
        "last_used_at": row.last_used_ms.map(UnixMs),
        "revoked_at": row.revoked_ms.map(UnixMs),
    })
}

#[cfg(test)]
mod tests;
