//! Finding a Python interpreter and asking whether it can run notebooks.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::confinement::{self, Confinement, SpawnError};
use crate::environment;
use crate::failure::{FailureClass, LaunchFailure};

/// How long the interpreter may take to answer (WS 2.8).
pub const PROBE_WAIT: Duration = Duration::from_secs(5);
/// Longest reason that is shown.
const REASON_CHARS: usize = 200;
/// Most output of the probe that is read.
const PROBE_OUTPUT_BYTES: u64 = 64 * 1024;
/// Prints one JSON object; `find_spec` would miss a package that cannot be imported.
const PROBE: &str = "\
import json, sys, sysconfig
out = {'purelib': sysconfig.get_paths()['purelib'], 'prefix': sys.prefix,
       'python': sys.version.split()[0], 'ipykernel': None, 'error': None}
try:
    import ipykernel
    out['ipykernel'] = getattr(ipykernel, '__version__', '')
except Exception as error:
    out['error'] = f'{type(error).__name__}: {error}'
print(json.dumps(out))
";

/// What an interpreter said about itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Interpreter {
    /// Its pure-Python package folder.
    pub purelib: PathBuf,
    /// Its installation or virtual environment.
    pub prefix: PathBuf,
    /// Its version.
    pub python: String,
    /// The version of `ipykernel`, when it can be imported.
    pub ipykernel: Option<String>,
    /// Why it cannot.
    pub error: Option<String>,
}

/// Finds the interpreter: the one given, else the active virtual or conda environment's, else the
/// first `python3`, then `python`, on the path.
///
/// `variable` looks up an environment variable.
pub fn find(
    given: Option<&Path>,
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    for active in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        let python = variable(active).map(|dir| PathBuf::from(dir).join("bin/python"));
        if let Some(python) = python.filter(|path| is_executable(path)) {
            return Some(python);
        }
    }
    on_path(&variable("PATH")?)
}

fn on_path(path: &OsStr) -> Option<PathBuf> {
    ["python3", "python"].iter().find_map(|name| {
        std::env::split_paths(path)
            .filter(|dir| !dir.as_os_str().is_empty())
            .map(|dir| dir.join(name))
            .find(|candidate| is_executable(candidate))
    })
}

pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Asks the interpreter about itself, within `limit`. Notebook code may have made it, or packages that it loads when it
/// starts: it is confined as kernels are.
pub async fn probe(
    python: &Path,
    limit: Duration,
    confinement: Option<&Confinement>,
) -> Result<Interpreter, LaunchFailure> {
    let shown = python.display();
    let argv = [python.as_os_str(), "-c".as_ref(), PROBE.as_ref()].map(ToOwned::to_owned);
    let work = async {
        let mut child = confinement::spawn(confinement, &argv, &[], set_up).await?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = tokio::join!(read_limited(out), read_limited(err));
        Ok((child.wait().await, stdout, stderr))
    };
    let Ok(answer) = tokio::time::timeout(limit, work).await else {
        let what = format!("`{shown}` did not answer within {} s", limit.as_secs());
        return Err(LaunchFailure::new(FailureClass::StartupTimeout, what));
    };
    let (status, stdout, stderr) = answer.map_err(|error: SpawnError| {
        let class = match error {
            SpawnError::Program(_) => FailureClass::ToolBootstrap,
            SpawnError::View(_) => FailureClass::Other,
        };
        LaunchFailure::new(class, format!("`{shown}` cannot be started: {error}"))
    })?;
    let reason = |text: &str| {
        let what = format!("`{shown}` cannot be asked about `ipykernel`: {text}");
        LaunchFailure::new(FailureClass::Misconfiguration, what)
    };
    match status {
        Ok(status) if status.success() => {
            serde_json::from_slice(&stdout).map_err(|_| reason("its answer is not understood"))
        }
        _ => {
            let stderr = String::from_utf8_lossy(&stderr);
            let line = stderr.lines().next().unwrap_or("it ended without a word");
            Err(reason(&cut(line)))
        }
    }
}

fn set_up(command: &mut Command) {
    command
        .env_clear()
        .envs(environment::inherited())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
}

fn cut(text: &str) -> String {
    if text.chars().count() <= REASON_CHARS {
        return text.to_owned();
    }
    let head: String = text.chars().take(REASON_CHARS - 1).collect();
    format!("{head}…")
}

async fn read_limited<R: tokio::io::AsyncRead + Unpin>(from: Option<R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What could not be read is shown as missing by the caller.
        let _ = from.take(PROBE_OUTPUT_BYTES).read_to_end(&mut bytes).await;
    }
    bytes
}

#[cfg(test)]
mod tests;
