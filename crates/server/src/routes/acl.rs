//! Access rows (CP 3.5).

use axum::extract::State;
use axum::response::Response;
use control_plane::{Caller, sharing};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::{Accounts as _, AclRow, Notebooks as _, SubjectKind};
use wire::UnixMs;

use super::body::{JsonBody, json_object};
use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::request::Facts;

/// Every method of `/api/n/:id/acl`; an unknown one is refused after the caller (CP-087).
pub(super) async fn acl(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    if matches!(facts.method, Method::POST | Method::DELETE) {
        facts.check_origin(&app)?;
    }
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    sharing::may_manage(app.catalog(), &caller, &id).await?;
    match facts.method {
        Method::GET | Method::HEAD => {
            let rows = app.catalog().acl(&id).await?;
            let rows = shown(&app, rows).await;
            Ok(json_response(
                StatusCode::OK,
                &json!({ "notebook_id": id, "acl": rows }),
            ))
        }
        Method::POST => mutate(&app, &caller, &id, &body, true).await,
        Method::DELETE => mutate(&app, &caller, &id, &body, false).await,
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn mutate(
    app: &App,
    caller: &Caller,
    id: &str,
    body: &[u8],
    grant: bool,
) -> Result<Response, ApiError> {
    let members = json_object(body, "ACL mutation body")?;
    let mutation = sharing::parse(&members)?;
    let (catalog, now) = (app.catalog(), app.now_ms());
    let (rows, effects, status) = if grant {
        let (rows, effects) = sharing::grant(catalog, caller, id, &mutation, now).await?;
        (rows, effects, StatusCode::CREATED)
    } else {
        let (rows, effects) = sharing::revoke(catalog, caller, id, &mutation, now).await?;
        (rows, effects, StatusCode::OK)
    };
    app.carry_out(effects).await;
    let rows = shown(app, rows).await;
    Ok(json_response(
        status,
        &json!({ "ok": true, "notebook_id": id, "acl": rows }),
    ))
}

async fn shown(app: &App, rows: Vec<AclRow>) -> Vec<Value> {
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let display = match row.subject_kind {
            SubjectKind::Public => {
                json!({ "kind": "public_viewer", "label": "Anyone with the link" })
            }
            SubjectKind::Principal => person_display(app, &row.subject).await,
        };
        let mut value = json!({
            "notebook_id": row.notebook_id,
            "subject_kind": row.subject_kind.as_str(),
            "subject": row.subject,
            "scope": row.scope,
            "created_at": UnixMs(row.created_ms),
            "updated_at": UnixMs(row.updated_ms),
            "created_by_actor_label": row.created_by_actor_label,
            "display": display,
        });
        if row.may_run {
            value["may_run"] = Value::Bool(true);
        }
        shown.push(value);
    }
    shown
}

/// How a principal is shown to those who may manage access.
pub(super) async fn person_display(app: &App, principal: &str) -> Value {
    let account = app.catalog().account(principal).await.ok().flatten();
    let email = account.as_ref().and_then(|account| account.email.clone());
    let name = account.and_then(|account| account.display_name);
    json!({
        "kind": "principal",
        "label": name.or_else(|| email.clone()).unwrap_or_else(|| principal.to_owned()),
        "principal": principal,
        "email": email,
    })
}

#[cfg(test)]
mod tests;
