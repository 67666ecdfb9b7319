//! What a job's processes use of this machine: processors, memory, GPU memory.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// How long nvidia-smi may take.
const NVIDIA_SMI_LIMIT: Duration = Duration::from_secs(3);

/// What a family of processes uses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    /// Processes.
    pub processes: usize,
    /// Per cent of one processor over the last moment.
    pub cpu_percent: f64,
    /// Resident memory in bytes; what processes share is counted for each.
    pub memory_bytes: u64,
    /// Memory on NVIDIA devices in bytes; `None` where it cannot be asked.
    pub gpu_memory_bytes: Option<u64>,
}

/// One look at all processes of this machine, taken over a quarter of a second.
pub(crate) struct UsageSample {
    system: System,
    children: BTreeMap<u32, Vec<u32>>,
    gpu: Option<BTreeMap<u32, u64>>,
}

impl UsageSample {
    /// Looks twice, since what processors do can only be seen over time.
    pub async fn take() -> Option<Self> {
        let mut system = System::new().ok()?;
        let kind = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        let pause = tokio::time::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
        let ((), gpu) = tokio::join!(pause, gpu_memory());
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (pid, process) in system.processes() {
            if let Some(parent) = process.parent() {
                children
                    .entry(parent.as_u32())
                    .or_default()
                    .push(pid.as_u32());
            }
        }
        Some(Self {
            system,
            children,
            gpu,
        })
    }

    /// What the processes and everything they started use.
    pub fn of(&self, roots: &[u32]) -> Usage {
        let (mut family, mut open) = (BTreeSet::new(), roots.to_vec());
        while let Some(pid) = open.pop() {
            if family.insert(pid) {
                open.extend(self.children.get(&pid).into_iter().flatten());
            }
        }
        let mut usage = Usage {
            gpu_memory_bytes: self.gpu.as_ref().map(|_| 0),
            ..Usage::default()
        };
        for pid in family {
            let Some(process) = self.system.process(sysinfo::Pid::from_u32(pid)) else {
                continue;
            };
            usage.processes += 1;
            usage.cpu_percent += f64::from(process.cpu_usage());
            usage.memory_bytes += process.memory();
            let gpu = self.gpu.as_ref().and_then(|gpu| gpu.get(&pid));
            if let (Some(sum), Some(bytes)) = (&mut usage.gpu_memory_bytes, gpu) {
                *sum += bytes;
            }
        }
        usage
    }
}

/// GPU memory by process, as the driver counts it; `None` without NVIDIA's tool.
async fn gpu_memory() -> Option<BTreeMap<u32, u64>> {
    let mut command = tokio::process::Command::new("nvidia-smi");
    command
        .args([
            "--query-compute-apps=pid,used_memory",
            "--format=csv,noheader,nounits",
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(NVIDIA_SMI_LIMIT, command.output());
    let output = output.await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| parse_gpu_memory(&text))
}

/// Reads `pid, MiB` lines; a process on several devices has several.
fn parse_gpu_memory(output: &str) -> BTreeMap<u32, u64> {
    let mut found = BTreeMap::new();
    for line in output.lines() {
        let Some((pid, mib)) = line.split_once(',') else {
            continue;
        };
        if let (Ok(pid), Ok(mib)) = (pid.trim().parse(), mib.trim().parse::<u64>()) {
            *found.entry(pid).or_insert(0) += mib * 1024 * 1024;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpu_memory_is_read_per_process_and_summed_over_devices() {
        let found = parse_gpu_memory("12, 1024\n12, 1\n7, [N/A]\n\nNo running processes\n");
        assert_eq!(found, BTreeMap::from([(12, 1025 * 1024 * 1024)]));
    }

    #[tokio::test]
    async fn a_family_is_counted_with_everything_it_started() {
        let mut shell = tokio::process::Command::new("sh")
            .args(["-c", "sleep 600 & sleep 600 & echo up; wait"])
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
        let usage = UsageSample::take().await.unwrap().of(&[pid, pid]);
        let group = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
        nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
        shell.wait().await.unwrap();
        assert_eq!(usage.processes, 3);
        assert!(usage.memory_bytes > 0);
    }
}
