use super::*;
use crate::testing::TestDatabase;

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

async fn open() -> (TestDatabase, SqlDocumentLog) {
    let database = TestDatabase::new().await;
    let log = SqlDocumentLog::open(&database).await.unwrap();
    (database, log)
}

#[tokio::test]
async fn a_reopened_log_has_what_was_durable_in_order() {
    let (database, log) = open().await;
    let one = room("one", 0);
    for n in 0..50_u8 {
        let durable = log
            .submit(batch(&one, DocumentKind::Notebook, &[n]))
            .await
            .unwrap();
        durable.await.unwrap();
    }
    log.close().await;
    let log = SqlDocumentLog::open(&database).await.unwrap();
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
    let (_database, log) = open().await;
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
    let (_database, log) = open().await;
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
    let (_database, log) = open().await;
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

/// A document that is a row of numbers: its snapshot says how many, its changes are the next ones.
fn numbers(stored: &StoredRoom) -> Vec<u32> {
    let Some((_, document)) = stored.documents.first() else {
        return Vec::new();
    };
    let count = document.snapshot.as_ref().map_or(0, |bytes| {
        u32::from_le_bytes(bytes.as_slice().try_into().unwrap())
    });
    let mut all: Vec<u32> = (0..count).collect();
    for change in &document.changes {
        let number = u32::from_le_bytes(change.as_slice().try_into().unwrap());
        assert!(
            number <= count.max(all.len() as u32),
            "{number} has no ground"
        );
        if number as usize == all.len() {
            all.push(number);
        }
    }
    all
}

/// Whatever the moment of a crash (of SQLite): snapshot and log together are the document, and nothing that
/// was durable is missing. The write-ahead log is cut after every frame and in the midst of one.
#[tokio::test]
async fn folding_keeps_the_document_whole_at_every_crash_point() {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let folder = tempfile::tempdir().unwrap();
    let files = Database::in_folder(folder.path());
    let log = SqlDocumentLog::open(&files).await.unwrap();
    let path = folder.path().join("documents.sqlite");
    let wal = folder.path().join("documents.sqlite-wal");
    let start = std::fs::read(&path).unwrap();
    let one = room("one", 1);
    let mut durable = Vec::new();
    for number in 0..12_u32 {
        let bytes = number.to_le_bytes();
        let written = log.submit(batch(&one, DocumentKind::Notebook, &bytes));
        let position = written.await.unwrap().await.unwrap();
        durable.push((std::fs::metadata(&wal).unwrap().len() as usize, number + 1));
        if number % 4 == 3 {
            let compaction = Compaction {
                room: one.clone(),
                kind: DocumentKind::Notebook,
                through: position,
                snapshot: (number + 1).to_le_bytes().to_vec(),
            };
            log.compact(compaction).await.unwrap();
        }
    }
    assert_eq!(
        std::fs::read(&path).unwrap(),
        start,
        "nothing was checkpointed meanwhile"
    );
    let whole = std::fs::read(&wal).unwrap();
    let frames = (whole.len() - HEADER) / FRAME;
    assert!(frames > 20, "{frames}");
    let mut cuts = 0;
    for frame in 0..=frames {
        for more in [0, 100] {
            let cut = (HEADER + frame * FRAME + more).min(whole.len());
            let crashed = tempfile::tempdir().unwrap();
            let path = crashed.path().join("documents.sqlite");
            std::fs::write(&path, &start).unwrap();
            std::fs::write(crashed.path().join("documents.sqlite-wal"), &whole[..cut]).unwrap();
            let files = Database::in_folder(crashed.path());
            let log = SqlDocumentLog::open(&files).await.unwrap();
            let found = numbers(&log.open(&one).await.unwrap());
            let kept = durable.iter().filter(|(size, _)| *size <= cut);
            let kept = kept.map(|(_, count)| *count).max().unwrap_or(0);
            assert_eq!(found, (0..found.len() as u32).collect::<Vec<_>>());
            assert!(
                found.len() as u32 >= kept,
                "{} of {kept} at {cut}",
                found.len()
            );
            log.close().await;
            cuts += 1;
        }
    }
    assert!(cuts > 40);
}

/// A full disk (of SQLite): the batch fails, and so do those already in line behind it, until the room is
/// opened again; other rooms and later lives are served once there is space.
#[tokio::test]
async fn a_lost_batch_takes_those_that_build_on_it_along() {
    let folder = tempfile::tempdir().unwrap();
    let files = Database::in_folder(folder.path());
    let log = SqlDocumentLog::open(&files).await.unwrap();
    let Db::Sqlite(pools) = &log.db else {
        unreachable!("files are SQLite")
    };
    let (one, two) = (room("one", 1), room("two", 1));
    let put = async |room: &RoomKey, bytes: &[u8]| {
        let durable = log.submit(batch(room, DocumentKind::Notebook, bytes)).await;
        durable.unwrap().await
    };
    put(&one, b"first").await.unwrap();
    let limit = async |pages: i64| {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(pragma))
            .execute(pools.writer())
            .await
            .unwrap();
    };
    limit(1).await;
    let cause = put(&one, &vec![7; 64 * 1024]).await.unwrap_err();
    let said = std::error::Error::source(&cause).unwrap().to_string();
    assert!(said.contains("full"), "{said}");
    limit(1_000_000).await;
    assert!(put(&one, b"builds on the lost one").await.is_err());
    put(&two, b"another room").await.unwrap();
    let stored = log.open(&one).await.unwrap();
    assert_eq!(stored.documents[0].1.changes, vec![b"first".to_vec()]);
    put(&one, b"again").await.unwrap();
}

#[tokio::test]
async fn opening_waits_for_what_is_in_line() {
    let (_database, log) = open().await;
    let one = room("one", 1);
    for n in 0..200_u8 {
        let batch = batch(&one, DocumentKind::Notebook, &[n]);
        drop(log.submit(batch).await.unwrap());
    }
    let stored = log.open(&one).await.unwrap();
    assert_eq!(stored.documents[0].1.changes.len(), 200);
}

#[tokio::test]
async fn an_epoch_begins_in_one_step_and_remembers_what_ended() {
    let (_database, log) = open().await;
    let (old, new) = (room("one", 1), room("one", 2));
    let kind = DocumentKind::RuntimeState;
    let durable = log.submit(batch(&old, kind, b"old")).await.unwrap();
    durable.await.unwrap();
    // An attempt that the catalog never followed is written over.
    for attempt in [b"lost".to_vec(), b"kept".to_vec()] {
        log.begin_epoch(NewEpoch {
            room: new.clone(),
            documents: vec![(kind, attempt)],
            retired: vec![(kind, vec![7; 32])],
        })
        .await
        .unwrap();
    }
    let durable = log.submit(batch(&new, kind, b"change")).await.unwrap();
    durable.await.unwrap();
    let stored = log.open(&new).await.unwrap();
    assert_eq!(
        stored.documents[0].1.snapshot.as_deref(),
        Some(&b"kept"[..])
    );
    assert_eq!(stored.documents[0].1.changes, vec![b"change".to_vec()]);
    assert_eq!(stored.retired, vec![(kind, vec![7; 32])]);
    let archived = log.load(&old).await.unwrap();
    assert_eq!(archived.documents[0].1.changes, vec![b"old".to_vec()]);
    assert!(
        archived.retired.is_empty(),
        "the old epoch knows no later one"
    );
    assert_eq!(log.epochs("one").await.unwrap(), vec![1, 2]);
}

#[tokio::test]
async fn a_forgotten_notebook_leaves_nothing_and_the_others_stay() {
    let (_folder, log) = open().await;
    for id in ["one", "two"] {
        let durable = log
            .submit(batch(&room(id, 1), DocumentKind::Notebook, b"x"))
            .await
            .unwrap();
        durable.await.unwrap();
        log.begin_epoch(NewEpoch {
            room: room(id, 2),
            documents: vec![(DocumentKind::Notebook, b"y".to_vec())],
            retired: vec![(DocumentKind::Notebook, vec![7; 32])],
        })
        .await
        .unwrap();
    }
    assert_eq!(log.notebooks().await.unwrap(), ["one", "two"]);
    log.forget("one").await.unwrap();
    assert_eq!(log.notebooks().await.unwrap(), ["two"]);
    assert_eq!(
        log.load(&room("one", 2)).await.unwrap(),
        StoredRoom::default()
    );
    assert_eq!(log.epochs("two").await.unwrap(), [1, 2]);
}

/// Ends the connection of the writer of a PostgreSQL log, as a lost network does.
async fn cut_writer(database: &TestDatabase) {
    let cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks \
         WHERE locktype = 'advisory' AND granted AND ((classid::BIGINT << 32) | objid::BIGINT) = \
         hashtextextended('notebook-cloud documents ' || current_schema(), 0)";
    database.execute("documents", cut).await.unwrap();
}

#[tokio::test]
async fn a_second_server_on_one_database_is_refused_and_the_first_goes_on() {
    let (database, log) = open().await;
    if !database.is_postgres() {
        println!("skipped: on SQLite the lock of the data folder keeps a second server away");
        return;
    }
    let refused = SqlDocumentLog::open(&database).await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse), "{refused}");
    assert!(refused.to_string().contains("Hint:"));
    let room = room("one", 1);
    let put = log.submit(batch(&room, DocumentKind::Notebook, b"first"));
    put.await.unwrap().await.unwrap();
    log.close().await;
    let next = SqlDocumentLog::open(&database).await.unwrap();
    assert_eq!(
        next.load(&room).await.unwrap().documents[0].1.changes,
        vec![b"first".to_vec()]
    );
}

#[tokio::test]
async fn a_writer_that_lost_its_connection_writes_on_unless_another_wrote_meanwhile() {
    let (database, log) = open().await;
    if !database.is_postgres() {
        println!("skipped: SQLite has no connection that can be lost");
        return;
    }
    let one = room("one", 1);
    let put = async |log: &SqlDocumentLog, bytes: &[u8]| {
        let batch = batch(&one, DocumentKind::Notebook, bytes);
        log.submit(batch).await.unwrap().await
    };
    put(&log, b"first").await.unwrap();
    cut_writer(&database).await;
    put(&log, b"lost").await.unwrap_err();
    log.open(&one).await.unwrap();
    put(&log, b"second").await.unwrap();
    cut_writer(&database).await;
    let other = SqlDocumentLog::open(&database).await.unwrap();
    put(&other, b"of the other").await.unwrap();
    other.close().await;
    for _ in 0..2 {
        put(&log, b"of a server that is not the truth any more")
            .await
            .unwrap_err();
        log.open(&one).await.unwrap();
    }
    let stored = log.load(&one).await.unwrap();
    let kept = [&b"first"[..], b"second", b"of the other"];
    assert_eq!(stored.documents[0].1.changes, kept);
}
