//! Named limits and times of a session.

/// Bytes of one execution's output that a document shows, unless told otherwise (decision D10).
pub const DEFAULT_OUTPUT_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// When a kernel is launched (workstation.md 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchMode {
    /// After the first state sync.
    Attach,
    /// When an execution is queued.
    Execute,
}

/// What a session is given at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Eight hex digits that tell this peer's actors from another's.
    pub nonce: String,
    /// When a kernel is launched.
    pub launch: LaunchMode,
    /// Whether a keeper with a living kernel was adopted; its journal is read again from the last
    /// persisted position, and `Event::KernelReady` follows.
    pub adopted: bool,
    /// Text of a stream is written this often at most.
    pub stream_flush_ms: i64,
    /// Text of a stream is written when this much has collected.
    pub stream_flush_bytes: usize,
    /// Finished text is sealed in entries of at least this size.
    pub seal_bytes: usize,
    /// Outputs are sent this often at most; ends of executions at once.
    pub send_every_ms: i64,
    /// That an execution runs, and its count, wait this long for an output to be sent with: each frame is made durable
    /// before it is shown, and the output would wait for theirs.
    pub start_wait_ms: i64,
    /// Output of one execution beyond this stays on the workstation.
    pub output_cap_bytes: u64,
    /// Output waiting for uploads or for the link beyond this stops the journal.
    pub pending_cap_bytes: usize,
    /// Writes waiting beyond this stop the journal.
    pub pending_cap_ops: usize,
    /// A query of the kernel is answered with an error after this.
    pub query_timeout_ms: i64,
    /// A kernel that does not stop after an interrupt gets a signal after this.
    pub interrupt_escalation_ms: i64,
    /// A kernel that has replied and then says neither `idle` nor anything else for this long is taken to be done.
    pub idle_wait_ms: i64,
    /// One that is idle and does not reply for this long as well.
    pub reply_wait_ms: i64,
    /// A stopping session waits this long for the room to accept its last writes.
    pub stop_flush_ms: i64,
    /// Launches that fail in a row before queued executions no longer launch.
    pub launch_attempts: u32,
    /// Whether a notebook is run for its file alone, as nbclient runs one: nobody is there to answer `input()` (the kernel
    /// refuses to ask, WS-304) or to read a pager, and a closed widget keeps its model, since views in the file name it.
    pub for_file: bool,
}

impl Settings {
    /// The standard settings for a peer.
    pub fn new(nonce: impl Into<String>, launch: LaunchMode) -> Self {
        Self {
            nonce: nonce.into(),
            launch,
            adopted: false,
            stream_flush_ms: 75,
            stream_flush_bytes: 64 * 1024,
            seal_bytes: 64 * 1024,
            send_every_ms: 15,
            start_wait_ms: 15,
            output_cap_bytes: DEFAULT_OUTPUT_LIMIT_BYTES,
            pending_cap_bytes: 32 * 1024 * 1024,
            pending_cap_ops: 4096,
            query_timeout_ms: 5_000,
            interrupt_escalation_ms: 5_000,
            idle_wait_ms: 10_000,
            reply_wait_ms: 2_000,
            stop_flush_ms: 2_000,
            launch_attempts: 3,
            for_file: false,
        }
    }
}
