//! The Python that kernels run on: finding it, and asking whether it has ipykernel (spec 2.7 and 2.8).

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

/// How long the interpreter may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest reason in a warning.
const REASON_LIMIT: usize = 200;

const PROBE: &str = "\
import json, os, sys, sysconfig
error = None
try:
    import ipykernel
except BaseException as e:
    error = f'{type(e).__name__}: {e}'
mark = os.path.join(sysconfig.get_paths()['stdlib'], 'EXTERNALLY-MANAGED')
managed = sys.prefix == sys.base_prefix and os.path.exists(mark)
print(json.dumps({'purelib': sysconfig.get_paths()['purelib'], 'import_ok': error is None, 'error': error, 'managed': managed}))
";

/// What asking the interpreter gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpykernelProbe {
    /// ipykernel can be imported.
    Present,
    /// It cannot, and is nowhere near.
    Missing {
        /// Whether the system keeps `pip` from installing anything for this interpreter (PEP 668).
        is_managed: bool,
    },
    /// It cannot, but other versions' packages beside it have it.
    ElsewhereOnly {
        /// The interpreter's own packages.
        purelib: PathBuf,
        /// Folders that have it.
        candidates: Vec<PathBuf>,
        /// As above.
        is_managed: bool,
    },
    /// The interpreter did not answer usefully.
    Failed {
        /// Why, one line.
        reason: String,
    },
}

/// Searches `PATH`: any `python3` before any `python`; only regular executable files count.
pub fn find_interpreter(path_variable: Option<&str>) -> Option<PathBuf> {
    ["python3", "python"]
        .into_iter()
        .find_map(|name| on_path(name.as_ref(), path_variable?))
}

fn on_path(name: &Path, path_variable: &str) -> Option<PathBuf> {
    let folders = path_variable.split(':').filter(|f| !f.is_empty());
    let mut candidates = folders.map(|folder| Path::new(folder).join(name));
    candidates.find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Makes an interpreter's path absolute without following links: a virtual environment's `python` is one. A bare name is
/// looked up on `PATH`, as a shell does.
pub fn absolute_interpreter(path: &Path, path_variable: Option<&str>) -> PathBuf {
    let is_bare = path.components().count() == 1 && path.is_relative();
    path_variable
        .filter(|_| is_bare)
        .and_then(|folders| on_path(path, folders))
        .or_else(|| std::path::absolute(path).ok())
        .unwrap_or_else(|| path.to_owned())
}

#[derive(Deserialize)]
struct Answer {
    purelib: PathBuf,
    import_ok: bool,
    #[serde(default)]
    managed: bool,
}

/// Asks the interpreter whether it has ipykernel. Notebook code may have made it, or packages that it loads when it
/// starts: the daemon starts it where it sees no secret.
pub async fn probe_ipykernel(interpreter: &Path, runtimed: &Path) -> IpykernelProbe {
    let mut command = Command::new(runtimed);
    command.args(["confined", "--usual", "--"]).arg(interpreter);
    probe_within(command, PROBE_TIMEOUT).await
}

async fn probe_within(mut command: Command, limit: Duration) -> IpykernelProbe {
    command
        .args(["-c", PROBE])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(limit, command.output()).await {
        Err(_) => {
            return failed(&format!(
                "it did not answer within {} seconds",
                limit.as_secs()
            ));
        }
        Ok(Err(error)) => return failed(&error.to_string()),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let line = stderr.lines().map(str::trim).find(|line| !line.is_empty());
        return failed(line.unwrap_or(&output.status.to_string()));
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(&output.stdout) else {
        return failed("its answer cannot be read");
    };
    if answer.purelib.as_os_str().is_empty() {
        return failed("it does not say where its packages are");
    }
    if answer.import_ok {
        return IpykernelProbe::Present;
    }
    let candidates = siblings_with_ipykernel(&answer.purelib);
    if candidates.is_empty() {
        IpykernelProbe::Missing {
            is_managed: answer.managed,
        }
    } else {
        IpykernelProbe::ElsewhereOnly {
            purelib: answer.purelib,
            candidates,
            is_managed: answer.managed,
        }
    }
}

fn failed(reason: &str) -> IpykernelProbe {
    let line: String = reason
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    let mut cut: String = line.chars().take(REASON_LIMIT).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    IpykernelProbe::Failed { reason: cut }
}

/// `lib/python*/site-packages` folders beside `purelib` that hold ipykernel.
fn siblings_with_ipykernel(purelib: &Path) -> Vec<PathBuf> {
    let Some(lib) = purelib.parent().and_then(Path::parent) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(lib).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("python"))
        .map(|entry| entry.path().join("site-packages"))
        .filter(|packages| packages != purelib && has_ipykernel(packages))
        .collect();
    found.sort();
    found
}

fn has_ipykernel(packages: &Path) -> bool {
    std::fs::read_dir(packages)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name == "ipykernel" || name.starts_with("ipykernel-") && name.ends_with(".dist-info")
        })
}

impl IpykernelProbe {
    /// The warning for people, when there is something to warn about.
    pub fn warning(&self, interpreter: &Path) -> Option<String> {
        let python = interpreter.display();
        match self {
            Self::Present => None,
            Self::Missing { is_managed } => Some(format!(
                "{python} has no ipykernel, so kernels cannot start with it\nHint: {}",
                install(interpreter, *is_managed)
            )),
            Self::ElsewhereOnly {
                purelib,
                candidates,
                is_managed,
            } => {
                let folders: Vec<_> = candidates
                    .iter()
                    .map(|c| format!("  {}", c.display()))
                    .collect();
                Some(format!(
                    "{python} has no ipykernel, so kernels cannot start with it\nIts packages are in {}; ipykernel was found in\n{}\nHint: {}",
                    purelib.display(),
                    folders.join("\n"),
                    install(interpreter, *is_managed)
                ))
            }
            Self::Failed { reason } => Some(format!(
                "{python} could not be asked whether it has ipykernel; kernels may fail to start\nReason: {reason}"
            )),
        }
    }
}

/// The commands that give an interpreter ipykernel, or one made of it where that is the system's own.
fn install(interpreter: &Path, is_managed: bool) -> String {
    const OWN: &str = "~/.local/share/runt/python";
    let python = interpreter.display();
    if is_managed {
        format!(
            "{python} -m venv {OWN} && {OWN}/bin/pip install ipykernel && runt workstation config set python_path {OWN}/bin/python"
        )
    } else {
        format!("{python} -m pip install ipykernel")
    }
}

#[cfg(test)]
mod tests;
