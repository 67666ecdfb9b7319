//! Beyond the reference: room tokens, the owner's settings for machines, and histories.

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::{Refusal, jobs, machines, room_tokens};
use http::StatusCode;
use serde_json::{Value, json};
use store::{MachineEvent, MachineSettings};
use wire::http::{IssuedRoomToken, RoomTokenResponse};
use wire::{JobId, NotebookId, UnixMs};

use super::table::Routes;
use super::{JsonBody, json_object};
use crate::app::App;
use crate::clock::random_bytes;
use crate::error::{self, ApiError};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of machines.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/workstation-settings", settings)
        .patch("/api/workstation-settings", change_settings)
        .post(
            "/api/workstations/{workstation_id}/attach-jobs/{job_id}/room-token",
            issue,
        )
        .get("/api/workstations/{workstation_id}/history", history)
        .get(
            "/api/workstations/{workstation_id}/attach-jobs/{job_id}/history",
            job_history,
        )
}

/// Exchanges an accepted job for a token of its room (decision D16).
async fn issue(
    State(app): State<App>,
    Path((workstation_id, job_id)): Path<(String, String)>,
    facts: Facts,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::MACHINES).await?.caller();
    let entropy = random_bytes().map_err(ApiError::internal)?;
    let now = app.now_ms();
    let issued = room_tokens::issue(
        app.catalog(),
        &caller,
        &workstation_id,
        &job_id,
        entropy,
        now,
    )
    .await;
    let issued = match issued {
        Ok(issued) => issued,
        Err(Refusal::JobOver(job)) => {
            let cloud_url = super::attach_jobs::cloud_url(&app, &facts);
            let shown = serde_json::to_value(jobs::to_wire(&job, &cloud_url))
                .map_err(ApiError::internal)?;
            return Err(ApiError::from(Refusal::JobOver(job)).with("job", shown));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let body = RoomTokenResponse {
        ok: true,
        room_token: IssuedRoomToken {
            token: issued.token,
            job_id: JobId::from(issued.job_id),
            notebook_id: NotebookId::from(issued.notebook_id),
            expires_at: UnixMs(issued.expires_ms),
            lifetime_ms: issued.lifetime_ms,
        },
    };
    Ok(error::json(StatusCode::CREATED, &body))
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
