use std::path::Path as FilePath;

use tempfile::TempDir;

use super::*;
use crate::testing::{S3Server, age_files};
use crate::upload::Kept;

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A store, and the folder in which its files lie.
struct Place {
    store: BlobStore,
    files: PathBuf,
    spool: PathBuf,
    server: Option<S3Server>,
    _folder: TempDir,
}

/// One of each kind: every test here runs on both.
fn places() -> [Place; 2] {
    [None, Some(S3Server::start())].map(|server| {
        let folder = tempfile::tempdir().unwrap();
        let bucket = server.as_ref().map(|server| server.bucket("cloud"));
        let files = server.as_ref().map(|server| server.root().join("cloud"));
        Place {
            store: BlobStore::open(bucket, folder.path()).unwrap(),
            files: files.unwrap_or_else(|| folder.path().to_owned()),
            spool: folder.path().join(PARTIAL),
            server,
            _folder: folder,
        }
    })
}

impl Place {
    async fn upload(&self, bytes: &Bytes, chunk: usize) -> Result<Kept, BlobError> {
        let mut upload = self.store.begin();
        for start in (0..bytes.len()).step_by(chunk) {
            let end = bytes.len().min(start + chunk);
            upload.write(bytes.slice(start..end)).await?;
        }
        upload.keep_as(Blob::of(bytes.clone()).hash()).await
    }

    async fn text(&self, hash: &str, part: Range<u64>) -> Vec<u8> {
        let at_once = self.store.part(hash, part.clone()).await.unwrap();
        let streamed = self.store.read(hash, part).await.unwrap();
        let streamed: Vec<Bytes> = streamed.try_collect().await.unwrap();
        assert!(streamed.concat() == at_once);
        at_once.into()
    }

    fn spooled(&self) -> usize {
        fs::read_dir(&self.spool).unwrap().count()
    }
}

/// Bytes that repeat nowhere.
fn noise(size: usize) -> Bytes {
    (0..size / 8)
        .flat_map(|n| (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect()
}

#[tokio::test]
async fn bytes_are_found_under_their_hash_whole_or_in_part() {
    for place in places() {
        let hello = Bytes::from_static(b"hello");
        for stored in [Stored::New, Stored::Known] {
            let kept = place.upload(&hello, 3).await.unwrap();
            assert_eq!(kept, Kept::Stored { size: 5, stored });
        }
        assert_eq!(
            place.store.keep(Blob::of(hello)).await.unwrap(),
            Stored::Known
        );
        assert_eq!(place.store.size(HELLO).await.unwrap(), 5);
        assert_eq!(place.store.bytes(HELLO).await.unwrap(), "hello");
        assert_eq!(place.text(HELLO, 0..5).await, b"hello");
        assert_eq!(place.text(HELLO, 1..4).await, b"ell");
        assert_eq!(place.text(HELLO, 2..2).await, b"");
    }
}

#[tokio::test]
async fn large_uploads_go_in_parts_and_leave_nothing_behind() {
    for place in places() {
        // Less than a part, and more than two.
        for size in [1 << 20, 20 << 20] {
            let bytes = noise(size);
            let hash = Blob::of(bytes.clone()).hash().to_owned();
            for stored in [Stored::New, Stored::Known] {
                let size = size as u64;
                let kept = place.upload(&bytes, 100_000).await.unwrap();
                assert_eq!(kept, Kept::Stored { size, stored });
            }
            assert_eq!(place.store.bytes(&hash).await.unwrap(), bytes);
            let part = 300_000..900_000;
            let expected = &bytes[300_000..900_000];
            assert!(place.text(&hash, part).await == expected);
        }
        assert_eq!(place.spooled(), 0);
    }
}

#[tokio::test]
async fn what_is_not_what_its_name_says_is_not_kept() {
    for place in places() {
        for size in [8, 1 << 20] {
            let mut upload = place.store.begin();
            upload.write(noise(size)).await.unwrap();
            let kept = upload.keep_as(HELLO).await.unwrap();
            let actual = Blob::of(noise(size)).hash().to_owned();
            assert_eq!(
                kept,
                Kept::Other {
                    actual: actual.clone()
                }
            );
            for hash in [HELLO, &actual] {
                let found = place.store.bytes(hash).await;
                assert!(matches!(found, Err(BlobError::Absent)), "{found:?}");
            }
        }
        let mut broken = place.store.begin();
        broken.write(noise(1 << 20)).await.unwrap();
        assert_eq!(place.spooled(), 1);
        drop(broken);
        assert_eq!(place.spooled(), 0);
    }
}

#[tokio::test]
async fn only_hashes_are_names() {
    for place in places() {
        for name in ["../partial", "", &HELLO.to_uppercase(), "ab"] {
            let read = place.store.bytes(name).await;
            assert!(matches!(read, Err(BlobError::Absent)), "{name}: {read:?}");
            assert!(place.store.read(name, 0..1).await.is_err(), "{name}");
            assert!(place.store.size(name).await.is_err(), "{name}");
            assert!(
                !place
                    .store
                    .remove_if_older(name, Duration::ZERO)
                    .await
                    .unwrap()
            );
        }
    }
}

#[tokio::test]
async fn what_is_uploaded_again_is_young_again() {
    for place in places() {
        let store = &place.store;
        let hello = || Blob::of("hello");
        store.keep(hello()).await.unwrap();
        assert!(store.older_than("2c", DAY).await.unwrap().is_empty());
        age_files(&place.files, 2 * DAY);
        assert_eq!(store.older_than("2c", DAY).await.unwrap(), [HELLO]);
        assert_eq!(store.keep(hello()).await.unwrap(), Stored::Known);
        assert!(!store.remove_if_older(HELLO, DAY).await.unwrap());
        age_files(&place.files, 2 * DAY);
        assert!(store.remove_if_older(HELLO, DAY).await.unwrap());
        assert!(matches!(store.bytes(HELLO).await, Err(BlobError::Absent)));
        assert!(store.older_than("00", DAY).await.unwrap().is_empty());
    }
}

// An upload that finds old bytes and a removal that finds the same: whoever comes second sees what the first has done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_upload_acknowledged_is_never_removed_for_its_age() {
    for place in places() {
        for _ in 0..20 {
            place.store.keep(Blob::of("hello")).await.unwrap();
            age_files(&place.files, 2 * DAY);
            let (removing, keeping) = (place.store.clone(), place.store.clone());
            let removed = tokio::spawn(async move { removing.remove_if_older(HELLO, DAY).await });
            let kept = tokio::spawn(async move { keeping.keep(Blob::of("hello")).await });
            removed.await.unwrap().unwrap();
            kept.await.unwrap().unwrap();
            assert_eq!(place.store.bytes(HELLO).await.unwrap(), "hello");
            age_files(&place.files, 2 * DAY);
            let (removing, keeping) = (place.store.clone(), place.store.clone());
            let removed = tokio::spawn(async move { removing.remove_if_older(HELLO, DAY).await });
            let all = vec![Blob::of("hello"), Blob::of("beside it")];
            let kept = tokio::spawn(async move { keeping.keep_all(all).await });
            removed.await.unwrap().unwrap();
            kept.await.unwrap().unwrap();
            assert_eq!(place.store.bytes(HELLO).await.unwrap(), "hello");
        }
    }
}

#[tokio::test]
async fn many_are_kept_at_once_each_under_its_name() {
    for place in places() {
        let text = |number: usize| format!("blob {}", number % 150);
        let all = (0..300).map(|number| Blob::of(text(number))).collect();
        place.store.keep_all(all).await.unwrap();
        for number in 0..150 {
            let blob = Blob::of(text(number));
            assert_eq!(place.store.bytes(blob.hash()).await.unwrap(), text(number));
        }
        assert_eq!(place.spooled(), 0);
        // Bytes that are not those of the name are written over.
        place.store.keep(Blob::of("hello")).await.unwrap();
        fs::write(find(&place.files, HELLO), "hell").unwrap();
        place.store.keep_all(vec![Blob::of("hello")]).await.unwrap();
        assert_eq!(place.store.bytes(HELLO).await.unwrap(), "hello");
        // What is there and old is as new again.
        age_files(&place.files, 2 * DAY);
        place.store.keep_all(vec![Blob::of("hello")]).await.unwrap();
        assert!(!place.store.remove_if_older(HELLO, DAY).await.unwrap());
        place.store.keep_all(Vec::new()).await.unwrap();
    }
}

#[tokio::test]
async fn damaged_bytes_are_mended_by_an_upload() {
    for place in places() {
        place.store.keep(Blob::of("hello")).await.unwrap();
        let file = find(&place.files, HELLO);
        fs::write(&file, "hel").unwrap();
        place.store.keep(Blob::of("hello")).await.unwrap();
        assert_eq!(place.store.bytes(HELLO).await.unwrap(), "hello");
    }
}

fn find(folder: &FilePath, name: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(name) {
                return path;
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    panic!("no {name}");
}

#[tokio::test]
async fn a_crash_leaves_nothing_in_the_folder_for_long() {
    let [place, _] = places();
    place.store.keep(Blob::of("hello")).await.unwrap();
    let left = place.files.join("2c").join(format!("{HELLO}#1"));
    fs::write(&left, "hel").unwrap();
    fs::write(place.spool.join("7"), "hel").unwrap();
    assert!(place.store.older_than("2c", DAY).await.unwrap().is_empty());
    assert!(left.exists(), "somebody may be writing it");
    age_files(&place.files, 2 * DAY);
    assert_eq!(place.store.older_than("2c", DAY).await.unwrap(), [HELLO]);
    assert!(!left.exists());
    BlobStore::open(None, &place.files).unwrap();
    assert_eq!(place.spooled(), 0);
}

// Wherever an upload breaks, it is not acknowledged, leaves nothing on disk and nothing half in the bucket; tried again
// it is kept.
#[tokio::test]
async fn a_bucket_that_goes_away_during_an_upload_has_the_blob_after_the_next_attempt() {
    let [_, place] = places();
    let server = place.server.as_ref().unwrap();
    for (round, size) in [5_000, 1 << 20, 20 << 20].into_iter().enumerate() {
        for requests in 0..4 {
            let bytes = noise(size + 8 * (10 * round + requests as usize + 1));
            server.away_after(requests);
            let kept = place.upload(&bytes, 1 << 20).await;
            server.back();
            let hash = Blob::of(bytes.clone()).hash().to_owned();
            match kept {
                Err(BlobError::Away(Trouble::Unreachable { .. })) => {
                    let found = place.store.bytes(&hash).await;
                    assert!(matches!(found, Err(BlobError::Absent)), "{found:?}");
                    place.upload(&bytes, 1 << 20).await.unwrap();
                }
                // Fewer requests were needed.
                Ok(_) => assert!(requests > 0, "nothing was asked for"),
                Err(cause) => panic!("{cause:?}"),
            }
            assert_eq!(place.store.bytes(&hash).await.unwrap(), bytes);
            assert_eq!(place.spooled(), 0);
        }
    }
}

async fn trouble(config: BucketConfig) -> (Trouble, String) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(Some(config), folder.path()).unwrap();
    match store.probe().await {
        Err(BlobError::Away(trouble)) => {
            let text = trouble.to_string();
            assert!(text.contains("Hint: "), "{text}");
            for secret in ["a-test", "between us"] {
                assert!(!text.contains(secret), "{text}");
            }
            (trouble, text)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_named_with_the_next_step() {
    let server = S3Server::start();
    let good = server.bucket("cloud");
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(Some(good.clone()), folder.path()).unwrap();
    store.probe().await.unwrap();
    store.ready().await.unwrap();
    let mut left = Vec::new();
    files(&server.root().join("cloud"), &mut left);
    assert!(left.is_empty(), "the probe is gone: {left:?}");

    let mut wrong = good.clone();
    wrong.bucket = "clout".to_owned();
    let (found, text) = trouble(wrong).await;
    assert!(matches!(found, Trouble::NoBucket { .. }), "{text}");

    let mut wrong = good.clone();
    wrong.keys.secret_access_key = "guessed".to_owned();
    let (found, text) = trouble(wrong).await;
    assert!(matches!(found, Trouble::Keys { .. }), "{text}");

    let mut wrong = good.clone();
    wrong.keys.access_key_id = "nobody".to_owned();
    let (found, text) = trouble(wrong).await;
    assert!(matches!(found, Trouble::Keys { .. }), "{text}");

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut wrong = good.clone();
    wrong.endpoint = Some(format!("http://{}", closed.local_addr().unwrap()));
    drop(closed);
    let (found, text) = trouble(wrong).await;
    assert!(matches!(found, Trouble::Unreachable { .. }), "{text}");

    // No request is exactly of the server's own time, to the fraction of a second.
    let strict = S3Server::with_skew(0).bucket("cloud");
    let (found, text) = trouble(strict).await;
    assert!(matches!(found, Trouble::Clock { .. }), "{text}");
}

fn files(folder: &FilePath, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}
