//! A kernel and all it starts, recognised by a mark in their environment when the keeper, whose
//! descendants they were, is gone.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{runs_a_program, signal_process};

/// The variable that carries the mark.
pub(crate) const VARIABLE: &str = "KERNEL_FAMILY";
/// Where a keeper notes its mark.
pub(crate) const FILE_NAME: &str = "kernel.family";
/// A process may start another while it is being killed: look again so often at most.
const ROUNDS: usize = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

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
        let found = look(&mark);
        if found.members.is_empty() && !found.some_begin {
            break;
        }
        for pid in found.members {
            signal_process(pid, Signal::KILL);
        }
        std::thread::sleep(PAUSE);
    }
    forget(job_dir);
}

struct Found {
    /// Processes with the mark.
    members: Vec<i32>,
    /// Whether there are some of which it cannot be told yet.
    some_begin: bool,
}

/// Looks at every process. Only Linux shows environments: an empty one of a process that is dead, and of one whose program
/// is just being loaded.
fn look(mark: &str) -> Found {
    let wanted = format!("{VARIABLE}={mark}");
    let mut found = Found {
        members: Vec::new(),
        some_begin: false,
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        // What cannot be read is somebody else's, or gone.
        let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else {
            continue;
        };
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|variable| variable == wanted.as_bytes()) {
            found.members.push(pid);
        }
        found.some_begin |= environment.is_empty() && runs_a_program(pid);
    }
    found
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::CommandExt as _;

    #[test]
    fn what_left_group_and_session_is_found_by_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let sleeper = |name: &str, mark: &str| {
            std::process::Command::new("sleep")
                .arg("600")
                .env(name, mark)
                .process_group(0)
                .spawn()
                .unwrap()
        };
        let mark = super::begin(folder.path()).unwrap();
        let mut stranger = sleeper("OTHER", &mark);
        // Many are looked at while their programs are just being loaded.
        for _ in 0..100 {
            let mark = super::begin(folder.path()).unwrap();
            let mut member = sleeper(super::VARIABLE, &mark);
            super::end_leftover(folder.path());
            assert!(!member.wait().unwrap().success());
        }
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        // Without a mark nothing is looked for.
        super::end_leftover(folder.path());
    }
}
