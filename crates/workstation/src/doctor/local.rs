//! The checks that need no network.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use agent_core::Order;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Finding, Patient};
use crate::storage::NO_SPACE;
use crate::{
    ControlError, ResolvedCredential, RunningAgent, absolute_interpreter, detect_accelerators,
    find_interpreter, find_runtimed, installed_build, probe_ipykernel, probe_protection,
    resolve_credential, tell_agent,
};

/// How long a program of ours, or this machine itself, may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// Free space that outputs and logs soon fill.
const LITTLE_SPACE: u64 = 1024 * 1024 * 1024;

pub(super) fn credential(
    patient: &Patient,
    findings: &mut Vec<Finding>,
) -> Option<ResolvedCredential> {
    let path = patient.folders.credential_file();
    let credential = match resolve_credential(&patient.env, &patient.folders) {
        Ok(credential) => credential,
        Err(error) => {
            findings.push(Finding::of_error("credential", &error));
            return None;
        }
    };
    let shown = path.display();
    findings.push(match path.metadata() {
        Err(_) => Finding::ok(
            "credential",
            format!("from the environment, for {}", credential.base),
        ),
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => Finding::problem(
            "credential",
            format!("others may read {shown}"),
            format!("chmod 600 {shown}"),
        ),
        Ok(meta) if meta.uid() != rustix::process::geteuid().as_raw() => Finding::warning(
            "credential",
            format!("{shown} belongs to another user"),
            "pair this machine as the user who serves",
        ),
        Ok(_) => Finding::ok("credential", format!("{shown}, for {}", credential.base)),
    });
    Some(credential)
}

pub(super) async fn program(patient: &Patient) -> Finding {
    let path = match find_runtimed(&patient.program) {
        Ok(path) => path,
        Err(error) => return Finding::of_error("program", &error),
    };
    let mut command = tokio::process::Command::new(&path);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let shown = path.display();
    let again = "install `runt` and `runtimed` of one version again";
    let Ok(Ok(output)) = timeout(LIMIT, command.output()).await else {
        return Finding::problem("program", format!("{shown} does not start"), again);
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split_whitespace().last().unwrap_or_default();
    let own = env!("CARGO_PKG_VERSION");
    if version == own {
        Finding::ok("program", format!("{shown}, version {version}"))
    } else {
        Finding::warning(
            "program",
            format!("{shown} is version {version:?}, this `runt` is {own}"),
            again,
        )
    }
}

pub(super) fn settings(patient: &Patient) -> Option<Finding> {
    match &patient.settings {
        Err(error) => Some(Finding::of_error("settings", error)),
        Ok(settings) => {
            let folder = settings.working_directory.as_ref()?;
            (!folder.is_dir()).then(|| {
                Finding::problem(
                    "settings",
                    format!("the working directory {} is not a folder", folder.display()),
                    "make it, or `runt workstation config set working_directory FOLDER`",
                )
            })
        }
    }
}

/// A missing daemon, without which it cannot be asked, is told already.
pub(super) async fn python(patient: &Patient, agent: &Answered) -> Option<Finding> {
    let daemon = find_runtimed(&patient.program).ok()?;
    let path = patient.env.get("PATH");
    let running = agent.as_ref().ok().and_then(|agent| agent.python.clone());
    let settings = patient.settings.as_ref().ok();
    let asked = running.or_else(|| settings?.python_path.clone());
    let Some(python) = asked.or_else(|| find_interpreter(path)) else {
        return Some(Finding::problem(
            "python",
            "no python3 or python was found on PATH",
            "install Python, or `runt workstation config set python_path PYTHON`",
        ));
    };
    let python = absolute_interpreter(&python, path);
    let found = probe_ipykernel(&python, &daemon).await;
    Some(match found.warning(&python) {
        None => Finding::ok("python", format!("{} has ipykernel", python.display())),
        Some(warning) => Finding::of_error("python", &warning),
    })
}

/// Where files go: whether they can be written, and whether there is space.
pub(super) fn folders(patient: &Patient) -> Vec<Finding> {
    let state = &patient.folders.state;
    // What is not there yet is made in the nearest folder that is.
    let existing = state.ancestors().find(|folder| folder.is_dir());
    let existing = existing.unwrap_or(Path::new("/"));
    let shown = existing.display();
    let mut findings = vec![match tempfile::tempfile_in(existing) {
        Ok(_) => Finding::ok("folders", format!("{} can be written", state.display())),
        Err(error) => Finding::problem(
            "folders",
            format!("{shown} cannot be written: {error}"),
            "give this user the right to write there, or set XDG_STATE_HOME to another folder",
        ),
    }];
    if let Ok(space) = rustix::fs::statvfs(existing) {
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let text = format!("{} MiB free on the disk of {shown}", free / (1024 * 1024));
        let hint = format!("make space; ended jobs lie in {}", state.display());
        findings.push(match free {
            0..NO_SPACE => Finding::problem("disk", text, hint),
            NO_SPACE..LITTLE_SPACE => Finding::warning("disk", text, hint),
            _ => Finding::ok("disk", text),
        });
    }
    findings
}

/// Whether another user keeps kernels from having their sockets in `/tmp`, where there is no runtime folder.
pub(super) fn sockets(patient: &Patient) -> Option<Finding> {
    let user = rustix::process::getuid().as_raw();
    let is_own = |dir: &str| {
        Path::new(dir)
            .metadata()
            .is_ok_and(|meta| meta.uid() == user)
    };
    if patient.env.get("XDG_RUNTIME_DIR").is_some_and(is_own) {
        return None;
    }
    place_of_sockets(Path::new(&format!("/tmp/runt-{user}")), user)
}

fn place_of_sockets(folder: &Path, user: u32) -> Option<Finding> {
    let meta = folder.symlink_metadata().ok()?;
    let is_private =
        meta.is_dir() && meta.uid() == user && meta.permissions().mode() & 0o777 == 0o700;
    (!is_private).then(|| {
        Finding::warning(
            "sockets",
            format!(
                "{} is no folder of this user alone, so kernels are reached over 127.0.0.1 where the path of their own is long",
                folder.display()
            ),
            "let its owner or root remove it, or set XDG_RUNTIME_DIR to a folder of this user",
        )
    })
}

/// Kernels are spoken to over loopback.
pub(super) async fn loopback() -> Finding {
    let talk = async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mut here, there) = tokio::try_join!(TcpStream::connect(address), listener.accept())?;
        let mut there = there.0;
        here.write_all(b"x").await?;
        there.read_exact(&mut [0]).await
    };
    match timeout(LIMIT, talk).await {
        Ok(Ok(_)) => Finding::ok("loopback", "127.0.0.1 can be used"),
        failed => {
            let cause = match failed {
                Ok(Err(error)) => error.to_string(),
                _ => "nothing arrives".to_owned(),
            };
            Finding::problem(
                "loopback",
                format!("connections on this machine itself (127.0.0.1) fail: {cause}"),
                "allow them in the firewall or the sandbox; kernels are spoken to in this way",
            )
        }
    }
}

pub(super) async fn gpu() -> Vec<Finding> {
    let found = detect_accelerators().await.unwrap_or_default();
    let findings = found.iter().map(|accelerator| {
        let name = accelerator.name();
        match accelerator.trouble() {
            None => Finding::ok("gpu", name),
            Some(trouble) => Finding::warning(
                "gpu",
                format!("{name}: {trouble}"),
                "install the driver, and let this user open its devices (/dev/nvidia*, /dev/dri)",
            ),
        }
    });
    findings.collect()
}

/// Whether notebook code is kept from the credential; a missing daemon is told already.
pub(super) async fn protection(patient: &Patient) -> Option<Finding> {
    let daemon = find_runtimed(&patient.program).ok()?;
    let protection = probe_protection(&daemon).await;
    if let Some(why) = protection.trouble {
        return Some(Finding::problem(
            "protection",
            format!(
                "notebook code cannot be kept from the credential now, so no kernel starts: {why}"
            ),
            "end what uses up the user namespaces (sysctl user.max_user_namespaces), or start the machine anew",
        ));
    }
    Some(match protection.unprotected {
        None => Finding::ok(
            "protection",
            "notebook code reaches neither credential nor agent",
        ),
        Some(why) => Finding::warning(
            "protection",
            format!("unprotected: notebook code can read the credential; {why}"),
            "serve as a user other than root, and allow that user namespaces; see docs/remote-workstation.md, Secrets",
        ),
    })
}

/// Whether what runs for the user ends with the last login; only where systemd looks after that.
pub(super) fn linger(patient: &Patient) -> Option<Finding> {
    if !Path::new("/run/systemd/system").is_dir() || rustix::process::geteuid().is_root() {
        return None;
    }
    let user = patient.env.get("USER").or(patient.env.get("LOGNAME"))?;
    if Path::new("/var/lib/systemd/linger").join(user).exists() {
        return Some(Finding::ok(
            "linger",
            format!("kernels of {user} outlive the login"),
        ));
    }
    Some(Finding::warning(
        "linger",
        format!("a user service of {user} ends with the last login"),
        format!("loginctl enable-linger {user}"),
    ))
}

/// The running agent, or why none answers.
pub(super) type Answered = Result<RunningAgent, ControlError>;

pub(super) async fn ask_agent(patient: &Patient) -> Answered {
    tell_agent(&patient.folders, &patient.workstation_id, &Order::Status).await
}

pub(super) fn agent(answered: Answered) -> Finding {
    match answered {
        Err(ControlError::NoAgent) => Finding::warning(
            "agent",
            "no agent runs on this machine",
            "runt workstation run",
        ),
        Err(error) => Finding::of_error("agent", &error),
        Ok(agent) if agent.version != installed_build() => Finding::warning(
            "agent",
            format!(
                "the running agent is {}, this is {}",
                agent.version,
                installed_build()
            ),
            "restart the agent; kernels live on with `--on-stop detach`",
        ),
        Ok(agent) if agent.status.storage.is_some() => Finding::problem(
            "agent",
            format!(
                "process {} takes no new notebooks: {}",
                agent.pid,
                agent.status.storage.unwrap_or_default()
            ),
            "make space, or let this user write there; what runs goes on",
        ),
        Ok(agent) => match agent.status.trouble {
            Some(trouble) => Finding::warning(
                "agent",
                format!("process {}: {trouble}", agent.pid),
                "see the checks of the network",
            ),
            None => Finding::ok("agent", format!("process {} is running", agent.pid)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_for_sockets_that_is_not_ours_alone_is_told() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("runt-1");
        let user = place.path().metadata().unwrap().uid();
        assert_eq!(place_of_sockets(&folder, user), None);
        std::fs::create_dir(&folder).unwrap();
        let may = |mode| {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        may(0o700);
        assert_eq!(place_of_sockets(&folder, user), None);
        assert!(place_of_sockets(&folder, user + 1).is_some());
        may(0o770);
        assert!(place_of_sockets(&folder, user).is_some());
    }
}
