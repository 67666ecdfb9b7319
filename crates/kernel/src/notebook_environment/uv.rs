//! uv: where it is, and running it with its words as progress.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::confinement::{self, Confinement, SpawnError};
use crate::environment;
use crate::failure::{FailureClass, LaunchFailure};
use crate::process::signal_group;
use crate::protocol::ExitCause;

/// How long uv may take to say its version.
const PROBE_WAIT: Duration = Duration::from_secs(10);
/// Lines of uv that are shown when it fails, and the longest.
const TAIL_LINES: usize = 20;
const LINE_BYTES: u64 = 1000;
/// Longest progress that is shown.
const PROGRESS_CHARS: usize = 80;
/// What an active environment sets: uv must not take it for the one that is meant.
const ACTIVE: [&str; 3] = ["VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT"];

/// A uv that answers.
#[derive(Debug)]
pub(super) struct Uv<'a> {
    argv: Vec<OsString>,
    confinement: Option<&'a Confinement>,
}

/// The uv of the path, of the interpreter (`python -m uv`), or of the home folder.
pub(super) async fn find<'a>(
    python: &Path,
    confinement: Option<&'a Confinement>,
) -> Result<Uv<'a>, LaunchFailure> {
    let plain = |program: PathBuf| vec![program.into_os_string()];
    let module = vec![python.into(), "-m".into(), "uv".into()];
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let installed = [".local/bin/uv", ".cargo/bin/uv"]
        .into_iter()
        .filter_map(|place| Some(plain(home.as_ref()?.join(place))));
    let candidates = [plain("uv".into()), module].into_iter().chain(installed);
    for argv in candidates {
        let uv = Uv { argv, confinement };
        if uv.answers().await {
            return Ok(uv);
        }
    }
    let what = "the notebook declares its packages, and this machine has no `uv` to install them";
    let mut failure = LaunchFailure::new(FailureClass::ToolBootstrap, what);
    failure.hint = Some(format!(
        "install it on the machine (`{} -m pip install uv`), or take the declaration out of the notebook; a \
         workstation runs all notebooks without environments of their own after `runt workstation config set \
         environments off`",
        python.display()
    ));
    Err(failure)
}

impl Uv<'_> {
    async fn start(
        &self,
        arguments: &[&str],
        set_up: impl Fn(&mut Command),
    ) -> Result<Child, SpawnError> {
        let mut argv = self.argv.clone();
        argv.extend(arguments.iter().map(OsString::from));
        let set_up = |command: &mut Command| {
            let inherited = environment::inherited().into_iter();
            let inherited =
                inherited.filter(|(name, _)| !ACTIVE.iter().any(|active| name == active));
            command
                .env_clear()
                .envs(inherited)
                .env("NO_COLOR", "1")
                .stdout(Stdio::null())
                .process_group(0)
                .kill_on_drop(true);
            set_up(command);
        };
        confinement::spawn(self.confinement, &argv, &[], set_up).await
    }

    async fn answers(&self) -> bool {
        let ended = async {
            let quiet = |command: &mut Command| {
                command.stderr(Stdio::null());
            };
            let mut child = self.start(&["--version"], quiet).await.ok()?;
            child.wait().await.ok()
        };
        matches!(timeout(PROBE_WAIT, ended).await, Ok(Some(status)) if status.success())
    }

    /// Runs it in a folder; when it fails, its last words are the reason.
    pub(super) async fn run(
        &self,
        arguments: &[&str],
        folder: &Path,
        progress: &watch::Sender<String>,
    ) -> Result<(), LaunchFailure> {
        let broken = |error: SpawnError| {
            let what = format!("`uv` cannot be run: {error}");
            LaunchFailure::new(FailureClass::ToolBootstrap, what)
        };
        let there = |command: &mut Command| {
            command.current_dir(folder).stderr(Stdio::piped());
        };
        let mut child = self.start(arguments, there).await.map_err(broken)?;
        let _group = Group(child.id().map_or(0, |pid| pid as i32));
        let mut tail = VecDeque::new();
        if let Some(pipe) = child.stderr.take() {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            while let Ok(1..) = (&mut lines)
                .take(LINE_BYTES)
                .read_until(b'\n', &mut line)
                .await
            {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if let Some(step) = step(&text) {
                    progress.send_replace(step);
                }
                if tail.len() == TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(text);
            }
        }
        let status = child.wait().await.map_err(|error| broken(error.into()))?;
        if status.success() {
            return Ok(());
        }
        let exit = ExitCause::from(status);
        let what = format!(
            "the packages that the notebook declares cannot be installed: uv ended with {exit}"
        );
        let mut failure = LaunchFailure::new(FailureClass::Misconfiguration, what);
        failure.command = format!("uv {}", arguments.join(" "));
        failure.exit = Some(exit);
        failure.stderr_tail = tail.into();
        failure.hint = Some(
            "mend what the notebook declares (or the machine's network), then restart the kernel"
                .to_owned(),
        );
        Err(failure)
    }
}

/// Ends uv with all it started, compilers too.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        signal_group(self.0, Signal::KILL);
    }
}

/// What a line of uv says about how far it is.
fn step(line: &str) -> Option<String> {
    let line = line.trim();
    let (verb, rest) = line.split_once(' ')?;
    let text = match verb {
        "Downloading" => format!("downloading {rest}"),
        "Building" => format!("building {rest}"),
        "Resolved" => format!("installing {}", rest.split(" in ").next()?),
        _ => return None,
    };
    Some(text.chars().take(PROGRESS_CHARS).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_of_uv_become_progress() {
        for (line, expected) in [
            (
                "Downloading numpy (16.1MiB)",
                Some("downloading numpy (16.1MiB)"),
            ),
            (
                "   Building local @ file:///x",
                Some("building local @ file:///x"),
            ),
            (
                "Resolved 30 packages in 366ms",
                Some("installing 30 packages"),
            ),
            (" + attrs==26.1.0", None),
            ("", None),
        ] {
            assert_eq!(super::step(line).as_deref(), expected, "{line}");
        }
    }
}
