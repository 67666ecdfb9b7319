//! What this machine serves, from the job folders and the processes: it needs neither the cloud nor an agent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent_core::{AgentStatus, JobLine, Order};
use meter::{Processes, Usage, gpu_memory_by_process};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::job_folder::JobFolder;
use crate::{Folders, process::ProcessIdentity, tell_agent};

/// How long a peer that is ended without an agent may take before it is killed.
const END_LIMIT: Duration = Duration::from_secs(15);
/// Over how long is looked what processors do.
const USAGE_TIME: Duration = Duration::from_millis(250);
/// How often is looked whether it is gone.
const END_TICK: Duration = Duration::from_millis(50);
/// How long `kernel-keeper --end` may take.
const KEEPER_LIMIT: Duration = Duration::from_secs(40);

/// A job with something alive on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LocalJob {
    /// The job.
    pub job_id: String,
    /// Its notebook, where that is known.
    pub notebook_id: Option<String>,
    /// Who asked for it, where the cloud says so.
    pub requested_by: Option<String>,
    /// The workstation that serves it.
    pub workstation_id: Option<String>,
    /// The cloud that it is for.
    pub cloud_url: Option<String>,
    /// For how long it is served, in seconds.
    pub age_seconds: Option<u64>,
    /// Since when, for the order: jobs that began within one second have one age.
    #[serde(skip)]
    since_ms: Option<u64>,
    /// The workstation whose agent runs and looks after it: this machine may have several.
    pub served_by: Option<String>,
    /// The agent's word (`starting`, `running`, `stopping`, `ended`), or `unattended` where no agent looks after it.
    pub state: String,
    /// The kernel's state: the room's words in lower case where the agent knows, else `alive` or `none`.
    pub kernel: String,
    /// The runtime peer.
    pub peer_pid: Option<u32>,
    /// The kernel keeper.
    pub keeper_pid: Option<u32>,
    /// Processes of the job.
    pub processes: usize,
    /// Per cent of one processor.
    pub cpu_percent: f64,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Memory on NVIDIA devices in bytes; `null` where it cannot be asked.
    pub gpu_memory_bytes: Option<u64>,
    /// The job's folder.
    pub folder: PathBuf,
}

/// What the agents say that have jobs on this machine, by their workstations' ids.
type Agents = BTreeMap<String, AgentStatus>;

/// The jobs on this machine with a living peer or kernel keeper, in the words of their agents; by age, the oldest first.
/// `agent` is what the agent of `workstation_id` said, if it runs; those of other workstations are asked.
pub async fn local_jobs(
    folders: &Folders,
    workstation_id: &str,
    agent: Option<&AgentStatus>,
) -> Vec<LocalJob> {
    let mut found: Vec<(JobFolder, Option<u32>, Option<u32>)> =
        JobFolder::all(&folders.agent_root())
            .filter(JobFolder::is_of_this_machine)
            .map(|folder| {
                let (peer, keeper) = (living_peer(&folder), folder.keeper_pid());
                (folder, peer.map(|process| process.pid), keeper)
            })
            .collect();
    let mut agents = Agents::new();
    if let Some(status) = agent {
        agents.insert(workstation_id.to_owned(), status.clone());
    }
    let owners: BTreeSet<String> = found.iter().filter_map(|(f, ..)| owner_id(f)).collect();
    for other in owners.iter().filter(|id| *id != workstation_id) {
        if let Ok(answer) = tell_agent(folders, other, &Order::Status).await {
            agents.insert(other.clone(), answer.status);
        }
    }
    found.retain(|(folder, peer, keeper)| {
        let is_served = line_of(folder, &agents).is_some_and(|line| line.phase != "ended");
        peer.is_some() || keeper.is_some() || is_served
    });
    if found.is_empty() {
        return Vec::new();
    }
    let roots: Vec<Vec<u32>> = found
        .iter()
        .map(|(_, peer, keeper)| peer.iter().chain(keeper).copied().collect())
        .collect();
    let roots: Vec<&[u32]> = roots.iter().map(Vec::as_slice).collect();
    let usage = usage(&roots).await;
    let mut jobs: Vec<LocalJob> = found
        .into_iter()
        .zip(usage)
        .filter_map(|((folder, peer, keeper), usage)| {
            describe(&folder, peer, keeper, &agents, usage)
        })
        .collect();
    // What has no beginning comes last.
    jobs.sort_by_key(|job| (job.since_ms.unwrap_or(u64::MAX), job.job_id.clone()));
    jobs
}

/// Looks twice: what processors do can only be seen over time.
async fn usage(roots: &[&[u32]]) -> Vec<Usage> {
    let Some(mut processes) = Processes::new() else {
        return vec![Usage::default(); roots.len()];
    };
    processes.look(roots, None);
    let ((), gpu) = tokio::join!(sleep(USAGE_TIME), gpu_memory_by_process());
    processes.look(roots, gpu.as_ref())
}

pub(crate) fn living_peer(folder: &JobFolder) -> Option<ProcessIdentity> {
    let record = folder.record()?;
    record.process.is_alive().then_some(record.process)
}

fn owner_id(folder: &JobFolder) -> Option<String> {
    folder.owner().map(|owner| owner.workstation_id)
}

/// What its agent says of a job.
fn line_of<'a>(folder: &JobFolder, agents: &'a Agents) -> Option<&'a JobLine> {
    let (job_id, owner) = (folder.job_id()?, owner_id(folder)?);
    let mut lines = agents.get(&owner)?.jobs.iter();
    lines.find(|line| line.job_id == job_id)
}

fn describe(
    folder: &JobFolder,
    peer_pid: Option<u32>,
    keeper_pid: Option<u32>,
    agents: &Agents,
    usage: Usage,
) -> Option<LocalJob> {
    let job_id = folder.job_id()?;
    let line = line_of(folder, agents);
    let (note, owner) = (folder.note(), folder.owner());
    let said = line.and_then(|line| line.kernel.clone());
    let kernel = said.unwrap_or_else(|| {
        if keeper_pid.is_some() {
            "alive"
        } else {
            "none"
        }
        .to_owned()
    });
    Some(LocalJob {
        notebook_id: note.as_ref().map(|note| note.notebook_id.clone()),
        requested_by: note.as_ref().and_then(|note| note.requested_by.clone()),
        workstation_id: owner.as_ref().map(|owner| owner.workstation_id.clone()),
        cloud_url: owner.map(|owner| owner.cloud_url),
        age_seconds: note.as_ref().map(|note| age(note.since_ms)),
        since_ms: note.map(|note| note.since_ms),
        served_by: owner_id(folder).filter(|id| agents.contains_key(id)),
        state: line.map_or_else(|| "unattended".to_owned(), |line| line.phase.clone()),
        kernel,
        peer_pid,
        keeper_pid,
        processes: usage.processes,
        cpu_percent: usage.cpu_percent.unwrap_or_default(),
        memory_bytes: usage.memory_bytes,
        gpu_memory_bytes: usage.gpu_memory_bytes,
        folder: folder.path().to_owned(),
        job_id,
    })
}

fn age(since_ms: u64) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_millis(since_ms))
        .as_secs()
}

/// Where a job's log is, also of one that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// The job.
    pub job_id: String,
    /// Its notebook, where that is known.
    pub notebook_id: Option<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// What its runtime peer logged.
    pub log: PathBuf,
    /// Whether its peer or its kernel keeper lives.
    pub is_served: bool,
}

/// All jobs that this machine has a folder of.
pub fn job_places(folders: &Folders) -> Vec<JobPlace> {
    let places = JobFolder::all(&folders.agent_root()).filter_map(|folder| {
        Some(JobPlace {
            job_id: folder.job_id()?,
            notebook_id: folder.note().map(|note| note.notebook_id),
            folder: folder.path().to_owned(),
            log: folder.log_path(),
            is_served: living_peer(&folder).is_some() || folder.keeper_pid().is_some(),
        })
    });
    places.collect()
}

/// How many jobs of a workstation on this machine have a living peer or kernel keeper, whether or not an agent looks
/// after them.
pub fn living_jobs(folders: &Folders, workstation_id: &str) -> usize {
    JobFolder::all(&folders.agent_root())
        .filter(JobFolder::is_of_this_machine)
        .filter(|folder| owner_id(folder).is_some_and(|owner| owner == workstation_id))
        .filter(|folder| living_peer(folder).is_some() || folder.keeper_pid().is_some())
        .count()
}

/// Ends a job that no agent looks after: its peer as the agent would, then its kernel keeper and kernel. The next agent
/// tells the cloud. Fails with what still runs.
pub async fn end_unattended(job_folder: &Path, runtimed: &Path) -> Result<(), String> {
    let folder = JobFolder::at(job_folder);
    if let Some(peer) = living_peer(&folder) {
        peer.terminate();
        if !gone_within(&peer, END_LIMIT).await {
            peer.kill_group();
            if !gone_within(&peer, END_LIMIT).await {
                return Err(format!(
                    "the runtime peer (process {}) does not end",
                    peer.pid
                ));
            }
        }
    }
    if folder.has_keeper() {
        let mut command = tokio::process::Command::new(runtimed);
        command
            .args(["kernel-keeper", "--end", "--job-dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        // Whether it worked is seen by what is left.
        let _ = tokio::time::timeout(KEEPER_LIMIT, command.status()).await;
    }
    let end = Instant::now() + END_LIMIT;
    while let Some(pid) = folder.keeper_pid() {
        if Instant::now() >= end {
            return Err(format!("the kernel keeper (process {pid}) does not end"));
        }
        sleep(END_TICK).await;
    }
    Ok(())
}

async fn gone_within(process: &ProcessIdentity, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while process.is_alive() {
        if Instant::now() >= end {
            return false;
        }
        sleep(END_TICK).await;
    }
    true
}
