//! The audit trail as people read it (additive to the specification).
//!
//! - `GET /api/n/{notebook_id}/audit?limit=&before=`: what happened to a notebook, for its owners.
//! - `GET /api/audit?limit=&before=`: what the caller did, and what was done to them.
//!
//! → `{"ok":true,"events":[{"id","at","actor_label","action","notebook_id","subject","detail"}],
//! "next_before"}`, newest first; `next_before` continues, null at the end.

use axum::extract::State;
use axum::response::Response;
use control_plane::access::{self, Downgrade};
use control_plane::audit;
use http::StatusCode;
use serde_json::{Value, json};
use store::{AuditLine, AuditOf, Upkeep as _};
use wire::{Scope, UnixMs};

use super::path::NotebookPath;
use super::table::Routes;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of the audit trail.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/audit", of_person)
        .get("/api/n/{notebook_id}/audit", of_notebook)
}

async fn of_person(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    caller.manages("sign in to read the audit trail")?;
    page(&app, &facts, AuditOf::Person(&caller.principal)).await
}

async fn of_notebook(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    access::authorize(app.catalog(), &caller, &id, Scope::Owner, Downgrade::Never).await?;
    page(&app, &facts, AuditOf::Notebook(&id)).await
}

async fn page(app: &App, facts: &Facts, of: AuditOf<'_>) -> Result<Response, ApiError> {
    let limit = audit::limit(facts.query("limit").as_deref())?;
    let before = audit::before(facts.query("before").as_deref())?;
    let lines = app
        .catalog()
        .audit_lines(of, before, limit)
        .await
        .map_err(ApiError::internal)?;
    let full = i64::try_from(lines.len()).is_ok_and(|count| count == limit);
    let next = lines.last().filter(|_| full).map(|line| line.id);
    let events: Vec<Value> = lines.iter().map(shown).collect();
    Ok(json_response(
        StatusCode::OK,
        &json!({ "ok": true, "events": events, "next_before": next }),
    ))
}

fn shown(line: &AuditLine) -> Value {
    json!({
        "id": line.id,
        "at": UnixMs(line.at_ms),
        "actor_label": line.actor_label,
        "action": line.action,
        "notebook_id": line.notebook_id,
        "subject": line.subject,
        "detail": line.detail,
    })
}

#[cfg(test)]
mod tests;
