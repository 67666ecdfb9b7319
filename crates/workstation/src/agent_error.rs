//! What keeps an agent from running, or ended it.

use std::path::PathBuf;

use cloud_client::CloudError;

use crate::lock::LockError;

/// Why the agent could not work.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Another agent serves the workstation, or the lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The state folder cannot be made.
    #[error(
        "cannot make the agent's folder {}: {cause}\nHint: give this user the right to write there, or set XDG_STATE_HOME to another folder",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The client could not be prepared.
    #[error(transparent)]
    Client(#[from] CloudError),
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(std::io::Error),
    /// The agent ended because it had to.
    #[error("{message}")]
    Ended {
        /// The exit code.
        code: u8,
        /// What to tell.
        message: String,
    },
}

impl AgentError {
    /// Exit code where another agent serves the workstation (spec 2.10): a service does not try again.
    pub const ALREADY_SERVED: u8 = 75;

    /// The process's exit code for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Lock(LockError::Held { .. }) => Self::ALREADY_SERVED,
            Self::Ended { code, .. } => *code,
            _ => 1,
        }
    }
}
