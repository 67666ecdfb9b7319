//! Whether the operator drains the machine: a file, so that the next agent knows it.

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::slug;

/// The agent's own mark; nobody else writes it.
#[derive(Debug, Clone)]
pub(crate) struct DrainMark(PathBuf);

impl DrainMark {
    pub fn at(state: &Path, workstation_id: &str) -> Self {
        Self(state.join(format!("workstation-{}.draining", slug(workstation_id))))
    }

    pub fn is_set(&self) -> bool {
        self.0.exists()
    }

    pub fn set(&self, on: bool) {
        let done = if on {
            fs::write(&self.0, "")
        } else {
            fs::remove_file(&self.0)
        };
        if let Err(error) = done {
            tracing::warn!(%error, "[workstation-agent] the next agent will not know whether the machine is drained");
        }
    }
}
