//! Beyond the reference: a workstation exchanges its jobs for tokens of their rooms.

use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::{Refusal, jobs, room_tokens};
use http::StatusCode;
use wire::http::{IssuedRoomToken, RoomTokenResponse};
use wire::{JobId, NotebookId, UnixMs};

use super::table::Routes;
use crate::app::App;
use crate::clock::random_bytes;
use crate::error::{self, ApiError};
use crate::identity::Accept;
use crate::request::Facts;

/// The route of room tokens.
pub(super) fn routes() -> Routes {
    Routes::new().post(
        "/api/workstations/{workstation_id}/attach-jobs/{job_id}/room-token",
        issue,
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
