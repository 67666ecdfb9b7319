//! Processes that we may not be the parent of: identity, life, signals.

use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process that cannot be confused with a later one of the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    /// Its number.
    pub pid: u32,
    /// When it started, in a form that only this machine since its last start gives.
    pub started: String,
}

impl ProcessIdentity {
    /// The identity of a process that lives now; a zombie does not live.
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self {
            pid,
            started: started(pid)?,
        })
    }

    /// Whether a kernel keeper wrote down this very process: it notes the same two things in its own form.
    pub fn started_as(&self, noted: &str) -> bool {
        self.started == noted.replacen(':', "/", 1)
    }

    /// Whether this very process still lives.
    pub fn is_alive(&self) -> bool {
        started(self.pid).is_some_and(|now| now == self.started)
    }

    /// Asks the process to end.
    pub fn terminate(&self) {
        if self.is_alive() {
            let _ = signal::kill(Pid::from_raw(self.pid as i32), Signal::SIGTERM);
        }
    }

    /// Ends the process and its group.
    pub fn kill_group(&self) {
        if self.is_alive() {
            let pid = Pid::from_raw(self.pid as i32);
            // The peer leads its own group; where it does not, at least the process ends.
            if signal::killpg(pid, Signal::SIGKILL) == Err(Errno::ESRCH) {
                let _ = signal::kill(pid, Signal::SIGKILL);
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may itself hold spaces and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    let ticks = fields.nth(18)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}/{ticks}", boot.trim()))
}

#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let mut system = sysinfo::System::new().ok()?;
    let pid = sysinfo::Pid::from_u32(pid);
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
    let process = system.process(pid)?;
    let dead = matches!(
        process.status(),
        sysinfo::ProcessStatus::Zombie | sysinfo::ProcessStatus::Dead
    );
    (!dead).then(|| process.start_time().to_string())
}

/// Whether a process's command line names all the words; `None` where it cannot be read.
pub(crate) fn command_line_has(pid: u32, words: &[&str]) -> Option<bool> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline"))
        .ok()
        .filter(|b| !b.is_empty())?;
    let args: Vec<&[u8]> = bytes.split(|b| *b == 0).collect();
    Some(words.iter().all(|word| args.contains(&word.as_bytes())))
}

/// A variable of a process's first environment; `None` where it cannot be read.
pub(crate) fn environment_value(pid: u32, name: &str) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let wanted = format!("{name}=");
    let entry = bytes
        .split(|b| *b == 0)
        .find(|entry| entry.starts_with(wanted.as_bytes()))?;
    Some(String::from_utf8_lossy(&entry[wanted.len()..]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A start is counted from the start of the system: setting the clock changes nothing.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_start_does_not_depend_on_the_clock() {
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            let seconds = text.split_once(' ').unwrap().0.to_owned();
            seconds.parse::<f64>().unwrap()
        };
        let before = uptime();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let started = ProcessIdentity::of(child.id()).unwrap().started;
        child.kill().unwrap();
        child.wait().unwrap();
        let ticks = started.rsplit_once('/').unwrap().1.parse::<f64>().unwrap();
        let second = Command::new("getconf").arg("CLK_TCK").output().unwrap();
        let second = String::from_utf8(second.stdout).unwrap();
        let since_boot = ticks / second.trim().parse::<f64>().unwrap();
        assert!(
            (before - 1.0..=uptime() + 1.0).contains(&since_boot),
            "{since_boot} {before}"
        );
    }

    /// The same number stands for another process in another PID namespace.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_number_of_another_pid_namespace_is_nobody_here() {
        let script = "cat /proc/self/stat /proc/sys/kernel/random/boot_id; exec sleep 600";
        let inside = Command::new("unshare")
            .args(["-r", "-p", "-f", "--mount-proc", "--kill-child"])
            .args(["sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut inside) = inside else {
            println!("skipped: no PID namespace can be made here");
            return;
        };
        let mut out = std::io::BufReader::new(inside.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut out, &mut line).unwrap();
            line
        };
        let (stat, boot) = (line(), line());
        if boot.is_empty() {
            println!("skipped: no PID namespace can be made here");
        } else {
            let ticks = stat
                .rsplit_once(')')
                .unwrap()
                .1
                .split_whitespace()
                .nth(19)
                .unwrap();
            let identity = ProcessIdentity {
                pid: stat.split_once(' ').unwrap().0.parse().unwrap(),
                started: format!("{}/{ticks}", boot.trim()),
            };
            assert!(identity.pid < 100, "{stat}");
            assert!(!identity.is_alive(), "{stat}");
        }
        let _ = inside.kill();
        inside.wait().unwrap();
    }

    // WS-235 WS-236
    #[test]
    fn ws_235_236_other_processes_and_zombies_are_not_alive() {
        let mut child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let identity = ProcessIdentity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        let other = ProcessIdentity {
            started: "then".into(),
            ..identity.clone()
        };
        assert!(!other.is_alive());
        // A signal meant for another process never reaches this one.
        other.terminate();
        other.kill_group();
        assert!(identity.is_alive());
        child.kill().unwrap();
        // Not waited for yet: a zombie, which no longer counts as alive.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while identity.is_alive() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(
            std::path::Path::new(&format!("/proc/{}", child.id())).exists()
                || !cfg!(target_os = "linux")
        );
        child.wait().unwrap();
        assert_eq!(ProcessIdentity::of(child.id()), None);
    }
}
