//! A room's documents in the log: loading, appending, folding.

use documents::DocKind as Kind;
use room::{NextEpoch, StoredDocuments};
use store::Result;
use store::document_log::{
    AppendBatch, Compaction, DocumentKind, DocumentLog as _, Durable, NewEpoch, Position, RoomKey,
};
use store_sql::SqlDocumentLog;

/// A document's log is folded into a snapshot from this size on...
const FOLD_AT: usize = 1024 * 1024;
/// ...and when it has grown beyond this part of the snapshot, so that folding stays rare.
const FOLD_PART: usize = 2;

/// The log of one room, with what must be known to fold it in time.
#[derive(Debug)]
pub struct RoomLog {
    log: SqlDocumentLog,
    key: RoomKey,
    durable: Position,
    documents: [Sizes; 4],
}

#[derive(Debug, Default, Clone, Copy)]
struct Sizes {
    snapshot: usize,
    log: usize,
    folding: bool,
}

impl RoomLog {
    /// Loads a room as it was when it was last durable.
    pub async fn load(log: SqlDocumentLog, key: RoomKey) -> Result<(Self, StoredDocuments)> {
        let stored = log.open(&key).await?;
        let mut documents = StoredDocuments::of_epoch(key.epoch);
        for (kind, hashes) in &stored.retired {
            documents.retire(to_room(*kind), hashes);
        }
        let mut sizes = [Sizes::default(); 4];
        for (kind, document) in stored.documents {
            let kind = to_room(kind);
            let size = &mut sizes[kind as usize];
            size.log = document.log_bytes();
            if let Some(snapshot) = &document.snapshot {
                size.snapshot = snapshot.len();
                documents.append(kind, snapshot);
            }
            for change in &document.changes {
                documents.append(kind, change);
            }
        }
        let room = Self {
            log,
            key,
            durable: stored.position,
            documents: sizes,
        };
        Ok((room, documents))
    }

    /// Puts changes in line for the disk.
    pub async fn append(&mut self, changes: Vec<(Kind, Vec<u8>)>) -> Result<Durable> {
        for (kind, bytes) in &changes {
            self.documents[*kind as usize].log += bytes.len();
        }
        let changes = changes
            .into_iter()
            .map(|(kind, bytes)| (to_store(kind), bytes))
            .collect();
        self.log
            .submit(AppendBatch {
                room: self.key.clone(),
                changes,
            })
            .await
    }

    /// The epoch of the room's documents.
    pub fn epoch(&self) -> i64 {
        self.key.epoch
    }

    /// What storage holds of a document, about.
    pub fn bytes(&self, kind: Kind) -> usize {
        let size = self.documents[kind as usize];
        size.snapshot + size.log
    }

    /// Stores the first documents of the next epoch; the room is in it once the catalog says so.
    pub async fn begin_epoch(&self, next: NextEpoch) -> Result<()> {
        let stored = |parts: Vec<(Kind, Vec<u8>)>| {
            let parts = parts.into_iter();
            parts.map(|(kind, bytes)| (to_store(kind), bytes)).collect()
        };
        let epoch = NewEpoch {
            room: RoomKey {
                epoch: self.key.epoch + 1,
                ..self.key.clone()
            },
            documents: stored(next.documents),
            retired: stored(next.retired),
        };
        self.log.begin_epoch(epoch).await
    }

    /// Notes how far the room is on disk.
    pub fn durable(&mut self, position: Position) {
        self.durable = self.durable.max(position);
    }

    /// A document whose log has grown enough to be folded.
    pub fn due(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| {
            let size = self.documents[*kind as usize];
            !size.folding && size.log >= FOLD_AT.max(size.snapshot / FOLD_PART)
        })
    }

    /// Starts folding a document into its snapshot, which holds at least all that is durable.
    pub fn fold(
        &mut self,
        kind: Kind,
        snapshot: Vec<u8>,
    ) -> impl Future<Output = Result<()>> + use<> {
        self.documents[kind as usize] = Sizes {
            snapshot: snapshot.len(),
            log: 0,
            folding: true,
        };
        let (log, compaction) = (
            self.log.clone(),
            Compaction {
                room: self.key.clone(),
                kind: to_store(kind),
                through: self.durable,
                snapshot,
            },
        );
        async move { log.compact(compaction).await }
    }

    /// Notes that a fold ended, well or not.
    pub fn folded(&mut self, kind: Kind) {
        self.documents[kind as usize].folding = false;
    }
}

fn to_room(kind: DocumentKind) -> Kind {
    match kind {
        DocumentKind::Notebook => Kind::Notebook,
        DocumentKind::RuntimeState => Kind::RuntimeState,
        DocumentKind::Comms => Kind::Comms,
        DocumentKind::Comments => Kind::Comments,
    }
}

fn to_store(kind: Kind) -> DocumentKind {
    match kind {
        Kind::Notebook => DocumentKind::Notebook,
        Kind::RuntimeState => DocumentKind::RuntimeState,
        Kind::Comms => DocumentKind::Comms,
        Kind::Comments => DocumentKind::Comments,
    }
}
