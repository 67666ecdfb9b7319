//! Presence (0x04): small CBOR maps about who looks where (room protocol 8).

use serde::{Deserialize, Serialize};

use crate::{ActorLabel, FrameType, Operator, Principal, UnixMs};

/// One presence message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Presence {
    /// One channel of one peer changed.
    Update {
        /// Who; a room overwrites it.
        peer_id: String,
        /// Its label; a room overwrites it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer_label: Option<String>,
        /// Its actor label; a room overwrites the principal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor_label: Option<String>,
        /// What changed.
        #[serde(flatten)]
        data: ChannelData,
    },
    /// Still here.
    Heartbeat {
        /// Who.
        peer_id: String,
    },
    /// Forget one channel.
    ClearChannel {
        /// Who.
        peer_id: String,
        /// Which.
        channel: Channel,
    },
    /// Going away.
    Left {
        /// Who.
        peer_id: String,
    },
    /// State for late joiners; never in hosted rooms.
    Snapshot {
        /// The daemon.
        peer_id: String,
        /// Its peers.
        peers: Vec<SnapshotPeer>,
    },
}

/// The name of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text cursor.
    Cursor,
    /// A text selection.
    Selection,
    /// The focused cell.
    Focus,
    /// What is being used.
    Interaction,
    /// Kernel status; servers only.
    KernelState,
    /// Anything else.
    Custom,
}

/// A channel with its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "channel", content = "data", rename_all = "snake_case")]
pub enum ChannelData {
    /// A text cursor.
    Cursor {
        /// The cell.
        cell_id: String,
        /// Zero-based.
        line: u32,
        /// Zero-based.
        column: u32,
    },
    /// A text selection.
    Selection {
        /// The cell.
        cell_id: String,
        /// Zero-based.
        anchor_line: u32,
        /// Zero-based.
        anchor_col: u32,
        /// Zero-based.
        head_line: u32,
        /// Zero-based.
        head_col: u32,
    },
    /// The focused cell.
    Focus {
        /// The cell.
        cell_id: String,
    },
    /// What is being used.
    Interaction(Interaction),
    /// Kernel status; servers only.
    KernelState {
        /// The status.
        status: String,
        /// Where the environment came from.
        env_source: String,
    },
    /// Anything else, as an array of integers.
    Custom(Vec<u8>),
}

/// What a kernel uses and whether it answers. A runtime peer tells it on the channel `custom`, as JSON under the key
/// `kernel`: presence is relayed and never stored, so that documents do not grow by it, and who does not know it ignores
/// it. (`kernel_state` is for servers only.)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelUse {
    /// Per cent of one processor; absent until it was seen over some time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Resident memory of the kernel and everything it started.
    pub memory_bytes: u64,
    /// Memory on devices, where that can be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<u64>,
    /// Its last sign of life, once it gives none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresponsive_since: Option<UnixMs>,
}

#[derive(Serialize, Deserialize)]
struct KernelNote {
    kernel: KernelUse,
}

impl KernelUse {
    /// The message that tells it.
    pub fn to_presence(&self) -> Presence {
        let note = KernelNote {
            kernel: self.clone(),
        };
        Presence::Update {
            peer_id: "self".to_owned(),
            peer_label: None,
            actor_label: None,
            data: ChannelData::Custom(serde_json::to_vec(&note).unwrap_or_default()),
        }
    }

    /// Reads it from a message that tells it.
    pub fn of_presence(presence: &Presence) -> Option<Self> {
        let Presence::Update {
            data: ChannelData::Custom(bytes),
            ..
        } = presence
        else {
            return None;
        };
        let note: KernelNote = serde_json::from_slice(bytes).ok()?;
        Some(note.kernel)
    }
}

/// What a person is using.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Interaction {
    /// A cell.
    Cell {
        /// Which.
        cell_id: String,
    },
    /// An editor.
    Editor {
        /// In which cell.
        cell_id: String,
    },
    /// A place in rendered text.
    MarkdownAnchor {
        /// In which cell.
        cell_id: String,
        /// Which.
        anchor_id: String,
    },
    /// An output.
    Output {
        /// Of which cell.
        cell_id: String,
        /// Which, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output_id: Option<String>,
    },
}

/// One peer of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPeer {
    /// Who.
    pub peer_id: String,
    /// Its label.
    pub peer_label: String,
    /// Its actor label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_label: Option<String>,
    /// Its channels.
    pub channels: Vec<ChannelData>,
}

/// Why a presence payload is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresenceError {
    /// The payload is over its cap.
    #[error("presence frame payload exceeds 4096 byte limit")]
    TooLarge,
    /// The payload is no presence message.
    #[error("decode presence: {0}")]
    Decode(String),
    /// Only servers send this.
    #[error("presence {0} is server-originated")]
    ServerOnly(&'static str),
}

/// What the room knows of a sender.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The socket.
    pub peer_id: &'a str,
    /// Its name, if known.
    pub display_name: Option<&'a str>,
    /// Its e-mail address, if known.
    pub email: Option<&'a str>,
    /// Its authenticated principal.
    pub principal: &'a Principal,
    /// The operator of its connection.
    pub operator: &'a Operator,
}

impl Sender<'_> {
    fn label(&self) -> &str {
        if self.principal.is_anonymous() {
            return "Anonymous";
        }
        self.display_name
            .or(self.email)
            .unwrap_or_else(|| self.principal.compact())
    }
}

impl Presence {
    /// Decodes a payload; unknown keys and trailing bytes are ignored.
    pub fn decode(payload: &[u8]) -> Result<Self, PresenceError> {
        if payload.len() > FrameType::Presence.cap() {
            return Err(PresenceError::TooLarge);
        }
        ciborium::from_reader(payload).map_err(|error| PresenceError::Decode(error.to_string()))
    }

    /// Encodes a payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to a vector cannot fail and every key is text.
        let _ = ciborium::into_writer(self, &mut out);
        out
    }

    /// Returns whose presence it is.
    pub fn peer_id(&self) -> &str {
        match self {
            Self::Update { peer_id, .. }
            | Self::Heartbeat { peer_id }
            | Self::ClearChannel { peer_id, .. }
            | Self::Left { peer_id }
            | Self::Snapshot { peer_id, .. } => peer_id,
        }
    }

    /// Rewrites what a client sent so that it names its sender truly (room protocol 8.4).
    pub fn rewritten(self, sender: Sender<'_>) -> Result<Self, PresenceError> {
        let peer_id = sender.peer_id.to_owned();
        Ok(match self {
            Self::Snapshot { .. } => return Err(PresenceError::ServerOnly("snapshot")),
            Self::Update {
                data: ChannelData::KernelState { .. },
                ..
            }
            | Self::ClearChannel {
                channel: Channel::KernelState,
                ..
            } => {
                return Err(PresenceError::ServerOnly("kernel_state"));
            }
            Self::Heartbeat { .. } => Self::Heartbeat { peer_id },
            Self::Left { .. } => Self::Left { peer_id },
            Self::ClearChannel { channel, .. } => Self::ClearChannel { peer_id, channel },
            Self::Update {
                actor_label, data, ..
            } => {
                let operator = actor_label
                    .and_then(|label| ActorLabel::parse(&label).ok())
                    .map_or_else(|| sender.operator.clone(), |label| label.operator);
                let label = ActorLabel::new(sender.principal.clone(), operator);
                Self::Update {
                    peer_id,
                    peer_label: Some(sender.label().to_owned()),
                    actor_label: Some(label.to_string()),
                    data,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
