//! What may happen to a room.

use wire::close::Close;
use wire::{
    ActorLabel, CredentialId, JobId, PeerId, Scope, UnixMs, WorkstationAttachment, WorkstationId,
};

/// One cause of change; all of them are visible here.
#[derive(Clone, Debug)]
pub enum Event {
    /// A socket opened; the edge has checked [`crate::Room::admit`] before the upgrade.
    Join(Box<Join>),
    /// A socket ended, was refused by the transport, or could not be sent to.
    Leave {
        /// Whose.
        peer_id: PeerId,
    },
    /// A message arrived.
    Message {
        /// From whom.
        peer_id: PeerId,
        /// What.
        message: Message,
    },
    /// Storage is short: a peer's frame or first sync could not be kept.
    Degraded {
        /// To whom it is told.
        peer_id: PeerId,
        /// Why.
        reason: String,
    },
    /// The control plane publishes what compute is selected.
    AttachmentPublished(Box<AttachmentUpdate>),
    /// Somebody's access rows changed.
    AccessChanged(AccessChange),
    /// The public link is gone: anonymous viewers leave.
    PublicLinkRevoked,
    /// A principal or a credential was revoked.
    Revoked(Revocation),
    /// The answer to [`crate::Effect::ResolveCompute`].
    ComputeResolved {
        /// The question's number.
        request: u64,
        /// The answer.
        outcome: ComputeOutcome,
    },
    /// The agent, or the owner, reports that an attach job is over.
    JobEnded(JobEnd),
    /// The owner says after how many minutes without execution compute stops; 0 is never, none is what the machine says.
    IdleMinutes(Option<u64>),
    /// Time passed.
    Tick,
}

/// A message as the transport gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A typed frame.
    Binary(Vec<u8>),
    /// A text.
    Text(String),
}

/// Everything a room needs to know about a new peer.
#[derive(Clone, Debug)]
pub struct Join {
    /// A fresh UUID v4, never reused.
    pub peer_id: PeerId,
    /// The authenticated principal and its operator.
    pub actor: ActorLabel,
    /// The granted scope.
    pub scope: Scope,
    /// Whether the person holds the *run* right beside the scope (decision D14).
    pub may_run: bool,
    /// Such as `oidc`, `anonymous` or `workstation-credential`.
    pub identity_provider: Option<String>,
    /// The principal's namespace.
    pub principal_namespace: Option<String>,
    /// The person's name, if known.
    pub display_name: Option<String>,
    /// The person's e-mail address, if known; told to this peer only.
    pub email: Option<String>,
    /// The workstation credential it came in by, if any.
    pub credential_id: Option<CredentialId>,
    /// Honoured for runtime peers only.
    pub workstation: Option<WorkstationHeaders>,
    /// Whether it says that it takes up fresh documents when the room starts over (decision D11).
    pub rejoins: bool,
    /// When the socket opened.
    pub connected_at: UnixMs,
}

/// What a runtime peer's dial says of its machine, with what the registry adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkstationHeaders {
    /// `x-nteract-workstation-id`; absent counts as `runtime-peer`.
    pub workstation_id: Option<WorkstationId>,
    /// `x-nteract-runtime-session-id`: the attach job.
    pub runtime_session_id: Option<JobId>,
    /// The machine's label: header, else registry.
    pub display_name: Option<String>,
    /// The default environment's label: header, else registry.
    pub default_environment: Option<String>,
    /// The environment policy: header, else registry.
    pub environment_policy: Option<String>,
    /// The working directory: header, else registry.
    pub working_directory: Option<String>,
    /// Logical processors, from the registry.
    pub cpu_count: Option<u64>,
    /// Memory, from the registry.
    pub memory_bytes: Option<u64>,
    /// Accelerators, from the registry.
    pub accelerators: Option<Vec<wire::http::Accelerator>>,
    /// Minutes without execution after which compute stops there, from the registry; 0 is never.
    pub idle_minutes: Option<u64>,
}

/// A new attachment, and whether its publication ends sockets.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachmentUpdate {
    /// What to publish.
    pub attachment: WorkstationAttachment,
    /// Closes the runtime peers of other sessions with this (7.7).
    pub close_runtime_peers: Option<Close>,
}

/// What somebody may do from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessChange {
    /// Whose rows changed.
    pub principal: wire::Principal,
    /// The scopes a socket of the principal may keep; empty when access is gone.
    pub allowed: Vec<Scope>,
    /// Whether the principal holds the *run* right.
    pub may_run: bool,
}

/// Whose sockets end now; a socket that matches any given key is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocation {
    /// All sockets of this principal with this scope.
    pub principal: Option<(wire::Principal, Scope)>,
    /// All sockets that came in by this credential.
    pub credential_id: Option<CredentialId>,
}

/// Whether compute could be resumed.
#[derive(Clone, Debug, PartialEq)]
pub enum ComputeOutcome {
    /// A job was made; this is to be published, with status `connecting`.
    Resumed(Box<WorkstationAttachment>),
    /// It cannot be resumed.
    Unavailable,
}

/// How an attach job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// Which job.
    pub runtime_session_id: JobId,
    /// How.
    pub outcome: JobOutcome,
    /// What a person may read, if more is known.
    pub message: Option<String>,
}

/// The three ends of an attach job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// It ended in order.
    Completed,
    /// It failed.
    Failed,
    /// It was called off.
    Cancelled,
}
