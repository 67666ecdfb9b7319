//! Kills in the middle of a cell. Of the agent, the runtime peer, the cloud and the link they cost
//! nothing; of the kernel and its keeper they cost the cell and nothing else.

mod keeper_relay;
mod scene;

use std::time::Duration;

use anyhow::{Context as _, Result};
use keeper_relay::KeeperRelay;
use nix::sys::signal::Signal;
use processes::{Room, test_python, until};
use reqwest::Method;
use scene::{LIMIT, Moment, Scene, moments, number, signal};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

/// Repetitions that wait at the same time: it is the waiting that takes long.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn a_killed_agent_comes_back_and_adopts_the_running_peer() -> Result<()> {
    for moment in moments() {
        let mut scene = Scene::printing(60, moment).await?;
        let peer = scene.process("cloud-runtime-agent")?;
        scene.workstation.kill_agent().await?;
        scene.workstation.start(&test_python())?;
        scene.complete(&scene.room).await?;
        assert_eq!(
            scene.process("cloud-runtime-agent")?,
            peer,
            "the peer was not adopted"
        );
        scene.goes_on(&scene.room).await?;
        scene.end().await?;
    }
    Ok(())
}

// D4
#[tokio::test]
async fn a_killed_peer_is_followed_by_another_that_adopts_the_kernel() -> Result<()> {
    for moment in moments() {
        let scene = Scene::printing(60, moment).await?;
        let kernel = scene.process("ipykernel")?;
        let keeper = scene.process("kernel-keeper")?;
        let peer = scene.process("cloud-runtime-agent")?;
        let about = |room: &Room| {
            ["name", "language", "env_source"].map(|key| room.runtime_at(&["kernel", key]))
        };
        let before = about(&scene.room);
        signal(peer, Signal::SIGKILL)?;
        scene.complete(&scene.room).await?;
        assert_ne!(scene.process("cloud-runtime-agent")?, peer);
        assert_eq!(scene.process("kernel-keeper")?, keeper);
        scene.keeps_kernel(kernel)?;
        scene.goes_on(&scene.room).await?;
        assert_eq!(about(&scene.room), before);
        scene.end().await?;
    }
    Ok(())
}

// D4
#[tokio::test]
async fn agent_and_peer_killed_at_once_cost_no_line() -> Result<()> {
    for moment in moments() {
        let mut scene = Scene::printing(60, moment).await?;
        let kernel = scene.process("ipykernel")?;
        scene.workstation.kill_agent().await?;
        signal(scene.process("cloud-runtime-agent")?, Signal::SIGKILL)?;
        scene.workstation.start(&test_python())?;
        scene.complete(&scene.room).await?;
        scene.keeps_kernel(kernel)?;
        scene.goes_on(&scene.room).await?;
        scene.end().await?;
    }
    Ok(())
}

/// Nobody was there to hear that the job is over: the next agent finds what is left of it.
async fn ended_while_agent_and_peer_are_dead(
    moment: Moment,
    end: impl AsyncFn(&Scene) -> Result<()>,
) -> Result<Scene> {
    let mut scene = Scene::printing(600, moment).await?;
    let keeper = scene.process("kernel-keeper")?;
    scene.workstation.kill_agent().await?;
    signal(scene.process("cloud-runtime-agent")?, Signal::SIGKILL)?;
    end(&scene).await?;
    assert_eq!(scene.process("kernel-keeper")?, keeper);
    scene.workstation.start(&test_python())?;
    scene.nothing_left_of(&scene.job).await?;
    scene.nothing_left_of("sleep 600").await?;
    let execution = scene.room.finished(&scene.execution, LIMIT).await?;
    assert_ne!(execution.status, "done");
    for record in ["keeper.json", "runtime-peer.json", "runtime-peer.pid"] {
        assert!(
            !scene
                .workstation
                .job_folder(&scene.job)
                .join(record)
                .exists()
        );
    }
    Ok(scene)
}

#[tokio::test]
async fn a_job_cancelled_while_agent_and_peer_are_dead_leaves_nothing() -> Result<()> {
    for moment in moments() {
        let scene = ended_while_agent_and_peer_are_dead(moment, async |scene| {
            let id = scene.workstation.id()?;
            let path = format!("/api/workstations/{id}/attach-jobs/{}", scene.job);
            let body = json!({ "status": "cancelled" });
            scene.cloud.ok(Method::PATCH, &path, Some(body)).await?;
            Ok(())
        })
        .await?;
        scene.nothing_left_of("ipykernel").await?;
        scene.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_job_replaced_while_agent_and_peer_are_dead_leaves_nothing_of_the_old_one() -> Result<()>
{
    for moment in moments() {
        let scene = ended_while_agent_and_peer_are_dead(moment, Scene::restart_over_http).await?;
        scene.starts_anew(&scene.room).await?;
        scene.end().await?;
    }
    Ok(())
}

async fn a_dead_cloud(moment: Moment) -> Result<()> {
    let mut scene = Scene::printing(200, moment).await?;
    let kernel = scene.process("ipykernel")?;
    scene.cloud.kill().await?;
    let dead_until = Instant::now() + Duration::from_secs(45);
    until("the room's socket to break", LIMIT, async || {
        Ok((!scene.room.is_open()).then_some(()))
    })
    .await?;
    sleep_until(dead_until).await;
    scene.cloud.spawn().await?;
    let room = Room::join(&scene.cloud, &scene.notebook).await?;
    scene.complete(&room).await?;
    assert_eq!(
        scene.process("ipykernel")?,
        kernel,
        "the kernel was replaced"
    );
    scene.goes_on(&room).await?;
    scene.end().await
}

#[tokio::test]
async fn a_cloud_that_is_dead_for_45_seconds_costs_no_line() -> Result<()> {
    at_once(a_dead_cloud).await
}

async fn at_once<F>(repetition: fn(Moment) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    for some in moments().chunks(AT_ONCE) {
        let spawned: Vec<_> = some
            .iter()
            .map(|moment| tokio::spawn(repetition(*moment)))
            .collect();
        for repetition in spawned {
            repetition.await??;
        }
    }
    Ok(())
}

/// As long as `KILL_CUT_SECONDS` says.
async fn a_cut_link(moment: Moment) -> Result<()> {
    let seconds = number("KILL_CUT_SECONDS", 60);
    // The kernel is busy all the while, and when the link is back.
    let lines = seconds as usize * 10 + 100;
    let scene = Scene::printing_through_a_relay(lines, moment).await?;
    let kernel = scene.process("ipykernel")?;
    let peer = scene.process("cloud-runtime-agent")?;
    let relay = scene.relay.as_ref().context("no relay")?;
    relay.cut();
    let cut_until = Instant::now() + Duration::from_secs(seconds);
    scene
        .room
        .runtime_is(&["workstation", "status"], "disconnected", LIMIT)
        .await?;
    sleep_until(cut_until).await;
    let meanwhile = scene.room.execution(&scene.execution);
    assert_eq!(meanwhile.status, "running", "the room gave the cell up");
    relay.restore();
    scene.complete(&scene.room).await?;
    for (name, before) in [("ipykernel", kernel), ("cloud-runtime-agent", peer)] {
        assert_eq!(scene.process(name)?, before, "{name} was replaced");
    }
    scene.goes_on(&scene.room).await?;
    scene.end().await
}

// RP-255 WS-382: in `cargo xtask soak` the link is away for thirty minutes.
#[tokio::test]
async fn a_link_that_is_cut_for_a_minute_costs_no_line() -> Result<()> {
    at_once(a_cut_link).await
}

#[tokio::test]
async fn kills_one_after_another_at_random_cost_no_line() -> Result<()> {
    for moment in moments() {
        let mut scene = Scene::printing_through_a_relay(150, moment).await?;
        let kernel = scene.process("ipykernel")?;
        let mut chance = moment.chance;
        for _ in 0..4 {
            match chance % 4 {
                0 => {
                    scene.workstation.kill_agent().await?;
                    scene.workstation.start(&test_python())?;
                }
                1 => {
                    // The one before may have been killed just now.
                    let peer = until("a peer to be there", LIMIT, async || {
                        Ok(scene.process("cloud-runtime-agent").ok())
                    });
                    signal(peer.await?, Signal::SIGKILL)?;
                }
                2 => {
                    scene.cloud.kill().await?;
                    scene.cloud.spawn().await?;
                }
                _ => {
                    let relay = scene.relay.as_ref().context("no relay")?;
                    relay.cut();
                    sleep(Duration::from_millis(chance / 4 % 1500)).await;
                    relay.restore();
                }
            }
            chance /= 4;
            sleep(Duration::from_millis(chance % 2500)).await;
        }
        let room = Room::join(&scene.cloud, &scene.notebook).await?;
        scene
            .complete(&room)
            .await
            .with_context(|| format!("{moment:?}"))?;
        scene.keeps_kernel(kernel)?;
        scene.goes_on(&room).await?;
        scene.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_link_that_breaks_again_and_again_costs_no_line() -> Result<()> {
    for moment in moments() {
        let scene = Scene::printing_through_a_relay(120, moment).await?;
        let kernel = scene.process("ipykernel")?;
        let relay = scene.relay.as_ref().context("no relay")?;
        // Down and up at times that fall together with nothing.
        for (down, up) in [(50, 1700), (900, 1300), (2300, 400), (20, 2900)] {
            until("the machine to dial again", LIMIT, async || {
                Ok((relay.open() > 0).then_some(()))
            })
            .await?;
            relay.cut();
            sleep(Duration::from_millis(down)).await;
            relay.restore();
            sleep(Duration::from_millis(up)).await;
        }
        assert!(relay.killed() >= 4, "{} connections died", relay.killed());
        scene.complete(&scene.room).await?;
        scene.keeps_kernel(kernel)?;
        scene.goes_on(&scene.room).await?;
        scene.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_kernel_killed_mid_cell_ends_the_cell_as_error() -> Result<()> {
    for moment in moments() {
        let scene = Scene::printing(600, moment).await?;
        let kernel = scene.process("ipykernel")?;
        signal(kernel, Signal::SIGKILL)?;
        let execution = scene.room.finished(&scene.execution, LIMIT).await?;
        assert_eq!(execution.status, "error");
        scene
            .room
            .runtime_is(&["kernel", "lifecycle"], "Error", LIMIT)
            .await?;
        let details = scene.room.runtime_at(&["kernel", "error_details"]);
        assert!(
            details.as_str().unwrap_or_default().contains("signal 9"),
            "{details}"
        );
        // What the kernel started dies with it.
        scene.nothing_left_of("sleep 600").await?;
        scene.starts_anew(&scene.room).await?;
        assert_ne!(scene.process("ipykernel")?, kernel);
        scene.end().await?;
    }
    Ok(())
}

// WS-343 D4: the death of a kernel that was adopted is as much news as that of one's own.
#[tokio::test]
async fn an_adopted_kernel_killed_mid_cell_ends_the_cell_as_error() -> Result<()> {
    for moment in moments() {
        let scene = Scene::printing(600, moment).await?;
        let kernel = scene.process("ipykernel")?;
        let peer = scene.process("cloud-runtime-agent")?;
        signal(peer, Signal::SIGKILL)?;
        // What is printed now came by another peer.
        scene.prints_on().await?;
        assert_eq!(scene.process("ipykernel")?, kernel);
        signal(kernel, Signal::SIGKILL)?;
        let execution = scene.room.finished(&scene.execution, LIMIT).await?;
        assert_eq!(execution.status, "error");
        scene.starts_anew(&scene.room).await?;
        assert_ne!(scene.process("ipykernel")?, kernel);
        scene.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_keeper_ends_the_cell_as_error_and_its_kernel_with_it() -> Result<()> {
    for moment in moments() {
        let scene = Scene::printing(600, moment).await?;
        let kernel = scene.process("ipykernel")?;
        let peer = scene.process("cloud-runtime-agent")?;
        signal(scene.process("kernel-keeper")?, Signal::SIGKILL)?;
        let execution = scene.room.finished(&scene.execution, LIMIT).await?;
        assert_eq!(execution.status, "error");
        scene
            .room
            .runtime_is(&["kernel", "lifecycle"], "Error", LIMIT)
            .await?;
        scene.nothing_left_of("ipykernel").await?;
        scene.starts_anew(&scene.room).await?;
        assert_ne!(scene.process("ipykernel")?, kernel);
        assert_eq!(scene.process("cloud-runtime-agent")?, peer);
        scene.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_keeper_connection_that_breaks_costs_no_line() -> Result<()> {
    for moment in moments() {
        let mut scene = Scene::printing(60, moment).await?;
        let (kernel, keeper) = (scene.process("ipykernel")?, scene.process("kernel-keeper")?);
        let relay = KeeperRelay::adopting(&mut scene).await?;
        for _ in 0..3 {
            relay.cut().await?;
        }
        scene.complete(&scene.room).await?;
        relay.cut().await?;
        scene.goes_on(&scene.room).await?;
        assert_eq!(scene.process("kernel-keeper")?, keeper);
        scene.keeps_kernel(kernel)?;
        scene.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_keeper_that_lives_and_cannot_be_reached_is_ended() -> Result<()> {
    for moment in moments() {
        let mut scene = Scene::printing(600, moment).await?;
        let kernel = scene.process("ipykernel")?;
        let relay = KeeperRelay::adopting(&mut scene).await?;
        let peer = scene.process("cloud-runtime-agent")?;
        drop(relay);
        let execution = scene.room.finished(&scene.execution, LIMIT).await?;
        assert_eq!(execution.status, "error");
        scene.nothing_left_of("sleep 600").await?;
        scene.starts_anew(&scene.room).await?;
        assert_ne!(scene.process("ipykernel")?, kernel);
        assert_eq!(scene.process("cloud-runtime-agent")?, peer);
        scene.end().await?;
    }
    Ok(())
}

// D4 WS-363
#[tokio::test]
async fn a_peer_asked_to_end_ends_its_job_and_leaves_nothing() -> Result<()> {
    for moment in moments() {
        let scene = Scene::printing(600, moment).await?;
        assert_eq!(scene.workstation.processes("sleep 600").len(), 1);
        signal(scene.process("cloud-runtime-agent")?, Signal::SIGTERM)?;
        let execution = scene.room.finished(&scene.execution, LIMIT).await?;
        assert_eq!(execution.status, "error");
        for name in ["cloud-runtime-agent", "kernel-keeper", "ipykernel", "sleep"] {
            scene.nothing_left_of(name).await?;
        }
        scene.logged("completed").await?;
        assert!(
            !scene.workstation.log().contains("failed"),
            "the job failed"
        );
        scene.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_restart_asked_for_over_http_brings_a_new_kernel() -> Result<()> {
    for moment in moments() {
        let scene = Scene::printing(600, moment).await?;
        let kernel = scene.process("ipykernel")?;
        scene.restart_over_http().await?;
        let execution = scene.room.finished(&scene.execution, LIMIT).await?;
        assert_ne!(execution.status, "done");
        until("the old kernel to be gone", LIMIT, async || {
            Ok((!scene.workstation.processes("ipykernel").contains(&kernel)).then_some(()))
        })
        .await?;
        scene.starts_anew(&scene.room).await?;
        assert_ne!(scene.process("ipykernel")?, kernel);
        until("the old peer to be gone", LIMIT, async || {
            let peers = scene.workstation.processes("cloud-runtime-agent");
            Ok((peers.len() == 1).then_some(()))
        })
        .await?;
        scene.nothing_left_of("sleep 600").await?;
        scene.end().await?;
    }
    Ok(())
}

// WS-260
#[tokio::test]
async fn an_interrupted_agent_ends_its_peers_and_leaves_nothing() -> Result<()> {
    for moment in moments() {
        let mut scene = Scene::printing(600, moment).await?;
        assert_eq!(scene.workstation.stop().await?, Some(0));
        scene.nothing_left_of("").await?;
        let execution = scene.room.finished(&scene.execution, LIMIT).await?;
        assert_eq!(execution.status, "error");
    }
    Ok(())
}
