//! Attach jobs: the cloud's orders "serve this notebook".

use std::future::Future;

use wire::http::{JobStatus, JobTrigger};

use crate::{Result, StoreError};

/// Reads the stored word of a job's status.
///
/// # Errors
/// No status has this word.
pub fn job_status(word: &str) -> Result<JobStatus> {
    JobStatus::from_word(word).ok_or_else(|| corrupt("job status", word))
}

/// Reads the stored word of a job's trigger.
///
/// # Errors
/// No trigger has this word.
pub fn job_trigger(word: &str) -> Result<JobTrigger> {
    JobTrigger::from_word(word).ok_or_else(|| corrupt("job trigger", word))
}

fn corrupt(what: &'static str, word: &str) -> StoreError {
    StoreError::Corrupt {
        what,
        value: word.to_owned(),
    }
}

/// A job to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachJob {
    /// Id, also the runtime session's id.
    pub id: String,
    /// Notebook to serve.
    pub notebook_id: String,
    /// Owner of job and workstation.
    pub owner_principal: String,
    /// Workstation to serve it.
    pub workstation_id: String,
    /// Why.
    pub trigger: JobTrigger,
    /// Who asked.
    pub actor_label: String,
    /// When.
    pub now_ms: i64,
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachJob {
    /// Id, also the runtime session's id.
    pub id: String,
    /// Notebook to serve.
    pub notebook_id: String,
    /// Owner of job and workstation.
    pub owner_principal: String,
    /// Workstation to serve it.
    pub workstation_id: String,
    /// Status.
    pub status: JobStatus,
    /// Why it exists.
    pub trigger: JobTrigger,
    /// Who asked.
    pub requested_by_actor_label: String,
    /// When it was asked.
    pub requested_ms: i64,
    /// Latest report.
    pub updated_ms: i64,
    /// First time accepted or running.
    pub accepted_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
    /// Words of the latest report.
    pub error_message: Option<String>,
}

/// What a request for a job came to (2.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCreation {
    /// The job created or joined.
    pub job: AttachJob,
    /// Whether it existed before.
    pub reused: bool,
    /// Active jobs called off for it.
    pub displaced: Vec<AttachJob>,
}

/// Where a job stands in the list of a workstation's active ones. A job that is taken moves to the list's end, so
/// that whoever goes on from place to place misses none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// Whether the job waits to be taken.
    pub pending: bool,
    /// When it was asked.
    pub requested_ms: i64,
    /// Its id.
    pub id: String,
}

impl JobPlace {
    /// The place of a job as it was read.
    pub fn of(job: &AttachJob) -> Self {
        Self {
            pending: job.status == JobStatus::Pending,
            requested_ms: job.requested_ms,
            id: job.id.clone(),
        }
    }
}

/// Storage of attach jobs.
pub trait AttachJobs {
    /// Creates a job, or joins the active one of the same notebook, owner and workstation
    /// unless `replace`. An active job that is not joined, also one of another owner, is cancelled
    /// with `cancel_message` in the same step, so that a notebook has at most one (HAZ-14).
    fn create_or_join_job(
        &self,
        job: &NewAttachJob,
        replace: bool,
        cancel_message: &str,
    ) -> impl Future<Output = Result<JobCreation>> + Send;
    /// Returns one job of a workstation.
    fn job(
        &self,
        owner: &str,
        workstation_id: &str,
        job_id: &str,
    ) -> impl Future<Output = Result<Option<AttachJob>>> + Send;
    /// Returns a job by id alone.
    fn job_by_id(&self, job_id: &str) -> impl Future<Output = Result<Option<AttachJob>>> + Send;
    /// Returns the latest job of a notebook on workstations of this id, whoever owns it.
    fn latest_job(
        &self,
        notebook_id: &str,
        workstation_id: &str,
    ) -> impl Future<Output = Result<Option<AttachJob>>> + Send;
    /// Returns the active job of a notebook, whoever owns it.
    fn active_job(
        &self,
        notebook_id: &str,
    ) -> impl Future<Output = Result<Option<AttachJob>>> + Send;
    /// Lists a workstation's active jobs behind a place: the pending ones first, each kind oldest request first.
    fn active_jobs(
        &self,
        owner: &str,
        workstation_id: &str,
        after: Option<&JobPlace>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// Lists a workstation's pending jobs, oldest request first.
    fn pending_jobs(
        &self,
        owner: &str,
        workstation_id: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// Applies a report if the job is active and the report does not go back; returns the job
    /// as it is afterwards, or `None` if there is no such job.
    fn report_job(
        &self,
        owner: &str,
        workstation_id: &str,
        job_id: &str,
        status: JobStatus,
        error_message: Option<&str>,
        now_ms: i64,
    ) -> impl Future<Output = Result<Option<AttachJob>>> + Send;
    /// Fails a workstation's user-requested jobs that are pending since before `before_ms`.
    fn fail_stale_of_workstation(
        &self,
        owner: &str,
        workstation_id: &str,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// Fails a notebook's user-requested jobs of one owner that are pending since before `before_ms`.
    fn fail_stale_of_notebook(
        &self,
        notebook_id: &str,
        owner: &str,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// Fails every user-requested job that is pending since before `before_ms`.
    fn fail_stale_jobs(
        &self,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// When the oldest pending job that a user requested was asked.
    fn oldest_pending_request(&self) -> impl Future<Output = Result<Option<i64>>> + Send;
    /// Fails every active job without a report since `before_ms` (decision D1's long time).
    fn fail_silent_jobs(
        &self,
        before_ms: i64,
        message: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// Fails every active job of one owner on a notebook (withdrawn access).
    fn fail_jobs_of_notebook(
        &self,
        notebook_id: &str,
        owner: &str,
        message: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// Fails every active job of a workstation (revocation, removal).
    fn fail_jobs_of_workstation(
        &self,
        owner: &str,
        workstation_id: &str,
        message: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
}
