//! The room's attachment: which compute is selected, and who may come in as its runtime peer.

use serde::{Deserialize, Serialize};

use crate::http::Accelerator;
use crate::{JobId, UnixMs, WorkstationId};

/// What the room publishes about its selected compute (room protocol 7.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkstationAttachment {
    /// The machine; empty or `runtime-peer` means none is selected.
    pub workstation_id: String,
    /// Its label.
    pub display_name: String,
    /// Its provider.
    pub provider: String,
    /// The default environment's label.
    pub default_environment_label: String,
    /// The environment policy.
    pub environment_policy: String,
    /// `connecting`, `ready`, `disconnected`, `idle`, `error` or `busy`.
    pub status: String,
    /// What a person may read about the status.
    pub status_message: Option<String>,
    /// Logical processors.
    pub cpu_count: Option<u64>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// `None` is unknown; an empty list is known to have none.
    pub accelerators: Option<Vec<Accelerator>>,
    /// The path on the machine.
    pub working_directory: Option<String>,
    /// When it was published.
    pub updated_at: Option<String>,
    /// The attach job.
    pub runtime_session_id: Option<String>,
}

/// Values of [`WorkstationAttachment::status`].
pub mod status {
    /// An attach job is pending or accepted.
    pub const CONNECTING: &str = "connecting";
    /// A runtime peer is here.
    pub const READY: &str = "ready";
    /// Lost; resumable by executing.
    pub const DISCONNECTED: &str = "disconnected";
    /// Stopped on purpose; resumable by executing.
    pub const IDLE: &str = "idle";
    /// Needs attention.
    pub const ERROR: &str = "error";
    /// In the vocabulary only.
    pub const BUSY: &str = "busy";
}

impl WorkstationAttachment {
    /// Returns the selected session; none without a real workstation id.
    pub fn selected(&self) -> Option<SelectedSession<'_>> {
        if self.workstation_id.is_empty() || self.workstation_id == WorkstationId::RUNTIME_PEER {
            return None;
        }
        Some(SelectedSession {
            workstation_id: &self.workstation_id,
            runtime_session_id: self
                .runtime_session_id
                .as_deref()
                .filter(|id| !id.is_empty()),
            status: &self.status,
        })
    }

    /// Returns whether executing may bring the compute back.
    pub fn is_resumable(&self) -> bool {
        self.selected().is_some()
            && [status::READY, status::DISCONNECTED, status::IDLE].contains(&self.status.as_str())
    }

    /// Returns the job of the selected session.
    pub fn job_id(&self) -> Option<JobId> {
        self.runtime_session_id
            .as_deref()
            .filter(|id| !id.is_empty())
            .map(JobId::from)
    }

    /// Returns when it was published, if that reads.
    pub fn updated(&self) -> Option<UnixMs> {
        self.updated_at
            .as_deref()
            .and_then(|text| UnixMs::parse(text).ok())
    }
}

/// Returns whether a new attachment must be ignored because it is older than another session's.
pub fn is_stale_publish(current: &WorkstationAttachment, new: &WorkstationAttachment) -> bool {
    let sessions = (
        current.runtime_session_id.as_deref(),
        new.runtime_session_id.as_deref(),
    );
    let times = (current.updated_at.as_deref(), new.updated_at.as_deref());
    match (sessions, times) {
        ((Some(old_id), Some(new_id)), (Some(old_time), Some(new_time))) => {
            old_id != new_id && new_time < old_time
        }
        _ => false,
    }
}

/// The compute a room has selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectedSession<'a> {
    /// The machine.
    pub workstation_id: &'a str,
    /// The attach job, if any.
    pub runtime_session_id: Option<&'a str>,
    /// The attachment's status.
    pub status: &'a str,
}

/// Why a runtime peer is not admitted (room protocol 7.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FenceError {
    /// The session was stopped on purpose.
    #[error("selected runtime session is idle")]
    Idle,
    /// The session's job is over.
    #[error("selected runtime session has ended")]
    Ended,
    /// Another machine is selected.
    #[error("runtime peer workstation {peer} does not match selected workstation {selected}")]
    Workstation {
        /// The peer's machine.
        peer: String,
        /// The selected one.
        selected: String,
    },
    /// Another session of the machine is selected.
    #[error("runtime peer session {peer} does not match selected runtime session {selected}")]
    Session {
        /// The peer's session, or `unknown`.
        peer: String,
        /// The selected one.
        selected: String,
    },
}

/// Decides whether a runtime peer matches the selected session; run at connect and on every frame.
pub fn check_fence(
    selected: Option<SelectedSession<'_>>,
    peer_workstation: &str,
    peer_session: Option<&str>,
) -> Result<(), FenceError> {
    let Some(selected) = selected else {
        return Ok(());
    };
    if selected.status == status::IDLE {
        return Err(FenceError::Idle);
    }
    if peer_workstation != selected.workstation_id {
        return Err(FenceError::Workstation {
            peer: peer_workstation.to_owned(),
            selected: selected.workstation_id.to_owned(),
        });
    }
    match selected.runtime_session_id {
        Some(session) if peer_session != Some(session) => Err(FenceError::Session {
            peer: peer_session.unwrap_or("unknown").to_owned(),
            selected: session.to_owned(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
