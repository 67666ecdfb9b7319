//! An agent that is the first process of a container inherits every process whose parent ended, and has to collect them
//! when they end.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// How often is looked for dead processes. One that is still there at the next look is nobody else's: our own children
/// are collected at once.
const TICK: Duration = Duration::from_secs(5);

/// Whether this process is the first of its system or container.
pub(crate) fn is_first() -> bool {
    std::process::id() == 1
}

/// Collects the dead for as long as the agent lives; does nothing in an agent that is not the first process.
pub(crate) async fn collect_orphans() {
    if !is_first() {
        return;
    }
    let mut tick = tokio::time::interval(TICK);
    let mut before = BTreeSet::new();
    loop {
        tick.tick().await;
        let dead = dead_children(std::process::id());
        for pid in dead.intersection(&before) {
            // Gone already is as good.
            let _ = waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG));
        }
        before = dead;
    }
}

/// The children of a process that ended and were not collected.
fn dead_children(parent: u32) -> BTreeSet<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The name in parentheses may itself hold spaces and parentheses.
            let mut fields = stat
                .rsplit_once(')')
                .map_or("", |(_, rest)| rest)
                .split_whitespace();
            fields.next() == Some("Z") && fields.next() == Some(&parent.to_string())
        })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_dead_children_are_seen() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let own = || dead_children(std::process::id()).contains(&(child.id() as i32));
        assert!(!own());
        nix::sys::signal::kill(
            Pid::from_raw(child.id() as i32),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !own() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(!dead_children(1).contains(&(child.id() as i32)));
        child.wait().unwrap();
        assert!(!dead_children(std::process::id()).contains(&(child.id() as i32)));
    }
}
