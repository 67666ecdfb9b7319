//! Speaking to the kernel keeper: one task, commands in order, results as reports.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::LaunchSpec;
use kernel::client::{ClientError, KeeperClient, KeeperCommand};
use kernel::journal::FILE_NAME;
use kernel::keeper::{KeeperRecord, end_leftover_kernel};
use kernel::protocol::{Command, Outgoing, Status};
use kernel::warm;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Commands and reports that may wait.
const QUEUE: usize = 4096;

/// How often an order is given whose connection broke before its answer came.
const TRIES: u32 = 3;

/// How long the process of a keeper that was told to end is waited for, and the pause between two looks.
const END_WAIT: Duration = Duration::from_secs(5);
const END_PAUSE: Duration = Duration::from_millis(20);

/// What the main loop wants.
#[derive(Debug)]
pub(crate) enum KeeperOrder {
    /// Start a kernel, and a keeper first when there is none.
    Launch(Box<LaunchSpec>),
    /// Stop the kernel and start it again.
    Restart(Box<LaunchSpec>),
    /// Send a message to the kernel.
    Send(Box<Outgoing>),
    /// Interrupt the kernel.
    Interrupt { force_signal: bool },
    /// Stop the kernel.
    Stop,
    /// Say how keeper and kernel are.
    Look(oneshot::Sender<Status>),
    /// Give back the journal's space before this position.
    Release(u64),
    /// End kernel and keeper; the task ends.
    Shutdown,
}

/// What the main loop hears.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeeperReport {
    /// The kernel could not even be asked for.
    LaunchFailed(String),
    /// The keeper is gone without having been told to end.
    Gone,
    /// A newer peer of this job took over.
    Replaced,
}

/// The task and its two ends.
#[derive(Debug)]
pub(crate) struct KeeperControl {
    orders: mpsc::Sender<KeeperOrder>,
    pub(crate) reports: mpsc::Receiver<KeeperReport>,
    task: JoinHandle<()>,
}

impl KeeperControl {
    /// Starts the task; `client` is the adopted keeper, if there is one. `grown` is notified
    /// whenever the journal has grown.
    pub(crate) fn start(
        job_dir: PathBuf,
        command: KeeperCommand,
        warm_kernels: Option<PathBuf>,
        client: Option<KeeperClient>,
        grown: Arc<Notify>,
    ) -> Self {
        let (orders, receiver) = mpsc::channel(QUEUE);
        let (report, reports) = mpsc::channel(QUEUE);
        let mut run = Run {
            job_dir,
            command,
            warm_kernels,
            client: None,
            watcher: None,
            broken: Arc::new(Notify::new()),
            grown,
            report,
        };
        if let Some(client) = client {
            run.take(client);
        }
        let task = tokio::spawn(run.serve(receiver));
        Self {
            orders,
            reports,
            task,
        }
    }

    /// A way to give orders from elsewhere.
    pub(crate) fn orders(&self) -> mpsc::Sender<KeeperOrder> {
        self.orders.clone()
    }

    /// Queues an order; a queue that is full means a keeper that does not answer.
    pub(crate) fn order(&self, order: KeeperOrder) {
        if let Err(error) = self.orders.try_send(order) {
            tracing::error!("the kernel keeper does not keep up; dropped {error}");
        }
    }

    /// Ends kernel and keeper and waits for it.
    pub(crate) async fn shutdown(self) {
        // The queue may be full of requests that do not matter any more; the task makes room.
        let _ = self.orders.send(KeeperOrder::Shutdown).await;
        drop(self.orders);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the kernel keeper could not be told to end");
        }
    }

    /// The same, and waits for the keeper's process: it answers before its journal is on the disk and it is gone.
    pub(crate) async fn shutdown_wholly(self, job_dir: &Path) {
        // The keeper removes its record before it is gone.
        let record = KeeperRecord::read_alive(job_dir);
        self.shutdown().await;
        let Some(KeeperRecord { process, .. }) = record else {
            return;
        };
        let gone = async {
            while process.is_alive() {
                sleep(END_PAUSE).await;
            }
        };
        if timeout(END_WAIT, gone).await.is_err() {
            tracing::warn!(pid = process.pid, "the kernel keeper takes long to end");
        }
    }
}

struct Run {
    job_dir: PathBuf,
    command: KeeperCommand,
    /// Where kernels wait that were started before.
    warm_kernels: Option<PathBuf>,
    client: Option<KeeperClient>,
    watcher: Option<JoinHandle<()>>,
    /// The watcher saw the connection break.
    broken: Arc<Notify>,
    grown: Arc<Notify>,
    report: mpsc::Sender<KeeperReport>,
}

impl Run {
    async fn serve(mut self, mut orders: mpsc::Receiver<KeeperOrder>) {
        let broken = Arc::clone(&self.broken);
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = broken.notified() => {
                    // What follows from a keeper that is gone is told by `link`.
                    let _ = self.link().await;
                    continue;
                }
            };
            let Some(order) = order else { return };
            if matches!(order, KeeperOrder::Shutdown) {
                self.stop_watching();
                if let Err(error) = self.ask(Command::Shutdown).await
                    && !matches!(error, ClientError::Absent | ClientError::Gone)
                {
                    tracing::warn!(%error, "the kernel keeper did not end cleanly");
                }
                return;
            }
            self.obey(order).await;
        }
    }

    async fn obey(&mut self, order: KeeperOrder) {
        let result = match order {
            KeeperOrder::Launch(spec) => self.launch(*spec, false).await,
            KeeperOrder::Restart(spec) => self.launch(*spec, true).await,
            KeeperOrder::Send(outgoing) => self.ask(Command::Send(outgoing)).await,
            KeeperOrder::Interrupt { force_signal } => {
                self.ask(Command::Interrupt { force_signal }).await
            }
            KeeperOrder::Stop => self.ask(Command::Stop).await,
            KeeperOrder::Look(answer) => self.look(answer).await,
            KeeperOrder::Release(position) => self.ask(Command::Release { position }).await,
            KeeperOrder::Shutdown => Ok(()),
        };
        if let Err(error) = result {
            tracing::warn!(%error, "an order to the kernel keeper was not followed");
        }
    }

    async fn look(&mut self, answer: oneshot::Sender<Status>) -> Result<(), ClientError> {
        if self.client.is_some() {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(self.link().await?.status().await?);
        }
        Ok(())
    }

    /// Asks again when the connection broke on the way: the keeper does nothing twice.
    async fn ask(&mut self, command: Command) -> Result<(), ClientError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.link().await?.request(command.clone()).await {
                Err(ClientError::Gone) if tries < TRIES => {}
                answer => return answer.map(drop),
            }
        }
    }

    /// The connection to the living keeper, made again when it broke; tells the main loop when there is none left.
    async fn link(&mut self) -> Result<KeeperClient, ClientError> {
        let client = self.client.clone().ok_or(ClientError::Absent)?;
        let now = *client.link().borrow();
        if !now.gone && !now.replaced {
            return Ok(client);
        }
        if now.replaced {
            return Err(ClientError::Gone);
        }
        tracing::warn!("the connection to the kernel keeper broke");
        match client.redial().await {
            Ok(client) => {
                tracing::info!("connected to the kernel keeper again");
                self.take(client.clone());
                Ok(client)
            }
            Err(error) => {
                self.stop_watching();
                self.client = None;
                end_leftover_kernel(&self.job_dir);
                // The main loop ends before this task only when the peer ends.
                let _ = self.report.send(KeeperReport::Gone).await;
                Err(error)
            }
        }
    }

    async fn launch(&mut self, spec: LaunchSpec, restart: bool) -> Result<(), ClientError> {
        let started = self.try_launch(spec, restart).await;
        if let Err(error) = &started {
            // The main loop ends before this task only when the peer ends.
            let _ = self
                .report
                .send(KeeperReport::LaunchFailed(error.to_string()))
                .await;
        }
        started
    }

    async fn try_launch(&mut self, spec: LaunchSpec, restart: bool) -> Result<(), ClientError> {
        let lives = match self.link().await {
            Ok(client) => client.status().await.is_ok(),
            Err(_) => false,
        };
        if !lives && self.claim(&spec).await {
            return Ok(());
        }
        if !lives {
            let (client, _) = KeeperClient::ensure(&self.job_dir, &self.command).await?;
            self.take(client);
        }
        if restart {
            // Without a kernel there is nothing to stop.
            self.ask(Command::Stop).await?;
        }
        let before = self.link().await?.status().await?.generation;
        let spec = Box::new(spec);
        let started = self.ask(Command::Start { spec }).await;
        if matches!(started, Err(ClientError::Refused(_)))
            && self.link().await?.status().await?.generation > before
        {
            // The first of two tries got through; its answer did not.
            return Ok(());
        }
        started
    }

    /// Takes a warm kernel for a job that has not begun. What it said so far comes with its journal.
    async fn claim(&mut self, spec: &LaunchSpec) -> bool {
        let has_begun = self.job_dir.join(FILE_NAME).exists();
        let Some(pool) = self.warm_kernels.as_ref().filter(|_| !has_begun) else {
            return false;
        };
        let Some(client) = warm::claim(pool, spec, &self.job_dir).await else {
            return false;
        };
        tracing::info!("took a kernel that was started before");
        self.take(client);
        true
    }

    fn take(&mut self, client: KeeperClient) {
        self.stop_watching();
        let mut link = client.link();
        let (grown, report) = (Arc::clone(&self.grown), self.report.clone());
        let broken = Arc::clone(&self.broken);
        self.watcher = Some(tokio::spawn(async move {
            loop {
                let now = *link.borrow_and_update();
                grown.notify_one();
                if now.replaced {
                    let _ = report.send(KeeperReport::Replaced).await;
                    return;
                }
                if now.gone || link.changed().await.is_err() {
                    broken.notify_one();
                    return;
                }
            }
        }));
        self.client = Some(client);
    }

    fn stop_watching(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command as Program, Stdio};

    use kernel::process::ProcessIdentity;
    use tempfile::TempDir;
    use tokio::time::Instant;

    use super::*;

    /// A job whose keeper, as its record says, is a process that ends with its input.
    fn job() -> (TempDir, Child, ProcessIdentity) {
        let folder = tempfile::tempdir().unwrap();
        let child = Program::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = ProcessIdentity::of(child.id() as i32).unwrap();
        let record = KeeperRecord {
            process: process.clone(),
            nonce: "n".to_owned(),
            socket: folder.path().join("socket"),
        };
        let json = serde_json::to_vec(&record).unwrap();
        std::fs::write(folder.path().join("keeper.json"), json).unwrap();
        (folder, child, process)
    }

    fn control(folder: &TempDir) -> KeeperControl {
        let command = KeeperCommand {
            program: PathBuf::from("none"),
            args: Vec::new(),
        };
        let grown = Arc::new(Notify::new());
        KeeperControl::start(folder.path().to_owned(), command, None, None, grown)
    }

    // `runtimed run` returned while its keeper still lived.
    #[tokio::test]
    async fn a_keeper_that_was_told_to_end_is_waited_for() {
        let (folder, mut child, process) = job();
        let end = tokio::spawn(async move {
            sleep(Duration::from_millis(200)).await;
            drop(child.stdin.take());
            child.wait().unwrap();
        });
        control(&folder).shutdown_wholly(folder.path()).await;
        assert!(!process.is_alive());
        end.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_not_waited_for_for_ever() {
        let (folder, mut child, process) = job();
        let begun = Instant::now();
        control(&folder).shutdown_wholly(folder.path()).await;
        assert!(begun.elapsed() >= END_WAIT && process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
