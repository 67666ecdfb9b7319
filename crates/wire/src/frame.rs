//! Typed frames of the room socket: one byte of type, then the payload.

use std::fmt;

use crate::Scope;

/// The outer bound for any frame, without its type byte.
pub const MAX_FRAME_BYTES: usize = 104_857_600;

/// What a frame carries (room protocol 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FrameType {
    /// Sync message of NotebookDoc.
    AutomergeSync = 0x00,
    /// JSON request.
    Request = 0x01,
    /// JSON response.
    Response = 0x02,
    /// JSON broadcast: what a kernel says to everybody and nobody keeps.
    Broadcast = 0x03,
    /// CBOR presence.
    Presence = 0x04,
    /// Sync message of RuntimeStateDoc.
    RuntimeStateSync = 0x05,
    /// Sync message of PoolDoc; unused in hosted rooms.
    PoolStateSync = 0x06,
    /// JSON control message; server only.
    SessionControl = 0x07,
    /// A blob with its header.
    PutBlob = 0x08,
    /// Sync message of CommsDoc.
    CommsDocSync = 0x09,
    /// Sync message of CommentsDoc.
    CommentsDocSync = 0x0a,
}

impl FrameType {
    /// All types in byte order.
    pub const ALL: [Self; 11] = [
        Self::AutomergeSync,
        Self::Request,
        Self::Response,
        Self::Broadcast,
        Self::Presence,
        Self::RuntimeStateSync,
        Self::PoolStateSync,
        Self::SessionControl,
        Self::PutBlob,
        Self::CommsDocSync,
        Self::CommentsDocSync,
    ];

    /// Returns the type of a first byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// Returns the first byte of this type.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Returns the name used in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AutomergeSync => "automerge_sync",
            Self::Request => "request",
            Self::Response => "response",
            Self::Broadcast => "broadcast",
            Self::Presence => "presence",
            Self::RuntimeStateSync => "runtime_state_sync",
            Self::PoolStateSync => "pool_state_sync",
            Self::SessionControl => "session_control",
            Self::PutBlob => "put_blob",
            Self::CommsDocSync => "comms_doc_sync",
            Self::CommentsDocSync => "comments_doc_sync",
        }
    }

    /// Returns the largest payload allowed, inclusive.
    pub const fn cap(self) -> usize {
        match self {
            Self::AutomergeSync
            | Self::Response
            | Self::RuntimeStateSync
            | Self::CommsDocSync
            | Self::CommentsDocSync => 67_108_864,
            Self::Request | Self::Broadcast => 16_777_216,
            Self::Presence => 4_096,
            Self::PoolStateSync | Self::SessionControl => 1_048_576,
            Self::PutBlob => 33_554_432,
        }
    }

    /// Returns whether only the server, or for broadcasts a runtime peer, originates this type.
    pub const fn is_server_originated(self) -> bool {
        matches!(self, Self::Broadcast | Self::SessionControl)
    }

    /// Returns whether the room lets frames of this type through for a scope.
    pub const fn may_send(self, scope: Scope) -> bool {
        match self {
            Self::AutomergeSync
            | Self::Presence
            | Self::RuntimeStateSync
            | Self::CommsDocSync
            | Self::CommentsDocSync => true,
            Self::Request | Self::PoolStateSync => matches!(scope, Scope::Owner),
            Self::Response | Self::Broadcast => matches!(scope, Scope::RuntimePeer),
            Self::PutBlob => matches!(scope, Scope::RuntimePeer | Scope::Owner),
            Self::SessionControl => false,
        }
    }

    /// Checks cap, origin and scope, in this order (room protocol 2.5 steps 4 to 6).
    pub fn check(self, payload_len: usize, scope: Scope) -> Result<(), FrameError> {
        if payload_len > self.cap() {
            return Err(FrameError::TooLarge(self));
        }
        if self.is_server_originated() && !self.may_send(scope) {
            return Err(FrameError::ServerOriginated(self));
        }
        if !self.may_send(scope) {
            return Err(FrameError::ScopeMayNotWrite {
                scope,
                frame_type: self,
            });
        }
        Ok(())
    }
}

impl fmt::Display for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a room rejects a message; the texts are those of room protocol 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The message has no bytes.
    #[error("Error: typed frame cannot be empty")]
    Empty,
    /// The first byte names no type.
    #[error("Error: unknown frame type {0}")]
    UnknownType(u8),
    /// The payload is over its cap.
    #[error("{0} frame payload exceeds {cap} byte limit", cap = .0.cap())]
    TooLarge(FrameType),
    /// A client sent a type only the server originates.
    #[error("{0} is server-originated")]
    ServerOriginated(FrameType),
    /// The scope may not write the type.
    #[error("{scope} cannot write {frame_type} frames")]
    ScopeMayNotWrite {
        /// The sender's scope.
        scope: Scope,
        /// The type it sent.
        frame_type: FrameType,
    },
    /// A text message that is not the liveness ping.
    #[error("typed-frame WebSocket messages must be binary")]
    NotBinary,
}

impl FrameError {
    /// Returns the type for the control message, absent when none could be read.
    pub const fn frame_type(self) -> Option<FrameType> {
        match self {
            Self::Empty | Self::UnknownType(_) | Self::NotBinary => None,
            Self::TooLarge(frame_type)
            | Self::ServerOriginated(frame_type)
            | Self::ScopeMayNotWrite { frame_type, .. } => Some(frame_type),
        }
    }
}

/// One binary message of the room socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is.
    pub frame_type: FrameType,
    /// The bytes after the type byte.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Makes a frame.
    pub fn new(frame_type: FrameType, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            frame_type,
            payload: payload.into(),
        }
    }

    /// Splits a binary message; sizes are checked by [`FrameType::check`].
    pub fn decode(message: &[u8]) -> Result<Self, FrameError> {
        let (frame_type, payload) = split(message)?;
        Ok(Self {
            frame_type,
            payload: payload.to_vec(),
        })
    }

    /// Joins the type byte and the payload.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.frame_type, &self.payload)
    }
}

/// Splits a binary message without copying its payload.
pub fn split(message: &[u8]) -> Result<(FrameType, &[u8]), FrameError> {
    let (&byte, payload) = message.split_first().ok_or(FrameError::Empty)?;
    let frame_type = FrameType::from_byte(byte).ok_or(FrameError::UnknownType(byte))?;
    Ok((frame_type, payload))
}

/// Joins a type byte and a payload.
pub fn encode(frame_type: FrameType, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(payload.len() + 1);
    message.push(frame_type.byte());
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests;
