//! A kernel that answers: its process, the tasks that drain its channels, what may be asked of it.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jupyter_protocol::ConnectionInfo;
use jupyter_zmq_client::create_client_heartbeat_connection;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeromq::SocketRecv;

use super::flood::Flood;
use crate::channels::{Channels, read_raw, send};
use crate::endpoint::Endpoint;
use crate::journal::{Channel, JournalWriter};
use crate::launch::Launched;
use crate::process;
use crate::protocol::{ExitCause, KeeperEvent, Outgoing};
use crate::spec::InterruptMode;
use crate::stderr_log::StderrTail;

/// Requests that may wait for one channel.
const SEND_QUEUE: usize = 256;
/// How long a kernel may take to end when asked, and then after SIGTERM (WS 5.5).
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);
const TERM_WAIT: Duration = Duration::from_secs(3);
/// After SIGKILL only the system can be slow.
const KILL_WAIT: Duration = Duration::from_secs(5);
/// How long an interrupt message may stay unanswered before SIGINT follows (WS-342).
const INTERRUPT_WAIT: Duration = Duration::from_secs(5);
/// What a dead kernel had already written is read until nothing came for this long.
const DRAIN_QUIET: Duration = Duration::from_millis(100);
/// The last lines of stderr get this long.
const STDERR_WAIT: Duration = Duration::from_millis(500);
/// Pause after a broken read, so that an error never spins.
const READ_RETRY: Duration = Duration::from_millis(50);

/// How often a kernel is asked for a sign of life, and how long it may take to give one.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
const HEARTBEAT_WAIT: Duration = Duration::from_secs(3);
/// Signs of life in a row that must be missing before a kernel counts as not responding (WS-345).
const HEARTBEAT_MISSES: u32 = 3;

/// One running kernel.
pub(super) struct Running {
    pub(super) pid: i32,
    /// What it said about itself when it started.
    pub(super) kernel_info: Value,
    generation: u64,
    child: Child,
    mode: InterruptMode,
    shell: mpsc::Sender<Outgoing>,
    stdin: mpsc::Sender<Outgoing>,
    control: mpsc::Sender<Outgoing>,
    /// Set to true when the kernel has ended: the readers finish what is there and stop.
    ended: watch::Sender<bool>,
    /// The content of the last reply on the control channel, and on the shell channel.
    control_replies: watch::Receiver<Bytes>,
    shell_replies: watch::Receiver<Bytes>,
    readers: JoinSet<()>,
    writers: JoinSet<()>,
    endpoint: Endpoint,
    stderr: StderrTail,
    stderr_task: tokio::task::JoinHandle<()>,
    /// When it last gave a sign of life, once it gives none any more.
    unresponsive_since: watch::Receiver<Option<SystemTime>>,
    executed: HashSet<String>,
    /// How often the system had killed for want of memory when this kernel began.
    memory_kills: Option<u64>,
    /// The id of the last request: who lost the answer asks once more.
    last_sent: Option<String>,
}

impl Running {
    pub(super) fn new(
        launched: Launched,
        generation: u64,
        mode: InterruptMode,
        journal: &JournalWriter,
        flood: Flood,
    ) -> Self {
        let Launched {
            child,
            pid,
            channels,
            endpoint,
            stderr,
            stderr_task,
            kernel_info,
            memory_kills,
        } = launched;
        let Channels {
            iopub,
            shell,
            stdin,
            control,
        } = channels;
        let (ended, _) = watch::channel(false);
        let (replied, control_replies) = watch::channel(Bytes::new());
        let (shell_replied, shell_replies) = watch::channel(Bytes::new());
        let mut readers = JoinSet::new();
        let mut writers = JoinSet::new();
        let mut drain = |channel, connection, replied: Option<watch::Sender<Bytes>>| {
            readers.spawn(read_all(
                connection,
                channel,
                journal.clone(),
                ended.subscribe(),
                replied.map_or(Taker::Plain, Taker::Answering),
            ));
        };
        drain(Channel::Shell, shell.1, Some(shell_replied));
        drain(Channel::Stdin, stdin.1, None);
        drain(Channel::Control, control.1, Some(replied));
        readers.spawn(read_all(
            iopub,
            Channel::Iopub,
            journal.clone(),
            ended.subscribe(),
            Taker::Bounded(flood),
        ));
        let (silent, unresponsive_since) = watch::channel(None);
        writers.spawn(listen_for_life(endpoint.info.clone(), silent));
        let mut sender = |mut connection| {
            let (queue, mut waiting) = mpsc::channel(SEND_QUEUE);
            writers.spawn(async move {
                while let Some(outgoing) = waiting.recv().await {
                    if let Err(error) = send(&mut connection, outgoing).await {
                        tracing::warn!(%error, "a request did not reach the kernel");
                    }
                }
            });
            queue
        };
        Self {
            pid,
            kernel_info,
            generation,
            child,
            mode,
            shell: sender(shell.0),
            stdin: sender(stdin.0),
            control: sender(control.0),
            ended,
            control_replies,
            shell_replies,
            readers,
            writers,
            endpoint,
            stderr,
            stderr_task,
            unresponsive_since,
            executed: HashSet::new(),
            memory_kills,
            last_sent: None,
        }
    }

    /// Hands over a request. What was executed once is not executed again (WS-302); nothing is handed over twice in a row.
    pub(super) async fn send(
        &mut self,
        outgoing: Outgoing,
        journal: &JournalWriter,
    ) -> Result<(), String> {
        let queue = match outgoing.channel {
            Channel::Shell => &self.shell,
            Channel::Stdin => &self.stdin,
            Channel::Control => &self.control,
            Channel::Iopub | Channel::Keeper => {
                return Err("nothing can be sent on this channel".to_owned());
            }
        };
        let is_execution = outgoing.msg_type == "execute_request";
        if is_execution && self.executed.contains(&outgoing.msg_id)
            || self.last_sent.as_ref() == Some(&outgoing.msg_id)
        {
            return Ok(());
        }
        let Ok(place) = queue.try_reserve() else {
            return Err("the kernel does not take more requests".to_owned());
        };
        self.last_sent = Some(outgoing.msg_id.clone());
        if is_execution {
            self.executed.insert(outgoing.msg_id.clone());
        }
        let event = KeeperEvent::Sent {
            generation: self.generation,
            channel: outgoing.channel,
            msg_type: outgoing.msg_type.clone(),
            msg_id: outgoing.msg_id.clone(),
            echo: outgoing.echo.clone(),
        };
        // The note comes before anything the request causes.
        journal.append_event(&event).await;
        place.send(outgoing);
        Ok(())
    }

    /// Asks on the shell channel, while nobody else does, and waits for the reply's content.
    pub(super) async fn ask_shell(
        &mut self,
        request: Outgoing,
        journal: &JournalWriter,
    ) -> Result<Value, String> {
        let mut replies = self.shell_replies.clone();
        replies.mark_unchanged();
        self.send(request, journal).await?;
        if replies.changed().await.is_err() {
            return Err("the kernel's channel is closed".to_owned());
        }
        let reply = wire::json::parse(&replies.borrow());
        reply.map_err(|error| error.to_string())
    }

    /// Interrupts without waiting for the kernel.
    pub(super) fn interrupt(&mut self, force_signal: bool) {
        let pid = self.pid;
        let asked = !force_signal
            && self.mode == InterruptMode::Message
            && self
                .control
                .try_send(control_message("interrupt_request", json!({})))
                .is_ok();
        if !asked {
            process::signal_group(pid, Signal::INT);
            return;
        }
        let mut replies = self.control_replies.clone();
        replies.mark_unchanged();
        self.writers.spawn(async move {
            if timeout(INTERRUPT_WAIT, replies.changed()).await.is_err() {
                process::signal_group(pid, Signal::INT);
            }
        });
    }

    /// Since when the kernel gives no sign of life, if it gives none. It is not ended for it.
    pub(super) fn unresponsive_since(&self) -> Option<SystemTime> {
        *self.unresponsive_since.borrow()
    }

    /// Waits for the process's end.
    pub(super) async fn exited(&mut self) -> ExitCause {
        let status = self.child.wait().await;
        ExitCause::seen(status.ok(), self.memory_kills)
    }

    /// Asks, then terminates, then kills, each with its time; the group, not the process alone.
    pub(super) async fn end(&mut self, restarting: bool, journal: &JournalWriter) -> ExitCause {
        let request = control_message("shutdown_request", json!({ "restart": restarting }));
        if self.send(request, journal).await.is_ok()
            && let Ok(exit) = timeout(SHUTDOWN_WAIT, self.exited()).await
        {
            return exit;
        }
        for (signal, wait) in [(Signal::TERM, TERM_WAIT), (Signal::KILL, KILL_WAIT)] {
            process::signal_group(self.pid, signal);
            if let Ok(exit) = timeout(wait, self.exited()).await {
                return exit;
            }
        }
        tracing::error!(pid = self.pid, "the kernel did not end after SIGKILL");
        ExitCause::default()
    }

    /// After the process ended: reads what it left in the channels, kills the rest of its group,
    /// removes its files. Returns the last lines of stderr.
    pub(super) async fn finish(mut self) -> Vec<String> {
        process::signal_group(self.pid, Signal::KILL);
        self.ended.send_replace(true);
        while self.readers.join_next().await.is_some() {}
        self.writers.shutdown().await;
        self.endpoint.remove_files();
        // A process that escaped may hold the pipe open for ever.
        let _ = timeout(STDERR_WAIT, &mut self.stderr_task).await;
        self.stderr.lines()
    }
}

fn control_message(msg_type: &str, content: Value) -> Outgoing {
    Outgoing {
        channel: Channel::Control,
        msg_type: msg_type.to_owned(),
        msg_id: uuid::Uuid::new_v4().to_string(),
        content,
        metadata: Value::Null,
        parent_header: Value::Null,
        echo: None,
        buffers: Vec::new(),
    }
}

/// How a channel's messages are taken.
enum Taker {
    Plain,
    /// As far as there is room.
    Bounded(Flood),
    /// The last one's content is told.
    Answering(watch::Sender<Bytes>),
}

/// Asks on the heartbeat channel, which kernels answer while they compute, and says when that stays without an answer.
async fn listen_for_life(info: ConnectionInfo, silent: watch::Sender<Option<SystemTime>>) {
    let mut connection = None;
    let mut last = SystemTime::now();
    let mut misses = 0;
    loop {
        tokio::time::sleep(HEARTBEAT_EVERY).await;
        let beat = async {
            let mut asked = match connection.take() {
                Some(connection) => connection,
                None => create_client_heartbeat_connection(&info).await?,
            };
            asked.single_heartbeat().await?;
            Ok::<_, jupyter_zmq_client::RuntimeError>(asked)
        };
        // One that was not answered in time is given up: a late answer would count for the next question.
        if let Ok(Ok(answered)) = timeout(HEARTBEAT_WAIT, beat).await {
            connection = Some(answered);
            last = SystemTime::now();
            misses = 0;
            if silent.send_if_modified(|since| since.take().is_some()) {
                tracing::info!("the kernel responds again");
            }
            continue;
        }
        misses += 1;
        if misses == HEARTBEAT_MISSES {
            tracing::warn!("the kernel does not respond; it is left alone");
            silent.send_replace(Some(last));
        }
    }
}

/// Drains one channel into the journal and does nothing else.
async fn read_all<S: SocketRecv>(
    mut connection: jupyter_zmq_client::Connection<S>,
    channel: Channel,
    journal: JournalWriter,
    mut ended: watch::Receiver<bool>,
    mut taker: Taker,
) {
    loop {
        let dead = *ended.borrow();
        let read = tokio::select! {
            biased;
            read = read_raw(&mut connection) => read,
            _ = ended.changed(), if !dead => continue,
            () = tokio::time::sleep(DRAIN_QUIET), if dead => return,
        };
        match read {
            Ok(parts) => {
                let content = parts.get(3).cloned().unwrap_or_default();
                match &mut taker {
                    Taker::Bounded(flood) => flood.append(&journal, parts).await,
                    Taker::Plain | Taker::Answering(_) => journal.append(channel, parts).await,
                };
                if let Taker::Answering(replied) = &taker {
                    replied.send_replace(content);
                }
            }
            Err(_) if dead => return,
            Err(error) => {
                tracing::debug!(%error, ?channel, "a message could not be read");
                tokio::time::sleep(READ_RETRY).await;
            }
        }
    }
}
