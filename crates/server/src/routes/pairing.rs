//! Pairing codes: mint, poll, redeem (2.5 to 2.7).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::response::Response;
use control_plane::pairing::{self, RedeemEntropy};
use control_plane::quotas;
use http::StatusCode;
use uuid::Uuid;
use wire::http::{
    IssuedCredential, MintPairingResponse, MintedPairing, PollPairingResponse, PolledPairing,
    RedeemResponse, RedeemedPairing,
};
use wire::{CredentialId, PairingId, UnixMs, WorkstationId};

use super::table::Routes;
use super::{JsonBody, json_object};
use crate::app::App;
use crate::clock::random_bytes;
use crate::error::{ApiError, json};
use crate::identity::Accept;
use crate::request::Facts;

/// The routes of pairing.
pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/api/workstations/pairing-codes", mint)
        .get("/api/workstations/pairing-codes/redeem", poll_redeem)
        .post("/api/workstations/pairing-codes/redeem", redeem)
        .get("/api/workstations/pairing-codes/{pairing_id}[/]", poll)
}

async fn mint(
    State(app): State<App>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    if !identity.is_anonymous() {
        app.throttle().mint(&identity.principal)?;
    }
    let caller = identity.caller();
    let most = app.config().settings.limits.pairing_codes_per_owner;
    caller.signed_in("sign in to add a workstation")?;
    quotas::may_mint(app.catalog(), &caller, most, app.now_ms()).await?;
    let id = Uuid::new_v4().to_string();
    let minted = pairing::mint(
        app.catalog(),
        &caller,
        pairing::mint_input(&bytes)?,
        app.now_ms(),
        id,
        random_bytes().map_err(ApiError::internal)?,
    )
    .await?;
    let body = MintPairingResponse {
        ok: true,
        pairing: MintedPairing {
            id: PairingId::from(minted.id),
            code: minted.code,
            expires_at: UnixMs(minted.expires_ms),
        },
    };
    Ok(json(StatusCode::CREATED, &body))
}

async fn poll(
    State(app): State<App>,
    Path(id): Path<String>,
    facts: Facts,
) -> Result<Response, ApiError> {
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    let (pairing, status) = pairing::poll(app.catalog(), &caller, &id, app.now_ms()).await?;
    let body = PollPairingResponse {
        ok: true,
        pairing: PolledPairing {
            id: PairingId::from(pairing.id),
            status,
            expires_at: UnixMs(pairing.expires_ms),
            workstation_id: pairing.workstation_id.map(WorkstationId::from),
        },
    };
    Ok(json(StatusCode::OK, &body))
}

/// A `GET` of the redeem path is a poll of a pairing of that name.
async fn poll_redeem(state: State<App>, facts: Facts) -> Result<Response, ApiError> {
    poll(state, Path("redeem".to_owned()), facts).await
}

async fn redeem(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    facts: Facts,
    JsonBody(bytes): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let from = peer.ip().to_string();
    if let Err(limited) = app.throttle().redeem(peer.ip()) {
        if limited.worth_noting {
            pairing::note_limited(app.catalog(), &from, app.now_ms()).await?;
        }
        return Err(limited.answer);
    }
    let body = json_object(&bytes, "pairing redeem body")?;
    let input = pairing::redeem_input(&body)?;
    let entropy = RedeemEntropy {
        credential_id: Uuid::new_v4().to_string(),
        token: random_bytes().map_err(ApiError::internal)?,
    };
    let redeemed = pairing::redeem(app.catalog(), &input, &from, app.now_ms(), entropy).await?;
    let body = RedeemResponse {
        ok: true,
        credential: IssuedCredential {
            token: redeemed.token,
            credential_id: CredentialId::from(redeemed.credential_id),
        },
        pairing: RedeemedPairing {
            id: PairingId::from(redeemed.pairing_id),
        },
    };
    Ok(json(StatusCode::CREATED, &body))
}
