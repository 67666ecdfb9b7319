//! Notebooks, who may reach them, and the list of their blobs.

use std::future::Future;

use crate::{Result, StoreError};

/// A notebook to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotebook {
    /// Id (a ULID).
    pub id: String,
    /// Canonical principal of the creator.
    pub owner_principal: String,
    /// Title, if any.
    pub title: Option<String>,
    /// When it is made.
    pub created_ms: i64,
    /// Who makes it, for the owner row.
    pub actor_label: String,
}

/// The blobs that the first documents of a new notebook name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FirstBlobs {
    /// Those that came with it.
    pub own: Vec<BlobRow>,
    /// Another notebook, and hashes of those that are its own.
    pub shared: Option<(String, Vec<String>)>,
}

/// A stored notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notebook {
    /// Id.
    pub id: String,
    /// Canonical principal of the creator.
    pub owner_principal: String,
    /// Title, if any.
    pub title: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// When it was put in the trash.
    pub trashed_ms: Option<i64>,
    /// Latest published revision.
    pub latest_revision_id: Option<String>,
    /// JSON text `{code,markdown,raw}`.
    pub cell_composition: Option<String>,
    /// JSON text, at most two preview entries.
    pub preview_cells: Option<String>,
    /// Language of its kernel.
    pub language: Option<String>,
    /// Current epoch of its room (decision D11).
    pub room_epoch: i64,
    /// Minutes after which its compute stops when unused; 0 is never, none is what its machine says.
    pub idle_minutes: Option<i64>,
}

/// A notebook in somebody's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNotebook {
    /// The notebook.
    pub notebook: Notebook,
    /// Strongest scope held: `owner`, `editor`, `runtime_peer` or `viewer`.
    pub scope: String,
}

/// Whom an access row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// One principal.
    Principal,
    /// Anybody with the link.
    Public,
}

impl SubjectKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Public => "public",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "principal" => Ok(Self::Principal),
            "public" => Ok(Self::Public),
            other => Err(StoreError::Corrupt {
                what: "subject kind",
                value: other.to_owned(),
            }),
        }
    }
}

/// An access row to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAclRow {
    /// Notebook.
    pub notebook_id: String,
    /// Principal or public.
    pub subject_kind: SubjectKind,
    /// The principal, or `anonymous`.
    pub subject: String,
    /// `viewer`, `editor`, `runtime_peer` or `owner`.
    pub scope: String,
    /// The run right beside `editor` (decision D14).
    pub may_run: bool,
    /// Who grants.
    pub actor_label: String,
    /// When.
    pub now_ms: i64,
}

/// A stored access row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclRow {
    /// Notebook.
    pub notebook_id: String,
    /// Principal or public.
    pub subject_kind: SubjectKind,
    /// The principal, or `anonymous`.
    pub subject: String,
    /// `viewer`, `editor`, `runtime_peer` or `owner`.
    pub scope: String,
    /// The run right beside `editor`.
    pub may_run: bool,
    /// First grant.
    pub created_ms: i64,
    /// Latest grant.
    pub updated_ms: i64,
    /// Who granted first.
    pub created_by_actor_label: String,
}

/// What became of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclRemoval {
    /// The row is gone.
    Removed,
    /// There was no such row.
    Absent,
    /// It is the last owner row and stays.
    LastOwner,
}

/// A blob known to a notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRow {
    /// Notebook.
    pub notebook_id: String,
    /// Lower-case hex SHA-256.
    pub hash: String,
    /// Size.
    pub size_bytes: i64,
    /// Type given by the first writer.
    pub content_type: Option<String>,
    /// First upload.
    pub uploaded_ms: i64,
}

/// Storage of notebooks and access rows.
pub trait Notebooks {
    /// Creates a notebook with its owner row in one step; `false` if the id is taken.
    fn create_notebook(&self, notebook: &NewNotebook) -> impl Future<Output = Result<bool>> + Send;
    /// The same with the rows of its first blobs, in one step as well.
    fn create_notebook_with(
        &self,
        notebook: &NewNotebook,
        blobs: &FirstBlobs,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Returns a notebook, trashed or not.
    fn notebook(&self, id: &str) -> impl Future<Output = Result<Option<Notebook>>> + Send;
    /// A notebook as [`Notebooks::notebook`] returns it, with the rows of [`Notebooks::acl_for`] in no order, by one
    /// statement.
    fn notebook_for(
        &self,
        id: &str,
        principal: &str,
    ) -> impl Future<Output = Result<Option<(Notebook, Vec<AclRow>)>>> + Send;
    /// Sets after how many minutes unused compute stops, or leaves it to the machine; `false` if there is no such
    /// notebook.
    fn set_idle_minutes(
        &self,
        id: &str,
        minutes: Option<i64>,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Sets or clears the title; `false` if there is no such notebook.
    fn rename_notebook(
        &self,
        id: &str,
        title: Option<&str>,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Moves a notebook to the trash (`Some`) or out of it (`None`).
    fn set_trashed(
        &self,
        id: &str,
        trashed_ms: Option<i64>,
        now_ms: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Moves the notebook's change time forward.
    fn touch_notebook(&self, id: &str, now_ms: i64) -> impl Future<Output = Result<()>> + Send;
    /// Stores what the list shows of the content.
    fn set_notebook_summary(
        &self,
        id: &str,
        cell_composition: Option<&str>,
        preview_cells: Option<&str>,
        language: Option<&str>,
        now_ms: i64,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Moves the room from epoch `from` to `to`; `false` if it is not at `from`.
    fn advance_room_epoch(
        &self,
        id: &str,
        from: i64,
        to: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// All access rows of a notebook, by kind, subject, scope.
    fn acl(&self, notebook_id: &str) -> impl Future<Output = Result<Vec<AclRow>>> + Send;
    /// The rows that concern one principal, and the public row.
    fn acl_for(
        &self,
        notebook_id: &str,
        principal: &str,
    ) -> impl Future<Output = Result<Vec<AclRow>>> + Send;
    /// Grants; repeating moves only the time and the run right.
    fn grant(&self, row: &NewAclRow) -> impl Future<Output = Result<()>> + Send;
    /// Revokes one row; the last owner row is kept by the statement itself.
    fn revoke(
        &self,
        notebook_id: &str,
        kind: SubjectKind,
        subject: &str,
        scope: &str,
    ) -> impl Future<Output = Result<AclRemoval>> + Send;
    /// Notes that a notebook refers to a blob; `false` if it was known.
    fn record_blob(&self, blob: &BlobRow) -> impl Future<Output = Result<bool>> + Send;
    /// Finds a blob of one notebook.
    fn blob(
        &self,
        notebook_id: &str,
        hash: &str,
    ) -> impl Future<Output = Result<Option<BlobRow>>> + Send;
    /// Finds blobs of one notebook, in no order; those that it does not have are missing.
    fn blobs_named(
        &self,
        notebook_id: &str,
        hashes: &[String],
    ) -> impl Future<Output = Result<Vec<BlobRow>>> + Send;
    /// Newest blobs of a notebook.
    fn blobs_of(
        &self,
        notebook_id: &str,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<BlobRow>>> + Send;
}
