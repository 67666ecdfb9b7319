//! What to start: one kernel's command, folder and environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Stands for the connection file's path in an argument.
pub const CONNECTION_FILE: &str = "{connection_file}";

/// How a kernel is interrupted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterruptMode {
    /// SIGINT to its process group.
    #[default]
    Signal,
    /// An `interrupt_request` on the control channel; SIGINT when it is not answered in 5 s.
    Message,
}

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// Program and arguments; `{connection_file}` and `{resource_dir}` are filled in.
    pub argv: Vec<String>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// Variables added to the cleaned environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How it is interrupted.
    #[serde(default)]
    pub interrupt_mode: InterruptMode,
    /// The kernelspec's folder, if there is one.
    #[serde(default)]
    pub resource_dir: Option<PathBuf>,
    /// The kernelspec's name, if there is one.
    #[serde(default)]
    pub kernelspec: Option<String>,
    /// Whether the kernel can listen on Unix sockets (ipykernel can; others get loopback TCP).
    #[serde(default)]
    pub ipc: bool,
    /// The most private memory of each of its processes, in bytes; beyond it, allocations fail.
    #[serde(default)]
    pub process_memory: Option<u64>,
}

impl LaunchSpec {
    /// ipykernel in the given interpreter (WS-287).
    pub fn current_python(python: &Path, cwd: &Path) -> Self {
        let python = python.to_string_lossy().into_owned();
        let argv = [
            python.as_str(),
            "-Xfrozen_modules=off",
            "-m",
            "ipykernel_launcher",
            "-f",
            CONNECTION_FILE,
        ];
        Self {
            argv: argv.map(str::to_owned).to_vec(),
            cwd: cwd.to_owned(),
            env: BTreeMap::new(),
            interrupt_mode: InterruptMode::Signal,
            resource_dir: None,
            kernelspec: None,
            ipc: true,
            process_memory: None,
        }
    }

    /// The program and arguments for one launch.
    pub(crate) fn command_line(&self, connection_file: &Path) -> Vec<String> {
        let file = connection_file.to_string_lossy();
        let resources = self
            .resource_dir
            .as_deref()
            .unwrap_or(Path::new(""))
            .to_string_lossy();
        self.argv
            .iter()
            .map(|part| {
                part.replace(CONNECTION_FILE, &file)
                    .replace("{resource_dir}", &resources)
            })
            .collect()
    }
}
