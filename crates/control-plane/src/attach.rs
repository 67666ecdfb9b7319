//! Giving a notebook its compute: the owner's request and the resume by execution (2.16, 2.22).

use serde_json::{Map, Value};
use store::{AttachJob, Catalog, JobCreation, NewAclRow, NewAttachJob, SubjectKind};
use wire::Scope;
use wire::http::JobTrigger;

use crate::access::{self, Downgrade};
use crate::workstations::{self, Presence, WorkstationView};
use crate::{Caller, Effect, Fields, Refusal, Result, jobs, limits, withdrawal};

/// Error of a job that a newer request displaced.
pub const REPLACED_MESSAGE: &str = "replaced by a newer workstation attach request";
/// Close reason when the owner asked for a restart.
pub const RESTART_REASON: &str = "workstation restart requested";
/// Close reason when another workstation takes over.
pub const SWITCHED_REASON: &str = "workstation attachment switched";
/// Actor of resume jobs and of the row they grant.
pub(crate) const RESUME_ACTOR: &str = "execution resume";

/// A checked attach request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachInput {
    workstation_id: String,
    replace: bool,
}

impl AttachInput {
    /// The workstation asked for.
    pub fn workstation_id(&self) -> &str {
        &self.workstation_id
    }
}

/// Checks the body of an attach request.
pub fn parse(body: &Map<String, Value>) -> Result<AttachInput> {
    let fields = Fields::new(body);
    let workstation_id = fields.required("workstation_id", limits::ID)?;
    let restart = fields.get("intent").and_then(Value::as_str) == Some("restart");
    Ok(AttachInput {
        workstation_id,
        replace: restart || fields.is_true("replace_existing"),
    })
}

/// Refuses callers who are not owners; runs before the body is read.
pub async fn may_attach<S: Catalog>(store: &S, caller: &Caller, notebook_id: &str) -> Result<()> {
    access::authorize(store, caller, notebook_id, Scope::Owner, Downgrade::Never).await?;
    Ok(())
}

/// A job created or joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    /// The job.
    pub job: AttachJob,
    /// Its workstation.
    pub workstation: WorkstationView,
    /// What to tell room and workstations.
    pub effects: Vec<Effect>,
}

/// A refusal that still wants something done.
#[derive(Debug)]
pub struct AttachRefused {
    /// The answer.
    pub refusal: Refusal,
    /// What to do all the same.
    pub effects: Vec<Effect>,
}

impl<E: Into<Refusal>> From<E> for AttachRefused {
    fn from(refusal: E) -> Self {
        Self {
            refusal: refusal.into(),
            effects: Vec::new(),
        }
    }
}

/// Creates or joins a job on the caller's own workstation. `may_attach` must have passed.
pub async fn attach<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    input: &AttachInput,
    presence: Presence,
    now_ms: i64,
    job_id: String,
) -> std::result::Result<Attached, AttachRefused> {
    let owner = &caller.principal;
    let workstation = workstations::find(store, owner, &input.workstation_id, presence, now_ms)
        .await?
        .ok_or(Refusal::Absent("workstation not found"))?;
    if !workstation.is_online() {
        return Err(refuse_offline(store, notebook_id, workstation).await?);
    }
    let new = NewAttachJob {
        id: job_id,
        notebook_id: notebook_id.to_owned(),
        owner_principal: owner.clone(),
        workstation_id: input.workstation_id.clone(),
        trigger: JobTrigger::UserAttach,
        actor_label: caller.actor_label.clone(),
        now_ms,
    };
    let creation = create(store, &new, input.replace).await?;
    let close_peers =
        if input.replace {
            Some(RESTART_REASON)
        } else if creation.displaced.iter().any(|job| {
            (&job.owner_principal, &job.workstation_id) != (owner, &input.workstation_id)
        }) {
            Some(SWITCHED_REASON)
        } else {
            None
        };
    let effects = effects(&creation, &workstation, close_peers);
    Ok(Attached {
        job: creation.job,
        workstation,
        effects,
    })
}

/// The 409 of an offline workstation. The room is asked to repair only while no job is active:
/// the records of a peer that is away are not to be touched (decision D1).
async fn refuse_offline<S: Catalog>(
    store: &S,
    notebook_id: &str,
    workstation: WorkstationView,
) -> Result<AttachRefused> {
    let mut effects = Vec::new();
    if store.active_job(notebook_id).await?.is_none() {
        effects.push(Effect::RepairRoom {
            notebook_id: notebook_id.to_owned(),
            reason: format!(
                "workstation {} is not online while attaching compute",
                workstation.row.workstation_id
            ),
            expected_session: None,
        });
    }
    Ok(AttachRefused {
        refusal: Refusal::WorkstationOffline(Box::new(workstation)),
        effects,
    })
}

/// Resumes compute for an execution: `workstation_id` and `session` are those of the room's
/// attachment. `None` when there is no such workstation, it was never attached here, it is not alive, or whose it is may
/// not attach it any more; then no job is made.
/// The workstation is looked up under the principal that attached it, so that what a co-owner
/// attached can be resumed too (decision D14, HAZ-17), as long as they may attach: else an execution would
/// let somebody in again whose access was taken away. Who that was is for an earlier job to say, not for the
/// attachment, which anybody who serves the room can have written.
pub async fn resume<S: Catalog>(
    store: &S,
    notebook_id: &str,
    workstation_id: &str,
    session: Option<&str>,
    now_ms: i64,
    job_id: String,
) -> std::result::Result<Option<Attached>, AttachRefused> {
    let Some(earlier) = earlier_job(store, notebook_id, workstation_id, session).await? else {
        return Ok(None);
    };
    let owner = earlier.owner_principal;
    if !withdrawal::may_attach(store, notebook_id, &owner).await? {
        return Ok(None);
    }
    let found =
        workstations::find(store, &owner, workstation_id, Presence::Unknown, now_ms).await?;
    let Some(workstation) = found.filter(|found| workstations::is_alive(&found.row, now_ms)) else {
        return Ok(None);
    };
    let new = NewAttachJob {
        id: job_id,
        notebook_id: notebook_id.to_owned(),
        owner_principal: owner,
        workstation_id: workstation_id.to_owned(),
        trigger: JobTrigger::Resume,
        actor_label: RESUME_ACTOR.to_owned(),
        now_ms,
    };
    let creation = create(store, &new, false).await?;
    let effects = effects(&creation, &workstation, None);
    Ok(Some(Attached {
        job: creation.job,
        workstation,
        effects,
    }))
}

/// The job by which a workstation served a notebook before: that of the session, else the latest.
async fn earlier_job<S: Catalog>(
    store: &S,
    notebook_id: &str,
    workstation_id: &str,
    session: Option<&str>,
) -> Result<Option<AttachJob>> {
    let of_session = match session {
        Some(session) => store.job_by_id(session).await?,
        None => None,
    };
    let served =
        |job: &AttachJob| job.notebook_id == notebook_id && job.workstation_id == workstation_id;
    match of_session.filter(served) {
        Some(job) => Ok(Some(job)),
        None => Ok(store.latest_job(notebook_id, workstation_id).await?),
    }
}

/// Grants the machine authority, drops stale requests, then creates or joins. Who lost the right to attach meanwhile keeps
/// nothing of it: what withdrew it may have looked before there was anything.
async fn create<S: Catalog>(
    store: &S,
    new: &NewAttachJob,
    replace: bool,
) -> std::result::Result<JobCreation, AttachRefused> {
    store
        .grant(&NewAclRow {
            notebook_id: new.notebook_id.clone(),
            subject_kind: SubjectKind::Principal,
            subject: new.owner_principal.clone(),
            scope: Scope::RuntimePeer.as_str().to_owned(),
            may_run: false,
            actor_label: new.actor_label.clone(),
            now_ms: new.now_ms,
        })
        .await?;
    let before = new.now_ms - limits::PENDING_STALE_MS;
    let message = jobs::STALE_PENDING_MESSAGE;
    store
        .fail_stale_of_notebook(
            &new.notebook_id,
            &new.owner_principal,
            before,
            message,
            new.now_ms,
        )
        .await?;
    let creation = store
        .create_or_join_job(new, replace, REPLACED_MESSAGE)
        .await?;
    let (notebook_id, owner) = (&new.notebook_id, &new.owner_principal);
    if withdrawal::may_attach(store, notebook_id, owner).await? {
        return Ok(creation);
    }
    let by = &new.actor_label;
    let withdrawn = withdrawal::withdraw(store, notebook_id, owner, by, new.now_ms).await?;
    let mut effects: Vec<Effect> = displaced(&creation).collect();
    effects.extend(withdrawn);
    Err(AttachRefused {
        refusal: Refusal::Forbidden(format!("{owner} cannot access {notebook_id}")),
        effects,
    })
}

fn displaced(creation: &JobCreation) -> impl Iterator<Item = Effect> {
    let told = |job: &AttachJob| Effect::NotifyJob(Box::new(job.clone()));
    creation.displaced.iter().map(told)
}

/// Publishes the attachment, wakes the workstation, and tells the displaced one that its job is
/// over (HAZ-13).
fn effects(
    creation: &JobCreation,
    workstation: &WorkstationView,
    close_peers: Option<&'static str>,
) -> Vec<Effect> {
    let mut effects = vec![jobs::publish(&creation.job, &workstation.row, close_peers)];
    effects.extend(displaced(creation));
    effects.push(Effect::NotifyJob(Box::new(creation.job.clone())));
    effects
}
