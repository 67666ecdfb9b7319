//! A kernel and all it starts, recognised by a mark in their environment when the keeper, whose
//! descendants they were, is gone.

use std::io;
use std::path::Path;

use rustix::process::Signal;

use crate::process::signal_process;

/// The variable that carries the mark.
pub(crate) const VARIABLE: &str = "KERNEL_FAMILY";
/// Where a keeper notes its mark.
pub(crate) const FILE_NAME: &str = "kernel.family";
/// A process may start another while it is being killed: look again so often at most.
const ROUNDS: usize = 20;

/// Makes the mark for a keeper's kernels and notes it in the job's folder.
pub(crate) fn begin(job_dir: &Path) -> io::Result<String> {
    let mark = uuid::Uuid::new_v4().simple().to_string();
    std::fs::write(job_dir.join(FILE_NAME), &mark)?;
    Ok(mark)
}

/// Forgets the mark: nothing that carries it lives.
pub(crate) fn forget(job_dir: &Path) {
    // Absent already is as good.
    let _ = std::fs::remove_file(job_dir.join(FILE_NAME));
}

/// Kills whatever a killed keeper's kernels left, wherever it stands in the tree of processes.
pub(crate) fn end_leftover(job_dir: &Path) {
    let Ok(mark) = std::fs::read_to_string(job_dir.join(FILE_NAME)) else {
        return;
    };
    if mark.len() < 32 {
        return;
    }
    for _ in 0..ROUNDS {
        let members = members(&mark);
        if members.is_empty() {
            break;
        }
        for pid in members {
            signal_process(pid, Signal::KILL);
        }
    }
    forget(job_dir);
}

/// Processes with the mark; a dead one has no environment any more. Only Linux shows environments.
fn members(mark: &str) -> Vec<i32> {
    let wanted = format!("{VARIABLE}={mark}");
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| {
                bytes
                    .split(|byte| *byte == 0)
                    .any(|v| v == wanted.as_bytes())
            })
        })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::CommandExt as _;

    #[test]
    fn what_left_group_and_session_is_found_by_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let mark = super::begin(folder.path()).unwrap();
        let sleeper = |name: &str, mark: &str| {
            std::process::Command::new("sleep")
                .arg("600")
                .env(name, mark)
                .process_group(0)
                .spawn()
                .unwrap()
        };
        let mut member = sleeper(super::VARIABLE, &mark);
        let mut stranger = sleeper("OTHER", &mark);
        super::end_leftover(folder.path());
        assert!(!member.wait().unwrap().success());
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        // Without a mark nothing is looked for.
        super::end_leftover(folder.path());
    }
}
