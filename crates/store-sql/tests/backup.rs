//! What a backup's copy says is worth copying beside it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use store::{Artifact, Revision, RevisionDocument, Revisions as _};
use store_sql::testing::{TestDatabase, make_notebook};
use store_sql::{SqlCatalog, SqlDocumentLog, copy_databases};

fn document(key: &str, blob: &str) -> RevisionDocument {
    RevisionDocument {
        heads_hash: "heads-1".to_owned(),
        key: key.to_owned(),
        blob_hash: blob.to_owned(),
    }
}

fn revision(id: &str) -> Revision {
    Revision {
        id: id.to_owned(),
        notebook_id: "nb".to_owned(),
        title: None,
        runtime_state_doc_id: "runtime:nb".to_owned(),
        notebook: document("cells", &format!("cells-{id}")),
        runtime: document("states", &format!("states-{id}")),
        comms: Some(document("comms", &format!("comms-{id}"))),
        cover: None,
        actor_label: "user:dev:ada/browser:tab".to_owned(),
        created_ms: 1,
    }
}

/// What was published again under the same key is another blob; the version before still shows its own.
#[tokio::test]
async fn a_backup_has_the_documents_of_every_kept_version() {
    let database = TestDatabase::new().await;
    if database.is_postgres() {
        println!("skipped: a backup of this kind is for SQLite");
        return;
    }
    let catalog = SqlCatalog::open(&database).await.unwrap();
    let log = SqlDocumentLog::open(&database).await.unwrap();
    make_notebook(&catalog, "nb").await;
    let mut expected = Vec::new();
    for id in ["first", "second"] {
        let revision = revision(id);
        let documents = [&revision.notebook, &revision.runtime];
        let documents = documents.into_iter().chain(&revision.comms);
        let artifacts: Vec<Artifact> = documents
            .map(|document| Artifact {
                key: document.key.clone(),
                notebook_id: "nb".to_owned(),
                blob_hash: document.blob_hash.clone(),
                size_bytes: 1,
                content_type: "application/octet-stream".to_owned(),
                stored_ms: 1,
            })
            .collect();
        expected.extend(artifacts.iter().map(|artifact| artifact.blob_hash.clone()));
        catalog.publish(&revision, &artifacts, &[]).await.unwrap();
    }
    let into = tempfile::tempdir().unwrap();
    let mut hashes = copy_databases(database.folder(), into.path())
        .await
        .unwrap();
    hashes.sort();
    expected.sort();
    assert_eq!(hashes, expected);
    catalog.close().await;
    log.close().await;
}
