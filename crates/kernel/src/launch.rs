//! Starting a kernel: spawn, then a race of three: it answers, it ends, time is up.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::channels::{Channels, read_raw, send};
use crate::confinement::{self, Confinement, SpawnError};
use crate::endpoint::Endpoint;
use crate::environment;
use crate::failure::{FailureClass, LaunchFailure};
use crate::journal::{Channel, JournalWriter};
use crate::memory;
use crate::protocol::{ExitCause, Outgoing};
use crate::spec::LaunchSpec;
use crate::stderr_log::{self, StderrTail};

/// How long the sockets may take to appear (WS 5.5).
const SOCKET_WAIT: Duration = Duration::from_secs(30);
/// How often they are looked for; five look-ups in the page cache.
const SOCKET_POLL: Duration = Duration::from_millis(2);
/// How long connecting and the answer to `kernel_info_request` may take (WS-293).
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Pause before a connection that broke off is made anew.
const MEET_PAUSE: Duration = Duration::from_millis(50);
/// How long the subscription may take to work before the request is sent again.
const SUBSCRIPTION_WAIT: Duration = Duration::from_millis(100);
/// How long the last lines of stderr may take after the process ended.
const STDERR_WAIT: Duration = Duration::from_millis(500);
/// The kernel's stderr, in the job's folder.
const LOG_NAME: &str = "kernel.log";

/// A kernel that answered.
pub(crate) struct Launched {
    pub child: Child,
    pub pid: i32,
    pub channels: Channels,
    pub endpoint: Endpoint,
    pub kernel_info: Value,
    /// See [`memory::kills`], before it started.
    pub memory_kills: Option<u64>,
    pub stderr: StderrTail,
    pub stderr_task: tokio::task::JoinHandle<()>,
}

/// Kills the kernel's group and removes its files unless the launch came to its end.
struct Guard {
    endpoint: Option<Endpoint>,
    pid: i32,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(endpoint) = &self.endpoint {
            crate::process::signal_group(self.pid, rustix::process::Signal::KILL);
            endpoint.remove_files();
        }
    }
}

/// Starts the kernel and waits until it answers. What arrives meanwhile is journaled.
///
/// Dropping the future kills what was started.
pub(crate) async fn launch(
    spec: &LaunchSpec,
    job_dir: &Path,
    journal: &JournalWriter,
    confinement: Option<&Confinement>,
) -> Result<Launched, LaunchFailure> {
    let endpoint = Endpoint::create(job_dir, spec.ipc)?;
    let argv = spec.command_line(&endpoint.file);
    let memory_kills = memory::kills();
    let shown = endpoint.folders();
    let mut guard = Guard {
        endpoint: Some(endpoint),
        pid: 0,
    };
    let mut child = start(spec, &argv, confinement, &shown).await?;
    let pid = child.id().map_or(0, |pid| pid as i32);
    guard.pid = pid;
    if let Some(endpoint) = &mut guard.endpoint {
        endpoint.listeners.clear();
    }
    memory::goes_first(pid);
    if let Some(bytes) = spec.process_memory {
        memory::limit(pid, bytes);
    }
    let stderr = StderrTail::default();
    let stderr_task = match child.stderr.take() {
        Some(pipe) => tokio::spawn(stderr_log::drain(
            pipe,
            stderr.clone(),
            job_dir.join(LOG_NAME),
        )),
        None => tokio::spawn(async {}),
    };
    let raced = {
        let endpoint = guard.endpoint.as_ref();
        let handshake = handshake(endpoint, journal);
        tokio::select! {
            biased;
            status = child.wait() => Err(exited(ExitCause::seen(status.ok(), memory_kills))),
            done = handshake => done,
        }
    };
    match raced {
        Ok((channels, kernel_info)) => {
            let Some(endpoint) = guard.endpoint.take() else {
                return Err(LaunchFailure::new(
                    FailureClass::Other,
                    "the launch lost its files",
                ));
            };
            Ok(Launched {
                child,
                pid,
                channels,
                endpoint,
                kernel_info,
                memory_kills,
                stderr,
                stderr_task,
            })
        }
        Err(failure) => {
            drop(guard);
            // The log's last lines are worth a moment; a grandchild may hold the pipe for ever.
            let _ = timeout(STDERR_WAIT, stderr_task).await;
            Err(explain(failure, &argv, stderr.lines()))
        }
    }
}

/// Starts the kernel where it does not see this machine's secrets, or plainly where there is no such place.
async fn start(
    spec: &LaunchSpec,
    argv: &[String],
    confinement: Option<&Confinement>,
    shown: &[PathBuf],
) -> Result<Child, LaunchFailure> {
    let Some(program) = argv.first() else {
        return Err(LaunchFailure::new(
            FailureClass::Misconfiguration,
            "no program to start",
        ));
    };
    if !spec.cwd.is_dir() {
        let what = format!(
            "the working directory `{}` does not exist",
            spec.cwd.display()
        );
        let mut failure = LaunchFailure::new(FailureClass::ToolBootstrap, what);
        program.clone_into(&mut failure.command);
        return Err(failure);
    }
    let line: Vec<OsString> = argv.iter().map(OsString::from).collect();
    confinement::spawn(confinement, &line, shown, |command| set_up(command, spec))
        .await
        .map_err(|error| match error {
            SpawnError::Program(error) => cannot_start(program, &error),
            SpawnError::View(_) => LaunchFailure::new(FailureClass::Other, error.to_string()),
        })
}

fn set_up(command: &mut Command, spec: &LaunchSpec) {
    command
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(environment::inherited())
        .env("COLUMNS", "128")
        .env("LINES", "100")
        // ipykernel ends by itself when this process is gone.
        .env("JPY_PARENT_PID", std::process::id().to_string())
        .envs(
            spec.env
                .iter()
                .filter(|(name, value)| environment::may_reach_kernel(name, value)),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
}

fn cannot_start(program: &str, error: &std::io::Error) -> LaunchFailure {
    let class = match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
            FailureClass::ToolBootstrap
        }
        _ => FailureClass::Other,
    };
    let mut failure = LaunchFailure::new(class, format!("`{program}` cannot be started: {error}"));
    program.clone_into(&mut failure.command);
    failure
}

async fn handshake(
    endpoint: Option<&Endpoint>,
    journal: &JournalWriter,
) -> Result<(Channels, Value), LaunchFailure> {
    let Some(endpoint) = endpoint else {
        return Err(LaunchFailure::new(
            FailureClass::Other,
            "the launch lost its files",
        ));
    };
    wait_for_sockets(endpoint).await?;
    let mut last = None;
    let answered = timeout(ANSWER_WAIT, async {
        loop {
            match meet(endpoint, journal).await {
                Ok(done) => return done,
                Err(error) => last = Some(error.to_string()),
            }
            sleep(MEET_PAUSE).await;
        }
    });
    match (answered.await, last) {
        (Ok(done), _) => Ok(done),
        (Err(_), Some(error)) => Err(LaunchFailure::new(
            FailureClass::RetryableStartupTransport,
            error,
        )),
        (Err(_), None) => Err(timed_out()),
    }
}

/// Connects and asks. A kernel that has only just begun to listen may let a connection go.
async fn meet(
    endpoint: &Endpoint,
    journal: &JournalWriter,
) -> Result<(Channels, Value), crate::channels::ChannelError> {
    let mut channels = Channels::connect(&endpoint.info).await?;
    let info = first_answer(&mut channels, journal).await?;
    Ok((channels, info))
}

async fn wait_for_sockets(endpoint: &Endpoint) -> Result<(), LaunchFailure> {
    let sockets = endpoint.sockets();
    let deadline = Instant::now() + SOCKET_WAIT;
    while let Some(missing) = sockets.iter().find(|path| !path.exists()) {
        if Instant::now() >= deadline {
            let what = format!(
                "the kernel did not listen within {} s (`{}` is missing)",
                SOCKET_WAIT.as_secs(),
                missing.display()
            );
            return Err(LaunchFailure::new(FailureClass::StartupTimeout, what));
        }
        sleep(SOCKET_POLL).await;
    }
    Ok(())
}

/// Asks for `kernel_info` until both the reply and the first broadcast have been seen: only then
/// does the subscription work and no output can be missed.
async fn first_answer(
    channels: &mut Channels,
    journal: &JournalWriter,
) -> Result<Value, crate::channels::ChannelError> {
    let mut info = None;
    let mut subscribed = false;
    loop {
        if let Some(info) = info.take_if(|_| subscribed) {
            return Ok(info);
        }
        let request = Outgoing {
            channel: Channel::Shell,
            msg_type: "kernel_info_request".to_owned(),
            msg_id: uuid::Uuid::new_v4().to_string(),
            content: json!({}),
            metadata: Value::Null,
            parent_header: Value::Null,
            echo: None,
            buffers: Vec::new(),
        };
        send(&mut channels.shell.0, request).await?;
        let again = sleep(SUBSCRIPTION_WAIT);
        tokio::pin!(again);
        while info.is_none() || !subscribed {
            tokio::select! {
                reply = read_raw(&mut channels.shell.1) => {
                    let parts = reply?;
                    info = parts.get(3).and_then(|content| wire::json::parse(content).ok());
                    journal.append(Channel::Shell, parts).await;
                }
                message = read_raw(&mut channels.iopub) => {
                    journal.append(Channel::Iopub, message?).await;
                    subscribed = true;
                }
                () = &mut again, if info.is_some() => break,
            }
        }
    }
}

fn exited(exit: ExitCause) -> LaunchFailure {
    let mut failure = LaunchFailure::new(
        FailureClass::ProcessExited,
        format!("the kernel ended before it answered ({exit})"),
    );
    failure.exit = Some(exit);
    failure
}

fn timed_out() -> LaunchFailure {
    let what = format!(
        "the kernel did not answer within {} s",
        ANSWER_WAIT.as_secs()
    );
    LaunchFailure::new(FailureClass::StartupTimeout, what)
}

/// Adds what the process said; recognises the most common reason.
fn explain(failure: LaunchFailure, argv: &[String], stderr: Vec<String>) -> LaunchFailure {
    let program = argv.first().map_or("", String::as_str);
    let lacks_ipykernel = failure.class == FailureClass::ProcessExited
        && stderr
            .iter()
            .any(|line| line.contains("No module named") && line.contains("ipykernel"));
    let mut failure = if lacks_ipykernel {
        LaunchFailure {
            exit: failure.exit,
            ..LaunchFailure::missing_ipykernel(program)
        }
    } else {
        failure
    };
    program.clone_into(&mut failure.command);
    failure.stderr_tail = stderr;
    failure
}

#[cfg(test)]
mod tests;
