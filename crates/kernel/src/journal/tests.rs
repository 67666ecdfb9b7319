use std::io::{Cursor, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::record::LARGE_PART;
use super::{Channel, FILE_NAME, JournalError, JournalReader, JournalWriter, START};
use super::{keep, note, noted, read_output, release};
use crate::protocol::KeeperEvent;

fn message(text: &str) -> Vec<Bytes> {
    let header = format!(r#"{{"msg_type":"{text}"}}"#);
    let mut parts: Vec<Bytes> = vec![header.into_bytes().into()];
    for part in ["{}", "{}", r#"{"a":1}"#] {
        parts.push(Bytes::from_static(part.as_bytes()));
    }
    parts.push(Bytes::from_static(&[0, 255]));
    parts
}

async fn write(path: &std::path::Path, texts: &[&str]) {
    let (writer, thread) = JournalWriter::open(path).unwrap();
    for text in texts {
        assert!(writer.append(Channel::Iopub, message(text)).await);
    }
    drop(writer);
    thread.join().unwrap();
}

fn read(path: &std::path::Path, from: u64) -> Vec<super::Record> {
    let mut reader = JournalReader::open(path, from).unwrap();
    std::iter::from_fn(|| reader.next_record().unwrap()).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_back_from_any_position() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    write(&path, &["a", "b"]).await;
    write(&path, &["c"]).await;
    let records = read(&path, START);
    let types: Vec<_> = records
        .iter()
        .map(|r| r.header()["msg_type"].clone())
        .collect();
    assert_eq!(types, ["a", "b", "c"]);
    assert_eq!(records[0].content()["a"], 1);
    assert_eq!(records[0].buffers(), [Bytes::from_static(&[0, 255])]);
    assert_eq!(read(&path, records[1].position), records[1..]);
    assert_eq!(read(&path, records[2].end), []);
}

#[tokio::test]
async fn a_torn_last_record_is_cut_off_and_writing_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    write(&path, &["a", "b"]).await;
    let whole = std::fs::read(&path).unwrap();
    let first_end = read(&path, START)[0].end as usize;
    for torn in first_end..whole.len() {
        std::fs::write(&path, &whole[..torn]).unwrap();
        let mut reader = JournalReader::open(&path, START).unwrap();
        let mut next = || {
            reader
                .next_record()
                .unwrap()
                .map(|r| r.header()["msg_type"].clone())
        };
        assert_eq!(next().unwrap(), "a");
        assert_eq!(next(), None, "a reader waits at {torn}");
        write(&path, &["c"]).await;
        assert_eq!(next().unwrap(), "c", "a reader goes on, cut at {torn}");
        let types: Vec<_> = read(&path, START)
            .iter()
            .map(|r| r.header()["msg_type"].clone())
            .collect();
        assert_eq!(types, ["a", "c"], "cut at {torn}");
    }
}

#[tokio::test]
async fn zeros_after_a_power_cut_are_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    write(&path, &["a"]).await;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(&[0; 64]).unwrap();
    let mut reader = JournalReader::open(&path, START).unwrap();
    assert!(reader.next_record().unwrap().is_some());
    assert!(matches!(
        reader.next_record(),
        Err(JournalError::NoRecordAt(_))
    ));
    write(&path, &["b"]).await;
    assert_eq!(read(&path, START).len(), 2);
}

#[tokio::test]
async fn a_reader_at_the_end_sees_what_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let (writer, thread) = JournalWriter::open(&path).unwrap();
    let mut end = writer.end();
    let mut reader = JournalReader::open(&path, START).unwrap();
    assert!(reader.next_record().unwrap().is_none());
    writer
        .append_event(&KeeperEvent::KernelStarting { generation: 1 })
        .await;
    end.changed().await.unwrap();
    let record = reader.next_record().unwrap().unwrap();
    assert_eq!(
        record.event(),
        Some(KeeperEvent::KernelStarting { generation: 1 })
    );
    drop(writer);
    thread.join().unwrap();
}

#[tokio::test]
async fn a_hundred_thousand_stream_messages_come_back_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let (writer, thread) = JournalWriter::open(&path).unwrap();
    let parts = message("stream");
    for _ in 0..100_000 {
        writer.append(Channel::Iopub, parts.clone()).await;
    }
    drop(writer);
    thread.join().unwrap();
    let mut reader = JournalReader::open(&path, START).unwrap();
    let mut count = 0;
    while reader.next_record().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 100_000);
}

/// What is large is written from where it is, between what is small; a disk that fills up within it gets it anew.
#[tokio::test(flavor = "multi_thread")]
async fn large_parts_come_back_whole_and_in_their_places() {
    let sizes = [0, 1, LARGE_PART - 1, LARGE_PART, 3 * LARGE_PART + 7];
    let part = |at: usize, size: usize| Bytes::from(vec![at as u8; size]);
    let messages: Vec<Vec<Bytes>> = (0..sizes.len())
        .map(|first| {
            let turned = sizes.iter().cycle().skip(first).take(sizes.len());
            turned
                .enumerate()
                .map(|(at, size)| part(at, *size))
                .collect()
        })
        .collect();
    let disk = FullDisk::default();
    disk.room(LARGE_PART * 2);
    let (writer, thread) = JournalWriter::start(disk.clone(), 0, 64 * 1024).unwrap();
    for parts in &messages {
        assert!(writer.append(Channel::Shell, parts.clone()).await);
    }
    while !disk.was_full() {
        tokio::task::yield_now().await;
    }
    disk.room(usize::MAX);
    drop(writer);
    thread.join().unwrap();
    let records = disk.records();
    let read: Vec<_> = records.iter().map(|record| record.parts.clone()).collect();
    assert!(read == messages);
    let bytes = disk.file.lock().unwrap().get_ref().len();
    assert_eq!(records.last().unwrap().end, START + bytes as u64);
}

#[tokio::test]
async fn what_is_released_gives_its_space_back_and_the_rest_stays_where_it_was() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let large = "x".repeat(1024 * 1024);
    write(&path, &[&large, &large, &large, "kept"]).await;
    let kept = read(&path, START)[3].clone();
    let before = path.metadata().unwrap().blocks();
    super::release(&path, kept.position).unwrap();
    let after = path.metadata().unwrap().blocks();
    assert!(
        !cfg!(target_os = "linux") || after * 4 < before,
        "{before} blocks, then {after}"
    );
    assert_eq!(read(&path, kept.position).first(), Some(&kept));
    // A keeper that comes back finds the end, not the hole.
    write(&path, &["later"]).await;
    assert_eq!(read(&path, kept.position).len(), 2);
    assert_eq!(read(&path, kept.position)[0], kept);
}

/// A disk that can be full.
#[derive(Clone)]
struct FullDisk {
    file: Arc<Mutex<Cursor<Vec<u8>>>>,
    room: Arc<AtomicUsize>,
    was_full: Arc<AtomicBool>,
}

impl Default for FullDisk {
    fn default() -> Self {
        Self {
            file: Arc::default(),
            room: Arc::new(usize::MAX.into()),
            was_full: Arc::default(),
        }
    }
}

impl FullDisk {
    /// From now on it takes nothing beyond this place.
    fn room(&self, bytes: usize) {
        self.room.store(bytes, Ordering::Relaxed);
    }

    fn is_full(&self, full: bool) {
        self.room(if full { 0 } else { usize::MAX });
    }

    /// What it took, as a journal.
    fn records(&self) -> Vec<super::Record> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let bytes = self.file.lock().unwrap().get_ref().clone();
        std::fs::write(&path, [&super::MAGIC[..], &bytes].concat()).unwrap();
        read(&path, START)
    }

    /// Whether it ever refused.
    fn was_full(&self) -> bool {
        self.was_full.load(Ordering::Relaxed)
    }
}

impl std::io::Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let at = self.file.lock().unwrap().position() as usize;
        if at >= self.room.load(Ordering::Relaxed) {
            self.was_full.store(true, Ordering::Relaxed);
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        // As a disk that is nearly full: not all at once.
        let some = bytes.len().div_ceil(2);
        self.file.lock().unwrap().write(&bytes[..some])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::io::Seek for FullDisk {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.file.lock().unwrap().seek(to)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_nobody_and_what_is_lost_is_noted_before_what_follows() {
    let disk = FullDisk::default();
    disk.is_full(true);
    let (writer, thread) = JournalWriter::start(disk.clone(), 0, 64).unwrap();
    let output = |text: &str| {
        let mut parts = message("stream");
        parts[1] = Bytes::from_static(br#"{"msg_id":"e1"}"#);
        parts[3] = Bytes::from(format!(r#"{{"text":"{text}"}}"#));
        parts
    };
    let big = "x".repeat(10_000);
    // Ten of them are more than the memory for them; whatever the kernel says besides is kept.
    for _ in 0..10 {
        assert!(writer.append(Channel::Iopub, output(&big)).await);
    }
    for _ in 0..100 {
        assert!(writer.append(Channel::Iopub, message("status")).await);
        assert!(
            writer
                .append(Channel::Shell, message("execute_reply"))
                .await
        );
    }
    disk.is_full(false);
    assert!(writer.append(Channel::Iopub, output("after")).await);
    drop(writer);
    thread.join().unwrap();
    let records = disk.records();
    let count = |kind: &str| {
        let kinds = records.iter().map(super::Record::header);
        kinds.filter(|header| header["msg_type"] == kind).count()
    };
    assert_eq!((count("status"), count("execute_reply")), (100, 100));
    // What is missing is noted before the states that follow it, or at the end.
    let mut lost = 0;
    for record in &records {
        let Some(KeeperEvent::Dropped {
            channel: Channel::Iopub,
            bytes,
            parent: Some(parent),
            disk_full: true,
            and_more: false,
        }) = record.event()
        else {
            assert!(lost > 0 || record.header()["msg_type"] != "status");
            continue;
        };
        assert_eq!(parent, "e1");
        lost += bytes;
    }
    let kept = count("stream");
    assert!((2..10).contains(&kept), "{kept}");
    // Each of the eleven outputs was kept or counted.
    let missing = (11 - kept) as u64;
    assert!(
        lost >= (missing - 1) * 10_000 && lost < missing * 11_000,
        "{lost} bytes, {missing} missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_ends_does_not_wait_for_ever_for_a_full_disk() {
    let disk = FullDisk::default();
    disk.is_full(true);
    let (writer, thread) = JournalWriter::start(disk, 0, 64).unwrap();
    writer
        .append(Channel::Shell, message("execute_reply"))
        .await;
    drop(writer);
    tokio::task::spawn_blocking(move || thread.join().unwrap())
        .await
        .unwrap();
}

#[test]
fn a_position_is_noted_over_the_one_before_and_needs_no_room() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mark");
    assert_eq!(noted(&path), None);
    std::fs::write(&path, "8").unwrap();
    assert_eq!(noted(&path), Some(8));
    let first = path.metadata().unwrap().ino();
    for position in [u64::MAX, 8, 1 << 40] {
        note(&path, position).unwrap();
        assert_eq!(noted(&path), Some(position));
        assert_eq!(path.metadata().unwrap().ino(), first);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

async fn say(writer: &JournalWriter, request: &str, text: &str) {
    let parent = format!(r#"{{"msg_id":"{request}"}}"#);
    let mut parts = message(text);
    parts[1] = parent.into_bytes().into();
    assert!(writer.append(Channel::Iopub, parts).await);
}

/// The types of what an execution said.
fn output(job: &std::path::Path, request: &str) -> Vec<String> {
    let mut found = Vec::new();
    let any = read_output(job, request, |record| {
        found.push(record.header()["msg_type"].as_str().unwrap().to_owned());
        Ok(())
    });
    assert_eq!(any.unwrap(), !found.is_empty());
    found
}

#[tokio::test]
async fn output_is_found_in_the_journal_and_then_where_it_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (job, path) = (dir.path(), dir.path().join(FILE_NAME));
    assert_eq!(output(job, "a"), [""; 0]);
    let (writer, thread) = JournalWriter::open(&path).unwrap();
    for (request, text) in [("x", "before"), ("a", "1"), ("b", "other"), ("a", "2")] {
        say(&writer, request, text).await;
    }
    drop(writer);
    thread.join().unwrap();
    assert_eq!(output(job, "a"), ["1", "2"]);
    let records = read(&path, START);
    let (from, to) = (records[1].position, records[3].end);
    // Twice is once, and ids that are no names are none.
    for id in ["a", "a", "../../a"] {
        keep(job, id, from, to, u64::MAX).unwrap();
    }
    release(&path, to).unwrap();
    assert_eq!(output(job, "a"), ["1", "2"]);
    assert_eq!(output(job, "b"), [""; 0]);
    assert_eq!(std::fs::read_dir(job.join("outputs")).unwrap().count(), 2);
    // What is kept now has room, what was kept first makes it.
    keep(job, "c", from, to, 1).unwrap();
    assert_eq!(output(job, "a"), [""; 0]);
}

#[tokio::test]
async fn output_is_whole_though_the_journal_gives_its_space_back_while_it_is_read() {
    let texts: Vec<String> = (0..100)
        .map(|n| format!("{n} {}", "x".repeat(20_000)))
        .collect();
    for at in [0, 30] {
        let dir = tempfile::tempdir().unwrap();
        let (job, path) = (dir.path(), dir.path().join(FILE_NAME));
        let (writer, thread) = JournalWriter::open(&path).unwrap();
        for text in &texts {
            say(&writer, "a", text).await;
        }
        drop(writer);
        thread.join().unwrap();
        let end = read(&path, START)[99].end;
        let mut found = Vec::new();
        let any = read_output(job, "a", |record| {
            found.push(record.header()["msg_type"].as_str().unwrap().to_owned());
            if found.len() == at + 1 {
                keep(job, "a", START, end, u64::MAX).unwrap();
                release(&path, end).unwrap();
            }
            Ok(())
        });
        assert!(any.unwrap());
        assert_eq!(found, texts, "{at}");
    }
}

#[tokio::test]
async fn the_size_is_what_was_appended_and_not_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let (writer, thread) = JournalWriter::open(&path).unwrap();
    assert_eq!(writer.size(), 0);
    say(&writer, "a", "1").await;
    let size = writer.size();
    say(&writer, "a", "1").await;
    assert_eq!(writer.size(), 2 * size);
    writer.released(START + size);
    assert_eq!(writer.size(), size);
    drop(writer);
    thread.join().unwrap();
    assert_eq!(path.metadata().unwrap().len(), START + 2 * size);
    release(&path, START + size).unwrap();
    assert_eq!(JournalWriter::open(&path).unwrap().0.size(), size);
}
