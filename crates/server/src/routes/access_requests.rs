//! People who ask to edit, and owners who answer (CP 3.7). Additive: one who cannot look at the
//! notebook yet may ask as well, and reads what became of it.

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::invitations::{self, Asked};
use control_plane::sharing;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use store::AccessRequest;
use uuid::Uuid;
use wire::UnixMs;

use super::acl::person_display;
use super::body::{JsonBody, json_object};
use super::path::NotebookPath;
use super::sign_in::add_cookie;
use super::table::Routes;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::{Accept, session};
use crate::request::Facts;

/// The routes of access requests.
pub(super) fn routes() -> Routes {
    Routes::new()
        .any(
            "/api/n/{notebook_id}/access-requests[/]",
            &[Method::GET, Method::POST],
            &all,
        )
        .any(
            "/api/n/{notebook_id}/access-requests/{request_id}[/]",
            &[Method::POST],
            &one,
        )
}

async fn all(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    if facts.method == Method::POST {
        facts.check_origin(&app)?;
    }
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let catalog = app.catalog();
    if facts.method == Method::POST {
        let new = Uuid::new_v4().to_string();
        let asked = invitations::ask(catalog, &caller, &id, &new, app.now_ms()).await?;
        let (status, word, request) = match asked {
            Asked::Granted => (StatusCode::OK, "granted", Value::Null),
            Asked::Pending(row, false) => (StatusCode::OK, "pending", entry(&app, &row).await),
            Asked::Pending(row, true) => (StatusCode::CREATED, "pending", entry(&app, &row).await),
        };
        Ok(json_response(
            status,
            &json!({
                "ok": true,
                "notebook_id": id,
                "access_status": word,
                "access_request": request,
            }),
        ))
    } else {
        let rows = invitations::requests(catalog, &caller, &id).await?;
        if !matches!(facts.method, Method::GET | Method::HEAD) {
            return Err(ApiError::method_not_allowed());
        }
        let mut response = json_response(
            StatusCode::OK,
            &json!({"notebook_id": id, "access_requests": shown(&app, &rows).await}),
        );
        // An owner's open page asks this.
        if let Some(cookie) = session::renewal(&app, &facts).await {
            add_cookie(&mut response, &cookie);
        }
        Ok(response)
    }
}

async fn one(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    Path(parameters): Path<std::collections::HashMap<String, String>>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    if facts.method == Method::POST {
        facts.check_origin(&app)?;
    }
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let catalog = app.catalog();
    sharing::may_manage(catalog, &caller, &id).await?;
    if facts.method != Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let status = invitations::parse_answer(&json_object(&body, "access request body")?)?;
    let request = parameters.get("request_id").map_or("", String::as_str);
    let now = app.now_ms();
    let (row, effects) = invitations::answer(catalog, &caller, &id, request, status, now).await?;
    app.carry_out(effects).await;
    let rows = invitations::requests(catalog, &caller, &id).await?;
    Ok(json_response(
        StatusCode::OK,
        &json!({
            "ok": true,
            "notebook_id": id,
            "access_request": entry(&app, &row).await,
            "access_requests": shown(&app, &rows).await,
        }),
    ))
}

async fn shown(app: &App, rows: &[AccessRequest]) -> Vec<Value> {
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        shown.push(entry(app, row).await);
    }
    shown
}

async fn entry(app: &App, row: &AccessRequest) -> Value {
    json!({
        "id": row.id,
        "notebook_id": row.notebook_id,
        "requester_principal": row.requester_principal,
        "scope": row.scope,
        "status": row.status,
        "requested_by_actor_label": row.requested_by_actor_label,
        "resolved_by_actor_label": row.resolved_by_actor_label,
        "created_at": UnixMs(row.created_ms),
        "updated_at": UnixMs(row.updated_ms),
        "resolved_at": row.resolved_ms.map(UnixMs),
        "display": person_display(app, &row.requester_principal).await,
    })
}

#[cfg(test)]
mod tests;
