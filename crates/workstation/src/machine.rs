//! Which machine this is: what tells two of the same hostname apart.

use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{Env, hostname};

/// Hex digits of a machine id; half of them tell machines of one owner apart with certainty.
const DIGITS: usize = 32;

/// The machine's own name and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineName {
    /// The hostname.
    pub hostname: String,
    /// A hash of the system's machine id, if it has one.
    pub machine_id: Option<String>,
    /// The operating system.
    pub os: String,
}

impl MachineName {
    /// Asks the system.
    pub fn detect(env: &Env) -> Self {
        Self {
            hostname: hostname(env),
            machine_id: system_id().map(|id| hashed(&id)),
            os: os(),
        }
    }

    /// An id for a machine whose first choice another machine has: four more digits.
    pub fn other_id(&self, workstation_id: &str) -> Option<String> {
        let suffix = self.machine_id.as_deref()?.get(..4)?;
        Some(format!("{workstation_id}-{suffix}"))
    }
}

fn system_id() -> Option<String> {
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    let id = files
        .into_iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .find(|id| !id.trim().is_empty());
    id.map(|id| id.trim().to_owned())
}

/// What tells this machine from others that share a home directory with it: the system's id, else its name. (Processes
/// are told apart by the start of the system, too.)
pub(crate) fn this_machine() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| hashed(&system_id().unwrap_or_else(|| hostname(&Env::of_process()))))
}

/// The system's id must not be told to others as it is (machine-id(5)): a hash with a word of ours.
fn hashed(id: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::new()
        .chain_update("runt workstation ")
        .chain_update(id)
        .finalize();
    let mut text = String::with_capacity(64);
    for byte in digest {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(DIGITS);
    text
}

/// What the system calls itself, else its family.
fn os() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches('"').trim().to_owned());
    let name = name.filter(|name| !name.is_empty());
    let family = || std::env::consts::OS.to_owned();
    name.unwrap_or_else(family).chars().take(80).collect()
}

/// A registration that also says which machine registers; clouds that do not know ignore it.
pub fn with_machine(mut payload: Value, machine: &MachineName) -> Value {
    if let Some(members) = payload.as_object_mut() {
        let hostname: String = machine.hostname.chars().take(160).collect();
        members.insert("hostname".to_owned(), hostname.into());
        members.insert("os".to_owned(), machine.os.clone().into());
        if let Some(id) = &machine.machine_id {
            members.insert("machine_id".to_owned(), id.clone().into());
        }
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_machines_of_one_name_differ_and_neither_tells_its_id() {
        let machine = |id: &str| MachineName {
            hostname: "lab".to_owned(),
            machine_id: Some(hashed(id)),
            os: os(),
        };
        let (one, two) = (machine("aaaa"), machine("bbbb"));
        assert_ne!(one.other_id("ws-lab"), two.other_id("ws-lab"));
        assert_eq!(one.other_id("ws-lab").unwrap().len(), "ws-lab-".len() + 4);
        let payload = with_machine(serde_json::json!({"workstation_id": "ws-lab"}), &one);
        assert_eq!(payload["hostname"], "lab");
        assert!(!payload.to_string().contains("aaaa"));
        assert!(!os().is_empty());
    }
}
