//! The agent in the foreground as the first process of a container (a PID namespace of its own), with a real kernel.

use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use processes::{Attached, Cloud, Workstation, test_python, until};
use tokio::process::{Child, Command};

const LIMIT: Duration = Duration::from_secs(60);
const AGENT: &str = "workstation-agent --cloud-url";

/// The state and the parent of a process.
fn stat(pid: i32) -> Option<(String, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// The children of a process, those that ended and were not collected among them.
fn children(parent: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent))
        .collect()
}

const NAMESPACE: [&str; 5] = ["-r", "-p", "-f", "--mount-proc", "--kill-child"];

/// The agent as the first process of a namespace, and its number outside; `None`, and why, where that cannot be.
async fn contained(workstation: &Workstation) -> Result<Option<(Child, i32)>> {
    let can = Command::new("unshare").args(NAMESPACE).arg("true").status();
    if !can.await.is_ok_and(|status| status.success()) {
        println!("skipped: no PID namespace can be made here");
        return Ok(None);
    }
    let python = test_python().display().to_string();
    // Detaching would mean that everything is killed with the container: it ends properly instead.
    let arguments = [
        "workstation",
        "run",
        "--on-stop",
        "detach",
        "--python-path",
        &python,
    ];
    let inside = workstation.runt(&arguments)?;
    let inside = inside.as_std();
    let mut command = Command::new("unshare");
    command
        .args(NAMESPACE)
        .arg(inside.get_program())
        .args(inside.get_args())
        .kill_on_drop(true);
    for (name, value) in inside.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let container = command.spawn()?;
    let agent = until("the agent", LIMIT, async || {
        let found = workstation.processes(AGENT);
        let first = found.into_iter().find(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status
                .lines()
                .any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"))
        });
        Ok(first)
    })
    .await?;
    Ok(Some((container, agent)))
}

#[tokio::test]
async fn the_first_process_collects_orphans_and_ends_everything_when_it_is_told_to() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "container");
    workstation.connect(&cloud).await?;
    let Some((mut container, agent)) = contained(&workstation).await? else {
        return Ok(());
    };
    let Attached { room, .. } = Attached::new(&cloud, &workstation, "container").await?;
    room.run("x = 41", LIMIT).await?;

    // A process whose parent is gone becomes the agent's, and is collected when it ends.
    let orphan = Command::new("nsenter")
        .args([
            "-t",
            &agent.to_string(),
            "-U",
            "-p",
            "-m",
            "--preserve-credentials",
        ])
        .args(["sh", "-c", "setsid sleep 2 >/dev/null 2>&1 &"])
        .status();
    assert!(orphan.await?.success());
    let orphan = until("the orphan", LIMIT, async || {
        let is_sleep = |pid: &i32| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with("sleep")
        };
        Ok(children(agent).into_iter().find(is_sleep))
    })
    .await?;
    until("the orphan to be collected", LIMIT, async || {
        Ok(stat(orphan)
            .is_none_or(|(_, parent)| parent != agent)
            .then_some(()))
    })
    .await?;

    // So is a kernel keeper whose runtime peer was killed.
    let peer = workstation.only("cloud-runtime-agent").await?;
    let keeper = workstation.only("kernel-keeper").await?;
    kill(Pid::from_raw(peer), Signal::SIGKILL)?;
    until("the keeper to be the agent's", LIMIT, async || {
        Ok(children(agent).contains(&keeper).then_some(()))
    })
    .await?;
    let answer = room.run("x + 1", LIMIT).await?;
    assert!(format!("{answer:?}").contains("42"), "{answer:?}");
    kill(Pid::from_raw(keeper), Signal::SIGKILL)?;
    until("the keeper to be collected", LIMIT, async || {
        Ok(stat(keeper)
            .is_none_or(|(_, parent)| parent != agent)
            .then_some(()))
    })
    .await?;

    kill(Pid::from_raw(agent), Signal::SIGTERM)?;
    let ended = tokio::time::timeout(LIMIT, container.wait()).await;
    assert_eq!(
        ended.context("the container does not end")??.code(),
        Some(0)
    );
    assert!(workstation.processes("runtimed").is_empty());
    // The room was told: nobody waits for this machine.
    until("the job to be over", LIMIT, async || {
        let said = room.runtime_at(&["workstation", "status"]).to_string();
        Ok((!said.contains("ready")).then_some(()))
    })
    .await
}
