//! What an owner sets for machines, and the history of workstations and jobs.

use std::future::Future;

use crate::Result;

/// What an owner decided for all machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineSettings {
    /// Only room tokens reach rooms; a workstation credential itself does not.
    pub room_tokens_only: bool,
    /// Life of a room token, in seconds.
    pub room_token_s: i64,
    /// Life of a workstation credential that is not rotated, in days; `None` is without end.
    pub credential_days: Option<i64>,
}

/// One line of a workstation's or job's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineEvent {
    /// Grows with each event.
    pub id: i64,
    /// When it happened.
    pub at_ms: i64,
    /// The workstation.
    pub workstation_id: String,
    /// The job, if it is about one.
    pub job_id: Option<String>,
    /// The job's notebook.
    pub notebook_id: Option<String>,
    /// What happened, in one word such as `online` or `job_running`.
    pub event: String,
    /// Further words; never a secret.
    pub detail: Option<String>,
}

/// Which part of a history is wanted, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPage<'a> {
    /// Only this job's.
    pub job_id: Option<&'a str>,
    /// Only events before this one.
    pub before_id: i64,
    /// At most so many.
    pub limit: i64,
}

/// Storage of machine settings and histories.
pub trait Machines {
    /// Returns an owner's settings, if any were made.
    fn machine_settings(
        &self,
        owner: &str,
    ) -> impl Future<Output = Result<Option<MachineSettings>>> + Send;
    /// Stores an owner's settings and gives every live credential its new end.
    fn set_machine_settings(
        &self,
        owner: &str,
        settings: &MachineSettings,
        now_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Lists a workstation's or one of its jobs' events, newest first. The history of a removed
    /// workstation stays readable.
    fn machine_events(
        &self,
        owner: &str,
        workstation_id: &str,
        page: HistoryPage<'_>,
    ) -> impl Future<Output = Result<Vec<MachineEvent>>> + Send;
    /// Forgets events from before `before_ms`.
    fn purge_machine_events(&self, before_ms: i64) -> impl Future<Output = Result<u64>> + Send;
}
