//! A notebook file from top to bottom, without a cloud: the same session, keeper and output path
//! as in a room, beside a room in memory.

mod end_signals;
mod room;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use documents::hosted_file::HostedFile;
use documents::runtime_state::status;
use documents::{
    CommsDoc, DeclaredEnvironment, DocError, NotebookDoc, RuntimeStateDoc, WantedKernelspec,
};
use kernel::client::KeeperCommand;
use kernel::confinement::Confinement;
use kernel::journal::{DEFAULT_LIMIT_BYTES, JournalError, Record};
use kernel::protocol::KeeperEvent;
use serde_json::{Value, json};
use session_core::{Effect, Event, LaunchMode, Outcome, Session, Settings};
use tokio::sync::Notify;
use tokio::time::Instant;
use wire::FrameType;

use crate::clock::{now, until, wait_until};
use crate::journal_feed::JournalFeed;
use crate::keeper_control::{KeeperControl, KeeperOrder, KeeperReport};
use crate::launcher::{Launcher, Step};
use crate::peer::nonce;
use crate::position::Position;
use crate::translate::{self, News};
use end_signals::EndSignals;
use room::{LocalRoom, PRINCIPAL};

/// How long an interrupted cell may take to end; after it the kernel is ended as it is.
const INTERRUPT_WAIT: Duration = Duration::from_secs(10);
/// How long the last writes may take to be in the documents.
const SETTLE_WAIT: Duration = Duration::from_secs(2);
/// A cell with this tag may fail.
const MAY_FAIL_TAG: &str = "raises-exception";
/// A cell with this tag is not run.
const SKIP_TAG: &str = "skip-execution";

/// What a run is told.
#[derive(Debug)]
pub struct RunConfig {
    /// The interpreter that runs Python notebooks.
    pub python: Option<PathBuf>,
    /// The kernel instead of the interpreter's own.
    pub kernel: Option<WantedKernelspec>,
    /// The environment that the notebook declares.
    pub environment: Option<DeclaredEnvironment>,
    /// Where the kernel starts.
    pub working_dir: PathBuf,
    /// Hears how far the preparation of the environment is.
    pub progress: fn(&str),
    /// A folder for keeper and journal that nobody else uses.
    pub job_dir: PathBuf,
    /// How to start a keeper.
    pub keeper: KeeperCommand,
    /// What is kept from all that the notebook's code may have made.
    pub confinement: Confinement,
    /// Whether the cells after a failed one are run.
    pub allow_errors: bool,
    /// How long one cell may take, from when the kernel has it.
    pub cell_timeout: Option<Duration>,
}

/// Why a run stopped before its last cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunFailure {
    /// A cell failed.
    #[error("cell {number} failed: {error}")]
    Cell {
        /// The cell's place among all cells, from 1.
        number: usize,
        /// Name and value of the exception.
        error: String,
    },
    /// A cell took too long.
    #[error("cell {number} took longer than {} s and was interrupted", limit.as_secs_f64())]
    Timeout {
        /// The cell's place among all cells, from 1.
        number: usize,
        /// How long it was allowed to take.
        limit: Duration,
    },
    /// The kernel could not be started.
    #[error("{0}")]
    Kernel(String),
    /// The kernel ended.
    #[error("{0}")]
    Died(String),
    /// Somebody asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// The documents or the keeper cannot be used.
    #[error("{0}")]
    Local(String),
}

/// What a run leaves: the documents as they are, also when it stopped early.
#[derive(Debug)]
pub struct RunResult {
    /// The cells.
    pub notebook: NotebookDoc,
    /// Executions and outputs.
    pub state: RuntimeStateDoc,
    /// Widget values.
    pub comms: CommsDoc,
    /// The blobs that outputs name.
    pub blobs: std::collections::HashMap<String, Vec<u8>>,
    /// What the kernel says of its language; `Null` when none was started.
    pub language_info: Value,
    /// The cells that were run.
    pub ran: usize,
    /// Why it stopped early, if it did.
    pub failure: Option<RunFailure>,
}

struct Run {
    session: Session,
    room: LocalRoom,
    config: RunConfig,
    keeper: KeeperControl,
    feed: JournalFeed,
    grown: Arc<Notify>,
    death: Option<String>,
    position: Position,
    launcher: Launcher,
    wake: Option<Instant>,
    language_info: Value,
    /// Whether there was a kernel that ran.
    kernel_ran: bool,
    /// Why the session cannot go on.
    broken: Option<String>,
    signals: EndSignals,
}

/// Runs every code cell in order; what was run until then is there also when the run stops early.
///
/// # Errors
/// Signals cannot be heard, or the file does not fit the documents.
pub async fn run_notebook(file: HostedFile, config: RunConfig) -> Result<RunResult, RunFailure> {
    let signals = EndSignals::listen().map_err(|error| RunFailure::Local(error.to_string()))?;
    let room = LocalRoom::new(file);
    let (position, from) = Position::open(&config.job_dir, DEFAULT_LIMIT_BYTES);
    let grown = Arc::new(Notify::new());
    let mut settings = Settings::new(nonce(), LaunchMode::Execute);
    settings.for_file = true;
    settings.launch_attempts = 1;
    // The file takes everything.
    settings.output_cap_bytes = u64::MAX;
    let keeper = config.keeper.clone();
    let mut run = Run {
        session: Session::new(settings),
        room,
        keeper: KeeperControl::start(
            config.job_dir.clone(),
            keeper,
            None,
            None,
            Arc::clone(&grown),
        ),
        feed: JournalFeed::start(&config.job_dir, from, Arc::clone(&grown)),
        launcher: Launcher::new(
            config.python.clone(),
            config.working_dir.clone(),
            true,
            config.confinement.clone(),
        ),
        config,
        grown,
        death: None,
        position,
        wake: None,
        language_info: Value::Null,
        kernel_ran: false,
        broken: None,
        signals,
    };
    run.take(vec![Event::LinkUp {
        principal: PRINCIPAL.to_owned(),
        is_ours: true,
    }]);
    let mut ran = 0;
    let failure = run.cells(&mut ran).await.err();
    run.settle(SETTLE_WAIT).await;
    let Run {
        room,
        keeper,
        config,
        language_info,
        ..
    } = run;
    keeper.shutdown_wholly(&config.job_dir).await;
    Ok(RunResult {
        notebook: room.notebook,
        state: room.state,
        comms: room.comms,
        blobs: room.blobs,
        language_info,
        ran,
        failure,
    })
}

/// What ends a wait.
enum Happened {
    Events(Vec<Event>),
    Signal,
    Late,
}

impl Run {
    async fn cells(&mut self, ran: &mut usize) -> Result<(), RunFailure> {
        for (at, cell) in self.room.notebook.cells().iter().enumerate() {
            let tags = cell.metadata["tags"].as_array();
            let tagged = |tag: &str| tags.is_some_and(|tags| tags.iter().any(|t| t == tag));
            if cell.cell_type != "code" || cell.source.trim().is_empty() || tagged(SKIP_TAG) {
                continue;
            }
            let local = |error: DocError| RunFailure::Local(error.to_string());
            let id = self.room.submit(&cell.id, &cell.source).map_err(local)?;
            let queued = self.room.speak();
            self.take(queued);
            let ended = self.wait_for(&id, at + 1).await;
            if self.was_begun(&id) {
                *ran += 1;
            } else {
                // It keeps what it had.
                self.room.withdraw(cell).map_err(local)?;
            }
            if !ended? && !self.config.allow_errors && !tagged(MAY_FAIL_TAG) {
                let error = self.error_of(&id);
                let number = at + 1;
                return Err(RunFailure::Cell { number, error });
            }
        }
        Ok(())
    }

    /// Whether the kernel was handed an execution.
    fn was_begun(&self, id: &str) -> bool {
        let status = self.room.state.status(id);
        status.is_some_and(|status| !matches!(&*status, status::QUEUED | status::CANCELLED))
    }

    /// Serves until the execution has ended; true when it ended well.
    async fn wait_for(&mut self, id: &str, number: usize) -> Result<bool, RunFailure> {
        let limit = self.config.cell_timeout;
        let mut deadline = None;
        loop {
            if let Some(broken) = self.broken.take() {
                return Err(RunFailure::Local(broken));
            }
            let kernel = self.room.state.kernel();
            if kernel.lifecycle.lifecycle == "Error" {
                let details = kernel.error_details.unwrap_or_default();
                return Err(if self.kernel_ran {
                    RunFailure::Died(details)
                } else {
                    RunFailure::Kernel(details)
                });
            }
            match self.room.state.status(id).as_deref() {
                Some(status::DONE) => return Ok(true),
                Some(status::ERROR | status::CANCELLED) => return Ok(false),
                // What went before was the making of the environment and the kernel's start.
                Some(status::RUNNING) if deadline.is_none() => {
                    deadline = limit.map(|limit| Instant::now() + limit);
                }
                _ => {}
            }
            match self.next(deadline).await {
                Happened::Events(events) => self.take(events),
                Happened::Signal => {
                    self.interrupt_kernel().await;
                    return Err(RunFailure::Interrupted);
                }
                Happened::Late => {
                    self.interrupt_kernel().await;
                    let limit = limit.unwrap_or_default();
                    return Err(RunFailure::Timeout { number, limit });
                }
            }
        }
    }

    async fn next(&mut self, deadline: Option<Instant>) -> Happened {
        tokio::select! {
            biased;
            () = self.signals.next() => Happened::Signal,
            () = until(deadline) => Happened::Late,
            Some(report) = self.keeper.reports.recv() => Happened::Events(self.on_keeper(report)),
            step = self.launcher.next() => Happened::Events(self.follow(step)),
            () = until(self.wake) => {
                self.wake = None;
                Happened::Events(vec![Event::Tick])
            }
            Some(batch) = self.feed.batches.recv(), if self.session.wants_journal() => {
                Happened::Events(self.on_batch(batch))
            }
        }
    }

    /// Interrupts what runs and takes in what it still has to say; a second signal ends the wait.
    async fn interrupt_kernel(&mut self) {
        let request = json!({"id": "interrupt", "action": "interrupt_execution"}).to_string();
        let request = wire::frame::encode(FrameType::Request, request.as_bytes());
        self.take(vec![Event::Frame(request)]);
        self.settle(INTERRUPT_WAIT).await;
    }

    /// Serves until the room has all that the session wrote.
    async fn settle(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.session.is_settled() {
            match self.next(Some(deadline)).await {
                Happened::Events(events) => self.take(events),
                Happened::Signal | Happened::Late => return,
            }
        }
    }

    /// Name and value of the exception that an execution ended with.
    fn error_of(&self, id: &str) -> String {
        let outputs = self.room.state.outputs(id);
        let error = outputs
            .iter()
            .rev()
            .find(|output| output.manifest["output_type"] == "error");
        let word = |key: &str| error.and_then(|error| error.manifest[key].as_str());
        match (word("ename"), word("evalue")) {
            (Some("") | None, Some("") | None) => "the kernel reported an error".to_owned(),
            (Some(name), Some("") | None) => name.to_owned(),
            // Some kernels name no errors and give the exit code.
            (Some("") | None, Some(value)) => format!("error {value}"),
            (Some(name), Some(value)) => format!("{name}: {value}"),
        }
    }

    fn on_keeper(&mut self, report: KeeperReport) -> Vec<Event> {
        match report {
            KeeperReport::LaunchFailed(details) => vec![Event::KernelLaunchFailed {
                reason: String::new(),
                details,
            }],
            KeeperReport::Gone | KeeperReport::Replaced => {
                self.death = Some("the kernel keeper ended unexpectedly".to_owned());
                self.grown.notify_one();
                Vec::new()
            }
        }
    }

    fn on_batch(&mut self, batch: Result<Vec<Record>, JournalError>) -> Vec<Event> {
        let records = match batch {
            Ok(records) => records,
            Err(error) => {
                self.broken = Some(error.to_string());
                return Vec::new();
            }
        };
        if records.is_empty() {
            let death = self.death.take();
            let died = death.map(|details| Event::KernelDied { details });
            return [Event::JournalCaughtUp].into_iter().chain(died).collect();
        }
        for record in &records {
            if let Some(KeeperEvent::KernelStarted { kernel_info, .. }) = record.event() {
                self.kernel_ran = true;
                self.language_info = kernel_info["language_info"].clone();
            }
        }
        translate::events(records, News::default())
    }

    /// Feeds the session and does what it says; the room answers at once.
    fn take(&mut self, events: Vec<Event>) {
        let mut events = VecDeque::from(events);
        while let Some(event) = events.pop_front() {
            for effect in self.session.handle(now(), event) {
                events.extend(self.perform(effect));
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Vec<Event> {
        match effect {
            Effect::SendFrame(bytes) => match self.room.receive(&bytes, now()) {
                Ok(answers) => return answers,
                Err(error) => self.broken = Some(error.to_string()),
            },
            Effect::LaunchKernel | Effect::RestartKernel => return self.launch(),
            Effect::ShutdownKernel => {
                self.launcher.cancel();
                self.keeper.order(KeeperOrder::Stop);
            }
            Effect::InterruptKernel { force_signal } => {
                self.keeper.order(KeeperOrder::Interrupt { force_signal });
            }
            Effect::SendToKernel(message) => {
                let outgoing = Box::new(translate::outgoing(*message));
                self.keeper.order(KeeperOrder::Send(outgoing));
            }
            Effect::UploadBlob(blob) => {
                self.room.blobs.insert(blob.sha256.clone(), blob.bytes);
                let sha256 = blob.sha256;
                return vec![Event::BlobUploaded { sha256 }];
            }
            Effect::FetchBlob { sha256 } => {
                let bytes = self.room.blobs.get(&sha256).cloned();
                return vec![Event::BlobFetched { sha256, bytes }];
            }
            Effect::PersistPosition(position) => {
                if let Some(position) = self.position.persist(position) {
                    self.keeper.order(KeeperOrder::Release(position));
                }
            }
            // There is no limit.
            Effect::KeepOutput { .. } => {}
            Effect::Reconnect => self.broken = Some("the documents do not sync".to_owned()),
            Effect::Warn(text) => tracing::warn!("{text}"),
            Effect::WakeAt(at) => self.wake = Some(Instant::now() + wait_until(at)),
            Effect::Exit(Outcome::Completed) => {
                self.broken = Some("the session ended".to_owned());
            }
            Effect::Exit(Outcome::Anew(reason) | Outcome::Failed(reason)) => {
                self.broken = Some(reason);
            }
        }
        Vec::new()
    }

    fn launch(&mut self) -> Vec<Event> {
        let RunConfig {
            kernel,
            environment,
            ..
        } = &self.config;
        let step = self.launcher.begin(kernel.as_ref(), environment.clone());
        step.map_or_else(Vec::new, |step| self.follow(step))
    }

    /// Does what a launch comes to.
    fn follow(&mut self, step: Step) -> Vec<Event> {
        match step {
            Step::Order(spec) => {
                let spec = Box::new(spec.without_history());
                self.keeper.order(KeeperOrder::Launch(spec));
                Vec::new()
            }
            Step::Tell(event) => {
                if let Event::KernelPreparing { progress } = &event {
                    (self.config.progress)(progress);
                }
                vec![event]
            }
        }
    }
}
