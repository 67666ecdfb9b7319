//! The kernel keeper: one small process per job that owns the kernel and its channels.
//!
//! It drains every channel into the journal, hands requests to the kernel, and lives on when its
//! controller goes away. It knows no room and no credential. One controller is connected at a
//! time; a newer one replaces an older one.

mod flood;
mod record;
mod running;
mod server;
mod warm;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::confinement::Confinement;
use crate::failure::{FailureClass, LaunchFailure};
use crate::family;
use crate::journal::{self, JournalWriter};
use crate::launch::{Launched, launch};
use crate::notebook_environment::SharedLock;
use crate::process::{self, ProcessIdentity};
use crate::protocol::{Command, ExitCause, FromKeeper, KeeperEvent, KernelState, Status};
use crate::spec::LaunchSpec;

use flood::Flood;
pub use record::KeeperRecord;
use running::Running;
use server::{Incoming, Server};

/// How long a keeper lives without a controller, unless told otherwise (D1).
pub const DEFAULT_ORPHAN_LIMIT: Duration = Duration::from_mins(24 * 60 + 10);
/// How often orphaned processes are collected and the orphan limit is looked at.
const TICK: Duration = Duration::from_secs(10);
/// Held for the keeper's life: one keeper per job.
const LOCK_NAME: &str = "keeper.lock";
/// The kernel's identity, for a keeper that finds a kernel left behind.
const KERNEL_RECORD: &str = "kernel.pid.json";

/// What a keeper needs to know.
#[derive(Debug, Clone)]
pub struct KeeperConfig {
    /// The job's folder: journal, records and (when its path is short) sockets.
    pub job_dir: PathBuf,
    /// How long to live without a controller.
    pub orphan_limit: Duration,
    /// Bytes that the journal may hold before output is cut.
    pub journal_limit: u64,
    /// What is kept from its kernels.
    pub confinement: Confinement,
    /// For a warm keeper: the kernel to start and to offer to a job. It lives as long as its standard input is open.
    pub warm: Option<LaunchSpec>,
}

/// Why a keeper cannot run.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// Another keeper holds this job.
    #[error("another keeper already serves `{0}`")]
    AlreadyRunning(PathBuf),
    /// The file system refused.
    #[error("the keeper cannot use `{path}`: {source}")]
    Io {
        /// What it needed.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
}

enum Kernel {
    None,
    Starting(JoinHandle<Result<Launched, LaunchFailure>>),
    Running(Box<Running>),
}

struct Keeper {
    job_dir: PathBuf,
    nonce: String,
    /// Marks all that its kernels start.
    family: String,
    journal: JournalWriter,
    journal_limit: u64,
    kernel: Kernel,
    generation: u64,
    spec: Option<LaunchSpec>,
    confinement: Confinement,
    /// Keeps the environment of the last kernel from being cleaned up.
    environment: Option<SharedLock>,
    /// Held for the keeper's life: one keeper per job.
    lock: std::fs::File,
    /// Whether no job has claimed the kernel yet.
    is_warm: bool,
    /// Where the kernel waited before its job claimed it.
    pool_dir: Option<PathBuf>,
}

/// What the loop does after an event.
#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    End,
}

/// Runs the keeper until it is told to end. Call it first thing in its own process.
pub async fn run(config: KeeperConfig) -> Result<(), KeeperError> {
    detach();
    let job_dir = config.job_dir;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| KeeperError::Io { path, source }
    };
    std::fs::create_dir_all(&job_dir).map_err(io(&job_dir))?;
    let job_dir = job_dir.canonicalize().map_err(io(&job_dir))?;
    let lock = lock(&job_dir)?;
    end_leftover_kernel(&job_dir);
    let family = family::begin(&job_dir).map_err(io(&job_dir))?;
    let (journal, writer_thread) = JournalWriter::open(&job_dir.join(journal::FILE_NAME))?;
    let mut server = Server::bind(&job_dir, journal.end()).map_err(io(&job_dir))?;
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    KeeperRecord::write(&job_dir, &nonce, server.path()).map_err(io(&job_dir))?;
    say_listening();
    let mut keeper = Keeper {
        generation: last_generation(&job_dir),
        job_dir,
        nonce,
        family,
        journal,
        journal_limit: config.journal_limit,
        kernel: Kernel::None,
        spec: None,
        confinement: config.confinement,
        environment: None,
        lock,
        is_warm: config.warm.is_some(),
        pool_dir: None,
    };
    if let Some(spec) = config.warm {
        keeper.start(spec).await;
    }
    keeper.serve(&mut server, config.orphan_limit).await;
    server.close().await;
    KeeperRecord::remove(&keeper.job_dir);
    family::forget(&keeper.job_dir);
    let unclaimed = keeper.is_warm.then(|| keeper.job_dir.clone());
    let pool_dir = keeper.pool_dir.take().or(unclaimed);
    drop(server);
    drop(keeper);
    // The thread ends with the last handle; what was appended is written then.
    let _ = tokio::task::spawn_blocking(move || writer_thread.join()).await;
    if let Some(pool_dir) = pool_dir {
        // Its agent removes what is left of it.
        let _ = std::fs::remove_dir_all(pool_dir);
    }
    Ok(())
}

/// Tells who started us that it may connect; the only word on stdout.
fn say_listening() {
    let mut out = std::io::stdout().lock();
    // Nobody listens when the keeper was started by hand.
    let _ = writeln!(out, "listening").and_then(|()| out.flush());
}

/// A session of our own, and every orphan below us becomes our child.
fn detach() {
    if let Err(error) = rustix::process::setsid() {
        tracing::debug!(%error, "the keeper stays in its session");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::warn!(%error, "processes that leave the kernel's group cannot be followed");
    }
}

fn lock(job_dir: &Path) -> Result<std::fs::File, KeeperError> {
    let path = job_dir.join(LOCK_NAME);
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| KeeperError::Io {
            path: path.clone(),
            source,
        })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(KeeperError::AlreadyRunning(job_dir.to_owned()))
        }
        Err(std::fs::TryLockError::Error(source)) => Err(KeeperError::Io { path, source }),
    }
}

/// A keeper that was killed leaves its kernel behind; its channels are lost, so it ends here.
/// Does nothing while the job's keeper lives.
pub fn end_leftover_kernel(job_dir: &Path) {
    if KeeperRecord::read_alive(job_dir).is_some() {
        return;
    }
    family::end_leftover(job_dir);
    let path = job_dir.join(KERNEL_RECORD);
    let Ok(bytes) = std::fs::read(&path) else {
        return;
    };
    if let Ok(kernel) = serde_json::from_slice::<ProcessIdentity>(&bytes)
        && kernel.is_alive()
    {
        tracing::warn!(
            pid = kernel.pid,
            "ending the kernel of a keeper that was killed"
        );
        process::signal_group(kernel.pid, rustix::process::Signal::KILL);
    }
    // Absent already is as good.
    let _ = std::fs::remove_file(path);
}

/// The generation of the last kernel of a job, so that numbers never repeat; 0 before the first.
pub fn last_generation(job_dir: &Path) -> u64 {
    let path = job_dir.join("keeper.generation");
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

impl Keeper {
    async fn serve(&mut self, server: &mut Server, orphan_limit: Duration) {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            return;
        };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut last_controlled = Instant::now();
        let agent_gone = warm::agent_gone(self.is_warm);
        tokio::pin!(agent_gone);
        loop {
            let next = tokio::select! {
                incoming = server.next() => self.on_incoming(incoming, server).await,
                change = kernel_change(&mut self.kernel) => match change {
                    KernelChange::Launched(launched) => self.on_launched(*launched).await,
                    KernelChange::Exited(exit) => self.on_exit(exit).await,
                },
                _ = terminate.recv() => Next::End,
                () = &mut agent_gone, if self.is_warm => Next::End,
                _ = tick.tick() => {
                    let spare: Vec<i32> = self.kernel_pid().into_iter().collect();
                    process::reap_orphans(&spare);
                    if server.has_controller() {
                        last_controlled = Instant::now();
                    }
                    if last_controlled.elapsed() < orphan_limit { Next::Continue } else { Next::End }
                }
            };
            if next == Next::End {
                crate::warm::withdraw(&self.job_dir);
                self.stop(false).await;
                return;
            }
        }
    }

    fn kernel_pid(&self) -> Option<i32> {
        match &self.kernel {
            Kernel::Running(running) => Some(running.pid),
            Kernel::Starting(_) | Kernel::None => None,
        }
    }

    async fn on_incoming(&mut self, incoming: Incoming, server: &mut Server) -> Next {
        let Incoming { request, reply } = incoming;
        if request.command == Command::Shutdown {
            self.stop(false).await;
            // The controller may be gone already.
            let _ = reply
                .send(FromKeeper::Done {
                    id: request.id,
                    status: None,
                })
                .await;
            return Next::End;
        }
        let obeyed = match request.command {
            Command::Serve { job_dir, spec } => {
                let served = self.serve_job(job_dir, *spec, server).await;
                served.map(|()| None)
            }
            command => self.obey(command, request.buffers).await,
        };
        let answer = match obeyed {
            Ok(status) => FromKeeper::Done {
                id: request.id,
                status,
            },
            Err(message) => FromKeeper::Refused {
                id: request.id,
                message,
            },
        };
        let _ = reply.send(answer).await;
        Next::Continue
    }

    async fn obey(
        &mut self,
        command: Command,
        buffers: Vec<bytes::Bytes>,
    ) -> Result<Option<Status>, String> {
        match command {
            Command::Status => return Ok(Some(self.status())),
            Command::Start { spec } => {
                if !matches!(self.kernel, Kernel::None) {
                    return Err("a kernel is already there".to_owned());
                }
                self.start(*spec).await;
            }
            Command::Send(mut outgoing) => {
                outgoing.buffers = buffers;
                match &mut self.kernel {
                    Kernel::Running(running) => running.send(*outgoing, &self.journal).await?,
                    _ => return Err("no kernel is running".to_owned()),
                }
            }
            Command::Interrupt { force_signal } => match &mut self.kernel {
                Kernel::Running(running) => running.interrupt(force_signal),
                _ => return Err("no kernel is running".to_owned()),
            },
            Command::Restart => {
                let Some(spec) = self.spec.clone() else {
                    return Err("no kernel was started yet".to_owned());
                };
                self.stop(true).await;
                self.start(spec).await;
            }
            Command::Stop | Command::Shutdown | Command::Serve { .. } => self.stop(false).await,
            Command::Release { position } => {
                let path = self.job_dir.join(journal::FILE_NAME);
                journal::release(&path, position).map_err(|error| error.to_string())?;
                self.journal.released(position);
            }
        }
        Ok(None)
    }

    fn status(&self) -> Status {
        Status {
            nonce: self.nonce.clone(),
            kernel: match self.kernel {
                Kernel::None => KernelState::None,
                Kernel::Starting(_) => KernelState::Starting,
                Kernel::Running(_) => KernelState::Running,
            },
            generation: self.generation,
            kernel_pid: self.kernel_pid(),
            journal_end: *self.journal.end().borrow(),
            kernel_info: match &self.kernel {
                Kernel::Running(running) => running.kernel_info.clone(),
                Kernel::Starting(_) | Kernel::None => serde_json::Value::Null,
            },
            kernelspec: self.kernelspec(),
            unresponsive_since_ms: match &self.kernel {
                Kernel::Running(running) => running.unresponsive_since().and_then(ms),
                Kernel::Starting(_) | Kernel::None => None,
            },
            env_source: self.env_source(),
        }
    }

    fn env_source(&self) -> Option<String> {
        self.spec.as_ref().and_then(|spec| spec.env_source.clone())
    }

    fn kernelspec(&self) -> Option<String> {
        self.spec.as_ref().and_then(|spec| spec.kernelspec.clone())
    }

    async fn start(&mut self, mut spec: LaunchSpec) {
        self.generation += 1;
        if let Err(error) = std::fs::write(
            self.job_dir.join("keeper.generation"),
            self.generation.to_string(),
        ) {
            tracing::warn!(%error, "the kernel's number cannot be noted");
        }
        let event = KeeperEvent::KernelStarting {
            generation: self.generation,
        };
        self.journal.append_event(&event).await;
        self.spec = Some(spec.clone());
        self.environment = spec.in_use.as_deref().and_then(keep_environment);
        spec.env
            .insert(family::VARIABLE.to_owned(), self.family.clone());
        let (job_dir, journal) = (self.job_dir.clone(), self.journal.clone());
        let confinement = self.confinement.clone();
        self.kernel = Kernel::Starting(tokio::spawn(async move {
            launch(&spec, &job_dir, &journal, Some(&confinement)).await
        }));
    }

    async fn on_launched(&mut self, launched: Result<Launched, LaunchFailure>) -> Next {
        let generation = self.generation;
        match launched {
            Ok(launched) => {
                self.note_kernel(launched.pid);
                let event = KeeperEvent::KernelStarted {
                    generation,
                    pid: launched.pid,
                    kernel_info: launched.kernel_info.clone(),
                    kernelspec: self.kernelspec(),
                    env_source: self.env_source(),
                };
                let mode = self
                    .spec
                    .as_ref()
                    .map(|spec| spec.interrupt_mode)
                    .unwrap_or_default();
                let running = Running::new(
                    launched,
                    generation,
                    mode,
                    &self.journal,
                    Flood::new(self.journal_limit),
                );
                self.kernel = Kernel::Running(Box::new(running));
                self.journal.append_event(&event).await;
                self.offer();
            }
            Err(failure) => {
                self.kernel = Kernel::None;
                kill_rest().await;
                self.journal
                    .append_event(&KeeperEvent::LaunchFailed {
                        generation,
                        failure,
                    })
                    .await;
                return self.next_without_kernel();
            }
        }
        Next::Continue
    }

    fn note_kernel(&self, pid: i32) {
        let noted = ProcessIdentity::of(pid)
            .and_then(|identity| serde_json::to_vec(&identity).ok())
            .map(|bytes| std::fs::write(self.job_dir.join(KERNEL_RECORD), bytes));
        if !matches!(noted, Some(Ok(()))) {
            tracing::warn!(pid, "the kernel's identity cannot be noted");
        }
    }

    async fn on_exit(&mut self, exit: ExitCause) -> Next {
        if let Kernel::Running(running) = std::mem::replace(&mut self.kernel, Kernel::None) {
            let stderr_tail = running.finish().await;
            kill_rest().await;
            let generation = self.generation;
            self.journal
                .append_event(&KeeperEvent::KernelDied {
                    generation,
                    exit,
                    stderr_tail,
                })
                .await;
        }
        self.next_without_kernel()
    }

    /// Without its kernel a warm keeper is of no use.
    fn next_without_kernel(&self) -> Next {
        if self.is_warm {
            Next::End
        } else {
            Next::Continue
        }
    }

    /// Ends the kernel, whatever it is doing, and everything it started.
    async fn stop(&mut self, restarting: bool) {
        let exit = match std::mem::replace(&mut self.kernel, Kernel::None) {
            Kernel::None => return,
            Kernel::Starting(task) => {
                task.abort();
                // Waiting makes sure that the guard has killed the process.
                let _ = task.await;
                ExitCause::default()
            }
            Kernel::Running(mut running) => {
                let exit = running.end(restarting, &self.journal).await;
                running.finish().await;
                exit
            }
        };
        kill_rest().await;
        let event = KeeperEvent::KernelStopped {
            generation: self.generation,
            exit,
            restarting,
        };
        self.journal.append_event(&event).await;
    }
}

fn ms(at: std::time::SystemTime) -> Option<i64> {
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

fn keep_environment(lock: &Path) -> Option<SharedLock> {
    SharedLock::try_take(lock).unwrap_or_else(|error| {
        tracing::warn!(%error, "the kernel's environment is not kept from being cleaned up");
        None
    })
}

/// Kills what the kernel left behind.
async fn kill_rest() {
    let done = tokio::task::spawn_blocking(|| process::kill_descendants(&[])).await;
    if done.is_err() {
        tracing::error!("processes of the kernel could not be looked for");
    }
}

/// What the kernel did by itself.
enum KernelChange {
    Launched(Box<Result<Launched, LaunchFailure>>),
    Exited(ExitCause),
}

/// Waits for the kernel's next change. Cancel-safe.
async fn kernel_change(kernel: &mut Kernel) -> KernelChange {
    match kernel {
        Kernel::None => std::future::pending().await,
        Kernel::Starting(task) => {
            let launched = task.await.unwrap_or_else(|error| {
                let what = format!("the launch broke off: {error}");
                Err(LaunchFailure::new(FailureClass::Other, what))
            });
            KernelChange::Launched(Box::new(launched))
        }
        Kernel::Running(running) => KernelChange::Exited(running.exited().await),
    }
}
