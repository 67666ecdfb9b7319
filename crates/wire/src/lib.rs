//! Bytes and JSON shapes of the protocol: typed frames, control messages, HTTP shapes, ids.
//!
//! This crate never does I/O, never reads a clock, never makes a random id. Start reading at
//! [`frame`] for the room socket and at [`http`] for the control plane.

pub mod actor;
pub mod attachment;
pub mod blob_batch;
pub mod close;
pub mod control;
pub mod frame;
pub mod headers;
pub mod http;
pub mod ids;
pub mod json;
pub mod presence;
pub mod request;
pub mod scope;
pub mod time;
pub mod token;
pub mod version;

pub use actor::{ActorLabel, Operator, Principal};
pub use attachment::WorkstationAttachment;
pub use frame::{Frame, FrameError, FrameType};
pub use ids::{
    CellId, CommId, CredentialId, ExecutionId, JobId, NotebookId, OutputId, PairingId, PeerId,
    WorkstationId,
};
pub use scope::Scope;
pub use time::UnixMs;

/// The protocol label in `cloud_room_ready`.
pub const PROTOCOL: &str = "v4";
/// The browser subprotocol a room may echo.
pub const SUBPROTOCOL: &str = "nteract.v4";
/// Prefix of the subprotocol token that carries a bearer token in base64url.
pub const SUBPROTOCOL_BEARER_PREFIX: &str = "nteract-bearer.";
/// Prefix of the subprotocol token that carries a development token in base64url.
pub const SUBPROTOCOL_DEV_TOKEN_PREFIX: &str = "nteract-dev-token.";
/// The liveness text a client sends (room protocol 2.4).
pub const LIVENESS_PING: &str = "nteract-liveness-ping";
/// The liveness text a room answers with.
pub const LIVENESS_PONG: &str = "nteract-liveness-pong";
/// The liveness text of the workstation events socket (control plane 2.21).
pub const EVENTS_PING: &str = "nteract.workstation_events.ping.v1";
/// The answer to [`EVENTS_PING`].
pub const EVENTS_PONG: &str = "nteract.workstation_events.pong.v1";
/// The exact text by which a runtime peer says that it is connected to its room (workstation 3.13, 4.27).
pub const PEER_READY_MARKER: &str = "Infrastructure ready, entering main loop";
/// Consecutive counted rejections after which a room closes a socket.
pub const REJECTION_STREAK_LIMIT: u32 = 8;
/// Prefix of a workstation credential.
pub const WORKSTATION_TOKEN_PREFIX: &str = "nwc_";
/// Prefix of an API token that a person made.
pub const API_TOKEN_PREFIX: &str = "nct_";
/// Prefix of a room token: good for one room, one runtime session, some minutes (decision D16).
pub const ROOM_TOKEN_PREFIX: &str = "nwr_";
/// Machine code of the answer to a room token whose time is over.
pub const ROOM_TOKEN_EXPIRED: &str = "room_token_expired";
