//! Processes: who they are beyond a pid, who descends from them, how they end.

use std::collections::{HashMap, HashSet};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// A process that can be recognised after its pid was reused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: i32,
    /// When it started, in a form that is the same only for the same process: on Linux the boot's
    /// id and the clock tick.
    pub start_time: String,
}

impl ProcessIdentity {
    /// The identity of a process that lives now.
    pub fn of(pid: i32) -> Option<Self> {
        Some(Self {
            pid,
            start_time: start_time(pid)?,
        })
    }

    /// The identity of this process.
    pub fn current() -> Option<Self> {
        Self::of(std::process::id() as i32)
    }

    /// Whether that process still runs (a zombie does not).
    pub fn is_alive(&self) -> bool {
        start_time(self.pid).as_ref() == Some(&self.start_time)
    }
}

#[cfg(target_os = "linux")]
fn start_time(pid: i32) -> Option<String> {
    let stat = read_stat(pid)?;
    if stat.is_dead() {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{}:{}", boot.trim(), stat.start_ticks))
}

#[cfg(not(target_os = "linux"))]
fn start_time(pid: i32) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(["-o", "lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

struct Stat {
    pid: i32,
    parent: i32,
    state: u8,
    flags: u64,
    start_ticks: u64,
}

impl Stat {
    fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// Whether a process is alive and runs a program, or is about to: neither a dead one nor a thread of the system.
pub(crate) fn runs_a_program(pid: i32) -> bool {
    /// Linux's PF_KTHREAD.
    const SYSTEM_THREAD: u64 = 0x0020_0000;
    read_stat(pid).is_some_and(|stat| !stat.is_dead() && stat.flags & SYSTEM_THREAD == 0)
}

fn read_stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold anything, parentheses too: fields count from the last one.
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(close + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Stat {
        pid,
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        flags: fields.get(6)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

fn all_stats() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(read_stat)
        .collect()
}

/// Every process that descends from `root`, `root` not included.
pub fn descendants(root: i32) -> Vec<i32> {
    let stats = all_stats();
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for stat in &stats {
        children.entry(stat.parent).or_default().push(stat.pid);
    }
    let mut found = Vec::new();
    let mut seen = HashSet::from([root]);
    let mut queue = vec![root];
    while let Some(pid) = queue.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if seen.insert(*child) {
                found.push(*child);
                queue.push(*child);
            }
        }
    }
    found
}

/// Signals a process group; false when there is none (any more).
pub(crate) fn signal_group(pid: i32, signal: Signal) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| rustix::process::kill_process_group(pid, signal).is_ok())
}

/// Signals one process.
pub(crate) fn signal_process(pid: i32, signal: Signal) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}

/// Kills whatever still descends from this process, except `spare`, until nothing is left.
///
/// The keeper is a subreaper, so a grandchild that left the kernel's group, session and parent is
/// a child of the keeper by then.
pub(crate) fn kill_descendants(spare: &[i32]) {
    let me = std::process::id() as i32;
    // A process may fork while it is being killed: look again, a bounded number of times.
    for _ in 0..20 {
        let alive: Vec<i32> = descendants(me)
            .into_iter()
            .filter(|pid| !spare.contains(pid))
            .collect();
        if alive.is_empty() {
            return;
        }
        for pid in alive {
            signal_process(pid, Signal::KILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        reap_orphans(spare);
    }
}

/// Collects dead processes that came to the keeper because their parents died.
pub(crate) fn reap_orphans(spare: &[i32]) {
    let me = std::process::id() as i32;
    for stat in all_stats() {
        if stat.parent == me && stat.state == b'Z' && !spare.contains(&stat.pid) {
            // Gone already is as good.
            let _ = rustix::process::waitpid(
                Pid::from_raw(stat.pid),
                rustix::process::WaitOptions::NOHANG,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ProcessIdentity, descendants};

    #[test]
    fn a_process_is_known_by_pid_and_start() {
        let me = ProcessIdentity::current().unwrap();
        assert!(me.is_alive());
        let other = ProcessIdentity {
            start_time: "another".to_owned(),
            ..me
        };
        assert!(!other.is_alive());
    }

    #[test]
    fn a_child_is_a_descendant_until_it_ends() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let me = std::process::id() as i32;
        assert!(descendants(me).contains(&(child.id() as i32)));
        let identity = ProcessIdentity::of(child.id() as i32).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!identity.is_alive());
    }
}
