//! The keeper's record in the job's folder: who it is and where it listens.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::process::ProcessIdentity;

const FILE_NAME: &str = "keeper.json";

/// What a controller needs to find the keeper again and to know it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperRecord {
    /// The keeper's process.
    #[serde(flatten)]
    pub process: ProcessIdentity,
    /// Random; the keeper repeats it in its status.
    pub nonce: String,
    /// Where it listens.
    pub socket: PathBuf,
}

impl KeeperRecord {
    /// Reads the record of a job's keeper that is alive.
    pub fn read_alive(job_dir: &Path) -> Option<Self> {
        let bytes = std::fs::read(job_dir.join(FILE_NAME)).ok()?;
        let record: Self = serde_json::from_slice(&bytes).ok()?;
        record.process.is_alive().then_some(record)
    }

    pub(super) fn write(job_dir: &Path, nonce: &str, socket: &Path) -> std::io::Result<()> {
        let process = ProcessIdentity::current()
            .ok_or_else(|| std::io::Error::other("this process cannot be identified"))?;
        let record = Self {
            process,
            nonce: nonce.to_owned(),
            socket: socket.to_owned(),
        };
        let json = serde_json::to_vec(&record).map_err(std::io::Error::other)?;
        let fresh = job_dir.join("keeper.json.new");
        OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?
            .write_all(&json)?;
        std::fs::rename(fresh, job_dir.join(FILE_NAME))
    }

    /// Removes the record of a keeper that was killed. Only for jobs that are over: a new keeper would lose its own.
    pub fn remove_dead(job_dir: &Path) {
        if Self::read_alive(job_dir).is_none() {
            Self::remove(job_dir);
        }
    }

    pub(super) fn remove(job_dir: &Path) {
        // Absent already is as good.
        let _ = std::fs::remove_file(job_dir.join(FILE_NAME));
    }
}
