//! The durable log of the documents of live rooms (decisions D11, D15).
//!
//! A change is in this log before anybody but its author sees it. Documents are kept per epoch;
//! a document is its snapshot, if there is one, and the changes after it, and the two always load.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::Result;
use crate::migration::{Migration, migration};

/// Which document of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
    /// Cells and notebook metadata.
    Notebook,
    /// Executions, outputs, kernel state.
    RuntimeState,
    /// Widget state.
    Comms,
    /// Comment threads.
    Comments,
}

impl DocumentKind {
    /// All four, in the order a room opens them.
    pub const ALL: [Self; 4] = [
        Self::Notebook,
        Self::RuntimeState,
        Self::Comms,
        Self::Comments,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notebook => "notebook",
            Self::RuntimeState => "runtime_state",
            Self::Comms => "comms",
            Self::Comments => "comments",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The documents of one room in one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoomKey {
    /// Notebook.
    pub notebook_id: String,
    /// Epoch (decision D11).
    pub epoch: i64,
}

/// What one room wants durable at once: whole change chunks, per document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendBatch {
    /// The room.
    pub room: RoomKey,
    /// Change chunks, joined; one entry per document that changed.
    pub changes: Vec<(DocumentKind, Vec<u8>)>,
}

/// A whole document that replaces its log up to a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// The room.
    pub room: RoomKey,
    /// The document.
    pub kind: DocumentKind,
    /// Every change up to here is in the snapshot.
    pub through: Position,
    /// The saved document.
    pub snapshot: Vec<u8>,
}

/// The start of an epoch (decision D11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEpoch {
    /// The room in its new epoch.
    pub room: RoomKey,
    /// The whole documents it starts with.
    pub documents: Vec<(DocumentKind, Vec<u8>)>,
    /// What must never come back into it: hashes of changes, joined; per document.
    pub retired: Vec<(DocumentKind, Vec<u8>)>,
}

/// A place in the log, growing over all rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position(pub i64);

/// One document as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredDocument {
    /// The latest snapshot.
    pub snapshot: Option<Vec<u8>>,
    /// The changes after it, in the order they became durable.
    pub changes: Vec<Vec<u8>>,
}

impl StoredDocument {
    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.snapshot.is_none() && self.changes.is_empty()
    }

    /// Bytes of the changes that a compaction would fold in.
    pub fn log_bytes(&self) -> usize {
        self.changes.iter().map(Vec::len).sum()
    }
}

/// The documents of one room as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredRoom {
    /// One entry per document that was ever written.
    pub documents: Vec<(DocumentKind, StoredDocument)>,
    /// The newest place in the log that concerns this room.
    pub position: Position,
    /// Hashes of changes of earlier epochs that must not come back, joined; per document.
    pub retired: Vec<(DocumentKind, Vec<u8>)>,
}

/// Resolves when a batch is durable, in the order the batches were submitted.
pub type Durable = Pin<Box<dyn Future<Output = Result<Position>> + Send>>;

/// Storage of the documents of live rooms.
pub trait DocumentLog: Clone + Send + Sync + 'static {
    /// Loads what a room had when it was last durable, for reading.
    fn load(&self, room: &RoomKey) -> impl Future<Output = Result<StoredRoom>> + Send;
    /// Loads a room for writing: waits for what an earlier life of the room left in line, and
    /// takes its batches again should one have failed.
    fn open(&self, room: &RoomKey) -> impl Future<Output = Result<StoredRoom>> + Send;
    /// Puts a batch in line, waiting while the line is full. The answer resolves when the batch
    /// is on disk; a caller may submit further batches before. Once a batch of a room failed, the
    /// later ones fail too until the room is opened again: what builds on a lost change must not
    /// be stored without it.
    fn submit(&self, batch: AppendBatch) -> impl Future<Output = Result<Durable>> + Send;
    /// Replaces a document's log up to a point by a snapshot, in one step.
    fn compact(&self, compaction: Compaction) -> impl Future<Output = Result<()>> + Send;
    /// Writes the first documents of a new epoch in one step, over whatever an earlier attempt
    /// left there, and notes the first changes of the epoch that ends.
    fn begin_epoch(&self, epoch: NewEpoch) -> impl Future<Output = Result<()>> + Send;
    /// Drops everything of a notebook, behind what is in line before.
    fn forget(&self, notebook_id: &str) -> impl Future<Output = Result<()>> + Send;
    /// Every notebook that holds anything.
    fn notebooks(&self) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// The epochs of a notebook that hold anything, oldest first.
    fn epochs(&self, notebook_id: &str) -> impl Future<Output = Result<Vec<i64>>> + Send;
}

/// Migrations of the document log, oldest first. They go forward only.
pub const DOCUMENT_MIGRATIONS: &[Migration] = &[
    migration!(1, "-documents/0001_documents"),
    migration!(2, "-documents/0002_epochs"),
    migration!(3, "-documents/0003_writer"),
];

/// Adds change chunks, as many rows as asked for, each of notebook, epoch, kind and bytes;
/// `returning` their numbers where the database does not tell them unasked.
pub fn change_insert(rows: usize, returning: bool) -> String {
    let places = crate::sql::rows_of(rows, 4);
    let end = if returning { " RETURNING seq" } else { "" };
    format!("INSERT INTO document_change (notebook_id, epoch, kind, bytes) VALUES {places}{end}")
}
/// The changes of a room in the order they became durable.
pub const CHANGE_LIST: &str = "SELECT seq, kind, bytes FROM document_change \
     WHERE notebook_id = $1 AND epoch = $2 ORDER BY seq";
/// Drops what a snapshot holds.
pub const CHANGE_FOLD: &str = "DELETE FROM document_change \
     WHERE notebook_id = $1 AND epoch = $2 AND kind = $3 AND seq <= $4";
/// The snapshots of a room.
pub const SNAPSHOT_LIST: &str = "SELECT kind, through_seq, bytes FROM document_snapshot \
     WHERE notebook_id = $1 AND epoch = $2";
/// Writes a snapshot unless a newer one is there.
pub const SNAPSHOT_PUT: &str = "INSERT INTO document_snapshot \
     (notebook_id, epoch, kind, through_seq, bytes) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (notebook_id, epoch, kind) DO UPDATE \
     SET through_seq = excluded.through_seq, bytes = excluded.bytes \
     WHERE excluded.through_seq >= document_snapshot.through_seq";
/// The epochs of a notebook.
pub const EPOCH_LIST: &str = "SELECT epoch FROM document_change WHERE notebook_id = $1 \
     UNION SELECT epoch FROM document_snapshot WHERE notebook_id = $1 ORDER BY epoch";
/// Every notebook that holds anything.
pub const NOTEBOOK_LIST: &str = "SELECT notebook_id FROM document_change \
     UNION SELECT notebook_id FROM document_snapshot \
     UNION SELECT notebook_id FROM document_retired";
/// Drops what an attempt at a new epoch left.
pub const EPOCH_CLEAR: &[&str] = &[
    "DELETE FROM document_change WHERE notebook_id = $1 AND epoch >= $2",
    "DELETE FROM document_snapshot WHERE notebook_id = $1 AND epoch >= $2",
    "DELETE FROM document_retired WHERE notebook_id = $1 AND epoch >= $2",
];
/// Notes changes that ended with an epoch.
pub const RETIRED_INSERT: &str =
    "INSERT INTO document_retired (notebook_id, epoch, kind, hashes) VALUES ($1, $2, $3, $4)";
/// The changes of earlier epochs that must not come back.
pub const RETIRED_LIST: &str = "SELECT kind, hashes FROM document_retired \
     WHERE notebook_id = $1 AND epoch <= $2 ORDER BY epoch";
