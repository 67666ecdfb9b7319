//! The chunks that saved documents and changes are made of, walked as the library walks them
//! (<https://automerge.org/automerge-binary-format-spec/>).

use std::io::Read as _;

use flate2::bufread::DeflateDecoder;
use sha2::{Digest as _, Sha256};

pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHECKSUM_BYTES: u64 = 4;
/// The number of a change that is not compressed: the checksum of a compressed one is of this form.
const PLAIN_CHANGE: u8 = 1;

/// What a chunk holds, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Document,
    CompressedChange,
    Bundle,
    /// Nothing of it is compressed.
    Other,
}

/// One chunk.
pub(crate) struct Chunk<'a> {
    checksum: &'a [u8],
    number: u8,
    pub(crate) data: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The chunk that bytes begin with, and what follows it.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = Reader(bytes);
        if reader.bytes(MAGIC.len() as u64)? != MAGIC {
            return None;
        }
        let checksum = reader.bytes(CHECKSUM_BYTES)?;
        let number = reader.byte()?;
        let length = reader.number()?;
        let chunk = Self {
            checksum,
            number,
            data: reader.bytes(length)?,
        };
        Some((chunk, reader.0))
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self.number {
            0 => Kind::Document,
            2 => Kind::CompressedChange,
            3 => Kind::Bundle,
            _ => Kind::Other,
        }
    }

    /// Whether its bytes are those that were sent.
    fn is_intact(&self) -> bool {
        if self.kind() != Kind::CompressedChange {
            return checksum(self.number, self.data) == self.checksum;
        }
        let mut inflated = Vec::new();
        let read = DeflateDecoder::new(self.data).read_to_end(&mut inflated);
        read.is_ok() && checksum(PLAIN_CHANGE, &inflated) == self.checksum
    }
}

/// Where the first chunk begins that cannot be read, or is not what was sent; the library leaves it out, with all that
/// follows it, and says nothing. What the bytes inflate to must have been bounded before (see [`crate::inflation`]).
pub fn broken_at(bytes: &[u8]) -> Option<usize> {
    let mut left = bytes;
    while !left.is_empty() {
        match Chunk::first(left) {
            Some((chunk, rest)) if chunk.is_intact() => left = rest,
            _ => return Some(bytes.len() - left.len()),
        }
    }
    None
}

fn checksum(number: u8, data: &[u8]) -> [u8; CHECKSUM_BYTES as usize] {
    let mut header = vec![number];
    let mut length = data.len();
    while length >= 0x80 {
        header.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    header.push(length as u8);
    let hash = Sha256::new().chain_update(header).chain_update(data);
    let hash = hash.finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Reads from the front; `None` once the bytes end too soon.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, count: u64) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    /// An unsigned LEB128 of at most 64 bits.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
pub(crate) mod tests;
