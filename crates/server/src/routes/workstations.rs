//! Workstations: register, list, default, deregister (2.10 to 2.14).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::response::Response;
use control_plane::workstations;
use control_plane::{Fields, Refusal, builds, credentials, hash_secret, limits, registration};
use http::StatusCode;
use serde_json::json;
use wire::http::{
    self as wire_http, CredentialNotice, LatestBuilds, MINIMUM_BUILD, RegisterResponse,
    WorkstationsResponse,
};
use wire::{CredentialId, UnixMs, WorkstationId};

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
    let presence = |id: &str| app.event_sockets().presence(&caller.principal, id);
    let list = workstations::list(app.catalog(), &caller, app.now_ms(), presence).await?;
    let latest_builds = app.latest_builds().await;
    let body = WorkstationsResponse {
        ok: true,
        default_workstation_id: list.default.map(WorkstationId::from),
        workstations: list
            .workstations
            .iter()
            .map(|view| shown(view.to_wire_in_full(), &latest_builds))
            .collect(),
        latest_builds,
        minimum_build: Some(MINIMUM_BUILD.to_owned()),
    };
    Ok(error::json(StatusCode::OK, &body))
}

/// A workstation with what is known of the newest build of its channel.
fn shown(mut workstation: wire_http::Workstation, latest: &LatestBuilds) -> wire_http::Workstation {
    builds::compare(&mut workstation, latest);
    workstation
}

async fn register(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = identify_agent(&app, &facts).await?;
    let caller = identity.caller();
    registration::may_register(&caller)?;
    let body = json_object(&bytes, "workstation registration body")?;
    let input = registration::parse(&body)?;
    let now = app.now_ms();
    let from = Some(peer.ip().to_string());
    let registered = registration::register(app.catalog(), &caller, input, from, now).await;
    if let Err(Refusal::Unpaired(_)) = &registered {
        wait_after_first(&app, &facts)?;
    }
    let view = registered?;
    let latest_builds = app.latest_builds().await;
    let body = RegisterResponse {
        ok: true,
        workstation: shown(view.to_wire(), &latest_builds),
        latest_builds,
        minimum_build: Some(MINIMUM_BUILD.to_owned()),
        room_tokens: caller.credential.is_some(),
        credential: caller.credential.map(|credential| CredentialNotice {
            rotate: credentials::should_rotate(&credential, now),
            expires_at: credential.expires_ms.map(UnixMs),
            credential_id: CredentialId::from(credential.id),
        }),
    };
    Ok(error::json(StatusCode::CREATED, &body))
}

/// A token that is refused is told so once, and from then on to wait (decision D7).
async fn identify_agent(app: &App, facts: &Facts) -> Result<Identity, ApiError> {
    let identified = app.identify(facts, Accept::MACHINES).await;
    if let Err(refused) = &identified
        && refused.status() == StatusCode::UNAUTHORIZED
    {
        wait_after_first(app, facts)?;
    }
    identified
}

fn wait_after_first(app: &App, facts: &Facts) -> Result<(), ApiError> {
    match facts.bearer() {
        Some(token) => app.throttle().refused_registration(&hash_secret(token)),
        None => Ok(()),
    }
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
    let effects =
        workstations::deregister(app.catalog(), &identity.caller(), &id, app.now_ms()).await?;
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
