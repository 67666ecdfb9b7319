//! Workstation credentials: list, revoke, rotate (2.8, 2.9, decision D7).

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::{Fields, credentials, limits};
use http::StatusCode;
use serde_json::{Value, json};
use store::Credential;
use wire::http::RevokeResponse;
use wire::{CredentialId, UnixMs};

use super::table::Routes;
use super::{JsonBody, json_object};
use crate::app::App;
use crate::clock::random_bytes;
use crate::error::{self, ApiError};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of credentials.
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/workstations/credentials", list)
        .patch("/api/workstations/credentials/{credential_id}[/]", change)
        .post(
            "/api/workstations/credentials/{credential_id}/revoke[/]",
            revoke,
        )
        .post(
            "/api/workstations/credentials/{credential_id}/rotate[/]",
            rotate,
        )
}

async fn list(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let rows = credentials::list(app.catalog(), &identity.caller()).await?;
    let credentials: Vec<Value> = rows.iter().map(shown).collect();
    Ok(error::json(
        StatusCode::OK,
        &json!({"ok": true, "credentials": credentials}),
    ))
}

/// The row as its owner sees it; what follows `revoked_at` is additive (HAZ-9).
fn shown(row: &Credential) -> Value {
    json!({
        "credential_id": row.id,
        "pairing_code_id": row.pairing_code_id,
        "created_at": UnixMs(row.created_ms),
        "last_used_at": row.last_used_ms.map(UnixMs),
        "revoked_at": row.revoked_ms.map(UnixMs),
        "workstation_id": row.workstation_id,
        "rotated_at": row.rotated_ms.map(UnixMs),
        "expires_at": row.expires_ms.map(UnixMs),
        "may_serve_several": row.may_serve_several,
    })
}

/// Lets a credential serve several workstations, or only its first.
async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    caller.signed_in("sign in to manage workstation credentials")?;
    let body = json_object(&bytes, "workstation credential body")?;
    let several = Fields::new(&body).is_true("may_serve_several");
    credentials::set_reach(app.catalog(), &caller, &id, several, app.now_ms()).await?;
    Ok(error::json(
        StatusCode::OK,
        &json!({"ok": true, "credential_id": id, "may_serve_several": several}),
    ))
}

async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    // A credential may end itself; the rule refuses it its siblings.
    let identity = app.identify(&facts, Accept::ALL).await?;
    let caller = identity.caller();
    let effects = credentials::revoke(app.catalog(), &caller, &id, app.now_ms()).await?;
    app.carry_out(effects).await;
    let body = RevokeResponse {
        ok: true,
        credential_id: CredentialId::from(id),
        revoked: true,
    };
    Ok(error::json(StatusCode::OK, &body))
}

async fn rotate(
    State(app): State<App>,
    Path(id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::MACHINES).await?;
    let caller = identity.caller();
    let own = caller.credential.as_ref().is_some_and(|own| own.id == id);
    let Some(presented) = facts.bearer().filter(|_| own) else {
        return Err(ApiError::forbidden(
            "only a workstation credential itself may be rotated",
        ));
    };
    let token = credentials::rotate(
        app.catalog(),
        &caller,
        presented,
        random_bytes().map_err(ApiError::internal)?,
        app.now_ms(),
    )
    .await?;
    Ok(error::json(
        StatusCode::OK,
        &json!({
            "ok": true,
            "credential": {"token": token, "credential_id": id},
            "former_token_valid_until": UnixMs(app.now_ms() + limits::ROTATION_GRACE_MS),
        }),
    ))
}
