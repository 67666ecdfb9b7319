//! Limits of control groups (Linux, both versions): the tightest one between this process and the root, and what is used of it.

use std::path::{Path, PathBuf};

/// A limit at or above this is none; version 1 says "none" by a number of pages near 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// Memory that processes here may have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) limit: u64,
    /// What of it is not given back under pressure.
    pub(crate) used: u64,
}

/// Processor time that processes here may have together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cpu {
    /// Processors' worth of time.
    pub(crate) cores: f64,
    /// Microseconds used so far.
    pub(crate) used_us: u64,
}

/// Where to look.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Folders of this process's group and those above it, innermost first.
    memory: Vec<PathBuf>,
    cpu: Vec<PathBuf>,
    /// Where version 1 counts processor time.
    accounting: Vec<PathBuf>,
}

impl Groups {
    /// Those of this process.
    pub(crate) fn own() -> Self {
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::at(Path::new("/sys/fs/cgroup"), &own)
    }

    fn at(mount: &Path, own: &str) -> Self {
        let mut groups = Self {
            memory: Vec::new(),
            cpu: Vec::new(),
            accounting: Vec::new(),
        };
        for line in own.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            if controllers.is_empty() {
                let dirs = upwards(mount, path);
                groups.memory.extend(dirs.iter().cloned());
                groups.cpu.extend(dirs);
                continue;
            }
            for controller in controllers.split(',') {
                // Mounted by its own name, or with its neighbours.
                let roots = [mount.join(controller), mount.join(controllers)];
                let root = roots.into_iter().find(|root| root.is_dir());
                let dirs = root.map(|root| upwards(&root, path)).unwrap_or_default();
                match controller {
                    "memory" => groups.memory.extend(dirs),
                    "cpu" => groups.cpu.extend(dirs),
                    "cpuacct" => groups.accounting.extend(dirs),
                    _ => {}
                }
            }
        }
        groups
    }

    /// The tightest memory limit, if there is one.
    pub(crate) fn memory(&self) -> Option<Memory> {
        let found = self.memory.iter().filter_map(|dir| memory(dir));
        found.min_by_key(|memory| memory.limit)
    }

    /// The tightest limit of processor time, if there is one.
    pub(crate) fn cpu(&self) -> Option<Cpu> {
        let limits = self.cpu.iter().filter_map(|dir| Some((dir, cores(dir)?)));
        let (dir, cores) = limits.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let used_us = number_after(&dir.join("cpu.stat"), "usage_usec").or_else(|| {
            // Version 1 counts under another mount, at the same path.
            let at = self.cpu.iter().position(|known| known == dir)?;
            let ns = number(&self.accounting.get(at)?.join("cpuacct.usage"))?;
            Some(ns / 1_000)
        })?;
        Some(Cpu { cores, used_us })
    }
}

/// The group's folder and those above it. A container may see another path than its mount has: then the mount is its own group.
fn upwards(root: &Path, path: &str) -> Vec<PathBuf> {
    let inner = root.join(path.trim_start_matches('/'));
    let mut dirs: Vec<PathBuf> = inner
        .ancestors()
        .take_while(|dir| dir.starts_with(root))
        .map(Path::to_owned)
        .collect();
    if !inner.is_dir() {
        dirs = vec![root.to_owned()];
    }
    dirs
}

fn memory(dir: &Path) -> Option<Memory> {
    let either = |new: &str, old: &str| number(&dir.join(new)).or_else(|| number(&dir.join(old)));
    let limit = either("memory.max", "memory.limit_in_bytes").filter(|limit| *limit < NO_LIMIT)?;
    let current = either("memory.current", "memory.usage_in_bytes")?;
    // Files that were read and may be forgotten are not in anybody's way.
    let stat = dir.join("memory.stat");
    let idle =
        number_after(&stat, "total_inactive_file").or_else(|| number_after(&stat, "inactive_file"));
    let used = current.saturating_sub(idle.unwrap_or(0)).min(limit);
    Some(Memory { limit, used })
}

fn cores(dir: &Path) -> Option<f64> {
    let (quota, period) = if let Ok(text) = std::fs::read_to_string(dir.join("cpu.max")) {
        let (quota, period) = text.trim().split_once(' ')?;
        (quota.parse().ok()?, period.parse().ok()?)
    } else {
        let read = |name: &str| -> Option<i64> {
            std::fs::read_to_string(dir.join(name))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
    };
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn number_after(path: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, files: &[(&str, &str)]) {
        std::fs::create_dir_all(dir).unwrap();
        for (name, text) in files {
            std::fs::write(dir.join(name), text).unwrap();
        }
    }

    #[test]
    fn version_2_the_tightest_limit_above_counts_with_what_is_used_of_it() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        write(
            &root.join("user.slice"),
            &[
                ("memory.max", "1000\n"),
                ("memory.current", "700\n"),
                ("memory.stat", "anon 300\ninactive_file 250\n"),
                ("cpu.max", "max 100000\n"),
            ],
        );
        write(
            &root.join("user.slice/agent.service"),
            &[
                ("memory.max", "max\n"),
                ("memory.current", "60\n"),
                ("cpu.max", "150000 100000\n"),
                ("cpu.stat", "usage_usec 5000\nuser_usec 1\n"),
            ],
        );
        let groups = Groups::at(root, "0::/user.slice/agent.service\n");
        assert_eq!(
            groups.memory(),
            Some(Memory {
                limit: 1000,
                used: 450
            })
        );
        assert_eq!(
            groups.cpu(),
            Some(Cpu {
                cores: 1.5,
                used_us: 5000
            })
        );
        // Nothing of this is a limit.
        let outside = Groups::at(root, "0::/\n");
        assert_eq!((outside.memory(), outside.cpu()), (None, None));
    }

    #[test]
    fn version_2_a_container_sees_its_own_group_as_the_root() {
        let place = tempfile::tempdir().unwrap();
        write(
            place.path(),
            &[("memory.max", "4096"), ("memory.current", "5000")],
        );
        let groups = Groups::at(place.path(), "0::/../../system.slice/docker-1.scope\n");
        assert_eq!(
            groups.memory(),
            Some(Memory {
                limit: 4096,
                used: 4096
            })
        );
    }

    #[test]
    fn version_1_limits_are_read_under_their_mounts() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        write(
            &root.join("memory/docker/c1"),
            &[
                ("memory.limit_in_bytes", "2000"),
                ("memory.usage_in_bytes", "1500"),
                ("memory.stat", "inactive_file 1\ntotal_inactive_file 500\n"),
            ],
        );
        write(
            &root.join("memory"),
            &[
                ("memory.limit_in_bytes", "9223372036854771712"),
                ("memory.usage_in_bytes", "9"),
            ],
        );
        write(
            &root.join("cpu,cpuacct/docker/c1"),
            &[
                ("cpu.cfs_quota_us", "200000"),
                ("cpu.cfs_period_us", "100000"),
                ("cpuacct.usage", "7000000"),
            ],
        );
        write(
            &root.join("cpu,cpuacct"),
            &[("cpu.cfs_quota_us", "-1"), ("cpu.cfs_period_us", "100000")],
        );
        let own = "5:cpu,cpuacct:/docker/c1\n4:memory:/docker/c1\n1:name=systemd:/\n0::/\n";
        let groups = Groups::at(root, own);
        assert_eq!(
            groups.memory(),
            Some(Memory {
                limit: 2000,
                used: 1000
            })
        );
        assert_eq!(
            groups.cpu(),
            Some(Cpu {
                cores: 2.0,
                used_us: 7000
            })
        );
    }
}
