//! From a rule's refusal to an HTTP answer, and from an identity to a rule's caller.

use blob_store::BlobError;
use control_plane::{Caller, Refusal, limits};
use http::StatusCode;
use store::StoreError;

use crate::error::{ApiError, chain};
use crate::identity::Identity;

/// When somebody who met a bucket that is away may come again, seconds.
const BLOBS_RETRY_S: u64 = 5;

/// When somebody who met a full disk may come again, seconds.
const FULL_RETRY_S: u64 = 30;

impl From<StoreError> for ApiError {
    fn from(cause: StoreError) -> Self {
        match cause {
            StoreError::Nul => Self::bad_request(cause.to_string()),
            StoreError::Full { .. } => {
                tracing::error!(cause = chain(&cause), "the disk is full");
                Self::unavailable("the server has no space left; its operator has to make some")
                    .retry_after(FULL_RETRY_S)
            }
            cause if cause.is_retryable() => {
                tracing::warn!(cause = chain(&cause), "the catalog is busy");
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

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn full() -> StoreError {
        StoreError::Full {
            operation: "create a notebook",
            source: std::io::Error::other("database or disk is full").into(),
        }
    }

    #[test]
    fn a_full_disk_is_the_servers_and_passes() {
        let response = ApiError::from(full()).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "30");
    }

    #[test]
    fn the_log_has_every_cause() {
        assert_eq!(
            chain(&full()),
            "the database has no space left to create a notebook: database or disk is full"
        );
    }
}
