use std::path::PathBuf;

use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use tempfile::TempDir;

use super::*;
use crate::store::Stored;
use crate::testing::age_files;

mod properties;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &TempDir) -> BlobStore {
    BlobStore::open(None, folder.path()).unwrap()
}

fn blob(number: usize) -> Blob {
    Blob::of(format!("blob {number}"))
}

fn blobs(numbers: Range<usize>) -> Vec<Blob> {
    numbers.map(blob).collect()
}

fn packs(folder: &TempDir) -> Vec<PathBuf> {
    let packs = fs::read_dir(folder.path().join(PACKS)).unwrap();
    packs.map(|pack| pack.unwrap().path()).collect()
}

fn single(folder: &TempDir, blob: &Blob) -> PathBuf {
    folder.path().join(&blob.hash()[..2]).join(blob.hash())
}

async fn is_there(store: &BlobStore, blob: &Blob) -> bool {
    match store.bytes(blob.hash()).await {
        Ok(bytes) => {
            assert_eq!(bytes, blob.bytes);
            true
        }
        Err(BlobError::Absent) => false,
        Err(cause) => panic!("{cause:?}"),
    }
}

async fn are_there(store: &BlobStore, blobs: &[Blob]) -> bool {
    for blob in blobs {
        if !is_there(store, blob).await {
            return false;
        }
    }
    true
}

/// All blobs that nobody uploaded for a day.
async fn old(store: &BlobStore) -> Vec<String> {
    let mut old = Vec::new();
    for shelf in 0..=u8::MAX {
        old.extend(
            store
                .older_than(&format!("{shelf:02x}"), DAY)
                .await
                .unwrap(),
        );
    }
    old
}

#[tokio::test]
async fn a_batch_is_one_file_and_is_found_whole_or_in_part_also_after_a_restart() {
    let folder = folder();
    let largest = Blob::of(vec![7; PACKED_LIMIT]);
    let larger = Blob::of(vec![8; PACKED_LIMIT + 1]);
    let mut all = blobs(0..50);
    all.extend([Blob::of(""), largest.clone(), larger.clone()]);
    open(&folder).keep_all(all.clone()).await.unwrap();
    assert_eq!(packs(&folder).len(), 1);
    assert!(single(&folder, &larger).exists());
    assert!(!single(&folder, &largest).exists());
    let store = open(&folder);
    assert!(are_there(&store, &all).await);
    for blob in &all {
        assert_eq!(
            store.size(blob.hash()).await.unwrap(),
            blob.bytes.len() as u64
        );
    }
    let name = blob(7).hash;
    for (part, expected) in [
        (0..6, "blob 7"),
        (1..4, "lob"),
        (3..3, ""),
        (5..6, "7"),
        (4..99, " 7"),
    ] {
        let at_once = store.part(&name, part.clone()).await.unwrap();
        assert_eq!(at_once, expected, "{part:?}");
        let streamed = store.read(&name, part).await.unwrap();
        let streamed: Vec<Bytes> = streamed.try_collect().await.unwrap();
        assert_eq!(streamed.concat(), expected.as_bytes());
    }
    assert!(
        store.part(&name, 7..9).await.is_err(),
        "that is of another blob"
    );
    assert_eq!(
        fs::read_dir(folder.path().join("partial")).unwrap().count(),
        0
    );
}

#[tokio::test]
async fn what_comes_twice_in_a_batch_is_kept_once_and_what_is_alone_is_no_pack() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(vec![blob(0), blob(0)]).await.unwrap();
    assert!(single(&folder, &blob(0)).exists());
    assert!(packs(&folder).is_empty());
    store
        .keep_all(vec![blob(1), blob(2), blob(1)])
        .await
        .unwrap();
    let [pack] = &packs(&folder)[..] else {
        panic!("{:?}", packs(&folder));
    };
    assert_eq!(table(pack).unwrap().len(), 2);
    assert!(are_there(&open(&folder), &blobs(0..3)).await);
}

#[tokio::test]
async fn a_batch_writes_what_is_new_or_old_and_nothing_else() {
    let folder = folder();
    let store = open(&folder);
    store.keep(blob(0)).await.unwrap();
    store.keep_all(blobs(1..3)).await.unwrap();
    age_files(folder.path(), 2 * DAY);
    store.keep_all(blobs(3..5)).await.unwrap();
    store.keep(blob(5)).await.unwrap();
    // Known: young in a pack, young alone. Old: in a pack (one of two), alone. New: two.
    let before = packs(&folder);
    store
        .keep_all(vec![blob(3), blob(5), blob(1), blob(0), blob(6), blob(7)])
        .await
        .unwrap();
    let new: Vec<_> = packs(&folder)
        .into_iter()
        .filter(|pack| !before.contains(pack))
        .collect();
    let [pack] = &new[..] else {
        panic!("{new:?}");
    };
    let mut written: Vec<_> = table(pack)
        .unwrap()
        .iter()
        .map(|entry| hex::encode(entry.key))
        .collect();
    let mut expected = [0, 1, 6, 7].map(|number| blob(number).hash);
    written.sort();
    expected.sort();
    assert_eq!(written, expected);
    for store in [store, open(&folder)] {
        assert_eq!(old(&store).await, [blob(2).hash]);
        assert!(are_there(&store, &blobs(0..8)).await);
    }
}

#[tokio::test]
async fn a_batch_beyond_the_limit_is_several_packs() {
    let folder = folder();
    let all = blobs(0..BLOBS_LIMIT + 1);
    open(&folder).keep_all(all.clone()).await.unwrap();
    assert_eq!(packs(&folder).len(), 2);
    assert!(are_there(&open(&folder), &all).await);
}

#[tokio::test]
async fn who_only_reads_finds_what_was_packed_since_and_removes_nothing() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(blobs(0..2)).await.unwrap();
    let reader = BlobStore::for_reading(None, folder.path()).unwrap();
    assert!(!is_there(&reader, &blob(2)).await);
    store.keep_all(blobs(2..4)).await.unwrap();
    assert!(are_there(&reader, &blobs(0..4)).await);
    assert_eq!(reader.size(blob(3).hash()).await.unwrap(), 6);
    // All that the first packs have is renewed, so these are gone.
    age_files(folder.path(), 2 * DAY);
    store.keep_all(blobs(0..4)).await.unwrap();
    assert_eq!(packs(&folder).len(), 1);
    assert!(are_there(&reader, &blobs(0..4)).await);
    store.keep_all(blobs(4..6)).await.unwrap();
    let streamed = reader.read(blob(5).hash(), 0..6).await.unwrap();
    let streamed: Vec<Bytes> = streamed.try_collect().await.unwrap();
    assert_eq!(streamed.concat(), b"blob 5");
}

#[tokio::test]
async fn a_blob_goes_alone_and_its_pack_with_the_last_one() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(blobs(0..3)).await.unwrap();
    assert!(old(&store).await.is_empty());
    assert!(!store.remove_if_older(blob(0).hash(), DAY).await.unwrap());
    age_files(folder.path(), 2 * DAY);
    assert_eq!(old(&store).await.len(), 3);
    assert!(store.remove_if_older(blob(0).hash(), DAY).await.unwrap());
    assert!(!store.remove_if_older(blob(0).hash(), DAY).await.unwrap());
    assert!(!is_there(&store, &blob(0)).await);
    assert!(are_there(&store, &blobs(1..3)).await);
    // A restart brings it back as old as it was; kept again it is young.
    let store = open(&folder);
    assert_eq!(old(&store).await.len(), 3);
    assert_eq!(store.keep(blob(0)).await.unwrap(), Stored::Known);
    for number in 0..3 {
        let gone = store
            .remove_if_older(blob(number).hash(), DAY)
            .await
            .unwrap();
        assert_eq!(gone, number > 0);
    }
    assert_eq!(
        packs(&folder).len(),
        1,
        "a blob of it is also alone, and young there"
    );
    age_files(folder.path(), 2 * DAY);
    assert_eq!(old(&store).await, [blob(0).hash]);
    assert!(store.remove_if_older(blob(0).hash(), DAY).await.unwrap());
    assert!(packs(&folder).is_empty());
    assert!(!single(&folder, &blob(0)).exists());
}

#[tokio::test]
async fn an_upload_of_what_a_young_pack_has_stores_nothing() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(blobs(0..2)).await.unwrap();
    assert_eq!(store.keep(blob(0)).await.unwrap(), Stored::Known);
    assert!(!single(&folder, &blob(0)).exists());
    age_files(folder.path(), 2 * DAY);
    assert_eq!(store.keep(blob(0)).await.unwrap(), Stored::Known);
    assert!(single(&folder, &blob(0)).exists());
    assert_eq!(old(&store).await, [blob(1).hash]);
}

#[tokio::test]
async fn what_is_no_whole_pack_is_skipped_and_stays() {
    let folder = folder();
    let store = open(&folder);
    for numbers in [0..2, 2..4, 4..6, 6..8] {
        store.keep_all(blobs(numbers)).await.unwrap();
    }
    let mut files = packs(&folder);
    files.sort();
    let whole = fs::read(&files[0]).unwrap();
    fs::write(&files[0], &whole[..whole.len() - 1]).unwrap();
    let longer = [&fs::read(&files[1]).unwrap()[..], b"!"].concat();
    fs::write(&files[1], longer).unwrap();
    let mut flipped = fs::read(&files[2]).unwrap();
    flipped[20] ^= 1;
    fs::write(&files[2], flipped).unwrap();
    for name in [
        "README",
        "ffffffffffffffff",
        "+000000000000001",
        "00000000000000001",
    ] {
        fs::write(folder.path().join(PACKS).join(name), &whole).unwrap();
    }
    fs::write(folder.path().join(PACKS).join("0000000000000001"), "").unwrap();
    fs::create_dir(folder.path().join(PACKS).join("0000000000000002")).unwrap();
    let store = open(&folder);
    for number in 0..8 {
        assert_eq!(
            is_there(&store, &blob(number)).await,
            number >= 6,
            "{number}"
        );
    }
    store.keep_all(blobs(0..8)).await.unwrap();
    for store in [store, open(&folder)] {
        assert!(are_there(&store, &blobs(0..8)).await);
    }
    assert_eq!(packs(&folder).len(), 11);
}

#[tokio::test]
async fn what_was_taken_away_from_outside_is_absent_and_can_be_kept_again() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(blobs(0..2)).await.unwrap();
    fs::remove_file(&packs(&folder)[0]).unwrap();
    assert!(!is_there(&store, &blob(0)).await);
    assert!(matches!(
        store.size(blob(0).hash()).await,
        Err(BlobError::Absent)
    ));
    assert!(
        !store
            .remove_if_older(blob(0).hash(), Duration::ZERO)
            .await
            .unwrap()
    );
    assert!(old(&store).await.is_empty());
    store.keep_all(blobs(0..2)).await.unwrap();
    assert!(are_there(&store, &blobs(0..2)).await);
}

#[tokio::test]
async fn a_pack_that_a_crash_left_without_living_blobs_goes_at_the_next_start() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(blobs(0..2)).await.unwrap();
    let first = packs(&folder).remove(0);
    let left = fs::read(&first).unwrap();
    age_files(folder.path(), 2 * DAY);
    store.keep_all(blobs(0..3)).await.unwrap();
    assert!(!first.exists());
    fs::write(&first, left).unwrap();
    BlobStore::for_reading(None, folder.path()).unwrap();
    assert!(first.exists());
    let store = open(&folder);
    assert!(!first.exists());
    assert!(are_there(&store, &blobs(0..3)).await);
}

#[test]
fn a_folder_is_filled_by_a_pack_and_not_by_the_folder_of_packs() {
    let folder = folder();
    let store = open(&folder);
    assert!(!BlobStore::is_filled(folder.path()).unwrap());
    block_on(store.keep_all(blobs(0..2))).unwrap();
    assert!(BlobStore::is_filled(folder.path()).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_at_the_same_time_may_have_blobs_in_common() {
    let folder = folder();
    let store = open(&folder);
    for round in 0..5 {
        let batches = (0..8).map(|batch| {
            let (store, numbers) = (store.clone(), 3 * batch..3 * batch + 10);
            tokio::spawn(async move { store.keep_all(blobs(numbers)).await })
        });
        for kept in try_join_all(batches).await.unwrap() {
            kept.unwrap();
        }
        for store in [
            store.clone(),
            BlobStore::for_reading(None, folder.path()).unwrap(),
        ] {
            assert!(are_there(&store, &blobs(0..31)).await, "round {round}");
        }
        age_files(folder.path(), 2 * DAY);
    }
    for hash in old(&store).await {
        assert!(store.remove_if_older(&hash, DAY).await.unwrap());
    }
    assert!(packs(&folder).is_empty());
}

#[tokio::test]
async fn who_found_a_blob_in_a_pack_that_is_gone_reads_it_in_the_next() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(blobs(0..2)).await.unwrap();
    let key = key(blob(1).hash()).unwrap();
    let packs = Arc::clone(store.packs().unwrap());
    let found = packs.slot(&key).unwrap();
    age_files(folder.path(), 2 * DAY);
    store.keep_all(blobs(0..2)).await.unwrap();
    assert!(!packs.path(found.pack).exists());
    let opened = packs.open_blob(&key, found).unwrap().unwrap();
    assert_eq!(opened.part(0..6).unwrap(), "blob 1");
}

// Each round moves the blobs to a new pack and removes the one before, under the reader's hands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_misses_what_is_renewed() {
    let folder = folder();
    let store = open(&folder);
    store.keep_all(blobs(0..2)).await.unwrap();
    let reading = store.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let reader = tokio::spawn(async move {
        let mut stopped = stopped;
        while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            assert!(is_there(&reading, &blob(1)).await);
        }
    });
    for _ in 0..50 {
        age_files(folder.path(), 2 * DAY);
        store.keep_all(blobs(0..2)).await.unwrap();
    }
    stop.send(()).unwrap();
    reader.await.unwrap();
    assert_eq!(packs(&folder).len(), 1);
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn the_number_of_a_pack_is_greater_than_all_before_whatever_the_clock_says() {
    let mut index = Index::default();
    assert_eq!(index.next(1000), 1000);
    assert_eq!(index.next(1000), 1001);
    assert_eq!(index.add(5000, Vec::new()), [5000], "it has no blob");
    assert_eq!(index.next(10), 5001);
}
