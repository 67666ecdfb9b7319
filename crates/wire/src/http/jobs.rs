//! Attach jobs and the events socket (control plane 2.16 to 2.21).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Workstation;
use crate::{JobId, NotebookId, Scope, UnixMs, WorkstationId};

/// Where an attach job stands: the word on the wire, in the catalog and in the agent. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Asked, not yet accepted.
    Pending,
    /// Accepted by the agent.
    Accepted,
    /// A runtime peer serves it.
    Running,
    /// Ended by a failure.
    Failed,
    /// Ended as it should.
    Completed,
    /// Called off.
    Cancelled,
}

impl JobStatus {
    /// Every status, in the order in which a job moves.
    const ALL: [Self; 6] = [
        Self::Pending,
        Self::Accepted,
        Self::Running,
        Self::Failed,
        Self::Completed,
        Self::Cancelled,
    ];

    /// Returns the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether the job still counts as active.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Accepted | Self::Running)
    }

    /// Whether the job has ended, well or not.
    pub const fn is_over(self) -> bool {
        !self.is_active()
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an attach job was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobTrigger {
    /// The owner asked for it.
    UserAttach,
    /// An execution found no peer (2.22).
    Resume,
}

impl JobTrigger {
    /// Returns the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserAttach => "user_attach",
            Self::Resume => "resume",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::UserAttach, Self::Resume]
            .into_iter()
            .find(|trigger| trigger.as_str() == word)
    }
}

/// How the job's runtime peer reaches its room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimePeerTarget {
    pub cloud_url: String,
    pub notebook_id: NotebookId,
    pub scope: Scope,
}

/// The job object, the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachJob {
    pub job_id: JobId,
    pub notebook_id: NotebookId,
    pub workstation_id: WorkstationId,
    pub status: JobStatus,
    pub trigger: JobTrigger,
    pub requested_at: UnixMs,
    pub updated_at: UnixMs,
    #[serde(default)]
    pub accepted_at: Option<UnixMs>,
    #[serde(default)]
    pub finished_at: Option<UnixMs>,
    #[serde(default)]
    pub error_message: Option<String>,
    /// The principal who asked (an addition): a machine may be for certain people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    pub runtime_peer: RuntimePeerTarget,
}

/// `POST /api/n/:notebookId/workstation-attachments` answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttachResponse {
    pub ok: bool,
    pub job: AttachJob,
    pub workstation: Workstation,
}

/// `GET /api/workstations/:workstationId/attach-jobs` answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttachJobsResponse {
    pub ok: bool,
    pub workstation: Workstation,
    pub jobs: Vec<AttachJob>,
    /// What to ask for as `after` to read on, where there is more; `null` where these are the last (an addition).
    #[serde(default)]
    pub next: Option<String>,
}

/// `PATCH /api/workstations/:workstationId/attach-jobs/:jobId` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchJobResponse {
    pub ok: bool,
    pub job: AttachJob,
}

/// A text frame of the events socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum WorkstationEvent {
    /// The first frame.
    Ready(ReadyEvent),
    /// Something about a job changed: poll now.
    AttachJobs(AttachJobsEvent),
    /// The cloud considers the workstation offline: heartbeat now.
    WentOffline(WentOfflineEvent),
}

/// Data of `ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyEvent {
    pub ok: bool,
    pub connected_at: UnixMs,
}

/// Data of `attach_jobs`; the inner event repeats the outer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachJobsEvent {
    pub event: String,
    pub workstation_id: WorkstationId,
    pub job_id: JobId,
    pub notebook_id: NotebookId,
    pub status: JobStatus,
    pub requested_at: UnixMs,
    pub updated_at: UnixMs,
}

/// Data of `went_offline`; the inner event repeats the outer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WentOfflineEvent {
    pub event: String,
    pub workstation_id: WorkstationId,
    #[serde(default = "went_offline")]
    pub reason: String,
}

fn went_offline() -> String {
    "went offline".to_owned()
}

impl WorkstationEvent {
    /// Makes the wake-up for a job.
    pub fn attach_jobs(job: &AttachJob) -> Self {
        Self::AttachJobs(AttachJobsEvent {
            event: "attach_jobs".to_owned(),
            workstation_id: job.workstation_id.clone(),
            job_id: job.job_id.clone(),
            notebook_id: job.notebook_id.clone(),
            status: job.status,
            requested_at: job.requested_at,
            updated_at: job.updated_at,
        })
    }

    /// Makes the notice that a workstation is considered offline.
    pub fn went_offline(workstation_id: WorkstationId, reason: impl Into<String>) -> Self {
        let event = "went_offline".to_owned();
        Self::WentOffline(WentOfflineEvent {
            event,
            workstation_id,
            reason: reason.into(),
        })
    }

    /// Returns the text frame.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
