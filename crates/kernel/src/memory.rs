//! Memory: what a process may take where no control group limits it, and whether the system killed for want of it.

use std::path::{Path, PathBuf};

/// Limits a process that has just started, and all that it will start: each by itself. What counts is private memory
/// that can be written (`RLIMIT_DATA`), not the address space, of which compilers and GPU drivers reserve more than any
/// machine has.
pub(crate) fn limit(pid: i32, bytes: u64) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        if let Some(pid) = Pid::from_raw(pid)
            && let Err(error) = prlimit(Some(pid), Resource::Data, limit)
        {
            tracing::warn!(%error, "the kernel's memory cannot be limited");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (pid, bytes);
}

/// What is added to the chance of a kernel, and of all that it starts, to be chosen when memory runs out.
const FIRST_TO_GO: i32 = 300;

/// When memory runs out, a kernel that has just started goes before its keeper, its runtime peer and the rest of the
/// machine. One that may not be told so is not; a kernel that was told more already is left as it is.
pub(crate) fn goes_first(pid: i32) {
    let file = format!("/proc/{pid}/oom_score_adj");
    let now = std::fs::read_to_string(&file).ok();
    let now = now.and_then(|now| now.trim().parse::<i32>().ok());
    if now.is_some_and(|now| now < FIRST_TO_GO)
        && let Err(error) = std::fs::write(&file, FIRST_TO_GO.to_string())
    {
        tracing::debug!(%error, "the kernel is not the first to go when memory runs out");
    }
}

/// How many processes of this process's control group the system has killed because memory ran out; `None` where it
/// does not tell.
pub(crate) fn kills() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    kills_of(&groups, Path::new("/sys/fs/cgroup"))
}

fn kills_of(groups: &str, root: &Path) -> Option<u64> {
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?);
        let (mount, file) = if controllers.is_empty() {
            (root.to_owned(), "memory.events")
        } else if controllers.split(',').any(|name| name == "memory") {
            (root.join("memory"), "memory.oom_control")
        } else {
            return None;
        };
        // Where a container shows only its own part of the tree, the mount itself is the group.
        let places: [PathBuf; 2] = [mount.join(group.trim_start_matches('/')), mount];
        places.iter().find_map(|place| count(&place.join(file)))
    })
}

fn count(file: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::kills_of;

    #[test]
    fn kills_are_counted_in_both_kinds_of_groups() {
        let root = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let kills = |groups: &str| kills_of(groups, root.path());
        put(
            "a/b.scope/memory.events",
            "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
        );
        assert_eq!(kills("0::/a/b.scope\n"), Some(2));
        assert_eq!(kills("0::/elsewhere\n"), None);
        put("memory/job/memory.oom_control", "under_oom 0\noom_kill 7\n");
        let both = "5:cpuset:/\n4:memory:/job\n0::/\n";
        assert_eq!(kills(both), Some(7));
        put("memory.events", "oom_kill 1\n");
        assert_eq!(kills("0::/elsewhere\n"), Some(1));
        assert_eq!(kills(""), None);
    }
}
