//! The machine as a whole: processors, memory, load, disk.

use std::path::Path;
use std::time::Instant;

use sysinfo::System;
use wire::http::Utilisation;

use crate::cgroup::Groups;

/// Looks at the machine; what its processors did can be told from the second look on.
#[derive(Debug)]
pub struct Machine {
    system: System,
    groups: Groups,
    /// When it was looked at, and the processor time that a limited group had used by then.
    before: Option<(Instant, Option<u64>)>,
}

impl Machine {
    /// `None` where the system cannot be asked.
    pub fn new() -> Option<Self> {
        Some(Self {
            system: System::new().ok()?,
            groups: Groups::own(),
            before: None,
        })
    }

    /// What is used now; `folder` lies on the disk that counts. Processors: on average since the last look.
    pub fn look(&mut self, folder: &Path) -> Utilisation {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let now = Instant::now();
        let limited = self.groups.cpu();
        let before = self.before.replace((now, limited.map(|cpu| cpu.used_us)));
        let cpu_percent = before.and_then(|(at, used)| match (limited, used) {
            (Some(cpu), Some(used)) => {
                let had = now.duration_since(at).as_micros() as f64 * cpu.cores;
                let took = cpu.used_us.saturating_sub(used) as f64;
                (had > 0.0).then(|| took / had * 100.0)
            }
            _ => Some(f64::from(self.system.global_cpu_usage())),
        });
        let total = self.system.total_memory();
        let (used, available) = use_of(&self.system, &self.groups);
        let load = System::load_average().ok();
        let disk = rustix::fs::statvfs(folder).ok();
        Utilisation {
            cpu_percent: cpu_percent.map(|percent| tenths(percent.clamp(0.0, 100.0))),
            memory_used_bytes: (total > 0).then_some(used),
            memory_available_bytes: (total > 0).then_some(available),
            load_1m: load.map(|load| (load.one * 100.0).round() / 100.0),
            disk_free_bytes: disk.as_ref().map(|disk| disk.f_bavail * disk.f_frsize),
            disk_total_bytes: disk.map(|disk| disk.f_blocks * disk.f_frsize),
            ..Utilisation::default()
        }
    }
}

/// Memory that processes here may have: the machine's, or less where a control group limits it.
pub fn memory_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let limit = Groups::own().memory().map(|memory| memory.limit);
    told_memory(system.total_memory(), limit)
}

/// The machine's memory within a limit; a system that does not say how much it has reads as 0.
fn told_memory(total: u64, limit: Option<u64>) -> Option<u64> {
    (total > 0).then(|| total.min(limit.unwrap_or(u64::MAX)))
}

/// Memory that is used, and that processes here may still have.
fn use_of(system: &System, groups: &Groups) -> (u64, u64) {
    let (total, free) = (system.total_memory(), system.available_memory());
    match groups.memory().filter(|memory| memory.limit < total) {
        Some(memory) => (
            memory.used,
            memory.limit.saturating_sub(memory.used).min(free),
        ),
        None => (total.saturating_sub(free), free),
    }
}

/// Memory in bytes that processes here may still have: the machine's, or less where a control group limits it.
pub fn available_memory_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    Some(use_of(&system, &Groups::own()).1)
}

pub(crate) fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn ws_143_memory_is_mem_total_in_bytes_and_unknown_without_it() {
        let told = std::fs::read_to_string("/proc/meminfo").unwrap();
        let line = told.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kilobytes: u64 = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        let limit = Groups::own().memory().map(|memory| memory.limit);
        let expected = limit.map_or(kilobytes * 1024, |limit| limit.min(kilobytes * 1024));
        assert_eq!(memory_bytes(), Some(expected));
        assert_eq!(told_memory(16 << 30, Some(4 << 30)), Some(4 << 30));
        assert_eq!(told_memory(16 << 30, None), Some(16 << 30));
        assert_eq!(told_memory(0, Some(4 << 30)), None);
    }

    #[test]
    fn a_busy_machine_says_so_from_the_second_look_on() {
        let mut machine = Machine::new().unwrap();
        let place = tempfile::tempdir().unwrap();
        let first = machine.look(place.path());
        assert_eq!(first.cpu_percent, None);
        let end = Instant::now() + Duration::from_millis(400);
        while Instant::now() < end {
            std::hint::black_box(0);
        }
        let second = machine.look(place.path());
        assert!(
            second.cpu_percent > Some(0.0) && second.cpu_percent <= Some(100.0),
            "{second:?}"
        );
        let memory = memory_bytes().unwrap();
        assert!(second.memory_used_bytes.unwrap() <= memory, "{second:?}");
        assert!(
            second.memory_available_bytes.unwrap() <= memory,
            "{second:?}"
        );
        assert!(second.disk_free_bytes.unwrap() <= second.disk_total_bytes.unwrap());
        assert!(second.load_1m.is_some());
    }
}
