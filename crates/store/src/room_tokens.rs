//! Room tokens: what a job is exchanged for, so that its runtime peer reaches one room for some minutes.

use std::future::Future;

use wire::http::JobStatus;

use crate::Result;

/// A room token to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoomToken {
    /// Hex SHA-256 of the whole token.
    pub token_hash: String,
    /// The job it is good for.
    pub job_id: String,
    /// The credential it was exchanged with.
    pub credential_id: String,
    /// Namespace of the owner's principal.
    pub principal_namespace: String,
    /// When.
    pub issued_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
}

/// A stored room token with what decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomToken {
    /// The job, which is also the runtime session.
    pub job_id: String,
    /// The one notebook.
    pub notebook_id: String,
    /// For whom it acts.
    pub owner_principal: String,
    /// Namespace of that principal.
    pub principal_namespace: String,
    /// The workstation that serves the job.
    pub workstation_id: String,
    /// The credential it was exchanged with.
    pub credential_id: String,
    /// When it ends.
    pub expires_ms: i64,
    /// Where the job stands.
    pub job_status: JobStatus,
    /// When the credential was revoked, if it was.
    pub credential_revoked_ms: Option<i64>,
}

/// Storage of room tokens.
pub trait RoomTokens {
    /// Stores a token if its job is accepted or running; says whether it is.
    fn create_room_token(&self, token: &NewRoomToken) -> impl Future<Output = Result<bool>> + Send;
    /// Finds a token by its hash, whatever its state.
    fn room_token(
        &self,
        token_hash: &str,
    ) -> impl Future<Output = Result<Option<RoomToken>>> + Send;
    /// Forgets tokens that ended at or before `before_ms`.
    fn purge_room_tokens(&self, before_ms: i64) -> impl Future<Output = Result<u64>> + Send;
}
