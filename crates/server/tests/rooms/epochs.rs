//! A room that has outgrown its epoch begins the next when it is loaded (decision D11).

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ROOT, ReadDoc as _};
use store::Notebooks as _;
use store::document_log::{AppendBatch, DocumentKind, DocumentLog as _, RoomKey, StoredRoom};

use store_sql::testing::TestDatabase;

use crate::support::Running;

fn comms(stored: &StoredRoom) -> AutoCommit {
    let mut bytes = Vec::new();
    for (kind, document) in &stored.documents {
        if *kind == DocumentKind::Comms {
            bytes.extend(document.snapshot.iter().flatten());
            bytes.extend(document.changes.iter().flatten());
        }
    }
    AutoCommit::load(&bytes).unwrap()
}

const CHANGES: i64 = 4_100;

/// Lets a room's log hold more changes than an epoch may.
async fn outgrow(server: &Running, id: &str) {
    let room = RoomKey {
        notebook_id: id.to_owned(),
        epoch: 1,
    };
    let log = server.app.documents();
    let mut doc = comms(&log.open(&room).await.unwrap());
    let heads = doc.get_heads();
    for n in 0..CHANGES {
        doc.put(ROOT, "n", n).unwrap();
        doc.commit();
    }
    let changes = vec![(DocumentKind::Comms, doc.save_after(&heads))];
    let durable = log.submit(AppendBatch { room, changes }).await.unwrap();
    durable.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outgrown_room_begins_an_epoch_and_the_old_one_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.write("kept").await;
    server.stop().await;

    let server = Running::start(folder.path()).await;
    let key = |epoch| RoomKey {
        notebook_id: id.clone(),
        epoch,
    };
    let log = server.app.documents().clone();
    outgrow(&server, &id).await;

    let mut peer = server.join(&id, "ada", "owner").await;
    peer.until_source("kept").await;
    peer.write("goes on").await;
    let notebook = server.app.catalog().notebook(&id).await.unwrap().unwrap();
    assert_eq!(notebook.room_epoch, 2);
    assert_eq!(log.epochs(&id).await.unwrap(), [1, 2]);
    let (mut old, mut new) = (
        comms(&log.load(&key(1)).await.unwrap()),
        comms(&log.load(&key(2)).await.unwrap()),
    );
    let n = |doc: &AutoCommit| doc.get(ROOT, "n").unwrap().unwrap().0.as_i64();
    assert_eq!((n(&old), n(&new)), (Some(CHANGES - 1), Some(CHANGES - 1)));
    assert!(old.get_changes(&[]).len() > 4_000);
    assert!(new.get_changes(&[]).len() < 10);
    server.stop().await;
    // And it is what a restarted server finds.
    let server = Running::start(folder.path()).await;
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.until_source("goes on").await;
    server.stop().await;
}

/// The catalog takes the step and the server hears that it did not, as when a connection breaks in a commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_whose_step_was_taken_unheard_goes_on_in_the_new_epoch() {
    const SQLITE: &str = "CREATE TRIGGER unheard BEFORE UPDATE OF room_epoch ON notebooks \
         WHEN OLD.room_epoch = 1 AND NEW.room_epoch = 2 BEGIN \
         UPDATE notebooks SET room_epoch = 2 WHERE id = OLD.id; SELECT RAISE(IGNORE); END";
    const POSTGRES: &str = "CREATE FUNCTION unheard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF pg_trigger_depth() > 1 OR NEW.room_epoch <> 2 THEN RETURN NEW; END IF; \
         UPDATE notebooks SET room_epoch = 2 WHERE id = OLD.id; RETURN NULL; END $$; \
         CREATE TRIGGER unheard BEFORE UPDATE OF room_epoch ON notebooks \
         FOR EACH ROW EXECUTE FUNCTION unheard()";
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    server.join(&id, "ada", "owner").await.write("kept").await;
    server.stop().await;

    let server = Running::start(folder.path()).await;
    outgrow(&server, &id).await;
    let database = TestDatabase::of(folder.path()).await;
    let unheard = if database.is_postgres() {
        POSTGRES
    } else {
        SQLITE
    };
    database.execute("catalog", unheard).await.unwrap();
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.until_source("kept").await;
    peer.write("goes on").await;
    let notebook = server.app.catalog().notebook(&id).await.unwrap().unwrap();
    assert_eq!(notebook.room_epoch, 2);
    server.stop().await;

    let server = Running::start(folder.path()).await;
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.until_source("goes on").await;
    server.stop().await;
}
