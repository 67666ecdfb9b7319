//! Kernels that were started before anybody asked, on a paired machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use processes::{Cloud, Room, Workstation, test_python, until};

const LIMIT: Duration = Duration::from_secs(60);

/// Where kernels are offered now.
fn offers(workstation: &Workstation) -> Vec<PathBuf> {
    let pools = workstation.home().join("state/runt/warm-kernels");
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries(&pools)
        .flat_map(|pool| {
            entries(&pool.path())
                .map(|entry| entry.path())
                .collect::<Vec<_>>()
        })
        .filter(|folder| folder.join("offer.json").exists())
        .collect()
}

async fn workstation(cloud: &Cloud, name: &str, warm: &str) -> Result<Workstation> {
    let mut workstation = Workstation::new(cloud, name);
    workstation.set("RUNT_RUN_WARM_KERNELS", Path::new(warm));
    workstation.connect(cloud).await?;
    workstation.start(&test_python())?;
    workstation.online(cloud).await?;
    Ok(workstation)
}

/// Attaches a machine to a new notebook; how long it took until the kernel was ready.
async fn attach(cloud: &Cloud, workstation: &Workstation) -> Result<(Room, String, Duration)> {
    let notebook = cloud.create_notebook("warm").await?;
    let room = Room::join(cloud, &notebook).await?;
    let began = Instant::now();
    cloud.attach(&notebook, &workstation.id()?).await?;
    room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
        .await
        .with_context(|| workstation.log())?;
    Ok((room, notebook, began.elapsed()))
}

#[tokio::test]
async fn a_job_gets_the_kernel_that_waits_and_another_follows() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut cold = workstation(&cloud, "cold", "0").await?;
    let (_, _, cold_took) = attach(&cloud, &cold).await?;
    assert_eq!(offers(&cold), [] as [PathBuf; 0]);
    assert_eq!(cold.stop().await?, Some(0), "{}", cold.log());
    let mut warm = workstation(&cloud, "warm", "1").await?;
    until("a kernel to wait", LIMIT, async || {
        Ok((offers(&warm).len() == 1).then_some(()))
    })
    .await?;
    let waiting = warm.processes("ipykernel_launcher");
    assert_eq!(waiting.len(), 1);
    let (room, notebook, took) = attach(&cloud, &warm).await?;
    let run = async |source: &str, count| -> Result<String> {
        let execution = room.run(source, LIMIT).await?;
        assert_eq!(execution.status, "done");
        assert_eq!(execution.count, Some(count));
        room.text(&cloud, &notebook, &execution, "stdout").await
    };
    let text = run("import os; print(os.getpid())", 1).await?;
    assert_eq!(text, format!("{}\n", waiting[0]));

    println!("attach to ready: {took:?} with a warm kernel, {cold_took:?} without");
    // Another one takes its place.
    until("another kernel to wait", LIMIT, async || {
        Ok((offers(&warm).len() == 1).then_some(()))
    })
    .await?;
    // The kernel lives apart from its peer, as any.
    let peers = warm.processes("cloud-runtime-agent");
    let [peer] = peers[..] else {
        anyhow::bail!("not one peer: {peers:?} {}", warm.log());
    };
    kill(Pid::from_raw(peer), Signal::SIGKILL)?;
    until("another peer", LIMIT, async || {
        let peers = warm.processes("cloud-runtime-agent");
        Ok((peers.len() == 1 && peers[0] != peer).then_some(()))
    })
    .await?;
    let text = run("print(os.getpid())", 2).await?;
    assert_eq!(text, format!("{}\n", waiting[0]));

    // With the agent ends all that waits, and with the job all that it had.
    assert_eq!(warm.stop().await?, Some(0), "{}", warm.log());
    until("every process to be gone", LIMIT, async || {
        Ok(warm.processes("").is_empty().then_some(()))
    })
    .await?;
    assert_eq!(offers(&warm), [] as [PathBuf; 0]);
    Ok(())
}

#[tokio::test]
async fn kernels_that_wait_end_with_an_agent_that_is_killed() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = workstation(&cloud, "machine", "2").await?;
    until("two kernels to wait", LIMIT, async || {
        Ok((offers(&workstation).len() == 2).then_some(()))
    })
    .await?;
    workstation.kill_agent().await?;
    until("every process to be gone", LIMIT, async || {
        Ok(workstation.processes("").is_empty().then_some(()))
    })
    .await?;
    assert_eq!(offers(&workstation), [] as [PathBuf; 0]);
    Ok(())
}
