//! Attach jobs as their agent sees them: poll, report, and what a room is told (2.17 to 2.19).

use serde_json::{Map, Value};
use store::{AttachJob, AttachJobs, Catalog, JobPlace, Workstation, Workstations};
use wire::http::{self, JobStatus};
use wire::{JobId, NotebookId, Scope, UnixMs, WorkstationAttachment, WorkstationId, attachment};

use crate::workstations::{self, Presence, WorkstationView};
use crate::{Caller, Effect, Fields, Refusal, Result, limits};

/// Error of a user's request that nobody accepted in time.
pub const STALE_PENDING_MESSAGE: &str =
    "stale workstation attach job expired before host accepted the request";
/// Error of a job without any report for the configured long time (decision D1).
pub const SILENT_MESSAGE: &str = "the workstation has not reported about this job for too long";
/// Error of a job whose workstation lost its credential.
pub const REVOKED_MESSAGE: &str = "workstation credential was revoked";
/// Error of a job whose workstation was removed.
pub const REMOVED_MESSAGE: &str = "the workstation was removed";
/// The environment of a workstation that gave it no name (2.19).
pub(crate) const UNNAMED_ENVIRONMENT: &str = "Current Python";

/// A poll's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Polled {
    /// The polling workstation.
    pub workstation: WorkstationView,
    /// Its active jobs, oldest request first; of more than a page takes, those that wait to be taken go first.
    pub jobs: Vec<AttachJob>,
    /// Where the list goes on, if it does.
    pub next: Option<String>,
    /// What the sweep before it caused.
    pub effects: Vec<Effect>,
}

/// Which jobs a poll asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page<'a> {
    /// How many at most, as in the query.
    pub limit: Option<&'a str>,
    /// What the page before named as next.
    pub after: Option<&'a str>,
}

/// Sweeps stale requests, then lists a workstation's active jobs.
pub async fn poll<S: Catalog>(
    store: &S,
    caller: &Caller,
    workstation_id: &str,
    page: Page<'_>,
    now_ms: i64,
) -> Result<Polled> {
    caller.signed_in("sign in to poll workstation jobs")?;
    let owner = &caller.principal;
    let workstation = workstations::find(store, owner, workstation_id, Presence::Unknown, now_ms)
        .await?
        .ok_or(Refusal::WorkstationGone)?;
    caller.may_serve(workstation_id)?;
    let limit = crate::fields::limit(page.limit, limits::JOBS_DEFAULT, limits::JOBS_MAX)?;
    let after = page.after.map(place).transpose()?.flatten();
    let before = now_ms - limits::PENDING_STALE_MS;
    let stale = store
        .fail_stale_of_workstation(owner, workstation_id, before, STALE_PENDING_MESSAGE, now_ms)
        .await?;
    let effects = effects_of_end(store, &stale).await?;
    let mut jobs = store
        .active_jobs(owner, workstation_id, after.as_ref(), limit + 1)
        .await?;
    let whole = jobs.len() as i64 <= limit;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| !whole).map(name_of_place);
    // Whatever keeps a job from this page, it is not that older ones run: none would ever be taken.
    jobs.sort_by(|a, b| (a.requested_ms, &a.id).cmp(&(b.requested_ms, &b.id)));
    Ok(Polled {
        workstation,
        jobs,
        next,
        effects,
    })
}

/// What a client says as `after` to go on behind a job.
fn name_of_place(job: &AttachJob) -> String {
    let JobPlace {
        pending,
        requested_ms,
        id,
    } = JobPlace::of(job);
    let kind = if pending { "pending" } else { "taken" };
    format!("{kind}.{requested_ms}.{id}")
}

/// Reads an `after`; blank is the list's beginning.
fn place(text: &str) -> Result<Option<JobPlace>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let read = || {
        let mut parts = text.splitn(3, '.');
        let pending = match parts.next()? {
            "pending" => true,
            "taken" => false,
            _ => return None,
        };
        let requested_ms = parts.next()?.parse().ok()?;
        let id = parts.next().filter(|id| !id.contains('\0'))?.to_owned();
        Some(JobPlace {
            pending,
            requested_ms,
            id,
        })
    };
    let place = read().ok_or_else(|| Refusal::invalid("after must be a `next` of this list"))?;
    Ok(Some(place))
}

/// Returns every pending job, for the wake-ups after `ready` (decision D6).
pub async fn pending<S: AttachJobs>(
    store: &S,
    owner: &str,
    workstation_id: &str,
) -> Result<Vec<AttachJob>> {
    let jobs = store
        .pending_jobs(owner, workstation_id, limits::JOBS_ANNOUNCED)
        .await?;
    Ok(jobs)
}

/// A checked report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    status: JobStatus,
    error_message: Option<String>,
}

impl Report {
    /// Whether the report calls the job off.
    pub fn is_cancellation(&self) -> bool {
        self.status == JobStatus::Cancelled
    }
}

/// Checks the body of a report (2.18).
pub fn parse_report(body: &Map<String, Value>) -> Result<Report> {
    let fields = Fields::new(body);
    let status = fields.required("status", 24)?;
    let status = JobStatus::from_word(&status)
        .filter(|status| *status != JobStatus::Pending)
        .ok_or_else(|| {
            fields.refuse(
                "status",
                "must be accepted, running, failed, completed, or cancelled",
            )
        })?;
    Ok(Report {
        status,
        error_message: fields.optional_words("error_message", 512)?,
    })
}

/// Applies a report: forward only; repeating the same status is a heartbeat (2.18).
/// Reports are taken however long the workstation was away (decision D1).
pub async fn report<S: Catalog>(
    store: &S,
    caller: &Caller,
    workstation_id: &str,
    job_id: &str,
    report: &Report,
    now_ms: i64,
) -> Result<(AttachJob, Vec<Effect>)> {
    const UNKNOWN: Refusal = Refusal::Absent("workstation attach job not found");
    caller.manages("sign in to update workstation jobs")?;
    caller.may_serve(workstation_id).map_err(|_| UNKNOWN)?;
    let owner = &caller.principal;
    let message = report.error_message.as_deref();
    let job = store
        .report_job(
            owner,
            workstation_id,
            job_id,
            report.status,
            message,
            now_ms,
        )
        .await?
        .ok_or(UNKNOWN)?;
    if job.status != report.status {
        return Err(Refusal::JobOver(Box::new(job)));
    }
    let mut effects = Vec::new();
    // Who says again that a job is over must not show its end where another job serves the notebook by now.
    let is_succeeded = job.status.is_over() && store.active_job(&job.notebook_id).await?.is_some();
    if is_succeeded {
        return Ok((job, effects));
    }
    if let Some(row) = store.workstation(owner, workstation_id).await? {
        effects.push(publish(&job, &row, None));
    }
    if matches!(job.status, JobStatus::Failed | JobStatus::Cancelled) {
        effects.push(repair(&job));
    }
    if job.status.is_over() && caller.credential.is_none() {
        // A person ended it: its agent hears it now, not at its next report.
        effects.push(Effect::NotifyJob(Box::new(job.clone())));
    }
    Ok((job, effects))
}

/// Ends a job whose room says that its session is over (2.23): completed, or failed with a reason. The room has
/// published that itself; the workstation is woken.
pub async fn end<S: AttachJobs>(
    store: &S,
    job_id: &str,
    failure: Option<&str>,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let Some(job) = store.job_by_id(job_id).await? else {
        return Ok(Vec::new());
    };
    if job.status.is_over() {
        return Ok(Vec::new());
    }
    let status = match failure {
        Some(_) => JobStatus::Failed,
        None => JobStatus::Completed,
    };
    let (owner, workstation_id) = (&job.owner_principal, &job.workstation_id);
    let ended = store
        .report_job(owner, workstation_id, job_id, status, failure, now_ms)
        .await?;
    let woken = ended.map(|job| Effect::NotifyJob(Box::new(job)));
    Ok(woken.into_iter().collect())
}

/// What follows from jobs that the cloud ended by itself.
pub(crate) async fn effects_of_end<S: Workstations>(
    store: &S,
    ended: &[AttachJob],
) -> Result<Vec<Effect>> {
    let mut effects = Vec::new();
    for job in ended {
        if let Some(row) = store
            .workstation(&job.owner_principal, &job.workstation_id)
            .await?
        {
            effects.push(publish(job, &row, None));
        }
        effects.push(repair(job));
        effects.push(Effect::NotifyJob(Box::new(job.clone())));
    }
    Ok(effects)
}

fn repair(job: &AttachJob) -> Effect {
    let reason = job.error_message.clone().unwrap_or_else(|| {
        format!(
            "workstation attach job {} before a runtime peer attached",
            job.status.as_str()
        )
    });
    Effect::RepairRoom {
        notebook_id: job.notebook_id.clone(),
        reason,
        expected_session: Some(job.id.clone()),
    }
}

/// The effect that publishes a job's attachment.
pub(crate) fn publish(
    job: &AttachJob,
    row: &Workstation,
    close_peers: Option<&'static str>,
) -> Effect {
    Effect::PublishAttachment {
        notebook_id: job.notebook_id.clone(),
        attachment: Box::new(attachment(job, row)),
        close_peers,
    }
}

/// Projects a job and its workstation to the room's attachment (2.19).
pub fn attachment(job: &AttachJob, row: &Workstation) -> WorkstationAttachment {
    let name = if row.display_name.is_empty() {
        "Selected workstation"
    } else {
        row.display_name.as_str()
    };
    let (status, status_message) =
        match job.status {
            JobStatus::Pending => (
                attachment::status::CONNECTING,
                Some(format!("Waiting for {name} to accept the compute request.")),
            ),
            JobStatus::Accepted => (
                attachment::status::CONNECTING,
                Some(format!(
                    "{name} accepted the request and is starting compute."
                )),
            ),
            JobStatus::Running => (attachment::status::READY, None),
            JobStatus::Failed => (
                attachment::status::ERROR,
                Some(job.error_message.clone().unwrap_or_else(|| {
                    format!("{name} could not start compute for this notebook.")
                })),
            ),
            JobStatus::Completed => (
                attachment::status::DISCONNECTED,
                Some(format!("{name} runtime peer disconnected.")),
            ),
            JobStatus::Cancelled => (
                attachment::status::DISCONNECTED,
                Some(format!("{name} cancelled the compute request.")),
            ),
        };
    let label = |text: &Option<String>, otherwise: &str| {
        text.clone().unwrap_or_else(|| otherwise.to_owned())
    };
    WorkstationAttachment {
        workstation_id: row.workstation_id.clone(),
        display_name: row.display_name.clone(),
        provider: row.provider.clone(),
        default_environment_label: label(&row.default_environment_label, UNNAMED_ENVIRONMENT),
        environment_policy: label(&row.environment_policy, "runtime_peer"),
        status: status.to_owned(),
        status_message,
        cpu_count: row.cpu_count.and_then(|count| u64::try_from(count).ok()),
        memory_bytes: row.memory_bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        accelerators: workstations::accelerators(row),
        working_directory: row.working_directory.clone(),
        updated_at: Some(UnixMs(job.updated_ms).to_iso()),
        runtime_session_id: Some(job.id.clone()),
    }
}

/// What a room that expects a job must show instead, because the job was over before the room heard
/// of it (the server died between the two): the notebook's next job, or else how this one ended.
pub async fn ended_unheard<S: Catalog>(
    store: &S,
    expected: &JobId,
) -> store::Result<Option<WorkstationAttachment>> {
    let Some(ended) = store.job_by_id(expected.as_str()).await? else {
        return Ok(None);
    };
    if !ended.status.is_over() {
        return Ok(None);
    }
    let next = store.active_job(&ended.notebook_id).await?;
    let job = next.unwrap_or(ended);
    let row = store
        .workstation(&job.owner_principal, &job.workstation_id)
        .await?;
    Ok(row.map(|row| attachment(&job, &row)))
}

/// The job object of the wire; `cloud_url` is the origin of the request being answered.
pub fn to_wire(job: &AttachJob, cloud_url: &str) -> http::AttachJob {
    http::AttachJob {
        job_id: JobId::from(job.id.as_str()),
        notebook_id: NotebookId::from(job.notebook_id.as_str()),
        workstation_id: WorkstationId::from(job.workstation_id.as_str()),
        status: job.status,
        trigger: job.trigger,
        requested_at: UnixMs(job.requested_ms),
        updated_at: UnixMs(job.updated_ms),
        accepted_at: job.accepted_ms.map(UnixMs),
        finished_at: job.finished_ms.map(UnixMs),
        error_message: job.error_message.clone(),
        requested_by: job
            .requested_by_actor_label
            .split_once('/')
            .map(|(principal, _)| principal.to_owned()),
        runtime_peer: http::RuntimePeerTarget {
            cloud_url: cloud_url.to_owned(),
            notebook_id: NotebookId::from(job.notebook_id.as_str()),
            scope: Scope::RuntimePeer,
        },
    }
}
