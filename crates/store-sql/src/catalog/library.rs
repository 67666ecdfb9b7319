//! The list of notebooks, their trash and their end.

use store::{AttachJob, Library, ListPlace, ListedCompute, ListedNotebook, Result, sql};

use super::SqlCatalog;
use super::attach_jobs::job;
use super::notebooks::listed;
use crate::db::Row;

fn compute(row: &Row) -> Result<ListedCompute> {
    Ok(ListedCompute {
        job: job(row)?,
        display_name: row.get("display_name")?,
        environment_label: row.get("default_environment_label")?,
        working_directory: row.get("working_directory")?,
        last_seen_ms: row.get("last_seen_ms")?,
    })
}

impl Library for SqlCatalog {
    async fn library_page(
        &self,
        principal: &str,
        trashed: bool,
        after: &ListPlace,
        limit: i64,
    ) -> Result<Vec<ListedNotebook>> {
        self.db
            .read(sql::LIBRARY_PAGE, "list notebooks")
            .bind(principal)
            .bind(trashed)
            .bind(after.updated_ms)
            .bind(after.created_ms)
            .bind(&after.id)
            .bind(limit)
            .all(listed)
            .await
    }

    async fn library_size(&self, principal: &str, trashed: bool) -> Result<i64> {
        self.db
            .read(sql::NOTEBOOK_COUNT, "count notebooks")
            .bind(principal)
            .bind(trashed)
            .one(|row| row.get(0))
            .await
    }

    async fn library_compute(&self, principal: &str) -> Result<Vec<ListedCompute>> {
        self.db
            .read(sql::LIBRARY_COMPUTE, "list the compute of notebooks")
            .bind(principal)
            .all(compute)
            .await
    }

    async fn cancel_jobs_of_notebook(
        &self,
        notebook_id: &str,
        message: &str,
        now_ms: i64,
    ) -> Result<Vec<AttachJob>> {
        self.db
            .write(sql::JOB_CANCEL_OF_NOTEBOOK, "cancel a notebook's jobs")
            .bind(notebook_id)
            .bind(message)
            .bind(now_ms)
            .all(job)
            .await
    }

    async fn delete_trashed_notebook(&self, id: &str) -> Result<bool> {
        let done = self
            .db
            .write(sql::NOTEBOOK_DELETE_TRASHED, "delete a notebook")
            .bind(id)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn known_notebooks(&self, ids: &[String]) -> Result<Vec<String>> {
        let mut known = Vec::new();
        for id in ids {
            let found = self
                .db
                .read(sql::NOTEBOOK_KNOWN, "look for notebooks")
                .bind(id)
                .optional(|row| row.get(0))
                .await?;
            known.extend(found);
        }
        Ok(known)
    }
}
