//! How a peer ends: an exit code for the agent, a note in the job's folder, a line for people
//! (WS 4.26).

use std::path::Path;

use serde_json::json;
use session_core::Outcome;

/// The note's name; the agent reads it.
pub const NOTE_NAME: &str = "runtime-peer.exit";

/// Why the peer ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// It was asked to (SIGTERM, SIGINT).
    #[error("the peer was asked to end")]
    Requested,
    /// The room ended it after a time without executions.
    #[error("the room ended the session because nothing ran for a while")]
    Idle,
    /// The room ended it for good.
    #[error("the room ended the session: {0}")]
    Closed(String),
    /// The cloud could not be joined for the first time.
    #[error("the room could not be joined: {0}")]
    FirstConnect(String),
    /// The cloud does not accept the credential any more.
    #[error("the cloud no longer accepts this peer: {0}")]
    Refused(String),
    /// A setting makes no sense.
    #[error("{0}")]
    Config(String),
    /// The keeper or its journal cannot be used.
    #[error("{0}")]
    Local(String),
    /// These documents can never be synced again: the room's started over (decision D11). The peer does not end by it.
    #[error("the room's documents are to be taken up anew")]
    Anew,
    /// The same because the room refused what was written here, as after an outage in which it ended executions by itself.
    /// The peer does not end by it unless it happens again and again.
    #[error("the room refused a change: {0}")]
    Conflict(String),
    /// Another peer of this job took over the keeper.
    #[error("a newer runtime peer took over this job")]
    Replaced,
}

impl End {
    /// What the end of a session is for its peer, which may have been asked for it.
    pub(crate) fn of(outcome: Outcome, is_asked: bool) -> Self {
        match outcome {
            Outcome::Completed if is_asked => Self::Requested,
            Outcome::Completed => Self::Idle,
            Outcome::Anew(reason) => {
                tracing::warn!("the room refused a change: {reason}");
                Self::Conflict(reason)
            }
            Outcome::Failed(reason) => Self::Closed(reason),
        }
    }

    /// The exit code: 0 only for requested ends.
    pub fn code(&self) -> u8 {
        match self {
            Self::Requested | Self::Idle => 0,
            Self::Closed(_)
            | Self::FirstConnect(_)
            | Self::Config(_)
            | Self::Local(_)
            | Self::Anew
            | Self::Conflict(_)
            | Self::Replaced => 1,
            Self::Refused(_) => 77,
        }
    }

    /// Whether the job is over, so that the kernel ends with the peer.
    pub fn ends_kernel(&self) -> bool {
        !matches!(self, Self::Replaced) && !self.begins_anew()
    }

    /// Whether the peer goes on with fresh documents.
    pub(crate) fn begins_anew(&self) -> bool {
        matches!(self, Self::Anew | Self::Conflict(_))
    }

    /// Leaves the note for the agent.
    pub fn note(&self, job_dir: &Path) {
        let message = (self.code() != 0).then(|| self.to_string());
        let text = json!({ "code": self.code(), "message": message }).to_string();
        if let Err(error) = std::fs::write(job_dir.join(NOTE_NAME), text) {
            tracing::warn!(%error, "the peer's end cannot be noted");
        }
    }
}
