//! Invites by e-mail address (CP 3.6); none is sent, and they are accepted by signing in.

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::{Caller, invitations, sharing};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::Invite;
use uuid::Uuid;
use wire::UnixMs;

use super::body::{JsonBody, json_object};
use super::path::NotebookPath;
use super::table::Routes;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of invites.
pub(super) fn routes() -> Routes {
    Routes::new()
        .any(
            "/api/n/{notebook_id}/invites[/]",
            &[Method::GET, Method::POST],
            &all,
        )
        .any(
            "/api/n/{notebook_id}/invites/{invite_id}[/]",
            &[Method::DELETE],
            &one,
        )
}

/// The owner who calls; methods come after (CP-087).
async fn owner(app: &App, facts: &Facts, id: &str) -> Result<Caller, ApiError> {
    if matches!(facts.method, Method::POST | Method::DELETE) {
        facts.check_origin(app)?;
    }
    let caller = app.identify(facts, Accept::PEOPLE).await?.caller();
    sharing::may_manage(app.catalog(), &caller, id).await?;
    Ok(caller)
}

async fn all(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let caller = owner(&app, &facts, &id).await?;
    match facts.method {
        Method::GET | Method::HEAD => {
            let rows = invitations::invites(app.catalog(), &id).await?;
            let body = json!({"notebook_id": id, "invites": shown(&rows)});
            Ok(json_response(StatusCode::OK, &body))
        }
        Method::POST => {
            let now = app.now_ms();
            let wish = invitations::parse(&json_object(&body, "invite body")?, now)?;
            let new = Uuid::new_v4().to_string();
            let invite = invitations::invite(app.catalog(), &caller, &id, wish, new, now).await?;
            let body = json!({"ok": true, "notebook_id": id, "invite": entry(&invite)});
            Ok(json_response(StatusCode::CREATED, &body))
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn one(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    Path(parameters): Path<std::collections::HashMap<String, String>>,
) -> Result<Response, ApiError> {
    let caller = owner(&app, &facts, &id).await?;
    if facts.method != Method::DELETE {
        return Err(ApiError::method_not_allowed());
    }
    let invite = parameters.get("invite_id").map_or("", String::as_str);
    let rows = invitations::revoke(app.catalog(), &caller, &id, invite, app.now_ms()).await?;
    let body = json!({"ok": true, "notebook_id": id, "invites": shown(&rows)});
    Ok(json_response(StatusCode::OK, &body))
}

fn shown(rows: &[Invite]) -> Vec<Value> {
    rows.iter().map(entry).collect()
}

fn entry(row: &Invite) -> Value {
    json!({
        "id": row.id,
        "notebook_id": row.notebook_id,
        "email": row.email,
        "provider_hint": row.provider_hint,
        "scope": row.scope,
        "status": row.status,
        "invited_by_actor_label": row.invited_by_actor_label,
        "accepted_by_principal": row.accepted_by_principal,
        "created_at": UnixMs(row.created_ms),
        "expires_at": row.expires_text,
        "accepted_at": row.accepted_ms.map(UnixMs),
        "revoked_at": row.revoked_ms.map(UnixMs),
        "revoked_by_actor_label": row.revoked_by_actor_label,
    })
}

#[cfg(test)]
mod tests;
