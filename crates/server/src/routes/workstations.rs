//! Workstations: register, list, default, deregister (2.10 to 2.14).

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::workstations::{self, WorkstationView};
use control_plane::{Fields, hash_secret, limits, registration};
use http::StatusCode;
use serde_json::json;
use wire::WorkstationId;
use wire::http::{LatestBuilds, RegisterResponse, WorkstationsResponse};

use super::table::Routes;
use super::{JsonBody, json_object};
use crate::app::App;
use crate::error::{self, ApiError};
use crate::identity::{Accept, Identity};
use crate::request::Facts;

/// The routes of workstations.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/workstations", list)
        .post("/api/workstations", register)
        .patch("/api/workstations/default", select_default)
        .delete("/api/workstations/default", no_default)
        .delete("/api/workstations/pairing-codes", no_pairing_codes)
        .delete("/api/workstations/credentials", no_credentials)
        .delete("/api/workstations/{workstation_id}[/]", deregister)
}

async fn list(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let identity = app.identify(&facts, Accept::ALL).await?;
    let caller = identity.caller();
    let presence = |id: &str| app.live().events().presence(&caller.principal, id);
    let list = workstations::list(app.catalog(), &caller, app.now_ms(), presence).await?;
    let body = WorkstationsResponse {
        ok: true,
        default_workstation_id: list.default.map(WorkstationId::from),
        latest_builds: LatestBuilds::default(),
        workstations: list
            .workstations
            .iter()
            .map(WorkstationView::to_wire)
            .collect(),
    };
    Ok(error::json(StatusCode::OK, &body))
}

async fn register(
    State(app): State<App>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = identify_agent(&app, &facts).await?;
    let caller = identity.caller();
    registration::may_register(&caller)?;
    let body = json_object(&bytes, "workstation registration body")?;
    let input = registration::parse(&body)?;
    let view = registration::register(app.catalog(), &caller, input, app.now_ms()).await?;
    let body = RegisterResponse {
        ok: true,
        latest_builds: LatestBuilds::default(),
        workstation: view.to_wire(),
    };
    Ok(error::json(StatusCode::CREATED, &body))
}

/// A token that is refused is told so once, and from then on to wait (decision D7).
async fn identify_agent(app: &App, facts: &Facts) -> Result<Identity, ApiError> {
    let identified = app.identify(facts, Accept::MACHINES).await;
    if let Err(refused) = &identified
        && refused.status() == StatusCode::UNAUTHORIZED
        && let Some(token) = facts.bearer()
    {
        app.throttle().refused_registration(&hash_secret(token))?;
    }
    identified
}

async fn select_default(
    State(app): State<App>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    caller.manages("sign in to select a default workstation")?;
    let body = json_object(&bytes, "default workstation body")?;
    let id = Fields::new(&body).required("workstation_id", limits::ID)?;
    workstations::select_default(app.catalog(), &caller, &id, app.now_ms()).await?;
    Ok(error::json(
        StatusCode::OK,
        &json!({"ok": true, "default_workstation_id": id}),
    ))
}

async fn deregister(
    State(app): State<App>,
    Path(id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    if id.encode_utf16().count() > limits::ID {
        return Err(ApiError::bad_request("workstation_id is too long"));
    }
    let identity = app.identify(&facts, Accept::ALL).await?;
    let effects = workstations::deregister(app.catalog(), &identity.caller(), &id).await?;
    app.carry_out(effects).await;
    Ok(error::json(
        StatusCode::OK,
        &json!({"ok": true, "workstation_id": id, "deregistered": true}),
    ))
}

// The reserved words are ids to `DELETE` too; none can be registered, so each answers 404.

async fn no_default(state: State<App>, facts: Facts) -> Result<Response, ApiError> {
    deregister(state, Path("default".to_owned()), facts).await
}

async fn no_pairing_codes(state: State<App>, facts: Facts) -> Result<Response, ApiError> {
    deregister(state, Path("pairing-codes".to_owned()), facts).await
}

async fn no_credentials(state: State<App>, facts: Facts) -> Result<Response, ApiError> {
    deregister(state, Path("credentials".to_owned()), facts).await
}
