//! The bytes of a pack: a table, its check, then the bytes of the blobs one after the other.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `blobpck1` |
//! | 4 | number of blobs, little-endian |
//! | 36 each | SHA-256 and length (little-endian) of a blob |
//! | 32 | SHA-256 of all before |
//! | the rest | the blobs, in the table's order |

use std::io::{self, Read};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// A blob of more bytes is a file of its own.
pub(crate) const PACKED_LIMIT: usize = 64 * 1024;
/// Blobs of one pack; more than these make several.
pub(super) const BLOBS_LIMIT: usize = 4096;

const MAGIC: &[u8; 8] = b"blobpck1";
/// Bytes before the entries.
const START: usize = MAGIC.len() + size_of::<u32>();
/// Bytes of an entry.
const ENTRY: usize = size_of::<Key>() + size_of::<u32>();

/// The SHA-256 of a blob.
pub(super) type Key = [u8; 32];

/// Where a blob lies in a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// What is written before the bytes of at most [`BLOBS_LIMIT`] blobs of at most [`PACKED_LIMIT`] bytes each, and where
/// these lie then.
pub(super) fn head(blobs: &[(Key, Bytes)]) -> (Vec<u8>, Vec<Entry>) {
    let named = blobs.iter().map(|(key, bytes)| (*key, bytes.len() as u32));
    let (entries, _) = placed(named);
    let mut head = MAGIC.to_vec();
    head.extend((entries.len() as u32).to_le_bytes());
    for entry in &entries {
        head.extend(entry.key);
        head.extend(entry.length.to_le_bytes());
    }
    let check = Sha256::digest(&head);
    head.extend(check);
    (head, entries)
}

/// Reads the table of a pack that has so many bytes.
///
/// # Errors
/// It cannot be read, or is no whole pack.
pub(super) fn table(mut pack: impl Read, size: u64) -> io::Result<Vec<Entry>> {
    let mut head = vec![0; START];
    pack.read_exact(&mut head)?;
    let (magic, count) = head.split_at(MAGIC.len());
    let count = number(count) as usize;
    if magic != MAGIC || count > BLOBS_LIMIT {
        return Err(bad("it does not begin as a pack does"));
    }
    head.resize(START + count * ENTRY, 0);
    pack.read_exact(&mut head[START..])?;
    let mut check = Key::default();
    pack.read_exact(&mut check)?;
    if Sha256::digest(&head)[..] != check {
        return Err(bad("its table is damaged"));
    }
    let named = head[START..].chunks_exact(ENTRY).map(|entry| {
        let mut key = Key::default();
        let (name, length) = entry.split_at(key.len());
        key.copy_from_slice(name);
        (key, number(length))
    });
    if named
        .clone()
        .any(|(_, length)| length as usize > PACKED_LIMIT)
    {
        return Err(bad("it has a blob that is larger than those of packs"));
    }
    let (entries, end) = placed(named);
    if end != size {
        return Err(bad("its length is not that which its table says"));
    }
    Ok(entries)
}

/// Lays blobs one after the other behind their table; where the last one ends.
fn placed(blobs: impl ExactSizeIterator<Item = (Key, u32)>) -> (Vec<Entry>, u64) {
    let mut offset = (START + blobs.len() * ENTRY + size_of::<Key>()) as u32;
    let place = |(key, length)| {
        let entry = Entry {
            key,
            offset,
            length,
        };
        offset += length;
        entry
    };
    let entries = blobs.map(place).collect();
    (entries, offset.into())
}

fn number(bytes: &[u8]) -> u32 {
    let digits = bytes.iter().rev();
    digits.fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn bad(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
