//! What the keeper and its controller say to each other, and what the keeper notes in the journal.
//!
//! On the socket every message is a frame: `u32` length, `u16` parts, `u32` length per part, the
//! parts (little endian). The first part is JSON, the others are binary buffers.

use std::path::PathBuf;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::failure::LaunchFailure;
use crate::journal::Channel;
use crate::memory;
use crate::spec::LaunchSpec;

/// The largest frame on the keeper's socket.
pub const MAX_FRAME_BYTES: usize = 256 * 1024 * 1024;

/// How a process ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCause {
    /// Exit code, when it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Signal number, when a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether the system killed it because memory ran out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_memory: bool,
}

impl ExitCause {
    /// What was seen of a process's end; `memory_kills` is [`memory::kills`] from before it started.
    pub(crate) fn seen(
        status: Option<std::process::ExitStatus>,
        memory_kills: Option<u64>,
    ) -> Self {
        let mut exit = status.map(Self::from).unwrap_or_default();
        let is_killed = exit.signal == Some(rustix::process::Signal::KILL.as_raw());
        exit.out_of_memory =
            is_killed && memory_kills.is_some_and(|before| memory::kills() > Some(before));
        exit
    }
}

impl From<std::process::ExitStatus> for ExitCause {
    fn from(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Self {
            code: status.code(),
            signal: status.signal(),
            out_of_memory: false,
        }
    }
}

impl std::fmt::Display for ExitCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) if self.out_of_memory => {
                write!(
                    f,
                    "out of memory: the system killed it with signal {signal}"
                )
            }
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("an unknown cause"),
        }
    }
}

/// The keeper's own journal entries. `generation` counts the kernels of this job from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum KeeperEvent {
    /// A kernel is being started.
    KernelStarting {
        /// Which kernel.
        generation: u64,
    },
    /// The kernel answered; requests may be sent.
    KernelStarted {
        /// Which kernel.
        generation: u64,
        /// Its process.
        pid: i32,
        /// The content of its `kernel_info_reply`.
        kernel_info: Value,
        /// The name of its kernelspec, if it was started by one.
        #[serde(default)]
        kernelspec: Option<String>,
        /// Where its environment comes from, if that was said.
        #[serde(default)]
        env_source: Option<String>,
    },
    /// The kernel could not be started.
    LaunchFailed {
        /// Which kernel.
        generation: u64,
        /// Why, in words for people.
        failure: LaunchFailure,
    },
    /// The kernel ended by itself or was killed by somebody else.
    KernelDied {
        /// Which kernel.
        generation: u64,
        /// How its process ended.
        exit: ExitCause,
        /// The last lines it wrote to stderr.
        stderr_tail: Vec<String>,
    },
    /// The kernel was stopped because the controller asked for it.
    KernelStopped {
        /// Which kernel.
        generation: u64,
        /// How its process ended.
        exit: ExitCause,
        /// Whether another one follows.
        restarting: bool,
    },
    /// A request was handed to the kernel.
    Sent {
        /// Which kernel.
        generation: u64,
        /// On which channel.
        channel: Channel,
        /// The request's type.
        msg_type: String,
        /// The request's id.
        msg_id: String,
        /// What of it is shown as output.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        echo: Option<Echo>,
    },
    /// Messages were too large to keep, or came while the disk was full and the memory for them was used up, or while
    /// the journal had no room for them.
    Dropped {
        /// Where they came from.
        channel: Channel,
        /// Their size.
        bytes: u64,
        /// The request that the first of them belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
        /// Whether the disk was full; else a single message was too large.
        #[serde(default)]
        disk_full: bool,
        /// Whether all further output of this request is dropped as well, without another word: the journal has reached
        /// its limit.
        #[serde(default)]
        and_more: bool,
    },
}

impl KeeperEvent {
    /// The request whose output was cut.
    pub fn cut_request(&self) -> Option<&str> {
        match self {
            Self::Dropped { parent, .. } => parent.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// A message for the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Shell, control or stdin.
    pub channel: Channel,
    /// For example `execute_request`.
    pub msg_type: String,
    /// The message's id; for an execution, the execution's id (WS-303).
    pub msg_id: String,
    /// The message's content.
    pub content: Value,
    /// The message's metadata; `Null` stands for `{}`.
    #[serde(default)]
    pub metadata: Value,
    /// For replies to the kernel (`input_reply`): the header of the request.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub parent_header: Value,
    /// What of it is shown as output, noted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<Echo>,
    /// Binary buffers; they travel as further parts.
    #[serde(skip)]
    pub buffers: Vec<Bytes>,
}

/// What is shown of an answer to the kernel, in the output of the request that asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The request.
    pub parent: String,
    /// Its text.
    pub text: String,
}

/// What a controller asks of the keeper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Who are you, and what does your kernel do?
    Status,
    /// Start a kernel. Refused while one lives or starts.
    Start {
        /// What to start.
        spec: Box<LaunchSpec>,
    },
    /// Send a message. An `execute_request` whose id this kernel already got is not sent again.
    Send(Box<Outgoing>),
    /// Interrupt as the kernelspec says: SIGINT to its group, or a control message.
    Interrupt {
        /// SIGINT whatever the kernelspec says.
        #[serde(default)]
        force_signal: bool,
    },
    /// Stop the kernel and start it again with the same spec.
    Restart,
    /// Stop the kernel; the keeper lives on.
    Stop,
    /// Stop the kernel and end the keeper; everything the kernel started dies too.
    Shutdown,
    /// Work for this job from now on, with the warm kernel as one that `spec` started. Refused but by a warm keeper.
    Serve {
        /// The job's folder.
        job_dir: PathBuf,
        /// What would have been started.
        spec: Box<LaunchSpec>,
    },
    /// The controller needs nothing before this position any more; its disk space is given back.
    Release {
        /// A record's end.
        position: u64,
    },
}

/// What state the kernel is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelState {
    /// None was started, or it ended.
    None,
    /// It was spawned and has not answered yet.
    Starting,
    /// It answered.
    Running,
}

/// The keeper's answer to [`Command::Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The keeper's nonce, as in its record.
    pub nonce: String,
    /// What state the kernel is in.
    pub kernel: KernelState,
    /// The number of kernels started so far.
    pub generation: u64,
    /// The kernel's process, while there is one.
    pub kernel_pid: Option<i32>,
    /// The end of the journal.
    pub journal_end: u64,
    /// The content of the running kernel's `kernel_info_reply`; `Null` while none runs.
    #[serde(default)]
    pub kernel_info: Value,
    /// The name of the kernelspec of the last kernel, if it was started by one.
    #[serde(default)]
    pub kernelspec: Option<String>,
    /// Milliseconds since 1970 at which the kernel last gave a sign of life, once it gives none any more.
    #[serde(default)]
    pub unresponsive_since_ms: Option<i64>,
    /// Where the environment of the last kernel comes from, if that was said.
    #[serde(default)]
    pub env_source: Option<String>,
}

/// A request as it travels: the command and the number its answer carries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub id: u64,
    #[serde(flatten)]
    pub command: Command,
}

/// What the keeper sends to its controller.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum FromKeeper {
    Done {
        id: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
    },
    Refused {
        id: u64,
        message: String,
    },
    Grown {
        end: u64,
    },
    Replaced,
}

/// Reads one frame; `None` at a clean end.
pub(crate) async fn read_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
) -> std::io::Result<Option<Vec<Bytes>>> {
    let mut len = [0_u8; 4];
    match reader.read_exact(&mut len).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_FRAME_BYTES {
        return Err(malformed("a frame is too large"));
    }
    let mut body = vec![0_u8; len];
    reader.read_exact(&mut body).await?;
    split_parts(&Bytes::from(body))
        .map(Some)
        .ok_or_else(|| malformed("a frame is malformed"))
}

fn split_parts(body: &Bytes) -> Option<Vec<Bytes>> {
    let count = usize::from(u16::from_le_bytes(body.get(..2)?.try_into().ok()?));
    let mut at = 2 + 4 * count;
    let mut parts = Vec::with_capacity(count);
    for index in 0..count {
        let start = 2 + 4 * index;
        let len = u32::from_le_bytes(body.get(start..start + 4)?.try_into().ok()?) as usize;
        let end = at.checked_add(len).filter(|end| *end <= body.len())?;
        parts.push(body.slice(at..end));
        at = end;
    }
    (at == body.len() && !parts.is_empty()).then_some(parts)
}

/// Writes one frame: JSON and buffers.
pub(crate) async fn write_frame<W: AsyncWrite + Unpin, T: Serialize>(
    writer: &mut W,
    head: &T,
    buffers: &[Bytes],
) -> std::io::Result<()> {
    let head = serde_json::to_vec(head).map_err(std::io::Error::other)?;
    let total =
        2 + 4 * (1 + buffers.len()) + head.len() + buffers.iter().map(Bytes::len).sum::<usize>();
    if total > MAX_FRAME_BYTES || buffers.len() >= usize::from(u16::MAX) {
        return Err(malformed("a frame is too large"));
    }
    let mut frame = Vec::with_capacity(4 + total);
    frame.extend_from_slice(&(total as u32).to_le_bytes());
    frame.extend_from_slice(&((1 + buffers.len()) as u16).to_le_bytes());
    frame.extend_from_slice(&(head.len() as u32).to_le_bytes());
    for buffer in buffers {
        frame.extend_from_slice(&(buffer.len() as u32).to_le_bytes());
    }
    frame.extend_from_slice(&head);
    for buffer in buffers {
        frame.extend_from_slice(buffer);
    }
    writer.write_all(&frame).await
}

fn malformed(what: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}
