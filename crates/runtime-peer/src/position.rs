//! How far the room has accepted the journal: a small file that a next peer begins from.

use std::path::{Path, PathBuf};

use kernel::journal::{self, Channel, JournalReader, Record};

/// Its name in the job's folder.
const FILE_NAME: &str = "journal.position";
/// Space is given back when this much more is not needed.
const RELEASE_STEP: u64 = 64 * 1024 * 1024;

/// The position on disk.
#[derive(Debug)]
pub(crate) struct Position {
    path: PathBuf,
    released: u64,
}

impl Position {
    /// The position of a job, and what it is now.
    pub(crate) fn open(job_dir: &Path) -> (Self, u64) {
        let path = job_dir.join(FILE_NAME);
        let at = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        (Self { path, released: at }, at)
    }

    /// Notes a position. Some when it is worth giving space back before it.
    pub(crate) fn persist(&mut self, position: u64) -> Option<u64> {
        let fresh = self.path.with_extension("position.new");
        let written = std::fs::write(&fresh, position.to_string())
            .and_then(|()| std::fs::rename(&fresh, &self.path));
        if let Err(error) = written {
            tracing::warn!(%error, "the journal's position cannot be noted");
            return None;
        }
        if position < self.released.saturating_add(RELEASE_STEP) {
            return None;
        }
        self.released = position;
        Some(position)
    }
}

/// Whether the room has accepted all that the kernel of a job said: what follows the position are words without output.
pub fn is_delivered(job_dir: &Path) -> bool {
    let path = job_dir.join(journal::FILE_NAME);
    if !path.exists() {
        return true;
    }
    let (_, at) = Position::open(job_dir);
    let Ok(mut reader) = JournalReader::open(&path, at) else {
        // Nobody can ever read it.
        return true;
    };
    loop {
        match reader.next_record() {
            Ok(Some(record)) if is_output(&record) => return false,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return true,
        }
    }
}

fn is_output(record: &Record) -> bool {
    let kind = record.header();
    let kind = kind["msg_type"].as_str().unwrap_or_default();
    record.channel == Channel::Iopub
        && !matches!(kind, "status" | "shutdown_reply" | "execute_input")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kernel::journal::{JournalWriter, START};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_journal_is_delivered_when_no_output_follows_the_position() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path();
        assert!(is_delivered(job));
        let (journal, thread) = JournalWriter::open(&job.join(journal::FILE_NAME)).unwrap();
        let mut end = journal.end();
        let mut say = async |kind: &str| {
            let header = json!({ "msg_type": kind }).to_string();
            let parts = vec![Bytes::from(header), "{}".into(), "{}".into(), "{}".into()];
            journal.append(Channel::Iopub, parts).await;
            end.changed().await.unwrap();
            *end.borrow_and_update()
        };
        say("status").await;
        assert!(is_delivered(job));
        let after_stream = say("stream").await;
        assert!(!is_delivered(job));
        Position::open(job).0.persist(START);
        assert!(!is_delivered(job));
        Position::open(job).0.persist(after_stream);
        assert!(is_delivered(job));
        say("status").await;
        assert!(is_delivered(job));
        say("display_data").await;
        assert!(!is_delivered(job));
        drop(journal);
        thread.join().unwrap();
    }
}
