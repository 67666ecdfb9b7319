//! One record: its bytes and its typed view.
//!
//! ```text
//! u32 body length | body | u32 body length again          (little endian)
//! body = u8 channel | u64 unix milliseconds | u16 parts | u32 length per part | the parts
//! ```

use std::io::Write;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::KeeperEvent;

const LENGTH_BYTES: usize = 4;
const FIXED_BODY_BYTES: usize = 1 + 8 + 2;
/// From this size on a part is written from where it is.
pub(super) const LARGE_PART: usize = 256 * 1024;

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The kernel's broadcasts: outputs, status, widgets.
    Iopub,
    /// Replies to requests.
    Shell,
    /// Requests for input.
    Stdin,
    /// Replies to interrupt, shutdown, debug.
    Control,
    /// The keeper's own events.
    Keeper,
}

impl Channel {
    fn code(self) -> u8 {
        match self {
            Self::Iopub => 1,
            Self::Shell => 2,
            Self::Stdin => 3,
            Self::Control => 4,
            Self::Keeper => 5,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Iopub,
            2 => Self::Shell,
            3 => Self::Stdin,
            4 => Self::Control,
            5 => Self::Keeper,
            _ => return None,
        })
    }
}

/// One journal entry: a kernel message as it came off the wire, or a keeper event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Byte offset of this record.
    pub position: u64,
    /// Byte offset just after it: where to read on.
    pub end: u64,
    /// When the keeper saw it, in milliseconds since 1970.
    pub at_ms: u64,
    /// Where it came from.
    pub channel: Channel,
    /// For messages: header, parent header, metadata, content, then buffers. For events: JSON.
    pub parts: Vec<Bytes>,
}

impl Record {
    /// The message's header, or `Null`.
    pub fn header(&self) -> Value {
        self.json(0)
    }

    /// The header of the request this answers, or `Null`.
    pub fn parent_header(&self) -> Value {
        self.json(1)
    }

    /// The message's metadata, or `Null`.
    pub fn metadata(&self) -> Value {
        self.json(2)
    }

    /// The message's content, or `Null`: what kernels write that is no strict JSON is read as what it means.
    pub fn content(&self) -> Value {
        self.json(3)
    }

    /// The message's binary buffers.
    pub fn buffers(&self) -> &[Bytes] {
        self.parts.get(4..).unwrap_or(&[])
    }

    /// The keeper's event, when this is one that is known.
    pub fn event(&self) -> Option<KeeperEvent> {
        if self.channel != Channel::Keeper {
            return None;
        }
        wire::json::from_slice(self.parts.first()?).ok()
    }

    fn json(&self, index: usize) -> Value {
        if self.channel == Channel::Keeper {
            return Value::Null;
        }
        self.parts
            .get(index)
            .and_then(|part| wire::json::parse(part).ok())
            .unwrap_or(Value::Null)
    }
}

/// Bytes the record will take.
pub(super) fn encoded_len(parts: &[Bytes]) -> usize {
    2 * LENGTH_BYTES + body_len(parts)
}

fn body_len(parts: &[Bytes]) -> usize {
    FIXED_BODY_BYTES
        + parts
            .iter()
            .map(|part| LENGTH_BYTES + part.len())
            .sum::<usize>()
}

/// Records as they will lie in the file, in pieces: large parts are not copied.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    pieces: Vec<Bytes>,
    /// What comes after the pieces.
    rest: Vec<u8>,
    pieces_len: usize,
}

impl Encoded {
    /// Appends one record. The caller has checked the size.
    pub(super) fn push(&mut self, at_ms: u64, channel: Channel, parts: &[Bytes]) {
        let len = (body_len(parts) as u32).to_le_bytes();
        let out = &mut self.rest;
        out.extend_from_slice(&len);
        out.push(channel.code());
        out.extend_from_slice(&at_ms.to_le_bytes());
        out.extend_from_slice(&(parts.len() as u16).to_le_bytes());
        for part in parts {
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        }
        for part in parts {
            if part.len() < LARGE_PART {
                out.extend_from_slice(part);
            } else {
                self.pieces_len += out.len() + part.len();
                self.pieces.push(std::mem::take(out).into());
                self.pieces.push(part.clone());
            }
        }
        out.extend_from_slice(&len);
    }

    /// Bytes in all.
    pub(super) fn len(&self) -> usize {
        self.pieces_len + self.rest.len()
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.rest.clear();
        self.pieces_len = 0;
    }

    pub(super) fn write_to(&self, file: &mut impl Write) -> std::io::Result<()> {
        for piece in &self.pieces {
            file.write_all(piece)?;
        }
        file.write_all(&self.rest)
    }
}

/// What lies at the start of some bytes.
#[derive(Debug)]
pub(super) enum Decoded {
    /// A whole record.
    Record(Record),
    /// The record needs this many bytes in all; fewer are there.
    Needs(usize),
    /// These bytes are no record.
    Invalid,
}

/// Reads the record that starts at `position`, of which `bytes` is the beginning.
pub(super) fn decode(bytes: &Bytes, position: u64) -> Decoded {
    let Some(len) = read_u32(bytes, 0) else {
        return Decoded::Needs(LENGTH_BYTES);
    };
    let len = len as usize;
    if !(FIXED_BODY_BYTES..=super::MAX_RECORD_BYTES).contains(&len) {
        return Decoded::Invalid;
    }
    let total = len + 2 * LENGTH_BYTES;
    if bytes.len() < total {
        return Decoded::Needs(total);
    }
    if read_u32(bytes, total - LENGTH_BYTES) != Some(len as u32) {
        return Decoded::Invalid;
    }
    let body = bytes.slice(LENGTH_BYTES..total - LENGTH_BYTES);
    match decode_body(&body, position, total) {
        Some(record) => Decoded::Record(record),
        None => Decoded::Invalid,
    }
}

fn decode_body(body: &Bytes, position: u64, total: usize) -> Option<Record> {
    let channel = Channel::from_code(*body.first()?)?;
    let at_ms = u64::from_le_bytes(body.get(1..9)?.try_into().ok()?);
    let count = usize::from(u16::from_le_bytes(body.get(9..11)?.try_into().ok()?));
    let mut at = FIXED_BODY_BYTES + count * LENGTH_BYTES;
    let mut parts = Vec::with_capacity(count);
    for index in 0..count {
        let len = read_u32(body, FIXED_BODY_BYTES + index * LENGTH_BYTES)? as usize;
        let end = at.checked_add(len)?;
        if end > body.len() {
            return None;
        }
        parts.push(body.slice(at..end));
        at = end;
    }
    (at == body.len()).then_some(Record {
        position,
        end: position + total as u64,
        at_ms,
        channel,
        parts,
    })
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at + LENGTH_BYTES)?.try_into().ok()?,
    ))
}
