//! How a failed call to the cloud looks to the agent.

/// The exact text by which the cloud says that a credential is unknown or revoked.
const NOT_RECOGNIZED: &str = "workstation credential is not recognized";
/// The exact text by which the cloud says that a job is over.
const NO_LONGER_ACTIVE: &str = "workstation attach job is no longer active";

/// A call that did not succeed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudFailure {
    /// The HTTP status; `None` when there was no answer or it could not be read.
    pub status: Option<u16>,
    /// Whether the answer was in words that are not the cloud's, such as a proxy's while the cloud restarts.
    pub is_foreign: bool,
    /// The `Retry-After` header in milliseconds, when it was understood.
    pub retry_after_ms: Option<u64>,
    /// The `error` text of the answer.
    pub error: String,
    /// `job.status` of the answer.
    pub job_status: Option<String>,
    /// The whole story in one line, for the log.
    pub message: String,
}

impl CloudFailure {
    /// Whether the cloud rejects the credential.
    pub fn is_unauthorized(&self) -> bool {
        self.status == Some(401)
    }

    /// Whether the cloud says in so many words that it does not know the credential.
    pub fn is_not_recognized(&self) -> bool {
        self.is_unauthorized() && self.error.contains(NOT_RECOGNIZED)
    }

    /// Whether the cloud says that it knows no such workstation (spec 3.17).
    pub fn is_unknown_workstation(&self) -> bool {
        matches!(self.status, Some(404 | 410)) && !self.is_foreign
    }

    /// Whether a report was refused because the job is over (spec 3.16).
    pub fn is_inactive(&self) -> bool {
        self.status == Some(409)
            && match self.job_status.as_deref() {
                Some(status) => matches!(status, "cancelled" | "completed" | "failed"),
                None => self.error.contains(NO_LONGER_ACTIVE),
            }
    }

    /// Whether a report was refused because the job is already further.
    pub fn is_ahead(&self) -> bool {
        self.status == Some(409) && self.job_status.as_deref() == Some("running")
    }
}
