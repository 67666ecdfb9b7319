//! What compressed bytes of documents become, counted before the library inflates them: it does so without a limit, and
//! a megabyte may become a gigabyte.
//!
//! The chunks are walked as the library walks them (<https://automerge.org/automerge-binary-format-spec/>). Where they
//! cannot be walked on, the library refuses the rest as well.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

use crate::chunks::{Chunk, Kind, Reader};

/// Bytes that the changes of one frame of a peer may inflate to, with those that wait for others.
pub const FRAME_INFLATED_MAX: u64 = 64 * 1024 * 1024;
/// Bytes that a whole document which a client hands in may inflate to.
pub const DOCUMENT_INFLATED_MAX: u64 = 256 * 1024 * 1024;
/// Bytes that are inflated at a time and thrown away.
const STEP: usize = 32 * 1024;
const HASH_BYTES: usize = 32;
/// The bit of a column's specification that says that it is deflated.
const DEFLATED: u64 = 0b1000;

/// Compressed bytes become more than they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it inflates to more than {limit} bytes")]
pub struct TooLarge {
    /// What is allowed, in bytes.
    pub limit: u64,
}

/// How much may still be inflated.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    left: u64,
}

impl Budget {
    /// A budget of so many bytes.
    pub const fn new(limit: u64) -> Self {
        Self { limit, left: limit }
    }

    /// Counts what the chunks of a saved document, or of changes, inflate to.
    ///
    /// # Errors
    /// It is more than is left.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while let Some((chunk, rest)) = Chunk::first(bytes) {
            match chunk.kind() {
                Kind::Document => self.document(chunk.data)?,
                Kind::CompressedChange => self.inflate(chunk.data)?,
                Kind::Bundle => self.bundle(chunk.data)?,
                Kind::Other => {}
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Actors, heads, the columns of changes and of operations, then the bytes of both.
    fn document(&mut self, data: &[u8]) -> Result<(), TooLarge> {
        let mut reader = Reader(data);
        let columns = (|| {
            reader.actors()?;
            reader.hashes()?;
            Some([reader.columns()?, reader.columns()?])
        })();
        for columns in columns.into_iter().flatten() {
            self.columns(&mut reader, &columns)?;
        }
        Ok(())
    }

    /// Dependencies, actors, then columns and bytes of changes, then those of operations.
    fn bundle(&mut self, data: &[u8]) -> Result<(), TooLarge> {
        let mut reader = Reader(data);
        if reader.hashes().and_then(|()| reader.actors()).is_none() {
            return Ok(());
        }
        for _ in 0..2 {
            let Some(columns) = reader.columns() else {
                break;
            };
            self.columns(&mut reader, &columns)?;
        }
        Ok(())
    }

    fn columns(&mut self, reader: &mut Reader<'_>, columns: &[Column]) -> Result<(), TooLarge> {
        for column in columns {
            let Some(data) = reader.bytes(column.length) else {
                break;
            };
            if column.deflated {
                self.inflate(data)?;
            }
        }
        Ok(())
    }

    /// What breaks in the middle is refused by the library, which has inflated the beginning by then.
    fn inflate(&mut self, deflated: &[u8]) -> Result<(), TooLarge> {
        let mut decoder = DeflateDecoder::new(deflated);
        let mut step = vec![0; STEP];
        while let Ok(read @ 1..) = decoder.read(&mut step) {
            self.left = self
                .left
                .checked_sub(read as u64)
                .ok_or(TooLarge { limit: self.limit })?;
        }
        Ok(())
    }
}

struct Column {
    length: u64,
    deflated: bool,
}

impl Reader<'_> {
    fn actors(&mut self) -> Option<()> {
        for _ in 0..self.number()? {
            let length = self.number()?;
            self.bytes(length)?;
        }
        Some(())
    }

    fn hashes(&mut self) -> Option<()> {
        let count = self.number()?;
        self.bytes(count.checked_mul(HASH_BYTES as u64)?)?;
        Some(())
    }

    fn columns(&mut self) -> Option<Vec<Column>> {
        let mut columns = Vec::new();
        for _ in 0..self.number()? {
            let specification = self.number()?;
            columns.push(Column {
                length: self.number()?,
                deflated: specification & DEFLATED != 0,
            });
        }
        Some(columns)
    }
}

#[cfg(test)]
mod tests;
