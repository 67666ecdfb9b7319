//! Why a rule says no, as far as the caller may know.

use store::{AttachJob, StoreError};

use crate::workstations::WorkstationView;

/// A refusal; each variant is one kind of answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The input is wrong (400).
    #[error("{0}")]
    Invalid(String),
    /// Nobody is signed in (401).
    #[error("{0}")]
    SignIn(&'static str),
    /// The workstation may not register with this credential (401, repeated 429; decision D7).
    #[error("{0}")]
    Unpaired(String),
    /// A room token whose time is over: a new one is to be exchanged (401 with a machine code).
    #[error("room token has expired")]
    RoomTokenExpired,
    /// Another machine registers as this workstation (409 with a machine code).
    #[error("{0}")]
    IdTaken(String),
    /// Not allowed (403).
    #[error("{0}")]
    Forbidden(String),
    /// Not there, or not the caller's to know (404).
    #[error("{0}")]
    Absent(&'static str),
    /// The addressed workstation is not there: a 404 with a machine code and a time to wait.
    #[error("workstation not found")]
    WorkstationGone,
    /// It collides with what is (409).
    #[error("{0}")]
    Conflict(&'static str),
    /// The caller has as much of it as is allowed (429 with a time to wait).
    #[error("{text}")]
    TooMany {
        /// What there is too much of, and what to do.
        text: String,
        /// Seconds until asking again makes sense.
        retry_s: u64,
    },
    /// The workstation to attach is not online (409 with the workstation).
    #[error("workstation is not online")]
    WorkstationOffline(Box<WorkstationView>),
    /// The job cannot take this report any more (409 with the job).
    #[error("workstation attach job is no longer active")]
    JobOver(Box<AttachJob>),
    /// A step that cannot fail by the caller's doing did (500).
    #[error("{0}")]
    Failed(&'static str),
    /// The store failed.
    #[error("the catalog could not be used")]
    Store(#[from] StoreError),
}

impl Refusal {
    /// Refuses an input in the given words.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}
