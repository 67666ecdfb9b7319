//! Revisions: documents that belong together, kept as they were. Made from what a client uploads
//! (CP 3.9), or by the server from what a room has shown.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use blob_store::{Blob, BlobError};
use bytes::Bytes;
use documents::inflation::{Budget, DOCUMENT_INFLATED_MAX};
use documents::references::{self, BlobReference};
use documents::summary::{self, Summary};
use documents::{NotebookDoc, RuntimeStateDoc, genesis, manifest};
use serde_json::{Value, json};
use store::document_log::{DocumentKind, DocumentLog as _};
use store::{
    Artifact, Notebook, Notebooks as _, Revision, RevisionCover, RevisionDocument, Revisions as _,
};
use uuid::Uuid;
use wire::UnixMs;
use wire::actor::percent_encode;

use crate::app::App;
use crate::notebook_file::{self, NotebookFileError, READER};

/// The type of a saved document.
pub const DOCUMENT_TYPE: &str = "application/octet-stream";

/// Which of a revision's documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Cells.
    Notebook,
    /// Executions and outputs.
    Runtime,
    /// Widgets.
    Comms,
}

impl Part {
    /// The key of an artifact; `doc_id` is the runtime state document's.
    pub fn key(self, notebook_id: &str, doc_id: &str, heads_hash: &str) -> String {
        let heads = percent_encode(heads_hash);
        let folder = match self {
            Self::Notebook => format!("n/{}", percent_encode(notebook_id)),
            Self::Runtime => format!("docs/{}", percent_encode(doc_id)),
            Self::Comms => format!("docs/{}", percent_encode(&format!("comms:{doc_id}"))),
        };
        format!("{folder}/snapshots/{heads}.am")
    }
}

/// The documents of a revision, read.
#[derive(Debug)]
pub struct Pair {
    /// Cells.
    pub notebook: Box<NotebookDoc>,
    /// Executions and outputs.
    pub runtime: Box<RuntimeStateDoc>,
}

impl Pair {
    /// Reads two saved documents that must show something together.
    ///
    /// # Errors
    /// In plain words, why they do not.
    pub fn load(notebook: &[u8], runtime: &[u8]) -> Result<Self, String> {
        let fits = |bytes| Budget::new(DOCUMENT_INFLATED_MAX).take(bytes);
        fits(notebook).map_err(|cause| format!("the notebook document does not load: {cause}"))?;
        let notebook = NotebookDoc::load(notebook, READER)
            .map_err(|cause| format!("the notebook document does not load: {cause}"))?;
        fits(runtime)
            .map_err(|cause| format!("the runtime state document does not load: {cause}"))?;
        let runtime = RuntimeStateDoc::load(runtime, READER)
            .map_err(|cause| format!("the runtime state document does not load: {cause}"))?;
        let has = |doc, key| documents::value::Reader::now(doc).root_map(key).is_some();
        if !has(notebook.doc(), "cells") {
            return Err("the first document is no notebook".to_owned());
        }
        if !has(runtime.doc(), "executions") {
            return Err("the second document is no runtime state".to_owned());
        }
        Ok(Self {
            notebook: Box::new(notebook),
            runtime: Box::new(runtime),
        })
    }

    /// The blobs it names.
    pub fn references(&self) -> BTreeMap<String, BlobReference> {
        references::named(&self.notebook, &self.runtime)
    }

    /// What a list shows of it.
    pub fn summary(&self) -> Summary {
        summary::summarize(&self.notebook, &self.runtime)
    }
}

/// Keeps bytes as a blob, durable on return; their hash.
///
/// # Errors
/// The blobs' place fails.
pub async fn keep(app: &App, bytes: impl Into<Bytes>) -> Result<String, BlobError> {
    let bytes = bytes.into();
    let blob = tokio::task::spawn_blocking(move || Blob::of(bytes)).await?;
    let hash = blob.hash().to_owned();
    app.blobs().keep(blob).await?;
    Ok(hash)
}

/// Makes a revision of what a room has shown, which is in the log (decision D15).
///
/// # Errors
/// Storage fails, or stored documents do not load.
pub async fn take(
    app: &App,
    notebook: &Notebook,
    title: Option<String>,
    actor_label: &str,
) -> Result<Revision, NotebookFileError> {
    let (mut cells, mut states) = notebook_file::shown(app.documents(), notebook).await?;
    let doc_id = cells
        .root_text("runtime_state_doc_id")
        .unwrap_or_else(|| format!("runtime:{}", notebook.id));
    let work = move || {
        let heads = [cells.heads(), states.heads()];
        let heads = heads.map(|heads| heads_hash(genesis::heads_hex(&heads)));
        let saved = [cells.save(), states.save()];
        let pair = Pair {
            notebook: cells,
            runtime: states,
        };
        (heads, saved, pair.references(), pair.summary())
    };
    let (heads, saved, named, summary) = tokio::task::spawn_blocking(work).await?;
    let [cells_heads, states_heads] = heads;
    let [cells_bytes, states_bytes] = saved;
    let now = app.now_ms();
    let mut artifacts = Vec::new();
    for (part, heads_hash, bytes) in [
        (Part::Notebook, cells_heads, cells_bytes),
        (Part::Runtime, states_heads, states_bytes),
    ] {
        let size_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let artifact = Artifact {
            key: part.key(&notebook.id, &doc_id, &heads_hash),
            notebook_id: notebook.id.clone(),
            blob_hash: keep(app, bytes).await?,
            size_bytes,
            content_type: DOCUMENT_TYPE.to_owned(),
            stored_ms: now,
        };
        artifacts.push((heads_hash, artifact));
    }
    let document = |(heads_hash, artifact): &(String, Artifact)| RevisionDocument {
        heads_hash: heads_hash.clone(),
        key: artifact.key.clone(),
        blob_hash: artifact.blob_hash.clone(),
    };
    let mut pinned = Vec::new();
    // A document may name any hash; only this notebook's own blobs are its to keep.
    for hash in named.into_keys() {
        if app.catalog().blob(&notebook.id, &hash).await?.is_some() {
            pinned.push(hash);
        }
    }
    let revision = Revision {
        id: Uuid::new_v4().to_string(),
        notebook_id: notebook.id.clone(),
        title,
        runtime_state_doc_id: doc_id,
        notebook: document(&artifacts[0]),
        runtime: document(&artifacts[1]),
        comms: None,
        cover: cover(&summary),
        actor_label: actor_label.to_owned(),
        created_ms: now,
    };
    let artifacts: Vec<Artifact> = artifacts
        .into_iter()
        .map(|(_, artifact)| artifact)
        .collect();
    app.catalog()
        .publish(&revision, &artifacts, &pinned)
        .await?;
    describe(app, &notebook.id, &summary).await;
    Ok(revision)
}

/// Reads a revision's documents.
///
/// # Errors
/// Their bytes are gone or do not load.
pub async fn open(app: &App, revision: &Revision) -> Result<Pair, NotebookFileError> {
    let notebook = app.blobs().bytes(&revision.notebook.blob_hash).await?;
    let runtime = app.blobs().bytes(&revision.runtime.blob_hash).await?;
    let work = move || Pair::load(&notebook, &runtime).map_err(io::Error::other);
    Ok(tokio::task::spawn_blocking(work).await??)
}

/// The name that reference clients give heads: `heads-` and 24 hex digits.
fn heads_hash(mut hex: Vec<String>) -> String {
    hex.sort();
    let digest = manifest::sha256_hex(hex.join("\n").as_bytes());
    format!("heads-{}", &digest[..24])
}

/// The picture of a revision.
pub fn cover(summary: &Summary) -> Option<RevisionCover> {
    let (blob_hash, mime) = summary.cover.clone()?;
    Some(RevisionCover { blob_hash, mime })
}

/// Stores what the list shows of a notebook; a failure is logged and fails nothing (CP-311).
pub async fn describe(app: &App, notebook_id: &str, summary: &Summary) {
    let composition = json!({
        "code": summary.code, "markdown": summary.markdown, "raw": summary.raw,
    });
    let preview: Vec<Value> = summary
        .preview
        .iter()
        .map(|cell| match cell.execution_count {
            None => json!({ "kind": cell.kind, "text": cell.text }),
            Some(count) => {
                json!({ "kind": cell.kind, "text": cell.text, "execution_count": count })
            }
        })
        .collect();
    let (composition, preview) = (composition.to_string(), Value::from(preview).to_string());
    // A document may say anything; the catalog takes no NUL.
    let language = summary.language.as_deref();
    let language = language.filter(|language| !language.contains('\0'));
    let stored = app.catalog().set_notebook_summary(
        notebook_id,
        Some(&composition),
        Some(&preview),
        language,
        app.now_ms(),
    );
    if let Err(cause) = stored.await {
        tracing::warn!(%cause, "a notebook's summary could not be stored");
    }
}

/// A revision as the catalog shows it (CP 3.3); `title` is additive.
pub fn to_wire(revision: &Revision) -> Value {
    let comms = revision.comms.as_ref();
    let cover = revision.cover.as_ref();
    json!({
        "id": revision.id,
        "notebook_id": revision.notebook_id,
        "title": revision.title,
        "runtime_state_doc_id": revision.runtime_state_doc_id,
        "notebook_heads_hash": revision.notebook.heads_hash,
        "runtime_heads_hash": revision.runtime.heads_hash,
        "comms_heads_hash": comms.map(|comms| &comms.heads_hash),
        "comments_heads_hash": null,
        "snapshot_key": revision.notebook.key,
        "runtime_snapshot_key": revision.runtime.key,
        "comms_snapshot_key": comms.map(|comms| &comms.key),
        "comments_snapshot_key": null,
        "cover_blob_hash": cover.map(|cover| &cover.blob_hash),
        "cover_mime": cover.map(|cover| &cover.mime),
        "actor_label": revision.actor_label,
        "created_at": UnixMs(revision.created_ms),
    })
}

/// Every blob that a notebook's live documents could still show, of all four documents.
///
/// # Errors
/// Storage fails, or stored documents do not load: then nothing may be collected.
pub async fn mentioned(
    app: &App,
    notebook: &Notebook,
) -> Result<BTreeSet<String>, NotebookFileError> {
    let stored = app.documents().load(&notebook_file::key(notebook)).await?;
    let work = move || {
        let mut hashes = BTreeSet::new();
        for kind in DocumentKind::ALL {
            let bytes = notebook_file::joined(&stored.documents, kind);
            if !bytes.is_empty() {
                let doc = genesis::load(&bytes, READER)
                    .map_err(documents::hosted_file::FileError::from)?;
                hashes.extend(references::mentioned(&doc));
            }
        }
        Ok(hashes)
    };
    tokio::task::spawn_blocking(work).await?
}
