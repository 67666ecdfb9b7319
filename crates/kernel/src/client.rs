//! The controller's side: finding or starting a job's keeper, and speaking to it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::environment;
use crate::keeper::KeeperRecord;
use crate::process::{self, ProcessIdentity};
use crate::protocol::{Command, FromKeeper, Request, Status, read_frame, write_frame};
use crate::socket_path;

/// How long a keeper may take to listen after it was started.
const START_WAIT: Duration = Duration::from_secs(10);
/// How long it may take to end when it cannot be spoken to.
const END_WAIT: Duration = Duration::from_secs(1);
/// How long an answer may take; stopping a stubborn kernel is the slowest.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long a living keeper whose connection broke is dialled again, and the pause between two attempts.
const REDIAL_LIMIT: Duration = Duration::from_secs(10);
const REDIAL_PAUSE: Duration = Duration::from_millis(100);
/// How long a keeper that cannot be reached may take to end, its stubborn kernel included.
const DISMISS_WAIT: Duration = Duration::from_secs(15);
/// Requests that may wait for the socket.
const QUEUE: usize = 256;

/// How to start a keeper: `program args… --job-dir DIR`.
#[derive(Debug, Clone)]
pub struct KeeperCommand {
    /// The program, usually this one.
    pub program: PathBuf,
    /// What comes before `--job-dir`.
    pub args: Vec<OsString>,
}

/// Why the keeper cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is none for this job.
    #[error("no kernel keeper runs for this job")]
    Absent,
    /// It could not be started.
    #[error("the kernel keeper cannot be started: {0}")]
    Start(String),
    /// The connection is gone.
    #[error("the connection to the kernel keeper is gone")]
    Gone,
    /// It did not answer in time.
    #[error("the kernel keeper did not answer within {} s", ANSWER_WAIT.as_secs())]
    Silent,
    /// It refused.
    #[error("the kernel keeper refused: {0}")]
    Refused(String),
}

/// What the keeper said unasked: how far the journal reaches and whether the link still holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeeperLink {
    /// The journal's end, as last heard.
    pub journal_end: u64,
    /// A newer controller took over; this one must stand back.
    pub replaced: bool,
    /// The connection ended.
    pub gone: bool,
}

type Pending = oneshot::Sender<Result<Option<Status>, ClientError>>;

/// A connection to a job's keeper; cheap to clone.
#[derive(Debug, Clone)]
pub struct KeeperClient {
    record: KeeperRecord,
    requests: mpsc::Sender<(Command, Pending)>,
    link: watch::Receiver<KeeperLink>,
}

impl KeeperClient {
    /// Connects to the job's living keeper, or starts one. True when it was there already.
    pub async fn ensure(
        job_dir: &Path,
        command: &KeeperCommand,
    ) -> Result<(Self, bool), ClientError> {
        match Self::connect(job_dir).await {
            Ok(client) => return Ok((client, true)),
            Err(ClientError::Absent) => {}
            Err(error) => return Err(error),
        }
        let mut child = start(job_dir, command)?;
        let mut words = child.stdout.take();
        let said_something = async {
            match &mut words {
                // Its first word says that it listens; the end of its words, that it ended.
                Some(words) => drop(words.read(&mut [0]).await),
                None => std::future::pending().await,
            }
        };
        if timeout(START_WAIT, said_something).await.is_err() {
            // It never listened, so nothing of value is lost.
            let _ = child.kill().await;
            return Err(ClientError::Start(format!(
                "it did not listen within {} s",
                START_WAIT.as_secs()
            )));
        }
        match Self::connect(job_dir).await {
            Ok(client) => {
                // Nobody but us can collect it when it ends before we do.
                tokio::spawn(async move { child.wait().await });
                Ok((client, false))
            }
            Err(error) => {
                let Ok(Ok(status)) = timeout(END_WAIT, child.wait()).await else {
                    let _ = child.kill().await;
                    return Err(error);
                };
                Err(ClientError::Start(format!(
                    "it ended at once ({}); see `keeper.log` in the job's folder",
                    crate::protocol::ExitCause::from(status)
                )))
            }
        }
    }

    /// Connects to the job's living keeper and checks that it is the one in the record.
    pub async fn connect(job_dir: &Path) -> Result<Self, ClientError> {
        Ok(Self::adopt(job_dir).await?.0)
    }

    /// The same, with what the keeper and its kernel do.
    pub async fn adopt(job_dir: &Path) -> Result<(Self, Status), ClientError> {
        let record = KeeperRecord::read_alive(job_dir).ok_or(ClientError::Absent)?;
        Self::reach(&record).await
    }

    /// Connects again to the very keeper (process, start time, nonce) whose connection broke.
    pub async fn redial(&self) -> Result<Self, ClientError> {
        Ok(Self::reach(&self.record).await?.0)
    }

    /// Dials for as long as the keeper lives. One that takes no connection for ten seconds, or takes one and stays
    /// silent, is ended, and its kernel with it.
    async fn reach(record: &KeeperRecord) -> Result<(Self, Status), ClientError> {
        let until = Instant::now() + REDIAL_LIMIT;
        while record.process.is_alive() {
            match Self::dial(record).await {
                Ok(reached) => return Ok(reached),
                Err(_) if Instant::now() >= until => break,
                Err(_) => sleep(REDIAL_PAUSE).await,
            }
        }
        dismiss(&record.process).await;
        Err(ClientError::Absent)
    }

    async fn dial(record: &KeeperRecord) -> Result<(Self, Status), ClientError> {
        let stream = socket_path::connect(&record.socket)
            .await
            .map_err(|_| ClientError::Absent)?;
        let (requests, queue) = mpsc::channel(QUEUE);
        let (link_in, link) = watch::channel(KeeperLink::default());
        tokio::spawn(speak(stream, queue, link_in));
        let client = Self {
            record: record.clone(),
            requests,
            link,
        };
        let status = client.status().await?;
        if status.nonce == record.nonce {
            Ok((client, status))
        } else {
            Err(ClientError::Absent)
        }
    }

    /// Asks and waits for the answer.
    pub async fn request(&self, command: Command) -> Result<Option<Status>, ClientError> {
        let (pending, answer) = oneshot::channel();
        self.requests
            .send((command, pending))
            .await
            .map_err(|_| ClientError::Gone)?;
        match timeout(ANSWER_WAIT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ClientError::Gone),
            Err(_) => Err(ClientError::Silent),
        }
    }

    /// What the keeper and its kernel do.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.request(Command::Status)
            .await?
            .ok_or(ClientError::Gone)
    }

    /// What the keeper says unasked; changes with every growth of the journal.
    pub fn link(&self) -> watch::Receiver<KeeperLink> {
        self.link.clone()
    }
}

async fn dismiss(keeper: &ProcessIdentity) {
    for signal in [Signal::TERM, Signal::KILL] {
        if !keeper.is_alive() {
            return;
        }
        tracing::warn!(
            pid = keeper.pid,
            ?signal,
            "the kernel keeper lives and cannot be reached"
        );
        process::signal_process(keeper.pid, signal);
        let ended = async {
            while keeper.is_alive() {
                sleep(REDIAL_PAUSE).await;
            }
        };
        // One that ignores this is killed next.
        let _ = timeout(DISMISS_WAIT, ended).await;
    }
}

fn start(job_dir: &Path, command: &KeeperCommand) -> Result<tokio::process::Child, ClientError> {
    let failed = |error: std::io::Error| ClientError::Start(error.to_string());
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(job_dir.join("keeper.log"))
        .map_err(failed)?;
    tokio::process::Command::new(&command.program)
        .args(&command.args)
        .arg("--job-dir")
        .arg(job_dir)
        .env_clear()
        .envs(environment::inherited())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(false)
        .spawn()
        .map_err(failed)
}

async fn speak(
    stream: UnixStream,
    mut queue: mpsc::Receiver<(Command, Pending)>,
    link: watch::Sender<KeeperLink>,
) {
    let (mut from, mut to) = stream.into_split();
    let (frames_in, mut frames) = mpsc::channel::<Vec<Bytes>>(QUEUE);
    // Frames are read in a task of their own: a read that loses a race must lose no bytes.
    let reader = tokio::spawn(async move {
        while let Ok(Some(parts)) = read_frame(&mut from).await {
            if frames_in.send(parts).await.is_err() {
                return;
            }
        }
    });
    let mut pending: HashMap<u64, Pending> = HashMap::new();
    let mut next_id = 0;
    loop {
        tokio::select! {
            request = queue.recv() => {
                let Some((mut command, answer)) = request else { break };
                next_id += 1;
                let buffers = match &mut command {
                    Command::Send(outgoing) => std::mem::take(&mut outgoing.buffers),
                    _ => Vec::new(),
                };
                pending.insert(next_id, answer);
                if write_frame(&mut to, &Request { id: next_id, command }, &buffers).await.is_err() {
                    break;
                }
            }
            parts = frames.recv() => {
                let Some(parts) = parts else { break };
                let Ok(message) = wire::json::from_slice(&parts[0]) else { break };
                hear(message, &mut pending, &link);
            }
        }
    }
    reader.abort();
    link.send_modify(|link| link.gone = true);
}

fn hear(
    message: FromKeeper,
    pending: &mut HashMap<u64, Pending>,
    link: &watch::Sender<KeeperLink>,
) {
    let (id, answer) = match message {
        FromKeeper::Grown { end } => {
            link.send_modify(|link| link.journal_end = end);
            return;
        }
        FromKeeper::Replaced => {
            link.send_modify(|link| link.replaced = true);
            return;
        }
        FromKeeper::Done { id, status } => (id, Ok(status)),
        FromKeeper::Refused { id, message } => (id, Err(ClientError::Refused(message))),
    };
    if let Some(waiting) = pending.remove(&id) {
        // Whoever asked may have stopped waiting.
        let _ = waiting.send(answer);
    }
}
