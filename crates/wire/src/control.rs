//! Session control messages (0x07): what a room tells a peer about itself, others and its frames.

use serde::{Deserialize, Serialize};

use crate::{FrameType, NotebookId, PROTOCOL, PeerId, Scope, UnixMs};

/// One person or machine in the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// The socket.
    pub peer_id: PeerId,
    /// The label it authors under.
    pub actor_label: String,
    /// Its granted scope.
    pub connection_scope: Scope,
    /// The principal, or `anonymous:<peer_id>`.
    pub participant_key: String,
    /// How it signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
    /// The namespace of its principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_namespace: Option<String>,
    /// Its name, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// When its socket opened.
    pub connected_at: UnixMs,
}

/// `cloud_room_ready`: the first frame to every new peer (room protocol 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomReady {
    /// Always `v4`.
    pub protocol: String,
    /// The room.
    pub notebook_id: NotebookId,
    /// `comments:<notebook_id>`; absent means comments are unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments_doc_id: Option<String>,
    /// The receiver's own peer id.
    pub peer_id: PeerId,
    /// What the receiver must author under.
    pub actor_label: String,
    /// The granted scope.
    pub connection_scope: Scope,
    /// How the receiver signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
    /// The namespace of its principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_namespace: Option<String>,
    /// Its name, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its e-mail address, if known; only here and only about the receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// All sockets including this one.
    #[serde(default)]
    pub room_peer_count: u64,
    /// Sockets with scope `runtime_peer`.
    #[serde(default)]
    pub runtime_peer_count: u64,
    /// The full roster.
    #[serde(default)]
    pub peers: Vec<RosterEntry>,
    /// The room's epoch (an addition, for who rejoins): a client whose documents are of another one takes them afresh
    /// (decision D11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_epoch: Option<i64>,
    /// Equals the receiver's own `connected_at`.
    pub timestamp: UnixMs,
}

impl RoomReady {
    /// Returns the protocol label for new messages.
    pub fn protocol() -> String {
        PROTOCOL.to_owned()
    }

    /// Returns the comments document id of a notebook.
    pub fn comments_doc_id(notebook_id: &NotebookId) -> String {
        format!("comments:{notebook_id}")
    }
}

/// `cloud_peer_joined` and `cloud_peer_left` (room protocol 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerChange {
    /// The room.
    pub notebook_id: NotebookId,
    /// Who came or went.
    pub peer_id: PeerId,
    /// Its label.
    pub actor_label: String,
    /// Its scope.
    pub connection_scope: Scope,
    /// Its participant.
    pub participant_key: String,
    /// Its name, if known; absent when it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// All sockets after the event.
    pub room_peer_count: u64,
    /// Runtime peers after the event.
    pub runtime_peer_count: u64,
    /// When.
    pub timestamp: UnixMs,
}

/// A message of the session control channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum SessionControl {
    /// The first frame of a socket.
    #[serde(rename = "cloud_room_ready")]
    RoomReady(Box<RoomReady>),
    /// Somebody else joined.
    #[serde(rename = "cloud_peer_joined")]
    PeerJoined(PeerChange),
    /// Somebody else left.
    #[serde(rename = "cloud_peer_left")]
    PeerLeft(PeerChange),
    /// A frame of the receiver took effect.
    #[serde(rename = "cloud_frame_accepted")]
    FrameAccepted {
        /// The room.
        notebook_id: NotebookId,
        /// The receiver.
        peer_id: PeerId,
        /// The type's number.
        frame_type: u8,
        /// The payload's length after normalisation.
        byte_length: u64,
        /// When.
        timestamp: UnixMs,
    },
    /// A frame of the receiver was refused.
    #[serde(rename = "cloud_frame_rejected")]
    FrameRejected {
        /// The room.
        notebook_id: NotebookId,
        /// The receiver.
        peer_id: PeerId,
        /// The type's number, if it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frame_type: Option<u8>,
        /// Why.
        reason: String,
        /// When.
        timestamp: UnixMs,
    },
    /// Storage is short; the frame got neither accepted nor rejected.
    #[serde(rename = "cloud_room_degraded")]
    RoomDegraded {
        /// The room.
        notebook_id: NotebookId,
        /// The receiver.
        peer_id: PeerId,
        /// Why.
        reason: String,
        /// When.
        timestamp: UnixMs,
    },
    /// Any type this client does not know; to be ignored.
    #[serde(other)]
    Unknown,
}

impl SessionControl {
    /// Makes the acknowledgement of a frame.
    pub fn accepted(
        notebook_id: NotebookId,
        peer_id: PeerId,
        frame_type: FrameType,
        byte_length: usize,
        timestamp: UnixMs,
    ) -> Self {
        Self::FrameAccepted {
            notebook_id,
            peer_id,
            frame_type: frame_type.byte(),
            byte_length: byte_length as u64,
            timestamp,
        }
    }

    /// Makes the refusal of a frame.
    pub fn rejected(
        notebook_id: NotebookId,
        peer_id: PeerId,
        frame_type: Option<FrameType>,
        reason: impl Into<String>,
        timestamp: UnixMs,
    ) -> Self {
        Self::FrameRejected {
            notebook_id,
            peer_id,
            frame_type: frame_type.map(FrameType::byte),
            reason: reason.into(),
            timestamp,
        }
    }

    /// Parses a payload; unknown types become [`SessionControl::Unknown`].
    pub fn decode(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }

    /// Returns the payload.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
