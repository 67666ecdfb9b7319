//! A backup of a server at work, and what is there after it was restored.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use blob_store::testing::{S3Server, bucket_of};
use server::backup::{backup, restore};
use server::serve::Server;
use server::settings::{S3Settings, Settings};
use sha2::{Digest as _, Sha256};
use store_sql::testing::TestDatabase;

use crate::support::{Peer, Running};

/// Uploads a blob, then writes its number and hash into the notebook, again and again; each is
/// acknowledged before the next. Returns the notebook's peer when told to stop.
async fn work(
    server: Arc<Running>,
    id: String,
    mut author: Peer,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) {
    for number in 1_u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let body = number.to_string();
        let hash = format!("{:x}", Sha256::digest(&body));
        let path = format!("/api/n/{id}/blobs/{hash}");
        let (status, said) = server.call("PUT", &path, "ada", &body).await;
        assert!(matches!(status, 200 | 201), "{status} {said}");
        author.write(&format!("{number} {hash}")).await;
        acknowledged.store(number, Ordering::SeqCst);
    }
}

/// A database that can be backed up.
async fn to_back_up(data: &Path) -> Option<TestDatabase> {
    let database = TestDatabase::of(data).await;
    if database.is_postgres() {
        println!("skipped: a backup is of SQLite; PostgreSQL has pg_dump");
        return None;
    }
    Some(database)
}

/// What a restored server shows: the number, and the blob that it names is whole.
async fn shown(data: &Path, id: &str) -> u64 {
    let server = Running::start(data).await;
    let mut reader = server.join(id, "ada", "owner").await;
    while reader.sources().iter().all(String::is_empty) {
        assert_eq!(reader.step().await, None);
    }
    let source = reader.sources().remove(0);
    let (number, hash) = source.split_once(' ').unwrap();
    let path = format!("/api/n/{id}/blobs/{hash}");
    let (status, body) = server.call("GET", &path, "ada", "").await;
    assert_eq!((status, body.to_string().as_str()), (200, number));
    let number = number.parse().unwrap();
    server.stop().await;
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_one_moment_and_lacks_nothing_acknowledged_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(database) = to_back_up(&data).await else {
        return;
    };
    let server = Arc::new(Running::start(&data).await);
    let id = server.create().await;
    let author = server.join(&id, "ada", "owner").await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let working = tokio::spawn(work(
        server.clone(),
        id.clone(),
        author,
        acknowledged.clone(),
        stop.clone(),
    ));
    let mut made = Vec::new();
    for round in 1..=3 {
        while acknowledged.load(Ordering::SeqCst) < round * 10 {
            tokio::task::yield_now().await;
        }
        let file = folder.path().join(format!("backup-{round}"));
        let before = acknowledged.load(Ordering::SeqCst);
        backup(&database, bucket_of(&data), &data, &file)
            .await
            .unwrap();
        // The one that was under way when it was read may be in it.
        let after = acknowledged.load(Ordering::SeqCst) + 1;
        made.push((file, before, after));
    }
    stop.store(true, Ordering::SeqCst);
    working.await.unwrap();
    for (file, before, after) in made {
        let restored = file.with_extension("restored");
        restore(&file, bucket_of(&restored), &restored)
            .await
            .unwrap();
        let number = Box::pin(shown(&restored, &id)).await;
        assert!(
            (before..=after).contains(&number),
            "{number}: {before}..={after}"
        );
    }
    Arc::into_inner(server).unwrap().stop().await;
}

// After a restore a machine paired later is told what happened and what to do; one paired before
// the backup is known as ever. The `error` is the one that programs know (CP-066).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_paired_after_the_backup_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(database) = to_back_up(&data).await else {
        return;
    };
    let server = Running::start(&data).await;
    let early = paired(&server).await;
    let file = folder.path().join("backup");
    backup(&database, bucket_of(&data), &data, &file)
        .await
        .unwrap();
    let late = paired(&server).await;
    server.stop().await;
    let restored = folder.path().join("restored");
    restore(&file, bucket_of(&restored), &restored)
        .await
        .unwrap();
    let server = Running::start(&restored).await;
    let (status, _) = server
        .call_with_token("GET", "/api/workstations", &early)
        .await;
    assert_eq!(status, 200);
    let (status, body) = server
        .call_with_token("GET", "/api/workstations", &late)
        .await;
    assert_eq!(status, 401);
    assert_eq!(body["error"], "workstation credential is not recognized");
    let hint = body["hint"].as_str().unwrap();
    for word in [
        "was restored",
        "pair it again",
        "runt workstation connect http://",
    ] {
        assert!(hint.contains(word), "{hint}");
    }
    server.stop().await;
}

/// The credential of a machine that was paired just now.
async fn paired(server: &Running) -> String {
    let path = "/api/workstations/pairing-codes";
    let (status, body) = server.call("POST", path, "ada", "").await;
    assert_eq!(status, 201, "{body}");
    let code = serde_json::json!({ "code": body["pairing"]["code"] }).to_string();
    let path = "/api/workstations/pairing-codes/redeem";
    let (status, body) = server.call("POST", path, "ada", &code).await;
    assert_eq!(status, 201, "{body}");
    body["credential"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_damaged_backup_and_a_taken_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(database) = to_back_up(&data).await else {
        return;
    };
    let file = folder.path().join("backup");
    let refused = backup(&database, bucket_of(&data), &data, &file)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("holds no notebook-cloud data"),
        "{refused}"
    );
    let server = Running::start(&data).await;
    backup(&database, bucket_of(&data), &data, &file)
        .await
        .unwrap();
    let refused = backup(&database, bucket_of(&data), &data, &file)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("is there already"),
        "{refused}"
    );
    let refused = restore(&file, bucket_of(&data), &data).await.unwrap_err();
    assert!(
        refused.to_string().contains("is there already"),
        "{refused}"
    );
    server.stop().await;
    let whole = std::fs::read(&file).unwrap();
    let cut = folder.path().join("cut");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let into = folder.path().join("into");
    let refused = restore(&cut, bucket_of(&into), &into).await.unwrap_err();
    assert!(
        refused.to_string().contains("Hint: use a file that"),
        "{refused}"
    );
    assert!(!into.exists());
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "nothing is left of what failed");
}

/// A copy of a backup with one entry changed.
fn changed(file: &Path, entry: &str, change: &dyn Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut archive = tar::Archive::new(std::fs::File::open(file).unwrap());
    let mut copy = tar::Builder::new(Vec::new());
    for found in archive.entries().unwrap() {
        let mut found = found.unwrap();
        let name = found.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut found, &mut bytes).unwrap();
        if name == entry {
            change(&mut bytes);
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        copy.append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    copy.into_inner().unwrap()
}

/// Turns every bit of one byte in the middle, where SQLite itself would not see it.
fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] = !bytes[middle];
}

#[tokio::test]
async fn a_backup_with_one_damaged_byte_in_a_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(database) = to_back_up(&data).await else {
        return;
    };
    let server = Running::start(&data).await;
    server.create().await;
    let file = folder.path().join("backup");
    backup(&database, bucket_of(&data), &data, &file)
        .await
        .unwrap();
    server.stop().await;
    let (damaged, into) = (folder.path().join("damaged"), folder.path().join("into"));
    for name in ["catalog.sqlite", "documents.sqlite"] {
        std::fs::write(&damaged, changed(&file, name, &|bytes| flip(bytes))).unwrap();
        let refused = restore(&damaged, bucket_of(&into), &into)
            .await
            .unwrap_err();
        let said = format!("{name} is damaged");
        assert!(refused.to_string().contains(&said), "{refused}");
        assert!(!into.exists());
    }

    // A backup of a release that noted no digests is looked at by SQLite.
    let older = changed(&file, "backup.json", &|bytes| {
        let mut about: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        about.as_object_mut().unwrap().remove("databases").unwrap();
        *bytes = serde_json::to_vec(&about).unwrap();
    });
    std::fs::write(&file, older).unwrap();
    let wiped = changed(&file, "catalog.sqlite", &|bytes| bytes[4096..8192].fill(0));
    std::fs::write(&damaged, wiped).unwrap();
    let refused = restore(&damaged, bucket_of(&into), &into)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("catalog.sqlite is damaged"),
        "{refused}"
    );
    restore(&file, bucket_of(&into), &into).await.unwrap();
}

#[tokio::test]
async fn a_backup_beside_a_server_on_postgres_names_pg_dump() {
    let folder = tempfile::tempdir().unwrap();
    let note = r#"{"address": "", "url": "", "pid": 1, "version": "", "kept_in": {"postgres": "PostgreSQL cloud at db:5432"}}"#;
    std::fs::write(folder.path().join("server.json"), note).unwrap();
    // What an earlier release's commands left there.
    for stray in ["catalog.sqlite", "documents.sqlite"] {
        std::fs::write(folder.path().join(stray), "").unwrap();
    }
    let database = store_sql::Database::in_folder(folder.path());
    let file = folder.path().join("backup");
    let refused = backup(&database, None, folder.path(), &file)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("use pg_dump"), "{refused}");
    assert!(!file.exists());
}

/// The names in an archive, in their order.
fn entries(file: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(std::fs::File::open(file).unwrap());
    let name = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let entry = entry.unwrap();
        entry.path().unwrap().to_string_lossy().into_owned()
    };
    archive.entries().unwrap().map(name).collect()
}

// Blobs never change, so they may be copied while the server goes on; what the catalog names must be copied after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_copies_the_catalog_then_the_log_then_the_blobs_that_the_catalog_names() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(database) = to_back_up(&data).await else {
        return;
    };
    let server = Running::start(&data).await;
    let path = format!("/api/n/{}/blobs", server.create().await);
    let mut hashes = Vec::new();
    for body in ["one", "two", "three"] {
        let hash = format!("{:x}", Sha256::digest(body));
        let (status, _) = server
            .call("PUT", &format!("{path}/{hash}"), "ada", body)
            .await;
        assert_eq!(status, 201);
        hashes.push(format!("blobs/{hash}"));
    }
    let file = folder.path().join("backup");
    backup(&database, bucket_of(&data), &data, &file)
        .await
        .unwrap();
    server.stop().await;
    let found = entries(&file);
    assert_eq!(
        found[..3],
        ["backup.json", "catalog.sqlite", "documents.sqlite"]
    );
    let (mut blobs, mut expected) = (found[3..].to_vec(), hashes);
    blobs.sort();
    expected.sort();
    assert_eq!(blobs, expected);
}

// A backup is whole by itself: without its bucket it restores into a folder, and from there into another bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_takes_blobs_out_of_a_bucket_and_into_another() {
    let folder = tempfile::tempdir().unwrap();
    if bucket_of(folder.path()).is_some() {
        println!("skipped: this test has places of its own");
        return;
    }
    let store = S3Server::start();
    let places = [
        Some(store.bucket("first")),
        None,
        Some(store.bucket("second")),
    ];
    let large = "0123456789".repeat(1_000_000);
    let hash = format!("{:x}", Sha256::digest(&large));
    let mut path = String::new();
    let mut data = folder.path().join("data");
    for (round, bucket) in places.into_iter().enumerate() {
        let Some(database) = to_back_up(&data).await else {
            return;
        };
        let file = folder.path().join(format!("backup-{round}"));
        if round > 0 {
            let last = folder.path().join(format!("backup-{}", round - 1));
            restore(&last, bucket.clone(), &data).await.unwrap();
        }
        let s3 = bucket.clone().map(S3Settings::from).unwrap_or_default();
        let settings = Settings {
            s3,
            ..Settings::default()
        };
        let server = Running::start_with(&data, settings).await;
        if round == 0 {
            path = format!("/api/n/{}/blobs/{hash}", server.create().await);
            let (status, said) = server.call("PUT", &path, "ada", &large).await;
            assert_eq!(status, 201, "{said}");
        }
        let (status, _) = server.call("HEAD", &path, "ada", "").await;
        assert_eq!(status, 200);
        let made = backup(&database, bucket, &data, &file).await.unwrap();
        assert_eq!((made.blobs, made.gone), (1, 0));
        server.stop().await;
        if round == 0 {
            std::fs::remove_dir_all(store.root().join("first")).unwrap();
        }
        data = folder.path().join(format!("data-{round}"));
    }
}

#[tokio::test]
async fn blobs_in_the_folder_are_not_forgotten_for_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    if bucket_of(&data).is_some() {
        println!("skipped: the blobs of this run are in a bucket");
        return;
    }
    let server = Running::start(&data).await;
    let id = server.create().await;
    let hash = format!("{:x}", Sha256::digest("one"));
    let path = format!("/api/n/{id}/blobs/{hash}");
    assert_eq!(server.call("PUT", &path, "ada", "one").await.0, 201);
    server.stop().await;
    let store = S3Server::start();
    let settings = Settings {
        listen: "127.0.0.1:0".into(),
        data: Some(data.clone()),
        database: TestDatabase::of(&data).await.url(),
        s3: store.bucket("cloud").into(),
        ..Settings::default()
    };
    let refused = Server::start(&settings).await.unwrap_err().to_string();
    assert!(refused.contains("holds blobs"), "{refused}");
}
