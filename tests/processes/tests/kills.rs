//! Kills that must cost nothing: SIGKILL to the agent and to the cloud in the middle of a cell.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Cloud, Machine, Room, until};
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(60);

/// Prints one numbered line every 100 ms, then the kernel's process id.
fn counting(lines: usize) -> String {
    format!(
        "import os, time\nfor i in range({lines}):\n    print(i, flush=True)\n    time.sleep(0.1)\nprint('pid', os.getpid())"
    )
}

fn numbered(lines: usize) -> Vec<String> {
    (0..lines).map(|number| number.to_string()).collect()
}

struct Scene {
    cloud: Cloud,
    machine: Machine,
    room: Room,
    notebook: String,
    execution: String,
}

/// A cell of so many lines that has begun to print.
async fn printing(lines: usize) -> Result<Scene> {
    let cloud = Cloud::start().await?;
    let machine = Machine::paired(&cloud, "machine").await?;
    let notebook = cloud.create_notebook("kills").await?;
    let room = Room::join(&cloud, &notebook).await?;
    cloud.attach(&notebook, &machine.id()?).await?;
    room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
        .await?;
    let cell = room.cells().into_iter().next().context("no cell")?;
    room.set_source(&cell, &counting(lines)).await?;
    let execution = room.execute(&cell).await?;
    room.execution_when(&execution, "the first lines", LIMIT, |now| {
        !now.outputs.is_empty()
    })
    .await?;
    Ok(Scene {
        cloud,
        machine,
        room,
        notebook,
        execution,
    })
}

async fn assert_complete(scene: &Scene, room: &Room, lines: usize) -> Result<()> {
    let execution = room
        .finished(&scene.execution, LIMIT)
        .await
        .with_context(|| scene.machine.log())?;
    assert_eq!(execution.status, "done", "{execution:?}");
    let text = room
        .text(&scene.cloud, &scene.notebook, &execution, "stdout")
        .await?;
    let printed: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(
        printed[..printed.len() - 1],
        numbered(lines),
        "lines are missing or doubled"
    );
    assert!(printed[lines].starts_with("pid "), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_killed_agent_comes_back_and_adopts_the_running_peer() -> Result<()> {
    let mut scene = printing(80).await?;
    let peers = scene.machine.processes("cloud-runtime-agent");
    scene.machine.kill_agent().await?;
    scene.machine.start(&e2e::python()?)?;
    assert_complete(&scene, &scene.room, 80).await?;
    assert_eq!(
        scene.machine.processes("cloud-runtime-agent"),
        peers,
        "the peer was not adopted"
    );
    let again = scene.room.run("print('still here')", LIMIT).await?;
    assert_eq!(
        (again.status.as_str(), again.count),
        ("done", Some(2)),
        "another kernel answered"
    );
    scene.machine.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_cloud_that_is_dead_for_45_seconds_costs_no_line() -> Result<()> {
    let mut scene = printing(200).await?;
    let kernels = scene.machine.processes("ipykernel");
    scene.cloud.kill().await?;
    let dead_until = Instant::now() + Duration::from_secs(45);
    until("the room's socket to break", LIMIT, async || {
        Ok((!scene.room.is_open()).then_some(()))
    })
    .await?;
    tokio::time::sleep_until(dead_until).await;
    scene.cloud.spawn().await?;
    let room = Room::join(&scene.cloud, &scene.notebook).await?;
    assert_complete(&scene, &room, 200).await?;
    assert_eq!(
        scene.machine.processes("ipykernel"),
        kernels,
        "the kernel was replaced"
    );
    assert_eq!(room.run("print('still here')", LIMIT).await?.count, Some(2));
    scene.machine.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_kernel_killed_mid_cell_ends_the_cell_as_error() -> Result<()> {
    let scene = printing(600).await?;
    for pid in scene.machine.processes("ipykernel") {
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGKILL,
        )?;
    }
    let execution = scene.room.finished(&scene.execution, LIMIT).await?;
    assert_eq!(execution.status, "error");
    scene
        .room
        .runtime_is(&["kernel", "lifecycle"], "Error", LIMIT)
        .await?;
    Ok(())
}
