//! One agent per workstation (spec 3.3).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use agent_core::slug;

use crate::{Env, hostname};

/// Held for the life of an agent; the operating system releases it however the agent ends.
#[derive(Debug)]
pub struct AgentLock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error(
        "another agent{} already serves the workstation {id:?} (lock {})\nHint: `runt workstation stop --all` ends that one and its kernels; a second one needs a credential of its own: \
         `XDG_CONFIG_HOME=FOLDER runt workstation connect URL --id ID`, and the same variable when it runs",
        owner.as_ref().map_or_else(String::new, |owner| format!(" ({owner})")),
        path.display()
    )]
    Held {
        /// The workstation.
        id: String,
        /// The lock file.
        path: PathBuf,
        /// What the holder wrote about itself.
        owner: Option<String>,
    },
    /// The lock file cannot be used.
    #[error("cannot use the lock {}: {cause}", path.display())]
    Unusable {
        /// The lock file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

impl AgentLock {
    /// Takes the lock of a workstation below `folder`, or says who has it.
    pub fn take(folder: &Path, workstation_id: &str) -> Result<Self, LockError> {
        let path = folder.join(format!("workstation-{}.lock", slug(workstation_id)));
        let unusable = |cause| LockError::Unusable {
            path: path.clone(),
            cause,
        };
        let mut options = OpenOptions::new();
        options
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let owner = Some(text.trim().to_owned()).filter(|t| !t.is_empty() && t.len() < 100);
                return Err(LockError::Held {
                    id: workstation_id.to_owned(),
                    path,
                    owner,
                });
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        // For diagnosis only; failing to write it harms nobody.
        let note = format!(
            "pid {} on {}\n",
            std::process::id(),
            hostname(&Env::of_process())
        );
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(note.as_bytes()));
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // WS-129 WS-132 WS-259
    #[test]
    fn ws_129_132_259_one_agent_per_id() {
        let folder = tempfile::tempdir().unwrap();
        let first = AgentLock::take(folder.path(), "WS 1").unwrap();
        let error = AgentLock::take(folder.path(), "ws-1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("workstation-ws-1.lock"), "{error}");
        assert!(
            error.contains(&format!("pid {}", std::process::id())),
            "{error}"
        );
        AgentLock::take(folder.path(), "ws-2").unwrap();
        drop(first);
        AgentLock::take(folder.path(), "ws-1").unwrap();
    }
}
