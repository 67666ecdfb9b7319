//! What job folders may take of the disk: logs are cut, folders of ended jobs go when they are old or too much.
//!
//! Nothing of a living job is ever removed, nor anything of another machine that shares the folder.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agent_core::Event;
use tokio::sync::mpsc;

use crate::agent_loop::News;
use crate::job_folder::JobFolder;
use crate::storage;

/// How often logs are looked at.
const LOG_TICK: Duration = Duration::from_mins(1);
/// So many looks at logs later the folders are looked at, too.
const FOLDERS_EVERY: u32 = 60;
/// A log that is longer becomes the older half, of which there is one.
pub(crate) const LOG_LIMIT: u64 = 4 * 1024 * 1024;
/// The logs that processes hold open and append to; the kernel's own is bounded by its keeper.
const LOGS: [&str; 2] = ["runtime-peer.log", "keeper.log"];
/// Folders that were touched within this time are left alone: their job may be between two lives.
const QUIET: Duration = Duration::from_hours(24);
/// Folders of ended jobs that age does not remove.
const NEWEST: usize = 20;
/// How long an ended job is kept of which the cloud has not got everything.
const UNDELIVERED: Duration = Duration::from_hours(90 * 24);
/// Folders that are removed in one go.
const BATCH: usize = 1_000;
/// Files of one folder that are looked at.
const FILES_LIMIT: usize = 100_000;

/// Days that the folders of ended jobs are kept, unless the operator says otherwise.
pub const KEEP_DAYS: u32 = 14;
/// Bytes that they may take together, unless the operator says otherwise.
pub const KEEP_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// How much of ended jobs is kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Days since anything of the job was written; the newest twenty stay longer.
    pub days: u32,
    /// Bytes of all together; the oldest go first.
    pub bytes: u64,
    /// Whether the cloud has all that a job's kernel said; until then the job is kept for ninety days.
    pub delivered: fn(&Path) -> bool,
}

/// Looks after the job folders below `root` for as long as the agent lives.
pub(crate) async fn look_after(root: PathBuf, keep: Keep, news: mpsc::Sender<News>) {
    let mut tick = tokio::time::interval(LOG_TICK);
    let mut rounds: u32 = 0;
    loop {
        tick.tick().await;
        let with_folders = rounds.is_multiple_of(FOLDERS_EVERY);
        rounds = rounds.wrapping_add(1);
        let root = root.clone();
        let look = tokio::task::spawn_blocking(move || {
            cut_logs(&root);
            if with_folders {
                remove_old(&root, keep, SystemTime::now());
            }
            storage::trouble(&root)
        });
        match look.await {
            Ok(trouble) => {
                // The loop is gone only when the agent ends.
                let _ = news.send(News::Core(Event::Storage(trouble))).await;
            }
            Err(error) => {
                tracing::warn!(%error, "[workstation-agent] the job folders cannot be looked after");
            }
        }
    }
}

fn cut_logs(root: &Path) {
    for folder in JobFolder::all(root).filter(JobFolder::is_of_this_machine) {
        for name in LOGS {
            let log = folder.path().join(name);
            if log.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT)
                && let Err(error) = cut(&log)
            {
                tracing::warn!(log = %log.display(), %error, "[workstation-agent] a log cannot be cut");
            }
        }
    }
}

/// Moves what a log holds to `NAME.1`, in place of what was there. The process that appends to it goes on.
fn cut(log: &Path) -> io::Result<()> {
    let mut older = log.as_os_str().to_owned();
    older.push(".1");
    let mut from = OpenOptions::new().read(true).write(true).open(log)?;
    let mut to = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(older)?;
    let length = from.metadata()?.len();
    let skip = length.saturating_sub(2 * LOG_LIMIT);
    io::Seek::seek(&mut from, io::SeekFrom::Start(skip))?;
    // Up to the end as it is by then: what is written between the last read and the cut is lost, a moment's lines.
    let copied = io::copy(&mut from, &mut to);
    // On a full disk the older half is given up: the log must not grow for ever.
    from.set_len(0)?;
    copied.map(drop)
}

/// An ended job's folder.
struct Ended {
    path: PathBuf,
    touched: SystemTime,
    bytes: u64,
}

/// Removes the folders of ended jobs that are older than the limit or more than the limit.
fn remove_old(root: &Path, keep: Keep, now: SystemTime) {
    let age = |touched: SystemTime| now.duration_since(touched).unwrap_or_default();
    let mut ended: Vec<Ended> = JobFolder::all(root)
        .filter(|folder| folder.is_of_this_machine() && !folder.is_alive())
        .filter_map(|folder| Ended::of(folder.path()))
        .filter(|folder| age(folder.touched) >= QUIET)
        .filter(|folder| age(folder.touched) >= UNDELIVERED || (keep.delivered)(&folder.path))
        .collect();
    ended.sort_by_key(|folder| std::cmp::Reverse(folder.touched));
    let oldest = Duration::from_hours(24) * keep.days;
    let mut sum = 0;
    let mut going = Vec::new();
    for (index, folder) in ended.into_iter().enumerate() {
        sum += folder.bytes;
        if sum > keep.bytes || index >= NEWEST && age(folder.touched) >= oldest {
            going.push(folder);
        }
    }
    for folder in going.into_iter().take(BATCH) {
        match fs::remove_dir_all(&folder.path) {
            Ok(()) => tracing::info!(
                folder = %folder.path.display(),
                bytes = folder.bytes,
                "[workstation-agent] removed what an ended job left"
            ),
            Err(error) => tracing::warn!(
                folder = %folder.path.display(), %error,
                "[workstation-agent] cannot remove what an ended job left"
            ),
        }
    }
}

impl Ended {
    /// What is in a folder: when it was last written to, and its blocks on the disk. `None` for one that is no job's.
    fn of(path: &Path) -> Option<Self> {
        let meta = path.join("job-id").symlink_metadata().ok()?;
        let (mut touched, mut bytes) = (meta.modified().ok()?, 0);
        let mut open = VecDeque::from([path.to_owned()]);
        let mut left = FILES_LIMIT;
        while let Some(folder) = open.pop_front() {
            for entry in fs::read_dir(folder).ok()?.flatten().take(left) {
                left -= 1;
                let Ok(meta) = entry.metadata() else { continue };
                bytes += meta.blocks() * 512;
                touched = touched.max(meta.modified().unwrap_or(touched));
                if meta.is_dir() {
                    open.push_back(entry.path());
                }
            }
        }
        Some(Self {
            path: path.to_owned(),
            touched,
            bytes,
        })
    }
}

/// Makes a folder look as if nothing was written to it since then.
#[cfg(test)]
fn backdate(folder: &Path, then: SystemTime) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        fs::File::open(entry.path())
            .and_then(|file| file.set_modified(then))
            .unwrap();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::job_folder::{JobOwner, PeerRecord};
    use crate::process::ProcessIdentity;

    const DAY: Duration = Duration::from_hours(24);

    fn everything(_: &Path) -> bool {
        true
    }

    fn job(root: &Path, name: &str, days: u32) -> JobFolder {
        let folder = JobFolder::at(root.join(name));
        folder
            .create(name, &JobOwner::here("https://cloud.example", "ws"))
            .unwrap();
        fs::write(folder.path().join("kernel.journal"), vec![1; 8192]).unwrap();
        backdate(folder.path(), SystemTime::now() - DAY * days);
        folder
    }

    fn left(root: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn old_jobs_go_and_the_newest_twenty_stay() {
        let root = tempfile::tempdir().unwrap();
        let keep = Keep {
            days: 14,
            bytes: u64::MAX,
            delivered: everything,
        };
        for days in 1..=25 {
            job(root.path(), &format!("job-{days:02}"), days);
        }
        fs::create_dir(root.path().join("somebody-elses")).unwrap();
        remove_old(root.path(), keep, SystemTime::now());
        let mut wanted: Vec<String> = (1..=20).map(|days| format!("job-{days:02}")).collect();
        wanted.push("somebody-elses".to_owned());
        assert_eq!(left(root.path()), wanted);
        let keep = Keep { days: 100, ..keep };
        job(root.path(), "job-99", 99);
        remove_old(root.path(), keep, SystemTime::now());
        assert!(left(root.path()).contains(&"job-99".to_owned()));
    }

    #[test]
    fn the_oldest_go_when_all_together_are_too_much_but_none_that_lives_or_is_not_delivered() {
        let root = tempfile::tempdir().unwrap();
        let keep = |delivered| Keep {
            days: 14,
            bytes: 0,
            delivered,
        };
        let now = SystemTime::now();
        job(root.path(), "fresh", 0);
        job(root.path(), "old", 30);
        let living = job(root.path(), "living", 40);
        let record = PeerRecord {
            process: ProcessIdentity::of(std::process::id()).unwrap(),
            nonce: "n".into(),
            job_id: "living".into(),
            log_offset: 0,
        };
        living.write_record(&record).unwrap();
        backdate(living.path(), now - DAY * 40);
        let elsewhere = job(root.path(), "elsewhere", 40);
        let owner = JobOwner {
            machine: Some("another machine".to_owned()),
            ..JobOwner::here("https://cloud.example", "ws")
        };
        elsewhere.create("elsewhere", &owner).unwrap();
        backdate(elsewhere.path(), now - DAY * 40);
        remove_old(root.path(), keep(|_| false), now);
        assert_eq!(left(root.path()), ["elsewhere", "fresh", "living", "old"]);
        remove_old(root.path(), keep(everything), now);
        assert_eq!(left(root.path()), ["elsewhere", "fresh", "living"]);
        // Nobody waits for ever for a cloud that takes the rest.
        job(root.path(), "ancient", 91);
        remove_old(root.path(), keep(|_| false), now);
        assert_eq!(left(root.path()), ["elsewhere", "fresh", "living"]);
    }

    #[test]
    fn a_log_that_is_too_long_becomes_the_older_half_while_its_process_goes_on() {
        let root = tempfile::tempdir().unwrap();
        let folder = job(root.path(), "job", 0);
        let (mut log, offset) = folder.open_log().unwrap();
        cut_logs(root.path());
        assert!(!root.path().join("job/runtime-peer.log.1").exists());
        log.write_all(&vec![b'x'; LOG_LIMIT as usize]).unwrap();
        log.write_all(b"\nthe last line\n").unwrap();
        cut_logs(root.path());
        assert_eq!(folder.log_path().metadata().unwrap().len(), 0);
        let older = fs::read(root.path().join("job/runtime-peer.log.1")).unwrap();
        assert!(older.ends_with(b"\nthe last line\n"));
        log.write_all(b"news\n").unwrap();
        assert_eq!(fs::read(folder.log_path()).unwrap(), b"news\n");
        assert_eq!(folder.last_log_line(offset).unwrap(), "news");
        // A flood is not kept twice: both halves are bounded.
        log.write_all(&vec![b'y'; 3 * LOG_LIMIT as usize]).unwrap();
        cut_logs(root.path());
        let older = root.path().join("job/runtime-peer.log.1");
        assert_eq!(older.metadata().unwrap().len(), 2 * LOG_LIMIT);
    }
}
