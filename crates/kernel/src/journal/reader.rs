//! Reading a journal from a position, while it grows.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use bytes::Bytes;

use super::record::{Decoded, decode};
use super::{JournalError, MAGIC, Record, START};

/// How much is asked of the file at a time.
const READ_BYTES: usize = 256 * 1024;

/// Reads records in order; at the end it says so and may be asked again later.
#[derive(Debug)]
pub struct JournalReader {
    file: File,
    /// Bytes already read, not yet handed out; they start at `position`.
    pending: Bytes,
    position: u64,
}

impl JournalReader {
    /// Opens a journal at a position that was a record's `position` or `end` (or [`START`]).
    pub fn open(path: &Path, from: u64) -> Result<Self, JournalError> {
        let mut file = File::open(path)?;
        let mut magic = [0_u8; MAGIC.len()];
        file.read_exact(&mut magic)
            .map_err(|_| JournalError::NotAJournal)?;
        if &magic != MAGIC {
            return Err(JournalError::NotAJournal);
        }
        let position = from.max(START);
        file.seek(SeekFrom::Start(position))?;
        Ok(Self {
            file,
            pending: Bytes::new(),
            position,
        })
    }

    /// Where the next record starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Up to where the file was read.
    pub(super) fn read_to(&self) -> u64 {
        self.position + self.pending.len() as u64
    }

    /// The next whole record, or `None` when there is none yet.
    pub fn next_record(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            match decode(&self.pending, self.position) {
                Decoded::Record(record) => {
                    let taken = (record.end - record.position) as usize;
                    self.pending = self.pending.slice(taken..);
                    self.position = record.end;
                    return Ok(Some(record));
                }
                Decoded::Invalid => return Err(JournalError::NoRecordAt(self.position)),
                Decoded::Needs(total) => {
                    if !self.fill(total)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Bytes of the file that were not read yet.
    pub fn available(&self) -> u64 {
        let length = self.file.metadata().map_or(0, |meta| meta.len());
        length.saturating_sub(self.read_to())
    }

    /// Reads until `total` bytes are pending; false when the file ends before.
    ///
    /// The beginning of a record that is not whole is read again with the rest: if its keeper was killed meanwhile, the
    /// next one has cut it off and written another in its place.
    fn fill(&mut self, total: usize) -> Result<bool, JournalError> {
        let there = usize::try_from(self.available()).unwrap_or(usize::MAX);
        if self.pending.len().saturating_add(there) < total {
            self.pending = Bytes::new();
            self.file.seek(SeekFrom::Start(self.position))?;
            return Ok(false);
        }
        let wanted = total.max(READ_BYTES).min(self.pending.len() + there);
        // As much as is read and no more: records keep it alive.
        let mut buffer = Vec::with_capacity(wanted);
        buffer.extend_from_slice(&self.pending);
        let missing = (wanted - buffer.len()) as u64;
        (&self.file).take(missing).read_to_end(&mut buffer)?;
        let whole = buffer.len() >= total;
        self.pending = buffer.into();
        Ok(whole)
    }
}
