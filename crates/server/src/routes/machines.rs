//! Beyond the reference: the owner's settings for machines, and histories.

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::machines;
use http::StatusCode;
use serde_json::{Value, json};
use store::{MachineEvent, MachineSettings};
use wire::UnixMs;

use super::table::Routes;
use super::{JsonBody, json_object};
use crate::app::App;
use crate::error::{self, ApiError};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of machine settings and histories.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/workstation-settings", settings)
        .patch("/api/workstation-settings", change_settings)
        .get("/api/workstations/{workstation_id}/history", history)
        .get(
            "/api/workstations/{workstation_id}/attach-jobs/{job_id}/history",
            job_history,
        )
}

async fn settings(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let settings = machines::settings(app.catalog(), &caller).await?;
    Ok(shown(&settings))
}

async fn change_settings(
    State(app): State<App>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    caller.signed_in("sign in to manage workstations")?;
    let body = json_object(&bytes, "workstation settings body")?;
    let settings = machines::change_settings(app.catalog(), &caller, &body, app.now_ms()).await?;
    Ok(shown(&settings))
}

fn shown(settings: &MachineSettings) -> Response {
    let body = json!({
        "ok": true,
        "settings": {
            "room_tokens_only": settings.room_tokens_only,
            "room_token_s": settings.room_token_s,
            "credential_days": settings.credential_days,
        },
    });
    error::json(StatusCode::OK, &body)
}

async fn history(
    State(app): State<App>,
    Path(workstation_id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    events(&app, &facts, &workstation_id, None).await
}

async fn job_history(
    State(app): State<App>,
    Path((workstation_id, job_id)): Path<(String, String)>,
    facts: Facts,
) -> Result<Response, ApiError> {
    events(&app, &facts, &workstation_id, Some(&job_id)).await
}

async fn events(
    app: &App,
    facts: &Facts,
    workstation_id: &str,
    job_id: Option<&str>,
) -> Result<Response, ApiError> {
    let caller = app.identify(facts, Accept::PEOPLE).await?.caller();
    let events = machines::history(
        app.catalog(),
        &caller,
        workstation_id,
        job_id,
        facts.query("limit").as_deref(),
        facts.query("before").as_deref(),
    )
    .await?;
    let events: Vec<Value> = events.iter().map(event).collect();
    Ok(error::json(
        StatusCode::OK,
        &json!({"ok": true, "events": events}),
    ))
}

fn event(event: &MachineEvent) -> Value {
    json!({
        "id": event.id,
        "at": UnixMs(event.at_ms),
        "workstation_id": event.workstation_id,
        "job_id": event.job_id,
        "notebook_id": event.notebook_id,
        "event": event.event,
        "detail": event.detail,
    })
}
