//! Starting, watching, adopting and ending runtime peers (spec 3.11 to 3.16).

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use agent_core::{Event, JobOrder, LocalPeer, PeerExit, SpawnSettings, slug, spawn_plan};
use cloud_client::{CloudClient, ExposeSecret as _, SecretString};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::TOKEN_VARIABLE;
use crate::agent_loop::News;
use crate::job_folder::{JobFolder, JobOwner, PeerRecord, ReadyScan};
use crate::process::{ProcessIdentity, command_line_has, environment_value};
use crate::scopes::Containment;
use crate::token_desk::{Exchange, TokenDesk};

/// Carries the nonce by which a peer is recognised later.
const NONCE_VARIABLE: &str = "RUNT_PEER_NONCE";
/// How often the log of a peer that does not say that it is ready at its desk is read (spec 3.13).
const READY_TICK: Duration = Duration::from_millis(250);
/// How often an adopted peer is looked at.
const ADOPTED_TICK: Duration = Duration::from_millis(250);

/// The peers of this machine that the agent looks after.
pub(crate) struct Peers {
    program: PathBuf,
    containment: Containment,
    settings: SpawnSettings,
    environment: Vec<(String, String)>,
    client: CloudClient,
    credential: watch::Sender<SecretString>,
    /// The cloud exchanges jobs for room tokens, so that peers need no credential.
    room_tokens: bool,
    desks: BTreeMap<String, TokenDesk>,
    news: mpsc::Sender<News>,
    watched: BTreeMap<String, ProcessIdentity>,
}

impl Peers {
    pub fn new(
        program: PathBuf,
        containment: Containment,
        settings: SpawnSettings,
        environment: Vec<(String, String)>,
        client: CloudClient,
        token: SecretString,
        news: mpsc::Sender<News>,
    ) -> Self {
        Self {
            program,
            containment,
            settings,
            environment,
            client,
            credential: watch::Sender::new(token),
            room_tokens: false,
            desks: BTreeMap::new(),
            news,
            watched: BTreeMap::new(),
        }
    }

    /// The cloud said that it exchanges jobs for room tokens.
    pub fn use_room_tokens(&mut self) {
        self.room_tokens = true;
    }

    /// The credential was rotated.
    pub fn use_credential(&mut self, token: SecretString) {
        self.credential.send_replace(token);
    }

    /// Opens the desk at which the job's peer gets its tokens and says how it is.
    fn open_desk(&mut self, job_id: &str, folder: &JobFolder) -> std::io::Result<()> {
        // The former desk of this job goes before its socket's name is used again.
        self.desks.remove(job_id);
        let exchange = Exchange {
            client: self.client.clone(),
            credential: self.credential.subscribe(),
            workstation_id: self.settings.workstation_id.clone(),
            job_id: job_id.to_owned(),
            gives_tokens: self.room_tokens,
            news: self.news.clone(),
        };
        let desk = TokenDesk::open(folder, exchange)?;
        self.desks.insert(job_id.to_owned(), desk);
        Ok(())
    }

    /// Makes the job's folder, by which this machine later knows the job as its own.
    pub fn prepare(&self, job_id: &str) {
        if let Some(folder) = self.folder(job_id)
            && let Err(error) = folder.create(job_id, &self.owner())
        {
            tracing::warn!(job_id, %error, "[workstation-agent] cannot make the job's folder");
        }
    }

    fn owner(&self) -> JobOwner {
        JobOwner::here(&self.settings.cloud_url, &self.settings.workstation_id)
    }

    /// Jobs of this workstation with a peer or a kernel that an earlier agent left.
    pub fn left_behind(&self) -> Vec<String> {
        JobFolder::left_behind(Path::new(&self.settings.agent_root), &self.owner())
    }

    fn folder(&self, job_id: &str) -> Option<JobFolder> {
        let name = slug(job_id);
        let usable = !name.is_empty() && !name.bytes().all(|b| b == b'.');
        usable.then(|| JobFolder::at(Path::new(&self.settings.agent_root).join(name)))
    }

    /// Starts a job's peer.
    pub fn spawn(&mut self, job: &JobOrder) -> Result<(), String> {
        let plan = spawn_plan(&self.settings, job).map_err(|error| error.to_string())?;
        let folder = JobFolder::at(&plan.job_folder);
        let told = |what: &str, error: std::io::Error| format!("{what}: {error}");
        folder
            .create(&job.job_id, &self.owner())
            .map_err(|e| told("cannot make the job's folder", e))?;
        if let Err(error) = folder.describe(job) {
            tracing::warn!(job_id = job.job_id, %error, "[workstation-agent] cannot describe the job");
        }
        if !Path::new(&plan.working_directory).is_dir() {
            return Err(format!(
                "the working directory {:?} is not a folder",
                plan.working_directory
            ));
        }
        let (log, log_offset) = folder
            .open_log()
            .map_err(|e| told("cannot open the peer's log", e))?;
        let errors = log
            .try_clone()
            .map_err(|e| told("cannot open the peer's log", e))?;
        let nonce = Uuid::new_v4().to_string();
        let mut command = self.containment.command(&self.program, &job.job_id);
        command
            .args(&plan.args)
            .args(self.containment.secrets())
            .current_dir(&plan.working_directory)
            .env_clear()
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .env(NONCE_VARIABLE, &nonce)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Its own group: a Ctrl-C in the terminal is the agent's to handle, and the peer outlives the agent.
            .process_group(0)
            .kill_on_drop(false);
        if let Some(folder) = self.containment.runtime_folder() {
            command.env("XDG_RUNTIME_DIR", folder);
        }
        if let Some(bytes) = self.containment.process_memory() {
            command.args(["--process-memory", &bytes.to_string()]);
        }
        if !self.room_tokens {
            let credential = self.credential.borrow().clone();
            command.env(TOKEN_VARIABLE, credential.expose_secret());
        }
        match self.open_desk(&job.job_id, &folder) {
            Ok(()) => {
                command.arg("--token-socket").arg(TokenDesk::path(&folder));
            }
            Err(error) if self.room_tokens => {
                return Err(told("cannot open the socket for the peer's tokens", error));
            }
            // It has a credential, and its log tells when it is ready.
            Err(error) => {
                tracing::warn!(job_id = job.job_id, %error, "[workstation-agent] the peer cannot say how it is");
            }
        }
        let child = command
            .spawn()
            .map_err(|e| told("cannot start the program", e))?;
        let pid = child.id().unwrap_or_default();
        self.containment.give_way(pid);
        let process = ProcessIdentity::of(pid).unwrap_or(ProcessIdentity {
            pid,
            started: "ended at once".to_owned(),
        });
        let record = PeerRecord {
            process: process.clone(),
            nonce,
            job_id: job.job_id.clone(),
            log_offset,
        };
        if let Err(error) = folder.write_record(&record) {
            // Nobody could recognise it later, and it gets no token.
            process.kill_group();
            return Err(told("cannot record the peer", error));
        }
        tracing::info!(
            job_id = job.job_id,
            notebook_id = job.notebook_id,
            pid,
            "[workstation-agent] started a peer"
        );
        self.watched.insert(job.job_id.clone(), process);
        tokio::spawn(watch_child(
            job.job_id.clone(),
            child,
            folder,
            log_offset,
            self.news.clone(),
        ));
        Ok(())
    }

    /// Looks for a job's peer; a living one is watched from now on.
    pub fn inspect(&mut self, job: &JobOrder) -> LocalPeer {
        let Some(folder) = self
            .folder(&job.job_id)
            .filter(|f| f.job_id().as_deref() == Some(&job.job_id) && f.is_of_this_machine())
        else {
            return LocalPeer::Foreign;
        };
        let record = folder.record().filter(|record| record.job_id == job.job_id);
        let Some(record) = record.filter(is_our_peer) else {
            return LocalPeer::Dead {
                exit: folder.exit_note(),
            };
        };
        let mut scan = ReadyScan::new(&folder, record.log_offset);
        let ready = scan.look();
        // A peer that was started with the credential itself does not come.
        if let Err(error) = self.open_desk(&job.job_id, &folder) {
            tracing::warn!(job_id = job.job_id, %error, "[workstation-agent] cannot open the socket for the peer's tokens");
        }
        tracing::info!(
            job_id = job.job_id,
            pid = record.process.pid,
            "[workstation-agent] found a living peer"
        );
        self.watched
            .insert(job.job_id.clone(), record.process.clone());
        let scan = (!ready).then_some(scan);
        tokio::spawn(watch_adopted(record, folder, scan, self.news.clone()));
        LocalPeer::Alive { ready }
    }

    /// Asks a peer to end.
    pub fn terminate(&self, job_id: &str) {
        if let Some(process) = self.watched.get(job_id) {
            process.terminate();
        }
    }

    /// Ends a peer and its process group.
    pub fn kill(&self, job_id: &str) {
        if let Some(process) = self.watched.get(job_id) {
            process.kill_group();
        }
    }

    /// Ends the kernel that a peer that was killed may have left, and whatever else of the job is there.
    pub fn end_kernel(&self, job_id: &str) {
        let Some(folder) = self
            .folder(job_id)
            .filter(|f| f.job_id().as_deref() == Some(job_id) && f.is_of_this_machine())
        else {
            return;
        };
        let keeper = folder.has_keeper().then(|| folder.path());
        if keeper.is_some() {
            tracing::info!(
                job_id,
                "[workstation-agent] ending the kernel that a peer left"
            );
        }
        let Some(mut command) = self.containment.end(&self.program, job_id, keeper) else {
            return;
        };
        command
            .env_clear()
            .envs(self.environment.iter().map(|(k, v)| (k, v)));
        if let Some(folder) = self.containment.runtime_folder() {
            command.env("XDG_RUNTIME_DIR", folder);
        }
        match command.spawn() {
            Ok(mut child) => {
                // It ends by itself, also when the agent ends first.
                tokio::spawn(async move { child.wait().await });
            }
            Err(error) => {
                tracing::warn!(job_id, %error, "[workstation-agent] cannot end the job's kernel");
            }
        }
    }

    /// Removes what identifies a peer that is over.
    pub fn forget(&mut self, job_id: &str) {
        self.watched.remove(job_id);
        self.desks.remove(job_id);
        if let Some(folder) = self
            .folder(job_id)
            .filter(|f| f.job_id().as_deref() == Some(job_id) && f.is_of_this_machine())
        {
            folder.remove_record();
        }
    }
}

/// Same process by start time; command line and nonce agree wherever they can be read.
fn is_our_peer(record: &PeerRecord) -> bool {
    let pid = record.process.pid;
    record.process.is_alive()
        && command_line_has(pid, &["cloud-runtime-agent", &record.job_id]) != Some(false)
        && environment_value(pid, NONCE_VARIABLE).is_none_or(|nonce| nonce == record.nonce)
}

async fn watch_child(
    job_id: String,
    mut child: Child,
    folder: JobFolder,
    log_offset: u64,
    news: mpsc::Sender<News>,
) {
    let mut scan = Some(ReadyScan::new(&folder, log_offset));
    let mut tick = tokio::time::interval(READY_TICK);
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.ok(),
            _ = tick.tick(), if scan.is_some() => if scan.as_mut().is_some_and(ReadyScan::look) {
                scan = None;
                let _ = news.send(News::Core(Event::PeerReady { job_id: job_id.clone() })).await;
            },
        }
    };
    let mut exit = PeerExit {
        code: status.and_then(|s| s.code()),
        signal: status.and_then(|s| s.signal()),
        ..PeerExit::default()
    };
    if !status.is_some_and(|status: ExitStatus| status.success()) {
        let note = folder.exit_note().and_then(|note| note.detail);
        exit.detail = note.or_else(|| folder.last_log_line(log_offset));
    }
    let _ = news
        .send(News::Core(Event::PeerExited { job_id, exit }))
        .await;
}

async fn watch_adopted(
    record: PeerRecord,
    folder: JobFolder,
    mut scan: Option<ReadyScan>,
    news: mpsc::Sender<News>,
) {
    let mut tick = tokio::time::interval(ADOPTED_TICK);
    while record.process.is_alive() {
        if scan.as_mut().is_some_and(ReadyScan::look) {
            scan = None;
            let event = Event::PeerReady {
                job_id: record.job_id.clone(),
            };
            let _ = news.send(News::Core(event)).await;
        }
        tick.tick().await;
    }
    let exit = folder.exit_note().unwrap_or_else(|| PeerExit {
        unseen: true,
        detail: folder.last_log_line(record.log_offset),
        ..PeerExit::default()
    });
    let _ = news
        .send(News::Core(Event::PeerExited {
            job_id: record.job_id,
            exit,
        }))
        .await;
}
