//! From the client's errors and shapes to the agent core's.

use agent_core::{CloudFailure, JobList, JobOrder};
use cloud_client::{AttachJob, CloudError, PolledJobs};

/// How a failed call looks to the core.
pub(crate) fn failure(error: &CloudError) -> CloudFailure {
    let refusal = error.refusal();
    CloudFailure {
        status: error.refusal().map(|refusal| refusal.status),
        is_foreign: refusal.is_some_and(|refusal| !refusal.in_cloud_words),
        retry_after_ms: refusal
            .and_then(|r| r.retry_after)
            .map(|wait| wait.as_millis() as u64),
        error: refusal
            .and_then(|r| r.error_text())
            .unwrap_or_default()
            .to_owned(),
        job_status: refusal
            .and_then(|r| r.body.pointer("/job/status"))
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned),
        message: error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The listed jobs as the core sees them.
pub(crate) fn job_list(polled: PolledJobs) -> JobList {
    JobList {
        jobs: polled.jobs.into_iter().map(order).collect(),
        skipped: polled.skipped,
        is_whole: polled.is_whole,
    }
}

/// A listed job as the core sees it.
fn order(job: AttachJob) -> JobOrder {
    JobOrder {
        job_id: job.job_id,
        notebook_id: job.notebook_id,
        status: job.status,
        trigger: job.trigger,
        working_directory: job.working_directory,
        notebook_path: job.notebook_path,
        requested_by: job.requested_by,
    }
}
