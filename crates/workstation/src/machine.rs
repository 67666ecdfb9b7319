//! Which machine this is: what tells two of the same hostname apart, and two accounts of one machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, io};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{Env, hostname};

/// Hex digits of a machine id; half of them tell machines of one owner apart with certainty.
const DIGITS: usize = 32;
/// The mark beside the credential.
const PER_ACCOUNT: &str = "per-account";

/// The machine's own name and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineName {
    /// The hostname.
    pub hostname: String,
    /// A hash of the system's machine id, if it has one, and of the account.
    pub machine_id: Option<String>,
    /// The operating system.
    pub os: String,
}

impl MachineName {
    /// Asks the system. Two accounts of one machine are two to the cloud, each with kernels of its own; where the mark
    /// beside the credential is missing, the cloud knows the machine alone, as it was before that was so.
    pub fn detect(env: &Env, credential_file: Option<&Path>) -> Self {
        let per_account = credential_file.is_some_and(|file| mark(file).exists());
        let account = per_account.then(|| rustix::process::geteuid().as_raw());
        Self {
            hostname: hostname(env),
            machine_id: system_id().map(|id| told_id(&id, account)),
            os: os(),
        }
    }

    /// An id for a machine whose first choice another machine has: four more digits.
    pub fn other_id(&self, workstation_id: &str) -> Option<String> {
        let suffix = self.machine_id.as_deref()?.get(..4)?;
        Some(format!("{workstation_id}-{suffix}"))
    }
}

/// Marks, once a credential is there, that this machine is paired as this account's.
///
/// # Errors
/// The mark cannot be written.
pub fn mark_per_account(credential_file: &Path) -> io::Result<()> {
    fs::write(mark(credential_file), "")
}

/// Whether this machine is to be paired as this account's. One that was paired before that was done stays what it is: its
/// agent may be running, and would be told that another machine is online under its id.
pub fn pairs_per_account(credential_file: &Path) -> bool {
    mark(credential_file).exists() || !credential_file.exists()
}

fn mark(credential_file: &Path) -> PathBuf {
    credential_file.with_file_name(PER_ACCOUNT)
}

fn system_id() -> Option<String> {
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    let id = files
        .into_iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .find(|id| !id.trim().is_empty());
    id.map(|id| id.trim().to_owned())
}

/// What tells this machine from others that share a home directory with it: the system's id, else its name. (Processes
/// are told apart by the start of the system, too.)
pub(crate) fn this_machine() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| hashed(&system_id().unwrap_or_else(|| hostname(&Env::of_process()))))
}

/// What is told of a system's id and an account.
fn told_id(id: &str, account: Option<u32>) -> String {
    match account {
        Some(account) => hashed(&format!("{id} {account}")),
        None => hashed(id),
    }
}

/// The system's id must not be told to others as it is (machine-id(5)): a hash with a word of ours.
fn hashed(id: &str) -> String {
    let digest = Sha256::new()
        .chain_update("runt workstation ")
        .chain_update(id)
        .finalize();
    let mut text = hex::encode(digest);
    text.truncate(DIGITS);
    text
}

/// What the system calls itself, else its family.
fn os() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
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

    fn machine(id: &str, account: Option<u32>) -> MachineName {
        MachineName {
            hostname: "lab".to_owned(),
            machine_id: Some(told_id(id, account)),
            os: os(),
        }
    }

    #[test]
    fn two_accounts_of_one_machine_differ_and_one_paired_before_stays_what_it_was() {
        let (ada, kernels) = (machine("aaaa", Some(1000)), machine("aaaa", Some(1001)));
        assert_ne!(ada.machine_id, kernels.machine_id);
        assert_ne!(ada.other_id("ws-lab"), kernels.other_id("ws-lab"));
        let before = machine("aaaa", None).machine_id;
        assert_eq!(before.as_deref(), Some("9a6e00691a070d1b8237c128a9876530"));
        assert_ne!(before, ada.machine_id);
    }

    #[test]
    fn two_machines_of_one_name_differ_and_neither_tells_its_id() {
        let (one, two) = (machine("aaaa", Some(1000)), machine("bbbb", Some(1000)));
        assert_ne!(one.other_id("ws-lab"), two.other_id("ws-lab"));
        assert_eq!(one.other_id("ws-lab").unwrap().len(), "ws-lab-".len() + 4);
        let payload = with_machine(serde_json::json!({"workstation_id": "ws-lab"}), &one);
        assert_eq!(payload["hostname"], "lab");
        assert!(!payload.to_string().contains("aaaa"));
        assert!(!os().is_empty());
    }
}
