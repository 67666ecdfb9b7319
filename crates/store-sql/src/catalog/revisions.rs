//! Revisions, their artifacts, and which blobs anything still refers to.

use store::{
    Artifact, BlobReferences, Result, Revision, RevisionCover, RevisionDocument, RevisionPlace,
    Revisions, sql,
};

use super::SqlCatalog;
use crate::db::{Row, Statement};

fn artifact(row: &Row) -> Result<Artifact> {
    Ok(Artifact {
        key: row.get("artifact_key")?,
        notebook_id: row.get("notebook_id")?,
        blob_hash: row.get("blob_hash")?,
        size_bytes: row.get("size_bytes")?,
        content_type: row.get("content_type")?,
        stored_ms: row.get("stored_ms")?,
    })
}

fn revision(row: &Row) -> Result<Revision> {
    let comms: Option<String> = row.get("comms_heads_hash")?;
    let comms = match comms {
        None => None,
        Some(heads_hash) => Some(RevisionDocument {
            heads_hash,
            key: row.get("comms_snapshot_key")?,
            blob_hash: row.get("comms_blob")?,
        }),
    };
    let cover: Option<String> = row.get("cover_blob_hash")?;
    let cover = match cover {
        None => None,
        Some(blob_hash) => Some(RevisionCover {
            blob_hash,
            mime: row.get("cover_mime")?,
        }),
    };
    Ok(Revision {
        id: row.get("id")?,
        notebook_id: row.get("notebook_id")?,
        title: row.get("title")?,
        runtime_state_doc_id: row.get("runtime_state_doc_id")?,
        notebook: RevisionDocument {
            heads_hash: row.get("notebook_heads_hash")?,
            key: row.get("snapshot_key")?,
            blob_hash: row.get("snapshot_blob")?,
        },
        runtime: RevisionDocument {
            heads_hash: row.get("runtime_heads_hash")?,
            key: row.get("runtime_snapshot_key")?,
            blob_hash: row.get("runtime_blob")?,
        },
        comms,
        cover,
        actor_label: row.get("actor_label")?,
        created_ms: row.get("created_ms")?,
    })
}

async fn put(artifact: &Artifact, statement: Statement<'_>) -> Result<bool> {
    let done = statement
        .bind(&artifact.key)
        .bind(&artifact.notebook_id)
        .bind(&artifact.blob_hash)
        .bind(artifact.size_bytes)
        .bind(&artifact.content_type)
        .bind(artifact.stored_ms)
        .execute()
        .await?;
    Ok(done == 1)
}

impl Revisions for SqlCatalog {
    async fn put_artifact(&self, artifact: &Artifact) -> Result<bool> {
        let statement = self.db.write(sql::ARTIFACT_PUT, "store an artifact");
        put(artifact, statement).await
    }

    async fn artifact(&self, key: &str) -> Result<Option<Artifact>> {
        self.db
            .read(sql::ARTIFACT_GET, "find an artifact")
            .bind(key)
            .optional(artifact)
            .await
    }

    async fn publish(
        &self,
        revision: &Revision,
        artifacts: &[Artifact],
        blobs: &[String],
    ) -> Result<()> {
        let mut transaction = self.db.begin("publish a revision").await?;
        for artifact in artifacts {
            put(artifact, transaction.run(sql::ARTIFACT_PUT)).await?;
        }
        let (comms, cover) = (revision.comms.as_ref(), revision.cover.as_ref());
        transaction
            .run(sql::REVISION_INSERT)
            .bind(&revision.id)
            .bind(&revision.notebook_id)
            .bind(&revision.title)
            .bind(&revision.runtime_state_doc_id)
            .bind(&revision.notebook.heads_hash)
            .bind(&revision.runtime.heads_hash)
            .bind(comms.map(|comms| comms.heads_hash.as_str()))
            .bind(&revision.notebook.key)
            .bind(&revision.runtime.key)
            .bind(comms.map(|comms| comms.key.as_str()))
            .bind(&revision.notebook.blob_hash)
            .bind(&revision.runtime.blob_hash)
            .bind(comms.map(|comms| comms.blob_hash.as_str()))
            .bind(cover.map(|cover| cover.blob_hash.as_str()))
            .bind(cover.map(|cover| cover.mime.as_str()))
            .bind(&revision.actor_label)
            .bind(revision.created_ms)
            .execute()
            .await?;
        for hash in blobs {
            transaction
                .run(sql::REVISION_BLOB_INSERT)
                .bind(&revision.id)
                .bind(hash)
                .execute()
                .await?;
        }
        transaction
            .run(sql::NOTEBOOK_PUBLISH)
            .bind(&revision.notebook_id)
            .bind(&revision.id)
            .bind(revision.created_ms)
            .execute()
            .await?;
        transaction.commit().await
    }

    async fn revisions(
        &self,
        notebook_id: &str,
        after: &RevisionPlace,
        limit: i64,
    ) -> Result<Vec<Revision>> {
        self.db
            .read(sql::REVISION_LIST, "list revisions")
            .bind(notebook_id)
            .bind(after.created_ms)
            .bind(&after.id)
            .bind(limit)
            .all(revision)
            .await
    }

    async fn revision(&self, notebook_id: &str, id: &str) -> Result<Option<Revision>> {
        self.db
            .read(sql::REVISION_GET, "read a revision")
            .bind(notebook_id)
            .bind(id)
            .optional(revision)
            .await
    }

    async fn delete_revision(&self, notebook_id: &str, id: &str) -> Result<bool> {
        let mut transaction = self.db.begin("delete a revision").await?;
        let done = transaction
            .run(sql::REVISION_DELETE)
            .bind(notebook_id)
            .bind(id)
            .execute()
            .await?;
        transaction
            .run(sql::NOTEBOOK_SET_LATEST)
            .bind(notebook_id)
            .execute()
            .await?;
        transaction.commit().await?;
        Ok(done == 1)
    }
}

impl BlobReferences for SqlCatalog {
    async fn notebooks_with_old_blobs(
        &self,
        before_ms: i64,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>> {
        self.db
            .read(sql::BLOB_OLD_NOTEBOOKS, "look for old blobs")
            .bind(before_ms)
            .bind(after)
            .bind(limit)
            .all(|row| row.get(0))
            .await
    }

    async fn unpinned_blobs(&self, notebook_id: &str, before_ms: i64) -> Result<Vec<String>> {
        self.db
            .read(sql::BLOB_UNPINNED, "list a notebook's old blobs")
            .bind(notebook_id)
            .bind(before_ms)
            .all(|row| row.get(0))
            .await
    }

    async fn drop_blob(&self, notebook_id: &str, hash: &str, before_ms: i64) -> Result<bool> {
        let done = self
            .db
            .write(sql::BLOB_DROP, "drop a blob")
            .bind(notebook_id)
            .bind(hash)
            .bind(before_ms)
            .execute()
            .await?;
        Ok(done == 1)
    }

    async fn is_blob_wanted(&self, hash: &str) -> Result<bool> {
        let wanted: i64 = self
            .db
            .read(sql::BLOB_WANTED, "look for a blob's references")
            .bind(hash)
            .one(|row| row.get(0))
            .await?;
        Ok(wanted == 1)
    }
}
