//! Families of processes: some, and everything they started.

use std::collections::{BTreeMap, BTreeSet};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::machine::tenths;

/// What a family of processes uses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Processes.
    pub processes: usize,
    /// Per cent of one processor since the last look; `None` at the first.
    pub cpu_percent: Option<f64>,
    /// Resident memory in bytes; what processes share is counted for each.
    pub memory_bytes: u64,
    /// Memory on NVIDIA devices in bytes; `None` where it was not asked.
    pub gpu_memory_bytes: Option<u64>,
}

/// Looks at families of processes; what they did can be told from the second look on.
#[derive(Debug)]
pub struct Processes {
    system: System,
    has_looked: bool,
}

impl Processes {
    /// `None` where the system cannot be asked.
    pub fn new() -> Option<Self> {
        Some(Self {
            system: System::new().ok()?,
            has_looked: false,
        })
    }

    /// What each family uses: the processes named and all they started. `gpu` is each process's memory on devices.
    ///
    /// Where the system tells the children of a process (Linux), only the families are looked at, not every process.
    pub fn look(&mut self, roots: &[&[u32]], gpu: Option<&BTreeMap<u32, u64>>) -> Vec<Usage> {
        let kind = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        let is_told = children_of(std::process::id()).is_some();
        let families: Vec<BTreeSet<u32>> = if is_told {
            let families: Vec<_> = roots
                .iter()
                .map(|roots| family(roots, |pid| children_of(pid).unwrap_or_default()))
                .collect();
            let known = self.system.processes().keys().map(|pid| pid.as_u32());
            let all: BTreeSet<u32> = families.iter().flatten().copied().chain(known).collect();
            let all: Vec<Pid> = all.into_iter().map(Pid::from_u32).collect();
            self.system
                .refresh_processes_specifics(ProcessesToUpdate::Some(&all), true, kind);
            families
        } else {
            self.system
                .refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
            let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for (pid, process) in self.system.processes() {
                if let Some(parent) = process.parent() {
                    children
                        .entry(parent.as_u32())
                        .or_default()
                        .push(pid.as_u32());
                }
            }
            let of = |pid| children.get(&pid).cloned().unwrap_or_default();
            roots.iter().map(|roots| family(roots, of)).collect()
        };
        let has_looked = std::mem::replace(&mut self.has_looked, true);
        families
            .iter()
            .map(|family| self.sum(family, gpu, has_looked))
            .collect()
    }

    fn sum(
        &self,
        family: &BTreeSet<u32>,
        gpu: Option<&BTreeMap<u32, u64>>,
        has_looked: bool,
    ) -> Usage {
        let mut usage = Usage::default();
        let mut cpu = 0.0;
        for pid in family {
            let Some(process) = self.system.process(Pid::from_u32(*pid)) else {
                continue;
            };
            usage.processes += 1;
            cpu += f64::from(process.cpu_usage());
            usage.memory_bytes += process.memory();
        }
        usage.cpu_percent = has_looked.then(|| tenths(cpu));
        usage.gpu_memory_bytes = gpu.map(|gpu| family.iter().filter_map(|pid| gpu.get(pid)).sum());
        usage
    }
}

fn family(roots: &[u32], children: impl Fn(u32) -> Vec<u32>) -> BTreeSet<u32> {
    let (mut family, mut open) = (BTreeSet::new(), roots.to_vec());
    while let Some(pid) = open.pop() {
        if family.insert(pid) {
            open.extend(children(pid));
        }
    }
    family
}

/// The children of all threads of a process; `None` where the system does not tell, or the process is gone.
fn children_of(pid: u32) -> Option<Vec<u32>> {
    let mut found = None;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))
        .ok()?
        .flatten()
    {
        if let Ok(text) = std::fs::read_to_string(thread.path().join("children")) {
            let pids = text
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok());
            found.get_or_insert_with(Vec::new).extend(pids);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_family_is_counted_with_everything_it_started() {
        let mut shell = tokio::process::Command::new("sh")
            .args(["-c", "(while :; do :; done) & sleep 600 & echo up; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        let out = shell.stdout.as_mut().unwrap();
        tokio::io::AsyncReadExt::read_exact(out, &mut up)
            .await
            .unwrap();
        let pid = shell.id().unwrap();
        let gpu = BTreeMap::from([(pid, 5), (1, 9)]);
        let mut processes = Processes::new().unwrap();
        let first = processes.look(&[&[pid, pid], &[]], Some(&gpu));
        let end = std::time::Instant::now() + Duration::from_secs(30);
        let second = loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let used = processes.look(&[&[pid]], None);
            if used[0].cpu_percent > Some(0.0) || std::time::Instant::now() > end {
                break used;
            }
        };
        let group = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
        nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
        shell.wait().await.unwrap();
        assert_eq!((first[0].processes, first[0].cpu_percent), (3, None));
        assert_eq!(first[0].gpu_memory_bytes, Some(5));
        assert_eq!(
            first[1],
            Usage {
                gpu_memory_bytes: Some(0),
                ..Usage::default()
            }
        );
        assert!(first[0].memory_bytes > 0);
        assert!(second[0].cpu_percent > Some(0.0), "{second:?}");
        assert_eq!(second[0].gpu_memory_bytes, None);
        // The dead are forgotten once whoever inherits them has collected them.
        let end = std::time::Instant::now() + Duration::from_secs(30);
        while !processes.system.processes().is_empty() {
            assert!(std::time::Instant::now() < end, "the dead are kept");
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(processes.look(&[&[pid]], None)[0].processes, 0);
        }
    }
}
