//! How far the room has accepted the journal: a small file that a next peer begins from. What the room has no room for
//! is copied before that.

use std::path::{Path, PathBuf};

use kernel::journal::{self, Channel, JournalReader, Record};
use tokio::task::JoinHandle;

/// Its name in the job's folder.
const FILE_NAME: &str = "journal.position";
/// Space is given back when this much more is not needed, or a quarter of what the journal may hold.
const RELEASE_STEP: u64 = 64 * 1024 * 1024;

/// The position on disk.
#[derive(Debug)]
pub(crate) struct Position {
    job_dir: PathBuf,
    journal_limit: u64,
    noted: u64,
    /// Up to where space was given back by this peer.
    released: u64,
    /// Output that is being copied, one after the other.
    keeping: Option<JoinHandle<()>>,
    /// The position that waits for it.
    held: Option<u64>,
}

impl Position {
    /// The position of a job, and what it is now.
    pub(crate) fn open(job_dir: &Path, journal_limit: u64) -> (Self, u64) {
        let at = within(job_dir, position_of(job_dir));
        // It has its place on the disk before that may be full.
        if let Err(error) = journal::note(&job_dir.join(FILE_NAME), at) {
            tracing::warn!(%error, "the journal's position cannot be noted");
        }
        let position = Self {
            job_dir: job_dir.to_owned(),
            journal_limit,
            noted: at,
            // What former peers gave back is given back once more with the first of it.
            released: 0,
            keeping: None,
            held: None,
        };
        (position, at)
    }

    /// Notes a position, once everything that is being copied is. Some when it is worth giving space back before it.
    pub(crate) fn persist(&mut self, position: u64) -> Option<u64> {
        if self.keeping.is_some() {
            self.held = Some(position);
            return None;
        }
        // After a new link an older one may be told once more.
        if position < self.noted {
            return None;
        }
        if let Err(error) = journal::note(&self.job_dir.join(FILE_NAME), position) {
            tracing::warn!(%error, "the journal's position cannot be noted");
            return None;
        }
        self.noted = position;
        let step = RELEASE_STEP.min(self.journal_limit / 4);
        if position < self.released.saturating_add(step) {
            return None;
        }
        self.released = position;
        Some(position)
    }

    /// Copies output in the background.
    pub(crate) fn keep_output(&mut self, execution: String, from: u64, to: u64) {
        let before = self.keeping.take();
        let (job_dir, limit) = (self.job_dir.clone(), self.journal_limit);
        self.keeping = Some(tokio::spawn(async move {
            if let Some(before) = before {
                // How it went it has said itself.
                let _ = before.await;
            }
            let copied = tokio::task::spawn_blocking(move || {
                match journal::keep(&job_dir, &execution, from, to, limit) {
                    Ok(()) => tracing::info!(execution, "kept what the notebook has no room for"),
                    Err(error) => {
                        tracing::error!(execution, %error, "what the notebook has no room for cannot be kept");
                    }
                }
            });
            if let Err(error) = copied.await {
                tracing::error!(%error, "what the notebook has no room for cannot be kept");
            }
        }));
    }

    /// Waits until everything is copied, if anything is; then as `persist`. Cancel-safe.
    pub(crate) async fn kept(&mut self) -> Option<u64> {
        match &mut self.keeping {
            // How it went it has said itself.
            Some(task) => drop(task.await),
            None => std::future::pending().await,
        }
        self.keeping = None;
        let held = self.held.take()?;
        self.persist(held)
    }
}

/// After a loss of power the position may be on disk and the end of the journal not: all that is left is read again then.
fn within(job_dir: &Path, position: u64) -> u64 {
    let path = job_dir.join(journal::FILE_NAME);
    match path.metadata() {
        Ok(journal) if position > journal.len() => journal::released(&path),
        _ => position,
    }
}

fn position_of(job_dir: &Path) -> u64 {
    journal::noted(&job_dir.join(FILE_NAME)).unwrap_or(0)
}

/// Whether the room has accepted all that the kernel of a job said: what follows the position are words without output.
pub fn is_delivered(job_dir: &Path) -> bool {
    let path = job_dir.join(journal::FILE_NAME);
    if !path.exists() {
        return true;
    }
    let at = position_of(job_dir);
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
        Position::open(job, u64::MAX).0.persist(START);
        assert!(!is_delivered(job));
        Position::open(job, u64::MAX).0.persist(after_stream);
        assert!(is_delivered(job));
        say("status").await;
        assert!(is_delivered(job));
        say("display_data").await;
        assert!(!is_delivered(job));
        drop(journal);
        thread.join().unwrap();
    }

    #[test]
    fn each_peer_gives_space_back_and_none_goes_behind_what_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path();
        let limit = 4_000;
        let (mut first, at) = Position::open(job, limit);
        assert_eq!(
            (at, first.persist(900), first.persist(1_000)),
            (0, None, Some(1_000))
        );
        assert_eq!(first.persist(1_100), None);
        assert_eq!(first.persist(1_050), None);
        // What a peer after it reads is less than a step; the space goes back all the same.
        let (mut second, at) = Position::open(job, limit);
        assert_eq!(
            (at, second.persist(1_200), second.persist(1_300)),
            (1_100, Some(1_200), None)
        );
        assert_eq!(position_of(job), 1_300);
    }

    #[test]
    fn a_position_beyond_the_journal_reads_again_what_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path();
        let path = job.join(journal::FILE_NAME);
        let (journal, thread) = JournalWriter::open(&path).unwrap();
        drop(journal);
        thread.join().unwrap();
        Position::open(job, u64::MAX).0.persist(10_000);
        assert_eq!(Position::open(job, u64::MAX).1, START);
    }
}
