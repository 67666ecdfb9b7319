//! What to start: one kernel's command, folder and environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::notebook_environment::NotebookEnvironment;
use crate::python_environment;

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
    /// Where its environment comes from, when neither a kernelspec nor the interpreter says it.
    #[serde(default)]
    pub env_source: Option<String>,
    /// A file that is locked while the kernel runs, so that its environment stays.
    #[serde(default)]
    pub in_use: Option<PathBuf>,
}

impl LaunchSpec {
    /// ipykernel in the given interpreter (WS-287), its environment active.
    pub fn current_python(python: &Path, cwd: &Path) -> Self {
        let env = python_environment::activation(python, std::env::var_os("PATH").as_deref());
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
            env,
            interrupt_mode: InterruptMode::Signal,
            resource_dir: None,
            kernelspec: None,
            ipc: true,
            process_memory: None,
            env_source: None,
            in_use: None,
        }
    }

    /// ipykernel in an environment of the notebook's own.
    pub fn in_environment(environment: NotebookEnvironment, source: &str, cwd: &Path) -> Self {
        Self {
            env_source: Some(source.to_owned()),
            in_use: Some(environment.in_use),
            ..Self::current_python(&environment.python, cwd)
        }
    }

    /// The same, and an ipykernel keeps its history in memory: a run of a file is none of its user's own, and several at
    /// once would share one database.
    #[must_use]
    pub fn without_history(mut self) -> Self {
        let is_ipykernel = |part: &String| part.starts_with("ipykernel");
        if self.argv.iter().any(is_ipykernel) {
            self.argv
                .push("--HistoryManager.hist_file=:memory:".to_owned());
        }
        self
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
