//! Published revisions of notebooks and the artifacts they are made of (control plane 3.9).

use std::future::Future;

use crate::Result;

/// A stored artifact: a saved document under its key, its bytes a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Such as `n/<notebook>/snapshots/<heads>.am`.
    pub key: String,
    /// The notebook it belongs to.
    pub notebook_id: String,
    /// SHA-256 of the bytes in the blob folder.
    pub blob_hash: String,
    /// Size.
    pub size_bytes: i64,
    /// Type given by its writer.
    pub content_type: String,
    /// When it was written last.
    pub stored_ms: i64,
}

/// A revision of a notebook: documents that belong together and never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Id (a UUID).
    pub id: String,
    /// Notebook.
    pub notebook_id: String,
    /// What a person calls it.
    pub title: Option<String>,
    /// Id of the runtime state document.
    pub runtime_state_doc_id: String,
    /// The notebook document.
    pub notebook: RevisionDocument,
    /// The runtime state document.
    pub runtime: RevisionDocument,
    /// The comms document, if there is one.
    pub comms: Option<RevisionDocument>,
    /// A picture of it.
    pub cover: Option<RevisionCover>,
    /// Who made it.
    pub actor_label: String,
    /// When.
    pub created_ms: i64,
}

/// One document of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionDocument {
    /// The opaque name of its heads.
    pub heads_hash: String,
    /// Key of its artifact.
    pub key: String,
    /// SHA-256 of the bytes that were published.
    pub blob_hash: String,
}

/// The picture of a revision: one of the notebook's blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionCover {
    /// The blob.
    pub blob_hash: String,
    /// `image/png`, `image/jpeg` or `image/svg+xml`.
    pub mime: String,
}

/// A place in a notebook's revisions, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionPlace {
    /// When the revision there was made.
    pub created_ms: i64,
    /// Its id.
    pub id: String,
}

impl RevisionPlace {
    /// Before the newest.
    pub const START: Self = Self {
        created_ms: i64::MAX,
        id: String::new(),
    };
}

/// Storage of artifacts and revisions.
pub trait Revisions {
    /// Stores an artifact, over an earlier one of the same notebook; `false` if the key belongs to
    /// another notebook.
    fn put_artifact(&self, artifact: &Artifact) -> impl Future<Output = Result<bool>> + Send;
    /// Finds an artifact.
    fn artifact(&self, key: &str) -> impl Future<Output = Result<Option<Artifact>>> + Send;
    /// Records a revision with the artifacts of its documents and the blobs they name, and makes
    /// it the notebook's latest, in one step.
    fn publish(
        &self,
        revision: &Revision,
        artifacts: &[Artifact],
        blobs: &[String],
    ) -> impl Future<Output = Result<()>> + Send;
    /// A notebook's revisions after a place, newest first.
    fn revisions(
        &self,
        notebook_id: &str,
        after: &RevisionPlace,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Revision>>> + Send;
    /// One revision of a notebook.
    fn revision(
        &self,
        notebook_id: &str,
        id: &str,
    ) -> impl Future<Output = Result<Option<Revision>>> + Send;
    /// Deletes a revision; the newest one left becomes the latest. `false` if there is none.
    fn delete_revision(
        &self,
        notebook_id: &str,
        id: &str,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Storage of what the collection of blobs asks.
pub trait BlobReferences {
    /// Notebooks with a blob that nobody uploaded since `before_ms`, after an id, by id.
    fn notebooks_with_old_blobs(
        &self,
        before_ms: i64,
        after: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// The blobs of a notebook that nobody uploaded since `before_ms` and no revision names.
    fn unpinned_blobs(
        &self,
        notebook_id: &str,
        before_ms: i64,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// Takes a blob from a notebook, unless it was uploaded again since `before_ms` or a revision
    /// names it by now; says whether it is gone.
    fn drop_blob(
        &self,
        notebook_id: &str,
        hash: &str,
        before_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Whether a notebook, an artifact or a revision still has a blob's bytes.
    fn is_blob_wanted(&self, hash: &str) -> impl Future<Output = Result<bool>> + Send;
}
