//! What one job may take of this machine: the operator's limits, and how far this machine holds them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const KIB: u64 = 1024;
/// Units of memory, the largest first.
const UNITS: [(char, u64); 4] = [
    ('T', KIB * KIB * KIB * KIB),
    ('G', KIB * KIB * KIB),
    ('M', KIB * KIB),
    ('K', KIB),
];
/// The least that a Python kernel starts with.
const LEAST_MEMORY: u64 = 64 * KIB * KIB;
/// More processors than any machine has.
const MOST_CPUS: f64 = 10_000.0;
/// The kindest that a process can be.
pub const MOST_NICE: u8 = 19;

/// An amount of memory: `8G`, `512M`; units are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimit(u64);

impl MemoryLimit {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for MemoryLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not an amount of memory\nHint: write it like 8G or 512M; the least is 64M"
            )
        };
        let plain = text.trim().to_uppercase();
        let plain = plain.trim_end_matches('B').trim_end_matches('I');
        let (number, unit) = match plain.chars().last() {
            Some(last) if last.is_ascii_digit() => (plain, 1),
            Some(last) => {
                let (_, unit) = UNITS
                    .iter()
                    .find(|(name, _)| *name == last)
                    .ok_or_else(wrong)?;
                (plain.trim_end_matches(last), *unit)
            }
            None => return Err(wrong()),
        };
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let bytes = number * unit as f64;
        if !(bytes >= LEAST_MEMORY as f64 && bytes < i64::MAX as f64) {
            return Err(wrong());
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit));
        match fits {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

/// An amount of processor time, in hundredths of one processor: `2`, `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuLimit(u32);

impl CpuLimit {
    /// Per cent of one processor.
    pub fn percent(self) -> u32 {
        self.0
    }
}

impl FromStr for CpuLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cpus = text.trim().parse::<f64>().ok();
        let cpus = cpus.filter(|cpus| (0.01..=MOST_CPUS).contains(cpus));
        cpus.map(|cpus| Self((cpus * 100.0).round() as u32))
            .ok_or_else(|| {
                format!("{text:?} is not a number of processors\nHint: write it like 4 or 1.5")
            })
    }
}

impl fmt::Display for CpuLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 100.0)
    }
}

/// What one job may take; nothing said is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobLimits {
    /// Memory.
    pub memory: Option<MemoryLimit>,
    /// Processors.
    pub cpus: Option<CpuLimit>,
    /// How far it gives way to other work, 1 to [`MOST_NICE`].
    pub nice: Option<u8>,
}

/// For what a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// A job with all its processes together.
    Job,
    /// Each process of a job by itself.
    Process,
    /// Nothing: this machine cannot hold it.
    Nothing,
}

/// A limit as the operator set it, and for what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLimit {
    /// As in the settings.
    pub limit: String,
    /// For what it holds.
    pub holds_for: Reach,
}

/// How an agent keeps its jobs apart and their limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsInForce {
    /// The systemd manager that gives each job a scope of its own: `user` or `system`; `null` where none does.
    pub scopes: Option<String>,
    /// Memory.
    pub memory: Option<HeldLimit>,
    /// Processors.
    pub cpus: Option<HeldLimit>,
    /// The niceness.
    pub nice: Option<HeldLimit>,
}

impl LimitsInForce {
    /// In words.
    pub fn line(&self) -> String {
        let named = [
            ("memory", &self.memory),
            ("processors", &self.cpus),
            ("nice", &self.nice),
        ];
        let mut parts: Vec<String> = named
            .into_iter()
            .filter_map(|(name, held)| {
                let held = held.as_ref()?;
                let reach = match held.holds_for {
                    Reach::Job => "for each job",
                    Reach::Process => "for each process of a job, not for the job",
                    Reach::Nothing => "not enforced: this machine gives no control group for it",
                };
                Some(format!("{name} {} ({reach})", held.limit))
            })
            .collect();
        if parts.is_empty() {
            parts.push("none".to_owned());
        }
        let place = match self.scopes.as_deref() {
            Some(manager) => format!("each job in a scope of the {manager}'s systemd"),
            None => "no systemd scopes here: each job is a process group".to_owned(),
        };
        format!("{}; {place}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let bytes = |text: &str| text.parse::<MemoryLimit>().map(MemoryLimit::bytes);
        assert_eq!(bytes("8G"), Ok(8 << 30));
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes(" 1.5 gb "), Ok(3 << 29));
        assert_eq!(bytes("67108864"), Ok(64 << 20));
        for wrong in ["", "G", "8X", "-1G", "1M", "nan", "1e300T", "8 G 1"] {
            assert!(bytes(wrong).unwrap_err().contains("Hint: "), "{wrong}");
        }
        let shown = |text: &str| text.parse::<MemoryLimit>().unwrap().to_string();
        assert_eq!(shown("1.5G"), "1536M");
        assert_eq!(shown("2048M"), "2G");
        assert_eq!(shown("67108865"), "67108865");
        let cpus = |text: &str| text.parse::<CpuLimit>().map(CpuLimit::percent);
        assert_eq!((cpus("2"), cpus("0.5")), (Ok(200), Ok(50)));
        assert_eq!("1.5".parse::<CpuLimit>().unwrap().to_string(), "1.5");
        for wrong in ["", "0", "-1", "two", "inf", "1000000"] {
            assert!(cpus(wrong).unwrap_err().contains("Hint: "), "{wrong}");
        }
    }

    // D18: what cannot be held is said.
    #[test]
    fn what_holds_is_told_in_words() {
        let held = |limit: &str, holds_for| {
            let limit = limit.to_owned();
            Some(HeldLimit { limit, holds_for })
        };
        let mut limits = LimitsInForce::default();
        assert_eq!(
            limits.line(),
            "none; no systemd scopes here: each job is a process group"
        );
        limits.memory = held("8G", Reach::Process);
        limits.cpus = held("2", Reach::Nothing);
        limits.nice = held("5", Reach::Job);
        limits.scopes = Some("user".to_owned());
        assert_eq!(
            limits.line(),
            "memory 8G (for each process of a job, not for the job), processors 2 (not enforced: this machine gives no \
             control group for it), nice 5 (for each job); each job in a scope of the user's systemd"
        );
    }
}
