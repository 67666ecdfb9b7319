//! A person's notebooks as a whole: pages of the list, the compute they use, and their end.

use std::future::Future;

use crate::{AttachJob, ListedNotebook, Result};

/// A place in a list that is ordered by change, then creation, then id, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPlace {
    /// When the notebook there last changed.
    pub updated_ms: i64,
    /// When it was made.
    pub created_ms: i64,
    /// Its id.
    pub id: String,
}

impl ListPlace {
    /// Before the first notebook.
    pub const START: Self = Self {
        updated_ms: i64::MAX,
        created_ms: i64::MAX,
        id: String::new(),
    };

    /// The place of a listed notebook.
    pub fn of(listed: &ListedNotebook) -> Self {
        Self {
            updated_ms: listed.notebook.updated_ms,
            created_ms: listed.notebook.created_ms,
            id: listed.notebook.id.clone(),
        }
    }
}

/// The latest attach job of a notebook with what its workstation says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCompute {
    /// The job: active, or failed.
    pub job: AttachJob,
    /// Name of the workstation, while it is registered.
    pub display_name: Option<String>,
    /// Its default environment.
    pub environment_label: Option<String>,
    /// Its working directory.
    pub working_directory: Option<String>,
    /// When it was last heard of.
    pub last_seen_ms: Option<i64>,
}

/// Storage of the list of notebooks, their trash and their end.
pub trait Library {
    /// Lists up to `limit` notebooks after a place, newest change first, with a principal row for
    /// `principal`; the trash if `trashed`.
    fn library_page(
        &self,
        principal: &str,
        trashed: bool,
        after: &ListPlace,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<ListedNotebook>>> + Send;
    /// Counts what [`Library::library_page`] would list in all.
    fn library_size(
        &self,
        principal: &str,
        trashed: bool,
    ) -> impl Future<Output = Result<i64>> + Send;
    /// The latest job of each notebook of which a principal is an owner, where that is active or failed.
    fn library_compute(
        &self,
        principal: &str,
    ) -> impl Future<Output = Result<Vec<ListedCompute>>> + Send;
    /// Cancels every active job of a notebook, whoever owns it.
    fn cancel_jobs_of_notebook(
        &self,
        notebook_id: &str,
        message: &str,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<AttachJob>>> + Send;
    /// Deletes a notebook that is in the trash, with all its rows; `false` if it is not there.
    fn delete_trashed_notebook(&self, id: &str) -> impl Future<Output = Result<bool>> + Send;
    /// The ids among `ids` that are notebooks, trashed or not.
    fn known_notebooks(&self, ids: &[String]) -> impl Future<Output = Result<Vec<String>>> + Send;
}
