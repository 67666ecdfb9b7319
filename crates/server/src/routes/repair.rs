//! `POST /api/n/:id/runtime-state-repair`: ends work that nothing runs any more (CP 2.24).

use axum::extract::State;
use axum::response::Response;
use control_plane::access::{self, Downgrade};
use control_plane::notebooks as rules;
use http::{StatusCode, header};
use serde_json::{Map, json};
use wire::Scope;

use super::body::{JsonBody, json_object};
use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::request::Facts;

/// The owner asks the room; a connected runtime peer stands in the way unless it is forced.
pub(super) async fn repair(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    access::authorize(app.catalog(), &caller, &id, Scope::Owner, Downgrade::Never).await?;
    let is_json = facts
        .header(header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("application/json"));
    let members = if is_json && !body.is_empty() {
        json_object(&body, "runtime state repair body")?
    } else {
        Map::new()
    };
    let input = rules::parse_repair(&members)?;
    let outcome = app
        .rooms()
        .repair(&app, &id, &input.reason, None, input.force)
        .await
        .map_err(|cause| {
            tracing::error!(%cause, id, "a room could not be repaired");
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "runtime state repair failed",
            )
        })?;
    let outcome = outcome.map_err(|refused| {
        ApiError::conflict(refused.to_string())
            .with("runtime_peer_count", refused.runtime_peer_count)
    })?;
    Ok(json_response(
        StatusCode::OK,
        &json!({
            "ok": true,
            "changed": outcome.changed,
            "forced": outcome.forced,
            "checkpoint_persisted": true,
            "runtime_peer_count": outcome.runtime_peer_count,
        }),
    ))
}

#[cfg(test)]
mod tests;
