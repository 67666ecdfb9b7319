//! A kernel's stderr: its last lines for failure details, and a bounded file for people.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Lines kept for failure details.
const TAIL_LINES: usize = 50;
/// Longest line kept.
const LINE_BYTES: usize = 1000;
/// The log starts anew when it would grow beyond this, or with a new kernel; the former one is kept beside it.
const LOG_BYTES: u64 = 1024 * 1024;

/// The last lines; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct StderrTail(Arc<Mutex<VecDeque<String>>>);

impl StderrTail {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    fn push(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES)]);
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(text.trim_end().to_owned());
    }
}

/// Reads to the end, keeping the tail and the file.
pub(crate) async fn drain<R: AsyncRead + Unpin>(mut from: R, tail: StderrTail, path: PathBuf) {
    let mut log = open(&path);
    let mut written = 0;
    let mut line = Vec::new();
    let mut chunk = vec![0_u8; 8192];
    loop {
        let read = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let bytes = &chunk[..read];
        written += read as u64;
        if written > LOG_BYTES {
            log = open(&path);
            written = read as u64;
        }
        if let Some(file) = &mut log {
            // The log is a convenience: a full disk must not stop the kernel.
            let _ = file.write_all(bytes);
        }
        for byte in bytes {
            if *byte == b'\n' {
                tail.push(&line);
                line.clear();
            } else if line.len() < LINE_BYTES {
                line.push(*byte);
            }
        }
    }
    if !line.is_empty() {
        tail.push(&line);
    }
}

fn open(path: &PathBuf) -> Option<File> {
    if path.metadata().is_ok_and(|log| log.len() > 0) {
        let mut older = path.clone().into_os_string();
        older.push(".1");
        // Without it the log is begun anew all the same.
        let _ = std::fs::rename(path, older);
    }
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_is_bounded_and_the_former_one_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.log");
        let tail = StderrTail::default();
        drain(&b"the first kernel\n"[..], tail.clone(), path.clone()).await;
        let flood = vec![b'x'; LOG_BYTES as usize];
        drain(&flood[..], tail.clone(), path.clone()).await;
        let older = || std::fs::read(folder.path().join("kernel.log.1")).unwrap();
        assert_eq!(older(), b"the first kernel\n");
        drain(&flood.repeat(2)[..], tail.clone(), path.clone()).await;
        assert!(path.metadata().unwrap().len() <= LOG_BYTES);
        assert!(older().len() as u64 <= LOG_BYTES);
        assert_eq!(tail.lines()[0], "the first kernel");
    }
}
