//! Notebooks, access rows and each notebook's list of blobs.

use sqlx::AssertSqlSafe;
use store::{
    AclRemoval, AclRow, BlobRow, FirstBlobs, ListedNotebook, NewAclRow, NewNotebook, Notebook,
    Notebooks, Result, SubjectKind, sql,
};

use super::SqlCatalog;
use crate::db::Row;

fn notebook(row: &Row) -> Result<Notebook> {
    Ok(Notebook {
        id: row.get("id")?,
        owner_principal: row.get("owner_principal")?,
        title: row.get("title")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        trashed_ms: row.get("trashed_ms")?,
        latest_revision_id: row.get("latest_revision_id")?,
        cell_composition: row.get("cell_composition")?,
        preview_cells: row.get("preview_cells")?,
        language: row.get("language")?,
        room_epoch: row.get("room_epoch")?,
        idle_minutes: row.get("idle_minutes")?,
    })
}

pub(super) fn listed(row: &Row) -> Result<ListedNotebook> {
    let scope = match row.get::<i64>("scope_rank")? {
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

fn acl_row(row: &Row) -> Result<AclRow> {
    let kind: String = row.get("subject_kind")?;
    Ok(AclRow {
        notebook_id: row.get("notebook_id")?,
        subject_kind: SubjectKind::parse(&kind)?,
        subject: row.get("subject")?,
        scope: row.get("scope")?,
        may_run: row.get("may_run")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        created_by_actor_label: row.get("created_by_actor_label")?,
    })
}

/// A notebook beside one access row, or beside none.
fn with_acl(row: &Row) -> Result<(Notebook, Option<AclRow>)> {
    let notebook = notebook(row)?;
    let Some(kind) = row.get::<Option<String>>("subject_kind")? else {
        return Ok((notebook, None));
    };
    let acl = AclRow {
        notebook_id: notebook.id.clone(),
        subject_kind: SubjectKind::parse(&kind)?,
        subject: row.get("subject")?,
        scope: row.get("scope")?,
        may_run: row.get("may_run")?,
        created_ms: row.get("granted_ms")?,
        updated_ms: row.get("renewed_ms")?,
        created_by_actor_label: row.get("created_by_actor_label")?,
    };
    Ok((notebook, Some(acl)))
}

fn blob(row: &Row) -> Result<BlobRow> {
    Ok(BlobRow {
        notebook_id: row.get("notebook_id")?,
        hash: row.get("hash")?,
        size_bytes: row.get("size_bytes")?,
        content_type: row.get("content_type")?,
        uploaded_ms: row.get("uploaded_ms")?,
    })
}

impl Notebooks for SqlCatalog {
    async fn create_notebook(&self, notebook: &NewNotebook) -> Result<bool> {
        self.create_notebook_with(notebook, &FirstBlobs::default())
            .await
    }

    async fn create_notebook_with(
        &self,
        notebook: &NewNotebook,
        blobs: &FirstBlobs,
    ) -> Result<bool> {
        let mut transaction = self.db.begin("create a notebook").await?;
        let inserted = transaction
            .run(sql::NOTEBOOK_INSERT)
            .bind(&notebook.id)
            .bind(&notebook.owner_principal)
            .bind(&notebook.title)
            .bind(notebook.created_ms)
            .execute()
            .await?;
        if inserted == 0 {
            return Ok(false);
        }
        transaction
            .run(sql::ACL_GRANT)
            .bind(&notebook.id)
            .bind(SubjectKind::Principal.as_str())
            .bind(&notebook.owner_principal)
            .bind("owner")
            .bind(false)
            .bind(notebook.created_ms)
            .bind(&notebook.actor_label)
            .execute()
            .await?;
        for blob in &blobs.own {
            transaction
                .run(sql::BLOB_RECORD)
                .bind(&notebook.id)
                .bind(&blob.hash)
                .bind(blob.size_bytes)
                .bind(&blob.content_type)
                .bind(blob.uploaded_ms)
                .all(|_| Ok(()))
                .await?;
        }
        if let Some((from, hashes)) = &blobs.shared {
            for hash in hashes {
                transaction
                    .run(sql::BLOB_SHARE)
                    .bind(from)
                    .bind(&notebook.id)
                    .bind(hash)
                    .bind(notebook.created_ms)
                    .execute()
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn notebook(&self, id: &str) -> Result<Option<Notebook>> {
        self.db
            .read(sql::NOTEBOOK_GET, "read a notebook")
            .bind(id)
            .optional(notebook)
            .await
    }

    async fn notebook_for(
        &self,
        id: &str,
        principal: &str,
    ) -> Result<Option<(Notebook, Vec<AclRow>)>> {
        let rows = self
            .db
            .read(sql::NOTEBOOK_FOR, "read a notebook and who may reach it")
            .bind(id)
            .bind(principal)
            .all(with_acl)
            .await?;
        let (notebooks, acl): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let notebook = notebooks.into_iter().next();
        Ok(notebook.map(|notebook| (notebook, acl.into_iter().flatten().collect())))
    }

    async fn rename_notebook(&self, id: &str, title: Option<&str>, now_ms: i64) -> Result<bool> {
        let done = self
            .db
            .write(sql::NOTEBOOK_RENAME, "rename a notebook")
            .bind(id)
            .bind(title)
            .bind(now_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn set_idle_minutes(&self, id: &str, minutes: Option<i64>) -> Result<bool> {
        let done = self
            .db
            .write(sql::NOTEBOOK_SET_IDLE, "set when unused compute stops")
            .bind(id)
            .bind(minutes)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn set_trashed(&self, id: &str, trashed_ms: Option<i64>, now_ms: i64) -> Result<bool> {
        let done = self
            .db
            .write(
                sql::NOTEBOOK_SET_TRASHED,
                "move a notebook to or from the trash",
            )
            .bind(id)
            .bind(trashed_ms)
            .bind(now_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn touch_notebook(&self, id: &str, now_ms: i64) -> Result<()> {
        self.db
            .write(sql::NOTEBOOK_TOUCH, "note a notebook's change")
            .bind(id)
            .bind(now_ms)
            .execute()
            .await?;
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
        self.db
            .write(sql::NOTEBOOK_SET_SUMMARY, "store a notebook's summary")
            .bind(id)
            .bind(cell_composition)
            .bind(preview_cells)
            .bind(language)
            .bind(now_ms)
            .execute()
            .await?;
        Ok(())
    }

    async fn advance_room_epoch(&self, id: &str, from: i64, to: i64) -> Result<bool> {
        let done = self
            .db
            .write(sql::NOTEBOOK_SET_EPOCH, "move a room to another epoch")
            .bind(id)
            .bind(from)
            .bind(to)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn acl(&self, notebook_id: &str) -> Result<Vec<AclRow>> {
        self.db
            .read(sql::ACL_LIST, "list access")
            .bind(notebook_id)
            .all(acl_row)
            .await
    }

    async fn acl_for(&self, notebook_id: &str, principal: &str) -> Result<Vec<AclRow>> {
        self.db
            .read(sql::ACL_FOR_SUBJECT, "read access")
            .bind(notebook_id)
            .bind(principal)
            .all(acl_row)
            .await
    }

    async fn grant(&self, row: &NewAclRow) -> Result<()> {
        self.db
            .write(sql::ACL_GRANT, "grant access")
            .bind(&row.notebook_id)
            .bind(row.subject_kind.as_str())
            .bind(&row.subject)
            .bind(&row.scope)
            .bind(row.may_run)
            .bind(row.now_ms)
            .bind(&row.actor_label)
            .execute()
            .await?;
        Ok(())
    }

    async fn revoke(
        &self,
        notebook_id: &str,
        kind: SubjectKind,
        subject: &str,
        scope: &str,
    ) -> Result<AclRemoval> {
        let mut transaction = self.db.begin("revoke access").await?;
        let removed = transaction
            .run(sql::ACL_REVOKE)
            .bind(notebook_id)
            .bind(kind.as_str())
            .bind(subject)
            .bind(scope)
            .execute()
            .await?;
        let outcome = if removed == 1 {
            AclRemoval::Removed
        } else {
            let present = transaction
                .run(sql::ACL_EXISTS)
                .bind(notebook_id)
                .bind(kind.as_str())
                .bind(subject)
                .bind(scope)
                .optional(|_| Ok(()))
                .await?;
            if present.is_some() {
                AclRemoval::LastOwner
            } else {
                AclRemoval::Absent
            }
        };
        transaction.commit().await?;
        Ok(outcome)
    }

    async fn record_blob(&self, blob: &BlobRow) -> Result<bool> {
        self.blobs.record(blob).await
    }

    async fn blob(&self, notebook_id: &str, hash: &str) -> Result<Option<BlobRow>> {
        self.db
            .read(sql::BLOB_GET, "find a blob")
            .bind(notebook_id)
            .bind(hash)
            .optional(blob)
            .await
    }

    async fn blobs_named(&self, notebook_id: &str, hashes: &[String]) -> Result<Vec<BlobRow>> {
        let Some(last) = hashes.last() else {
            return Ok(Vec::new());
        };
        // The last one again, up to a power of two: few statements to keep prepared.
        let places = hashes.len().next_power_of_two();
        let statement = AssertSqlSafe(sql::blob_named(places));
        let mut query = self.db.read(statement, "find blobs").bind(notebook_id);
        for place in 0..places {
            query = query.bind(hashes.get(place).unwrap_or(last));
        }
        query.all(blob).await
    }

    async fn blobs_of(&self, notebook_id: &str, limit: i64) -> Result<Vec<BlobRow>> {
        self.db
            .read(sql::BLOB_LIST, "list blobs")
            .bind(notebook_id)
            .bind(limit)
            .all(blob)
            .await
    }
}
