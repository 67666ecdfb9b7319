//! Notebooks, access rows and each notebook's list of blobs.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use store::{
    AclRemoval, AclRow, BlobRow, ListedNotebook, NewAclRow, NewNotebook, Notebook, NotebookPage,
    Notebooks, Result, StoreError, SubjectKind, sql,
};

use super::SqliteCatalog;
use crate::pools::failed;

fn notebook(row: &SqliteRow) -> sqlx::Result<Notebook> {
    Ok(Notebook {
        id: row.try_get("id")?,
        owner_principal: row.try_get("owner_principal")?,
        title: row.try_get("title")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        trashed_ms: row.try_get("trashed_ms")?,
        latest_revision_id: row.try_get("latest_revision_id")?,
        cell_composition: row.try_get("cell_composition")?,
        preview_cells: row.try_get("preview_cells")?,
        language: row.try_get("language")?,
        room_epoch: row.try_get("room_epoch")?,
    })
}

fn listed(row: &SqliteRow) -> sqlx::Result<ListedNotebook> {
    let scope = match row.try_get::<i64, _>("scope_rank")? {
        4 => "owner",
        3 => "editor",
        2 => "runtime_peer",
        _ => "viewer",
    };
    Ok(ListedNotebook {
        notebook: notebook(row)?,
        scope: scope.to_owned(),
    })
}

fn acl_row(row: &SqliteRow) -> sqlx::Result<AclRow> {
    let kind: String = row.try_get("subject_kind")?;
    Ok(AclRow {
        notebook_id: row.try_get("notebook_id")?,
        subject_kind: SubjectKind::parse(&kind).map_err(decoding)?,
        subject: row.try_get("subject")?,
        scope: row.try_get("scope")?,
        may_run: row.try_get("may_run")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        created_by_actor_label: row.try_get("created_by_actor_label")?,
    })
}

fn blob(row: &SqliteRow) -> sqlx::Result<BlobRow> {
    Ok(BlobRow {
        notebook_id: row.try_get("notebook_id")?,
        hash: row.try_get("hash")?,
        size_bytes: row.try_get("size_bytes")?,
        content_type: row.try_get("content_type")?,
        uploaded_ms: row.try_get("uploaded_ms")?,
    })
}

/// Carries a value that does not parse through the driver's mapping.
pub(super) fn decoding(error: StoreError) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

impl Notebooks for SqliteCatalog {
    async fn create_notebook(&self, notebook: &NewNotebook) -> Result<bool> {
        const DOING: &str = "create a notebook";
        let mut transaction = self.pools.begin().await?;
        let inserted = sqlx::query(sql::NOTEBOOK_INSERT)
            .bind(&notebook.id)
            .bind(&notebook.owner_principal)
            .bind(&notebook.title)
            .bind(notebook.created_ms)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(sql::ACL_GRANT)
            .bind(&notebook.id)
            .bind(SubjectKind::Principal.as_str())
            .bind(&notebook.owner_principal)
            .bind("owner")
            .bind(false)
            .bind(notebook.created_ms)
            .bind(&notebook.actor_label)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(true)
    }

    async fn notebook(&self, id: &str) -> Result<Option<Notebook>> {
        sqlx::query(sql::NOTEBOOK_GET)
            .bind(id)
            .try_map(|row: SqliteRow| notebook(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("read a notebook"))
    }

    async fn notebooks_of(
        &self,
        principal: &str,
        trashed: bool,
        limit: i64,
    ) -> Result<NotebookPage> {
        let notebooks = sqlx::query(sql::NOTEBOOK_LIST)
            .bind(principal)
            .bind(trashed)
            .bind(limit)
            .try_map(|row: SqliteRow| listed(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list notebooks"))?;
        let total = sqlx::query_scalar(sql::NOTEBOOK_COUNT)
            .bind(principal)
            .bind(trashed)
            .fetch_one(self.pools.readers())
            .await
            .map_err(failed("count notebooks"))?;
        Ok(NotebookPage { notebooks, total })
    }

    async fn rename_notebook(&self, id: &str, title: Option<&str>, now_ms: i64) -> Result<bool> {
        let done = sqlx::query(sql::NOTEBOOK_RENAME)
            .bind(id)
            .bind(title)
            .bind(now_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("rename a notebook"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn set_trashed(&self, id: &str, trashed_ms: Option<i64>, now_ms: i64) -> Result<bool> {
        let done = sqlx::query(sql::NOTEBOOK_SET_TRASHED)
            .bind(id)
            .bind(trashed_ms)
            .bind(now_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("move a notebook to or from the trash"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn touch_notebook(&self, id: &str, now_ms: i64) -> Result<()> {
        sqlx::query(sql::NOTEBOOK_TOUCH)
            .bind(id)
            .bind(now_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("note a notebook's change"))?;
        Ok(())
    }

    async fn set_notebook_summary(
        &self,
        id: &str,
        cell_composition: Option<&str>,
        preview_cells: Option<&str>,
        language: Option<&str>,
        now_ms: i64,
    ) -> Result<()> {
        sqlx::query(sql::NOTEBOOK_SET_SUMMARY)
            .bind(id)
            .bind(cell_composition)
            .bind(preview_cells)
            .bind(language)
            .bind(now_ms)
            .execute(self.pools.writer())
            .await
            .map_err(failed("store a notebook's summary"))?;
        Ok(())
    }

    async fn advance_room_epoch(&self, id: &str, from: i64, to: i64) -> Result<bool> {
        let done = sqlx::query(sql::NOTEBOOK_SET_EPOCH)
            .bind(id)
            .bind(from)
            .bind(to)
            .execute(self.pools.writer())
            .await
            .map_err(failed("move a room to another epoch"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn acl(&self, notebook_id: &str) -> Result<Vec<AclRow>> {
        sqlx::query(sql::ACL_LIST)
            .bind(notebook_id)
            .try_map(|row: SqliteRow| acl_row(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list access"))
    }

    async fn acl_for(&self, notebook_id: &str, principal: &str) -> Result<Vec<AclRow>> {
        sqlx::query(sql::ACL_FOR_SUBJECT)
            .bind(notebook_id)
            .bind(principal)
            .try_map(|row: SqliteRow| acl_row(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("read access"))
    }

    async fn grant(&self, row: &NewAclRow) -> Result<()> {
        sqlx::query(sql::ACL_GRANT)
            .bind(&row.notebook_id)
            .bind(row.subject_kind.as_str())
            .bind(&row.subject)
            .bind(&row.scope)
            .bind(row.may_run)
            .bind(row.now_ms)
            .bind(&row.actor_label)
            .execute(self.pools.writer())
            .await
            .map_err(failed("grant access"))?;
        Ok(())
    }

    async fn revoke(
        &self,
        notebook_id: &str,
        kind: SubjectKind,
        subject: &str,
        scope: &str,
    ) -> Result<AclRemoval> {
        const DOING: &str = "revoke access";
        let mut transaction = self.pools.begin().await?;
        let removed = sqlx::query(sql::ACL_REVOKE)
            .bind(notebook_id)
            .bind(kind.as_str())
            .bind(subject)
            .bind(scope)
            .execute(&mut *transaction)
            .await
            .map_err(failed(DOING))?;
        let outcome = if removed.rows_affected() == 1 {
            AclRemoval::Removed
        } else {
            let present: Option<i64> = sqlx::query_scalar(sql::ACL_EXISTS)
                .bind(notebook_id)
                .bind(kind.as_str())
                .bind(subject)
                .bind(scope)
                .fetch_optional(&mut *transaction)
                .await
                .map_err(failed(DOING))?;
            if present.is_some() {
                AclRemoval::LastOwner
            } else {
                AclRemoval::Absent
            }
        };
        transaction.commit().await.map_err(failed(DOING))?;
        Ok(outcome)
    }

    async fn record_blob(&self, blob: &BlobRow) -> Result<bool> {
        self.blobs.record(blob).await
    }

    async fn blob(&self, notebook_id: &str, hash: &str) -> Result<Option<BlobRow>> {
        sqlx::query(sql::BLOB_GET)
            .bind(notebook_id)
            .bind(hash)
            .try_map(|row: SqliteRow| blob(&row))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(failed("find a blob"))
    }

    async fn blobs_of(&self, notebook_id: &str, limit: i64) -> Result<Vec<BlobRow>> {
        sqlx::query(sql::BLOB_LIST)
            .bind(notebook_id)
            .bind(limit)
            .try_map(|row: SqliteRow| blob(&row))
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list blobs"))
    }
}
