//! Notebook files: a new notebook's first contents, and a notebook as a download.
//!
//! Moves bytes between the document log, the blobs and the file format of `documents`.

use std::collections::BTreeMap;
use std::sync::Arc;

use blob_store::BlobError;
use documents::hosted_file::{self, FileError};
use documents::ipynb::{self, ExportError, ImportError, ImportedNotebook};
use documents::manifest::Blob;
use documents::{CommsDoc, NotebookDoc, RuntimeStateDoc};
use serde_json::Value;
use store::document_log::{
    AppendBatch, DocumentKind, DocumentLog as _, RoomKey, StoredDocument, StoredRoom,
};
use store::{BlobRow, FirstBlobs, Notebook, Notebooks as _};
use store_sql::SqlDocumentLog;
use uuid::Uuid;

use crate::app::{App, Storage};

/// The most bytes of all blobs in one download.
const DOWNLOAD_LIMIT: i64 = 256 * 1024 * 1024;
/// The epoch that a new notebook's room is in.
const FIRST_EPOCH: i64 = 1;
/// What a notebook shows: cells and outputs.
type Shown = (Box<NotebookDoc>, Box<RuntimeStateDoc>);
/// The label under which stored documents are read.
pub(crate) const READER: &str = "system:server/download";

/// Why a notebook file is not taken or not made.
#[derive(Debug, thiserror::Error)]
pub enum NotebookFileError {
    /// The file is no notebook.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The file does not fit the documents, or they do not fit a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The notebook holds what a file cannot.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The outputs are too large for one file.
    #[error("the notebook's outputs hold {0} bytes, limit {DOWNLOAD_LIMIT} bytes")]
    TooLarge(i64),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// Blobs could not be kept or read.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A stored document could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The work broke off.
    #[error(transparent)]
    Broken(#[from] tokio::task::JoinError),
}

/// Reads a file, before anything is created for it.
///
/// # Errors
/// It is no notebook.
pub async fn read(content: Value) -> Result<ImportedNotebook, NotebookFileError> {
    let work = move || {
        // A hosted room has no UUID of its own; any namespace keeps the made ids apart.
        let namespace = Uuid::new_v4();
        let mut new_id = || Uuid::new_v4().to_string();
        let file = ipynb::import(&content.to_string(), namespace, &|_| false, &mut new_id)?;
        // A dry run, so that a file is refused before there is a notebook.
        hosted_file::open("", file.clone(), &mut Uuid::new_v4)?;
        Ok(file)
    };
    tokio::task::spawn_blocking(work).await?
}

/// What a new notebook begins with.
#[derive(Debug)]
pub enum First {
    /// A cell.
    Nothing,
    /// A file.
    File(Box<ImportedNotebook>),
    /// What another notebook shows.
    Copy {
        /// The other notebook's id.
        of: String,
        /// What it shows.
        copied: Copied,
    },
}

impl First {
    /// Writes the first documents under an id that no notebook has yet, so that none can be opened without them; durable
    /// on return. Returns the blobs that they name.
    ///
    /// # Errors
    /// Storage fails.
    pub async fn store(self, app: &App, id: &str) -> Result<FirstBlobs, NotebookFileError> {
        match self {
            Self::Nothing => Ok(FirstBlobs::default()),
            Self::File(file) => store(app, id, *file).await,
            Self::Copy { of, copied } => store_copy(app, of, id, copied).await,
        }
    }
}

async fn store(
    app: &App,
    notebook_id: &str,
    file: ImportedNotebook,
) -> Result<FirstBlobs, NotebookFileError> {
    let id = notebook_id.to_owned();
    let work = move || {
        let mut hosted = hosted_file::open(&id, file, &mut Uuid::new_v4)?;
        let named = |blob: &Blob| blob_store::Blob::of(blob.bytes.clone());
        let bytes: Vec<_> = hosted.blobs.iter().map(named).collect();
        let changes = vec![
            (DocumentKind::Notebook, hosted.notebook.save()),
            (DocumentKind::RuntimeState, hosted.runtime.save()),
            (DocumentKind::Comms, hosted.comms.save()),
        ];
        Ok::<_, NotebookFileError>((hosted.blobs, bytes, changes))
    };
    let (blobs, bytes, changes) = tokio::task::spawn_blocking(work).await??;
    app.blobs().keep_all(bytes).await?;
    append(app, notebook_id, changes).await?;
    let own = blobs.iter().map(|blob| row(app, notebook_id, blob));
    Ok(FirstBlobs {
        own: own.collect(),
        shared: None,
    })
}

async fn append(
    app: &App,
    notebook_id: &str,
    changes: Vec<(DocumentKind, Vec<u8>)>,
) -> store::Result<()> {
    let room = RoomKey {
        notebook_id: notebook_id.to_owned(),
        epoch: FIRST_EPOCH,
    };
    let batch = AppendBatch { room, changes };
    app.documents().submit(batch).await?.await?;
    Ok(())
}

/// The notebook as it is now, as the text of an `.ipynb` file. What a room has shown to anybody is
/// in the log already (decision D15), so the room is not asked.
///
/// # Errors
/// What it holds does not fit a file, or storage fails.
pub async fn text(
    storage: &Arc<Storage>,
    notebook: &Notebook,
) -> Result<String, NotebookFileError> {
    let stored = storage.documents.load(&key(notebook)).await?;
    let id = notebook.id.clone();
    let read = move || {
        let (cells, states) = cells_and_outputs(&stored, &id)?;
        let comms = joined(&stored.documents, DocumentKind::Comms);
        let comms = if comms.is_empty() {
            CommsDoc::from_seed(READER)?
        } else {
            CommsDoc::load(&comms, READER)?
        };
        let mut named = hosted_file::blobs_named(&cells, &states);
        named.extend(hosted_file::widget_blobs(&states, &comms));
        Ok::<_, FileError>((cells, states, comms, named))
    };
    let (cells, states, comms, named) = tokio::task::spawn_blocking(read).await??;
    // A document may name any hash; only this notebook's own blobs are its readers' to have.
    let mut own = Vec::new();
    let mut size = 0;
    for hash in named {
        if let Some(blob) = storage.catalog.blob(&notebook.id, &hash).await? {
            size += blob.size_bytes;
            own.push(hash);
        }
    }
    if size > DOWNLOAD_LIMIT {
        return Err(NotebookFileError::TooLarge(size));
    }
    let mut found = BTreeMap::new();
    for hash in own {
        match storage.blobs.bytes(&hash).await {
            Ok(bytes) => drop(found.insert(hash, bytes)),
            // The file says that it is missing.
            Err(BlobError::Absent) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    let write = move || {
        let blobs = |hash: &str| found.get(hash).map(|bytes| bytes.to_vec());
        let mut notebook = hosted_file::gather(&cells, &states, &comms, &blobs)?;
        ipynb::fit(&mut notebook, &|hash| found.contains_key(hash));
        Ok(ipynb::export(&notebook, &blobs)?)
    };
    tokio::task::spawn_blocking(write).await?
}

/// A notebook's cells and outputs as they are durable now.
pub(crate) async fn shown(
    documents: &SqlDocumentLog,
    notebook: &Notebook,
) -> Result<Shown, NotebookFileError> {
    let stored = documents.load(&key(notebook)).await?;
    let id = notebook.id.clone();
    let read = move || cells_and_outputs(&stored, &id);
    Ok(tokio::task::spawn_blocking(read).await??)
}

fn cells_and_outputs(stored: &StoredRoom, id: &str) -> Result<Shown, FileError> {
    let cells = joined(&stored.documents, DocumentKind::Notebook);
    let states = joined(&stored.documents, DocumentKind::RuntimeState);
    let cells = if cells.is_empty() {
        NotebookDoc::hosted_bootstrap(id)?
    } else {
        NotebookDoc::load(&cells, READER)?
    };
    let states = if states.is_empty() {
        RuntimeStateDoc::from_seed(READER)?
    } else {
        RuntimeStateDoc::load(&states, READER)?
    };
    Ok((Box::new(cells), Box::new(states)))
}

/// What a copy of a notebook begins with: its own blobs are shared by name.
#[derive(Debug)]
pub struct Copied {
    /// Cells and metadata.
    pub cells: Box<NotebookDoc>,
    /// Executions and outputs.
    pub states: Box<RuntimeStateDoc>,
}

/// Reads what a copy will show, before anything is created for it.
///
/// # Errors
/// Storage fails.
pub async fn copy_of(app: &App, notebook: &Notebook) -> Result<Copied, NotebookFileError> {
    let (cells, states) = shown(app.documents(), notebook).await?;
    Ok(Copied { cells, states })
}

async fn store_copy(
    app: &App,
    first: String,
    copy: &str,
    copied: Copied,
) -> Result<FirstBlobs, NotebookFileError> {
    let id = copy.to_owned();
    let work = move || {
        let Copied { cells, states } = copied;
        let named = hosted_file::blobs_named(&cells, &states);
        let (mut cells, mut states) = hosted_file::copy(&id, &cells, &states, &mut Uuid::new_v4)?;
        let changes = vec![
            (DocumentKind::Notebook, cells.save()),
            (DocumentKind::RuntimeState, states.save()),
        ];
        Ok::<_, NotebookFileError>((named, changes))
    };
    let (named, changes) = tokio::task::spawn_blocking(work).await??;
    // Only the first notebook's own blobs: a document may name any hash.
    append(app, copy, changes).await?;
    Ok(FirstBlobs {
        own: Vec::new(),
        shared: Some((first, named.into_iter().collect())),
    })
}

pub(crate) fn key(notebook: &Notebook) -> RoomKey {
    RoomKey {
        notebook_id: notebook.id.clone(),
        epoch: notebook.room_epoch,
    }
}

fn row(app: &App, notebook_id: &str, blob: &Blob) -> BlobRow {
    BlobRow {
        notebook_id: notebook_id.to_owned(),
        hash: blob.sha256.clone(),
        size_bytes: i64::try_from(blob.bytes.len()).unwrap_or(i64::MAX),
        content_type: Some(documents::mime::upload_media_type(&blob.media_type).to_owned()),
        uploaded_ms: app.now_ms(),
    }
}

pub(crate) fn joined(documents: &[(DocumentKind, StoredDocument)], kind: DocumentKind) -> Vec<u8> {
    let stored = documents.iter().filter(|(other, _)| *other == kind);
    stored
        .flat_map(|(_, document)| document.snapshot.iter().chain(&document.changes))
        .flatten()
        .copied()
        .collect()
}
