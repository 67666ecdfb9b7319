//! From a rule's refusal to an HTTP answer, and from an identity to a rule's caller.

use blob_store::BlobError;
use control_plane::{Caller, Refusal, limits};
use http::StatusCode;
use store::StoreError;

use crate::error::ApiError;
use crate::identity::Identity;

/// When somebody who met a bucket that is away may come again, seconds.
const BLOBS_RETRY_S: u64 = 5;

impl From<StoreError> for ApiError {
    fn from(cause: StoreError) -> Self {
        match cause {
            StoreError::Nul => Self::bad_request(cause.to_string()),
            cause if cause.is_retryable() => {
                tracing::warn!(%cause, "the catalog is busy");
                Self::unavailable("the server is busy; try again").retry_after(1)
            }
            cause => Self::internal(cause),
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(cause: BlobError) -> Self {
        match cause {
            BlobError::Away(trouble) => {
                let cause = trouble.to_string().replace('\n', " ");
                tracing::warn!(cause, "the bucket of blobs cannot be used");
                Self::unavailable("the storage of blobs cannot be reached; try again")
                    .retry_after(BLOBS_RETRY_S)
            }
            cause => Self::internal(cause),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Invalid(_) => Self::bad_request(text),
            Refusal::SignIn(_) | Refusal::Unpaired(_) => Self::unauthorized(text),
            Refusal::RoomTokenExpired => {
                Self::unauthorized(text).with("code", wire::ROOM_TOKEN_EXPIRED)
            }
            Refusal::IdTaken(_) => Self::conflict(text).with("code", "workstation_id_taken"),
            Refusal::Forbidden(_) => Self::forbidden(text),
            Refusal::TooMany { retry_s, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(retry_s)
            }
            Refusal::Absent(_) => Self::not_found(text),
            Refusal::WorkstationGone => Self::not_found(text)
                .with("code", "workstation_not_found")
                .retry_after(limits::MISSING_WORKSTATION_RETRY_S),
            Refusal::WorkstationOffline(view) => match serde_json::to_value(view.to_wire()) {
                Ok(workstation) => Self::conflict(text).with("workstation", workstation),
                Err(cause) => Self::internal(cause),
            },
            // The job is added by its route, which knows the address the request came to.
            Refusal::Conflict(_) | Refusal::JobOver(_) => Self::conflict(text),
            Refusal::Failed(text) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
            Refusal::Store(cause) => cause.into(),
        }
    }
}

impl Identity {
    /// The caller as the rules of the control plane see it.
    pub fn caller(&self) -> Caller {
        Caller {
            principal: self.principal.clone(),
            namespace: self.principal_namespace.clone(),
            actor_label: self.actor_label(),
            anonymous: self.is_anonymous(),
            credential: self.credential.clone(),
            ceiling: self.ceiling,
        }
    }
}
