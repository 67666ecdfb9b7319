//! A job's folder on disk (spec 3.19).
//!
//! ```text
//! <agent root>/<slug(job id)>/
//!   job-id               the job's id as the cloud gave it
//!   job-of.json          the cloud and the workstation that the job belongs to
//!   job.json             what the job is for: notebook, since when
//!   blobs/               the peer's blob store
//!   runtime-peer.log     stdout and stderr of the peer, appended
//!   runtime-peer.pid     its number, for people
//!   runtime-peer.json    its identity: number, start time, nonce, where its log began
//!   keeper.json          the kernel keeper's own record, while there is one
//!   runtime-peer.exit    left by the peer: {"code": 0, "message": "…"}
//! ```

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use agent_core::{JobOrder, PeerExit};
use serde::{Deserialize, Serialize};

use crate::machine::this_machine;
use crate::process::ProcessIdentity;

/// Most jobs left behind that are looked after at once; the others have their turn at the next start.
const LEFT_BEHIND_LIMIT: usize = 256;

/// What identifies a peer across agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerRecord {
    #[serde(flatten)]
    pub process: ProcessIdentity,
    pub nonce: String,
    pub job_id: String,
    /// Where this peer's part of the log begins.
    pub log_offset: u64,
}

/// Whose jobs a folder holds: machines may serve several clouds, or one cloud under several ids, from one root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobOwner {
    pub cloud_url: String,
    pub workstation_id: String,
    /// The machine, where several share the folder; jobs of former versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
}

impl JobOwner {
    /// A workstation that is served on this machine.
    pub fn here(cloud_url: &str, workstation_id: &str) -> Self {
        Self {
            cloud_url: cloud_url.to_owned(),
            workstation_id: workstation_id.to_owned(),
            machine: Some(this_machine().to_owned()),
        }
    }

    fn is_here(&self) -> bool {
        let machine = self.machine.as_ref();
        machine.is_none_or(|machine| machine == this_machine())
    }
}

/// What a job is for, for people who look at this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct JobNote {
    pub notebook_id: String,
    pub notebook_path: Option<String>,
    pub requested_by: Option<String>,
    /// When this machine began to serve it, milliseconds since 1970.
    pub since_ms: u64,
}

#[derive(Deserialize)]
struct ExitNote {
    code: i32,
    #[serde(default)]
    message: Option<String>,
}

/// A job's folder.
#[derive(Debug, Clone)]
pub(crate) struct JobFolder(PathBuf);

impl JobFolder {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a kernel keeper is, or was killed, in this folder: one that ends takes its record along.
    pub fn has_keeper(&self) -> bool {
        self.0.join("keeper.json").exists()
    }

    pub fn log_path(&self) -> PathBuf {
        self.0.join("runtime-peer.log")
    }

    /// Makes the folder for this job; a folder of another job with the same slug is refused.
    pub fn create(&self, job_id: &str, owner: &JobOwner) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.0.join("blobs"))?;
        match self.job_id() {
            Some(other) if other != job_id => {
                return Err(io::Error::other(format!(
                    "the job folder {} belongs to the job {other:?}",
                    self.0.display()
                )));
            }
            Some(_) => {}
            None => write_private(&self.0.join("job-id"), job_id.as_bytes())?,
        }
        let owner = serde_json::to_vec(owner).map_err(io::Error::other)?;
        write_private(&self.0.join("job-of.json"), &owner)
    }

    /// Notes what the job is for, once.
    pub fn describe(&self, order: &JobOrder) -> io::Result<()> {
        if self.note().is_some() {
            return Ok(());
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let note = JobNote {
            notebook_id: order.notebook_id.clone(),
            notebook_path: order.notebook_path.clone(),
            requested_by: order.requested_by.clone(),
            since_ms: since.map_or(0, |since| since.as_millis() as u64),
        };
        let text = serde_json::to_vec(&note).map_err(io::Error::other)?;
        write_private(&self.0.join("job.json"), &text)
    }

    /// What the job is for.
    pub fn note(&self) -> Option<JobNote> {
        serde_json::from_slice(&fs::read(self.0.join("job.json")).ok()?).ok()
    }

    /// The folders of jobs below `root`.
    pub fn all(root: &Path) -> impl Iterator<Item = Self> + use<> {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        entries.map(|entry| Self(entry.path()))
    }

    /// The number in the keeper's record, if it is of a keeper that lives.
    pub fn keeper_pid(&self) -> Option<u32> {
        #[derive(Deserialize)]
        struct Keeper {
            pid: u32,
            start_time: String,
        }
        let record = fs::read(self.0.join("keeper.json")).ok()?;
        let Keeper { pid, start_time } = serde_json::from_slice(&record).ok()?;
        ProcessIdentity::of(pid)?
            .started_as(&start_time)
            .then_some(pid)
    }

    /// Whether its peer or its kernel keeper lives on this machine.
    pub fn is_alive(&self) -> bool {
        let record = self.record();
        record.is_some_and(|record| record.process.is_alive()) || self.keeper_pid().is_some()
    }

    /// Whether the job was given to this machine, and not to another one with the same folder.
    pub fn is_of_this_machine(&self) -> bool {
        self.owner().is_none_or(|owner| owner.is_here())
    }

    /// Whose the job is.
    pub fn owner(&self) -> Option<JobOwner> {
        serde_json::from_slice(&fs::read(self.0.join("job-of.json")).ok()?).ok()
    }

    /// Jobs of an owner below `root` whose peer or kernel may live: those with a record of either.
    pub fn left_behind(root: &Path, owner: &JobOwner) -> Vec<String> {
        Self::all(root)
            .filter(|folder| folder.has_keeper() || folder.has_record())
            .filter(|folder| {
                let found = folder.owner().filter(JobOwner::is_here);
                found.is_some_and(|found| {
                    found.cloud_url == owner.cloud_url
                        && found.workstation_id == owner.workstation_id
                })
            })
            .filter_map(|folder| folder.job_id())
            .take(LEFT_BEHIND_LIMIT)
            .collect()
    }

    fn has_record(&self) -> bool {
        self.0.join("runtime-peer.json").exists()
    }

    /// The job that the folder belongs to.
    pub fn job_id(&self) -> Option<String> {
        fs::read_to_string(self.0.join("job-id")).ok()
    }

    /// Opens the log for appending and says where the new part begins.
    pub fn open_log(&self) -> io::Result<(fs::File, u64)> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.log_path())?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }

    pub fn write_record(&self, record: &PeerRecord) -> io::Result<()> {
        let _ = fs::remove_file(self.exit_path());
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        write_private(&self.0.join("runtime-peer.json"), &text)?;
        write_private(
            &self.0.join("runtime-peer.pid"),
            format!("{}\n", record.process.pid).as_bytes(),
        )
    }

    pub fn record(&self) -> Option<PeerRecord> {
        serde_json::from_slice(&fs::read(self.0.join("runtime-peer.json")).ok()?).ok()
    }

    pub fn remove_record(&self) {
        for name in ["runtime-peer.json", "runtime-peer.pid"] {
            let _ = fs::remove_file(self.0.join(name));
        }
    }

    fn exit_path(&self) -> PathBuf {
        self.0.join("runtime-peer.exit")
    }

    /// The note that a peer left about its end.
    pub fn exit_note(&self) -> Option<PeerExit> {
        let note: ExitNote = serde_json::from_slice(&fs::read(self.exit_path()).ok()?).ok()?;
        Some(PeerExit {
            code: Some(note.code),
            detail: note.message,
            ..PeerExit::default()
        })
    }

    /// The last line that a peer wrote, without colours, at most 200 characters.
    pub fn last_log_line(&self, offset: u64) -> Option<String> {
        const TAIL: u64 = 4096;
        let mut file = fs::File::open(self.log_path()).ok()?;
        let length = file.metadata().ok()?.len();
        // A log that was cut begins anew.
        let offset = if offset > length { 0 } else { offset };
        file.seek(SeekFrom::Start(offset.max(length.saturating_sub(TAIL))))
            .ok()?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text
            .lines()
            .rev()
            .map(plain)
            .find(|line| !line.is_empty())?;
        Some(line.chars().take(200).collect())
    }
}

/// A line without escape sequences and control characters.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // Skip to the letter that ends the sequence.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else if !c.is_control() {
            out.push(c);
        }
    }
    out.trim().to_owned()
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("no folder"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Reads a growing log for the line that says "connected": each byte once, whatever it holds.
#[derive(Debug)]
pub(crate) struct ReadyScan {
    path: PathBuf,
    offset: u64,
    /// The end of what was read, shorter than the marker: the marker may lie across two reads.
    rest: Vec<u8>,
}

impl ReadyScan {
    pub fn new(folder: &JobFolder, offset: u64) -> Self {
        Self {
            path: folder.log_path(),
            offset,
            rest: Vec::new(),
        }
    }

    /// Whether the marker has appeared.
    pub fn look(&mut self) -> bool {
        let marker = wire::PEER_READY_MARKER.as_bytes();
        let Ok(mut file) = fs::File::open(&self.path) else {
            return false;
        };
        if file.metadata().is_ok_and(|meta| meta.len() < self.offset) {
            self.offset = 0;
        }
        if file.seek(SeekFrom::Start(self.offset)).is_err() {
            return false;
        }
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = file.read(&mut chunk) {
            self.offset += read as u64;
            self.rest.extend_from_slice(&chunk[..read]);
            if self
                .rest
                .windows(marker.len())
                .any(|window| window == marker)
            {
                return true;
            }
            let keep = self.rest.len().saturating_sub(marker.len() - 1);
            self.rest.drain(..keep);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder() -> (tempfile::TempDir, JobFolder) {
        let place = tempfile::tempdir().unwrap();
        let folder = JobFolder::at(place.path().join("job-1"));
        folder.create("Job 1", &owner("ws-1")).unwrap();
        (place, folder)
    }

    fn owner(workstation_id: &str) -> JobOwner {
        JobOwner::here("https://cloud.example", workstation_id)
    }

    #[test]
    fn left_behind_are_the_jobs_of_this_workstation_with_a_record() {
        let (place, folder) = folder();
        let left = |id| JobFolder::left_behind(place.path(), &owner(id));
        assert_eq!(left("ws-1"), [""; 0]);
        fs::write(folder.0.join("keeper.json"), "{}").unwrap();
        assert_eq!(left("ws-1"), ["Job 1"]);
        assert_eq!(left("ws-2"), [""; 0]);
        fs::rename(
            folder.0.join("keeper.json"),
            folder.0.join("runtime-peer.json"),
        )
        .unwrap();
        assert_eq!(left("ws-1"), ["Job 1"]);
        // Whose it is cannot be told: it is left alone.
        fs::remove_file(folder.0.join("job-of.json")).unwrap();
        assert_eq!(left("ws-1"), [""; 0]);
        assert_eq!(
            JobFolder::left_behind(&place.path().join("none"), &owner("ws-1")),
            [""; 0]
        );
    }

    #[test]
    fn what_another_machine_began_in_a_shared_folder_is_left_alone() {
        let (place, folder) = folder();
        fs::write(folder.0.join("keeper.json"), "{}").unwrap();
        let elsewhere = JobOwner {
            machine: Some("another machine's id".into()),
            ..owner("ws-1")
        };
        assert!(folder.is_of_this_machine());
        folder.create("Job 1", &elsewhere).unwrap();
        assert!(!folder.is_of_this_machine());
        assert_eq!(
            JobFolder::left_behind(place.path(), &owner("ws-1")),
            [""; 0]
        );
        // Folders of former versions name no machine.
        fs::write(
            folder.0.join("job-of.json"),
            r#"{"cloud_url":"https://cloud.example","workstation_id":"ws-1"}"#,
        )
        .unwrap();
        assert!(folder.is_of_this_machine());
        assert_eq!(
            JobFolder::left_behind(place.path(), &owner("ws-1")),
            ["Job 1"]
        );
    }

    #[test]
    fn a_keepers_number_counts_only_with_its_start() {
        let (_place, folder) = folder();
        let own = ProcessIdentity::of(std::process::id()).unwrap();
        let note = |start: &str| {
            let text = format!(
                r#"{{"pid":{},"start_time":{start:?},"nonce":"n"}}"#,
                own.pid
            );
            fs::write(folder.0.join("keeper.json"), text).unwrap();
        };
        note(&own.started.replacen('/', ":", 1));
        assert_eq!(folder.keeper_pid(), Some(own.pid));
        assert!(folder.is_alive());
        // The same number after a restart of the system, or on another machine.
        note("another-boot:1");
        assert_eq!(folder.keeper_pid(), None);
        assert!(!folder.is_alive());
    }

    // WS-212 WS-213
    #[test]
    fn ws_212_213_names_and_modes() {
        let (_place, folder) = folder();
        let record = PeerRecord {
            process: ProcessIdentity {
                pid: 77,
                started: "t".into(),
            },
            nonce: "n".into(),
            job_id: "Job 1".into(),
            log_offset: 3,
        };
        folder.write_record(&record).unwrap();
        assert_eq!(folder.record(), Some(record));
        let pid = folder.0.join("runtime-peer.pid");
        assert_eq!(fs::read_to_string(&pid).unwrap(), "77\n");
        assert_eq!(pid.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(folder.0.join("blobs").is_dir());
        folder.create("Job 1", &owner("ws-1")).unwrap();
        assert!(
            folder
                .create("job!1", &owner("ws-1"))
                .unwrap_err()
                .to_string()
                .contains("belongs to")
        );
        folder.remove_record();
        assert_eq!(folder.record(), None);
        assert!(!pid.exists());
    }

    // WS-224 WS-225 WS-227 WS-228
    #[test]
    fn ws_224_225_227_228_readiness_is_read_from_the_log() {
        let (_place, folder) = folder();
        let marker = wire::PEER_READY_MARKER;
        let (mut log, _) = folder.open_log().unwrap();
        log.write_all(format!("old {marker}\n").as_bytes()).unwrap();
        let (_, offset) = folder.open_log().unwrap();
        let mut scan = ReadyScan::new(&folder, offset);
        assert!(!scan.look());
        log.write_all(b"\xff\xfe ").unwrap();
        log.write_all(&marker.as_bytes()[..10]).unwrap();
        assert!(!scan.look());
        log.write_all(&marker.as_bytes()[10..]).unwrap();
        assert!(scan.look());
    }

    #[test]
    fn the_last_line_explains_an_exit() {
        let (_place, folder) = folder();
        let (mut log, offset) = folder.open_log().unwrap();
        assert_eq!(folder.last_log_line(offset), None);
        log.write_all(b"first\n\x1b[31m[cloud-runtime-agent] Fatal:\x1b[0m no room \n\n")
            .unwrap();
        assert_eq!(
            folder.last_log_line(offset).unwrap(),
            "[cloud-runtime-agent] Fatal: no room"
        );
        fs::write(folder.0.join("runtime-peer.exit"), r#"{"code":0}"#).unwrap();
        assert_eq!(folder.exit_note().unwrap().code, Some(0));
    }
}
