use tempfile::TempDir;

use super::*;

fn room(id: &str, epoch: i64) -> RoomKey {
    RoomKey {
        notebook_id: id.into(),
        epoch,
    }
}

fn batch(room: &RoomKey, kind: DocumentKind, bytes: &[u8]) -> AppendBatch {
    AppendBatch {
        room: room.clone(),
        changes: vec![(kind, bytes.to_vec())],
    }
}

async fn open() -> (TempDir, SqliteDocumentLog) {
    let folder = tempfile::tempdir().unwrap();
    let log = SqliteDocumentLog::open(&folder.path().join("documents.sqlite"))
        .await
        .unwrap();
    (folder, log)
}

#[tokio::test]
async fn a_reopened_log_has_what_was_durable_in_order() {
    let (folder, log) = open().await;
    let one = room("one", 0);
    for n in 0..50_u8 {
        let durable = log
            .submit(batch(&one, DocumentKind::Notebook, &[n]))
            .await
            .unwrap();
        durable.await.unwrap();
    }
    log.close().await;
    let log = SqliteDocumentLog::open(&folder.path().join("documents.sqlite"))
        .await
        .unwrap();
    let stored = log.load(&one).await.unwrap();
    let (kind, document) = &stored.documents[0];
    assert_eq!(*kind, DocumentKind::Notebook);
    assert_eq!(
        document.changes,
        (0..50_u8).map(|n| vec![n]).collect::<Vec<_>>()
    );
    assert!(
        log.load(&room("two", 0))
            .await
            .unwrap()
            .documents
            .is_empty()
    );
}

#[tokio::test]
async fn batches_in_line_become_durable_in_order_over_rooms() {
    let (_folder, log) = open().await;
    let (one, two) = (room("one", 0), room("two", 0));
    let mut waiting = Vec::new();
    for n in 0..100_u8 {
        let room = if n % 2 == 0 { &one } else { &two };
        waiting.push(
            log.submit(batch(room, DocumentKind::RuntimeState, &[n]))
                .await
                .unwrap(),
        );
    }
    let mut last = Position::default();
    for durable in waiting {
        let position = durable.await.unwrap();
        assert!(position > last);
        last = position;
    }
    let stored = log.load(&two).await.unwrap();
    assert_eq!(stored.documents[0].1.changes.len(), 50);
    assert_eq!(stored.position, last);
}

#[tokio::test]
async fn a_snapshot_replaces_its_log_and_later_changes_stay() {
    let (_folder, log) = open().await;
    let one = room("one", 0);
    let mut position = Position::default();
    for n in 0..10_u8 {
        let durable = log
            .submit(batch(&one, DocumentKind::Comms, &[n]))
            .await
            .unwrap();
        if n < 8 {
            position = durable.await.unwrap();
        } else {
            durable.await.unwrap();
        }
    }
    let compaction = Compaction {
        room: one.clone(),
        kind: DocumentKind::Comms,
        through: position,
        snapshot: b"whole".to_vec(),
    };
    log.compact(compaction.clone()).await.unwrap();
    let stored = log.load(&one).await.unwrap().documents.remove(0).1;
    assert_eq!(stored.snapshot.as_deref(), Some(&b"whole"[..]));
    assert_eq!(stored.changes, vec![vec![8], vec![9]]);
    assert_eq!(stored.log_bytes(), 2);
    // A late, older snapshot changes nothing.
    log.compact(Compaction {
        through: Position(1),
        snapshot: b"old".to_vec(),
        ..compaction
    })
    .await
    .unwrap();
    let stored = log.load(&one).await.unwrap().documents.remove(0).1;
    assert_eq!(stored.snapshot.as_deref(), Some(&b"whole"[..]));
}

#[tokio::test]
async fn epochs_are_apart() {
    let (_folder, log) = open().await;
    for epoch in [0, 1] {
        let room = room("one", epoch);
        let durable = log
            .submit(batch(&room, DocumentKind::Notebook, &[epoch as u8]))
            .await
            .unwrap();
        durable.await.unwrap();
    }
    assert_eq!(log.epochs("one").await.unwrap(), vec![0, 1]);
    let stored = log.load(&room("one", 1)).await.unwrap();
    assert_eq!(stored.documents[0].1.changes, vec![vec![1]]);
}

#[tokio::test]
async fn a_log_of_a_newer_release_is_refused() {
    let (folder, log) = open().await;
    sqlx::raw_sql("PRAGMA user_version = 99")
        .execute(log.pools.writer())
        .await
        .unwrap();
    log.close().await;
    let refused = SqliteDocumentLog::open(&folder.path().join("documents.sqlite"))
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::NewerSchema { found: 99, .. }));
}
