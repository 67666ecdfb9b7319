//! What goes into the agent and what comes out.

use wire::http::JobStatus;

use crate::{CloudFailure, Millis};

/// An attach job as the cloud lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobOrder {
    /// The job's id, which is also the runtime session's id.
    pub job_id: String,
    /// The notebook.
    pub notebook_id: String,
    /// The state as listed.
    pub status: String,
    /// Why the job exists.
    pub trigger: String,
    /// The folder asked for.
    pub working_directory: Option<String>,
    /// The notebook's file.
    pub notebook_path: Option<String>,
    /// The principal who asked, where the cloud says so.
    pub requested_by: Option<String>,
}

/// The attach jobs as one poll found them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobList {
    /// Jobs that could be read.
    pub jobs: Vec<JobOrder>,
    /// The ids of those that could not.
    pub skipped: Vec<String>,
    /// Whether there are no others: what an earlier agent left of a job that is not here may end then.
    pub is_whole: bool,
}

/// How a peer ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerExit {
    /// Its exit code, when known.
    pub code: Option<i32>,
    /// The signal that ended it, when known.
    pub signal: Option<i32>,
    /// A line that explains it, for example the last of its log.
    pub detail: Option<String>,
    /// Whether nobody saw it end (an adopted peer that is gone).
    pub unseen: bool,
}

/// What is found of a job's peer on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalPeer {
    /// The recorded process lives and is ours; the edge has begun to watch it.
    Alive {
        /// Whether its log says that it was ready.
        ready: bool,
    },
    /// The job was started here and its process is gone.
    Dead {
        /// How it ended, if it left a note.
        exit: Option<PeerExit>,
    },
    /// This machine never started the job.
    Foreign,
}

/// News of the event socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// The upgrade succeeded.
    Opened,
    /// "Something about a job changed."
    AttachJobs,
    /// "You count as offline."
    WentOffline,
    /// Any other message or frame.
    Traffic,
    /// The cloud closed the socket cleanly.
    Closed,
    /// The dial failed or the socket broke.
    Failed(CloudFailure),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A deadline passed, or nothing in particular.
    Tick,
    /// Jobs of this workstation with a peer or a kernel that earlier agents left here; told once, as the first event.
    LeftBehind {
        /// The jobs.
        job_ids: Vec<String>,
    },
    /// Answer to [`Effect::Register`].
    Registered(Result<(), CloudFailure>),
    /// Answer to [`Effect::Poll`].
    Polled(Result<JobList, CloudFailure>),
    /// Answer to [`Effect::Report`].
    Reported {
        /// The job.
        job_id: String,
        /// The state that was reported.
        status: JobStatus,
        /// Whether the cloud took it.
        result: Result<(), CloudFailure>,
    },
    /// News of the event socket.
    Link(LinkEvent),
    /// Answer to [`Effect::Inspect`].
    Inspected {
        /// The job.
        job_id: String,
        /// What is there.
        found: LocalPeer,
    },
    /// Answer to [`Effect::Spawn`].
    Spawned {
        /// The job.
        job_id: String,
        /// The reason when it could not be started.
        result: Result<(), String>,
    },
    /// The peer said that it is connected.
    PeerReady {
        /// The job.
        job_id: String,
    },
    /// The peer said how its kernel is, in the room's words in lower case.
    Kernel {
        /// The job.
        job_id: String,
        /// The state.
        state: String,
    },
    /// The peer's process ended.
    PeerExited {
        /// The job.
        job_id: String,
        /// How.
        exit: PeerExit,
    },
    /// Why nothing can be stored on this machine; `None` when all is well. Told whenever it was looked at.
    Storage(Option<String>),
    /// What the machine says of itself is not what the cloud knows: the next registration comes soon.
    FactsChanged,
    /// A signal asks the agent to end; a second one asks louder.
    StopRequested,
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Someone must look.
    Error,
    /// Unusual and handled.
    Warn,
    /// Life of the process.
    Info,
}

/// Something the edge has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ask the machine afresh which devices it has; the registration that follows at once tells them.
    LookAtDevices,
    /// Register, answered with [`Event::Registered`].
    Register,
    /// Poll, answered with [`Event::Polled`].
    Poll,
    /// Report a job's state, answered with [`Event::Reported`].
    Report {
        /// The job.
        job_id: String,
        /// Where it stands: accepted, running, completed or failed.
        status: JobStatus,
        /// Why, for failures.
        error_message: Option<String>,
    },
    /// Dial the event socket, answered with [`Event::Link`].
    OpenLink,
    /// Send the liveness probe on the event socket.
    PingLink,
    /// Close the event socket; nothing is answered.
    CloseLink,
    /// Look for a job's peer, answered with [`Event::Inspected`].
    Inspect {
        /// The job as listed.
        job: JobOrder,
    },
    /// Start a job's peer, answered with [`Event::Spawned`].
    Spawn {
        /// The job.
        job: JobOrder,
    },
    /// Ask a peer to end (SIGTERM).
    Terminate {
        /// The job.
        job_id: String,
    },
    /// End a peer and its process group (SIGKILL).
    Kill {
        /// The job.
        job_id: String,
    },
    /// The peer is over: remove its record of process identity.
    ForgetPeer {
        /// The job.
        job_id: String,
    },
    /// The job is over: end the kernel that a peer that was killed may have left.
    EndKernel {
        /// The job.
        job_id: String,
    },
    /// The operator drains the machine, or no longer: the next agent is to know, and so is the cloud at the next
    /// registration.
    Draining {
        /// Whether nothing new is taken.
        on: bool,
    },
    /// Write a log line.
    Log {
        /// How loud.
        level: LogLevel,
        /// The line.
        text: String,
    },
    /// End the agent.
    Exit {
        /// The exit code.
        code: u8,
        /// What to tell the operator, when something is to be told.
        message: Option<String>,
    },
}

pub(crate) fn log(level: LogLevel, text: impl Into<String>) -> Effect {
    Effect::Log {
        level,
        text: text.into(),
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(a: Option<Millis>, b: Option<Millis>) -> Option<Millis> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
