//! What comes in and what goes out.

use serde_json::Value;
use wire::UnixMs;

/// The channel of a kernel message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Channel {
    Iopub,
    Shell,
    Stdin,
    Control,
    /// The keeper's own note that it handed a request to the kernel; `parent_msg_id` is its id.
    Sent,
    /// The keeper's own note that it has no room for output of the request `parent_msg_id` from here on.
    Cut,
}

/// One message of the keeper's journal.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// Where it begins; output ids derive from it.
    pub position: u64,
    /// Where the next one begins.
    pub end: u64,
    /// Where it came from.
    pub channel: Channel,
    /// Its type.
    pub msg_type: String,
    /// The id of the request it belongs to.
    pub parent_msg_id: Option<String>,
    /// Its own header; needed to answer `input_request`.
    pub header: Value,
    /// Its content.
    pub content: Value,
    /// Its binary buffers.
    pub buffers: Vec<Vec<u8>>,
}

impl JournalEntry {
    /// A place in the journal where nothing was said.
    pub(crate) fn of_nothing(position: u64) -> Self {
        Self {
            position,
            end: position,
            channel: Channel::Iopub,
            msg_type: String::new(),
            parent_msg_id: None,
            header: Value::Null,
            content: Value::Null,
            buffers: Vec::new(),
        }
    }
}

/// What a kernel says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelInfo {
    /// Such as `python3`.
    pub name: String,
    /// Such as `python`.
    pub language: String,
    /// Where the environment comes from.
    pub env_source: String,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The room said ready.
    LinkUp {
        /// `principal` of the ready message's actor label.
        principal: String,
        /// Whether it is one of our rooms: it lets a display of an ended execution be updated (decision D13), carries
        /// prompts (D12), and takes broadcasts. One of the reference refuses what it does not know, and counts that.
        is_ours: bool,
    },
    /// The link ended; the close reason, empty when there was none.
    LinkDown {
        /// The close reason.
        reason: String,
    },
    /// A frame from the room: type byte and payload.
    Frame(Vec<u8>),
    /// Journal entries in order. Pull them while [`crate::Session::wants_journal`] says so.
    Journal(Vec<JournalEntry>),
    /// Everything in the journal has been handed over for now.
    JournalCaughtUp,
    /// The kernel answers; also sent for an adopted one.
    KernelReady(KernelInfo),
    /// The kernel's environment is being made; text for people says how far that is.
    KernelPreparing {
        /// Such as `installing numpy`.
        progress: String,
    },
    /// The kernel could not be started.
    KernelLaunchFailed {
        /// A code of documents.md 5.2, or empty.
        reason: String,
        /// Text for people.
        details: String,
    },
    /// The kernel ended by itself. Deliver it after the journal entries before it.
    KernelDied {
        /// Text for people.
        details: String,
    },
    /// A blob is stored.
    BlobUploaded {
        /// Its address.
        sha256: String,
    },
    /// A blob cannot be stored, all attempts included.
    BlobFailed {
        /// Its address.
        sha256: String,
        /// Text for people.
        reason: String,
    },
    /// Answer to [`Effect::FetchBlob`].
    BlobFetched {
        /// Its address.
        sha256: String,
        /// Its bytes; nothing where it cannot be had.
        bytes: Option<Vec<u8>>,
    },
    /// Time passed; due when an [`Effect::WakeAt`] said so.
    Tick,
    /// The job ends.
    Stop,
}

/// A message for the kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelMessage {
    /// Shell, control or stdin.
    pub channel: Channel,
    /// Its type.
    pub msg_type: String,
    /// Its id; an execution's is the execution id (WS-303).
    pub msg_id: String,
    /// Its content.
    pub content: Value,
    /// Its metadata.
    pub metadata: Value,
    /// The header it answers, or `Null`.
    pub parent_header: Value,
    /// Binary buffers.
    pub buffers: Vec<Vec<u8>>,
    /// What the journal shall hold of it as output.
    pub echo: Option<Echo>,
}

/// What is shown of an answer to the kernel, in the output of the execution that asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// The execution.
    pub execution_id: String,
    /// Its text.
    pub text: String,
}

/// A blob to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobUpload {
    /// Its address.
    pub sha256: String,
    /// A media type that rooms accept.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// How a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As asked for.
    Completed,
    /// The room refused what this session wrote before it knew what the room had done meanwhile, such as to end an execution
    /// by itself: what is written cannot be taken back, so another session begins with the room's documents and reads the
    /// journal again. The kernel goes on.
    Anew(String),
    /// The room will have no more of it, or the documents cannot go on.
    Failed(String),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a frame: type byte and payload. Frames keep their order.
    SendFrame(Vec<u8>),
    /// Start a kernel.
    LaunchKernel,
    /// Stop the kernel and start it again; `KernelReady` follows.
    RestartKernel,
    /// Stop the kernel.
    ShutdownKernel,
    /// Interrupt the kernel.
    InterruptKernel {
        /// By a signal, whatever its spec says.
        force_signal: bool,
    },
    /// Send a message to the kernel.
    SendToKernel(Box<KernelMessage>),
    /// Upload a blob; `BlobUploaded` or `BlobFailed` follows. Uploads may run side by side.
    UploadBlob(BlobUpload),
    /// Get the bytes of a blob that somebody else stored; `BlobFetched` follows.
    FetchBlob {
        /// Its address.
        sha256: String,
    },
    /// The room has accepted everything before this journal position; a restart begins here.
    PersistPosition(u64),
    /// Copy what the journal holds of an execution's output before its space is given back: the document has no room
    /// for all of it. Positions persisted later wait for it.
    KeepOutput {
        /// The execution.
        execution_id: String,
        /// Where its output begins.
        from: u64,
        /// Where it ends.
        to: u64,
    },
    /// The link's state is broken: close it and dial again.
    Reconnect,
    /// Write a line to the log: something was left out, and why.
    Warn(String),
    /// Send a `Tick` at this time. The latest one counts.
    WakeAt(UnixMs),
    /// The session is over.
    Exit(Outcome),
}
