//! The append-only journal of one kernel: every message of every channel, in order of arrival.
//!
//! A record's *position* is its byte offset, so a reader can start anywhere it once was. Nothing
//! is synced to disk: the page cache outlives every process but the machine. A torn last record
//! (the machine died while it was written) is cut off when the keeper opens the file again.

mod kept;
mod reader;
mod record;
mod release;
mod writer;

#[cfg(test)]
mod tests;

pub use kept::{keep, read_output};
pub use reader::JournalReader;
pub use record::{Channel, Record};
pub use release::{note, noted, release, released};
pub use writer::JournalWriter;
pub(crate) use writer::request_of;

/// The file's first bytes; also the position of the first record.
pub const MAGIC: &[u8; 8] = b"RUNTJNL1";
/// The position of the first record.
pub const START: u64 = MAGIC.len() as u64;
/// The largest record kept; a larger message is replaced by a `dropped` event.
pub const MAX_RECORD_BYTES: usize = 1 << 30;
/// How much a journal may hold before output is cut, unless told otherwise (decision D10).
pub const DEFAULT_LIMIT_BYTES: u64 = 1 << 30;
/// Name of the journal in the job's folder.
pub const FILE_NAME: &str = "kernel.journal";

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("the kernel journal cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The file is something else.
    #[error("the file is not a kernel journal")]
    NotAJournal,
    /// The bytes at this position are no record.
    #[error("the kernel journal holds no record at position {0}")]
    NoRecordAt(u64),
}
