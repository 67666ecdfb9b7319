//! Kernels started before anybody asked, so that attaching takes a handshake instead of an interpreter's start.
//!
//! Each is a kernel keeper of its own in a folder of the pool, which offers its kernel to runtime peers there; one that
//! is claimed belongs to its job and is followed by another after a while. Those that nobody claimed live as long as this
//! agent: their keepers end with their standard input.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::job_folder::JobFolder;
use crate::scopes::Containment;

/// How many kernels wait where the operator says nothing and the machine is not a small one.
const USUAL_SIZE: u32 = 1;
/// With less memory or fewer processors a machine is a small one: there, what waits is missed elsewhere.
const LEAST_MEMORY: u64 = 8 * 1024 * 1024 * 1024;
const LEAST_PROCESSORS: usize = 4;
/// The most that may be asked for.
pub const MOST_WARM_KERNELS: u32 = 16;
/// None is started while less than this is free, and those that wait end when less than half of it is.
const LEAST_FREE: u64 = 2 * 1024 * 1024 * 1024;
/// How long a job has the machine for itself before the kernel that it took is followed by another.
const REFILL_PAUSE: Duration = Duration::from_secs(5);
/// How often free memory is looked at.
const MEMORY_TICK: Duration = Duration::from_secs(30);
/// The pause after a kernel that could not be started, doubled each time up to a limit.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// How long the kernels that wait may take to end with the agent.
const CLOSE_LIMIT: Duration = Duration::from_secs(8);
/// What a keeper says when a job has claimed its kernel.
const CLAIMED: &str = "claimed";

/// How warm kernels are started.
#[derive(Debug, Clone)]
pub(crate) struct WarmSettings {
    /// How many wait; none: as many as the machine should have.
    pub size: Option<u32>,
    /// Where they wait.
    pub folder: PathBuf,
    /// The program that is also the keeper.
    pub program: PathBuf,
    /// What holds for jobs holds for it.
    pub containment: Containment,
    /// What runtime peers inherit.
    pub environment: Vec<(String, String)>,
    /// The interpreter.
    pub python: PathBuf,
    /// Where they start.
    pub working_directory: PathBuf,
}

/// The pool; dropped, its kernels end.
#[derive(Debug)]
pub(crate) struct WarmPool {
    folder: PathBuf,
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl WarmPool {
    /// Starts it, unless the operator wants none or says nothing on a small machine.
    pub(crate) fn start(settings: WarmSettings) -> Option<Self> {
        let size = settings.size.unwrap_or_else(|| {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            usual_size(processors, meter::memory_bytes().unwrap_or(0))
        });
        if size == 0 {
            return None;
        }
        let folder = settings.folder.clone();
        let (end, ended) = watch::channel(false);
        let task = tokio::spawn(keep_filled(settings, size, ended));
        Some(Self { folder, end, task })
    }

    /// Where kernels wait.
    pub(crate) fn folder(&self) -> String {
        self.folder.to_string_lossy().into_owned()
    }

    /// Ends the kernels that wait.
    pub(crate) async fn close(self) {
        self.end.send_replace(true);
        if timeout(CLOSE_LIMIT, self.task).await.is_err() {
            tracing::warn!("[workstation-agent] a warm kernel does not end");
        }
    }
}

fn usual_size(processors: usize, memory: u64) -> u32 {
    if processors >= LEAST_PROCESSORS && memory >= LEAST_MEMORY {
        USUAL_SIZE
    } else {
        0
    }
}

/// How one warm keeper ended its stay.
enum Left {
    Claimed,
    Gone,
}

async fn keep_filled(settings: WarmSettings, size: u32, mut ended: watch::Receiver<bool>) {
    clean(&settings).await;
    let (stop, _) = watch::channel(());
    let mut waiting = JoinSet::new();
    let mut pause = FAILURE_PAUSE;
    let mut next_start = Instant::now();
    loop {
        let free = meter::available_memory_bytes().unwrap_or(0);
        let wants_more = waiting.len() < size as usize && free >= LEAST_FREE;
        if wants_more && Instant::now() >= next_start {
            match start(&settings) {
                Ok(keeper) => {
                    waiting.spawn(attend(keeper, stop.subscribe()));
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "[workstation-agent] no warm kernel can be started");
                    next_start = Instant::now() + pause;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
        if free < LEAST_FREE / 2 && !waiting.is_empty() {
            tracing::info!("[workstation-agent] memory is short: no kernels are kept warm");
            stop.send_replace(());
            while waiting.join_next().await.is_some() {}
        }
        let look = if wants_more {
            next_start.min(Instant::now() + MEMORY_TICK)
        } else {
            Instant::now() + MEMORY_TICK
        };
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => break,
            Some(left) = waiting.join_next() => {
                let wait = match left {
                    Ok(Left::Claimed) => {
                        pause = FAILURE_PAUSE;
                        REFILL_PAUSE
                    }
                    // It could not be started, or was ended by somebody.
                    Ok(Left::Gone) | Err(_) => {
                        let wait = pause;
                        pause = LONGEST_PAUSE.min(pause * 2);
                        wait
                    }
                };
                next_start = Instant::now() + wait;
            }
            () = tokio::time::sleep_until(look) => {}
        }
    }
    stop.send_replace(());
    while waiting.join_next().await.is_some() {}
}

struct Keeper {
    child: Child,
    /// Its end is the keeper's, until it is claimed.
    input: ChildStdin,
    words: ChildStdout,
}

fn start(settings: &WarmSettings) -> std::io::Result<Keeper> {
    let name = Uuid::new_v4().simple().to_string();
    let folder = settings.folder.join(&name);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(folder.join("keeper.log"))?;
    let job = format!("warm-{name}");
    let mut command = settings.containment.command(&settings.program, &job);
    command
        .args(["kernel-keeper", "--job-dir"])
        .arg(&folder)
        .arg("--warm-python")
        .arg(&settings.python)
        .arg("--warm-dir")
        .arg(&settings.working_directory)
        .args(settings.containment.secrets())
        .env_clear()
        .envs(settings.environment.iter().map(|(k, v)| (k, v)))
        .current_dir(&settings.working_directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0)
        // A claimed one outlives this agent.
        .kill_on_drop(false);
    if let Some(folder) = settings.containment.runtime_folder() {
        command.env("XDG_RUNTIME_DIR", folder);
    }
    if let Some(bytes) = settings.containment.process_memory() {
        command.args(["--process-memory", &bytes.to_string()]);
    }
    let mut child = command.spawn()?;
    if let Some(pid) = child.id() {
        settings.containment.give_way(pid);
    }
    let (input, words) = (child.stdin.take(), child.stdout.take());
    input
        .zip(words)
        .map(|(input, words)| Keeper {
            child,
            input,
            words,
        })
        .ok_or_else(|| std::io::Error::other("a keeper without pipes"))
}

/// Stays with a keeper until its kernel is claimed, it ends, or it is told to.
async fn attend(keeper: Keeper, mut stop: watch::Receiver<()>) -> Left {
    let Keeper {
        mut child,
        input,
        words,
    } = keeper;
    let claimed = async {
        let mut lines = BufReader::new(words).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line == CLAIMED {
                return true;
            }
        }
        false
    };
    let claimed = tokio::select! {
        claimed = claimed => claimed,
        _ = stop.changed() => false,
    };
    drop(input);
    if claimed {
        // It is its job's now; nobody but us can collect it when it ends before we do.
        tokio::spawn(async move { child.wait().await });
        return Left::Claimed;
    }
    // Whether it ended well makes no difference.
    let _ = child.wait().await;
    Left::Gone
}

/// Removes what earlier agents left: keepers that were killed leave their kernels, claimed ones their former folders.
async fn clean(settings: &WarmSettings) {
    for entry in std::fs::read_dir(&settings.folder)
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = entry.path();
        if JobFolder::at(&path).keeper_pid().is_some() {
            continue;
        }
        let ended = end_leftover(&settings.program, &path);
        if timeout(CLOSE_LIMIT, ended).await.is_err() {
            continue;
        }
        if let Err(error) = std::fs::remove_dir_all(&path) {
            tracing::warn!(%error, "[workstation-agent] the folder of a warm kernel cannot be removed");
        }
    }
}

async fn end_leftover(program: &Path, folder: &Path) {
    let mut command = Command::new(program);
    command
        .args(["kernel-keeper", "--end", "--job-dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // What is left is removed in any case.
    let _ = command.status().await;
}

#[cfg(test)]
mod tests {
    use super::usual_size;

    #[test]
    fn a_small_machine_keeps_no_kernel_warm() {
        let sizes = [(2, 64 << 30), (64, 4 << 30), (4, 8 << 30)];
        assert_eq!(
            sizes.map(|(cpus, memory)| usual_size(cpus, memory)),
            [0, 0, 1]
        );
    }
}
