//! Room tokens with the real programs: a run that outlives many of them, and a peer whose token
//! expired while nobody could renew it.

use std::time::Duration;

use anyhow::Result;
use processes::{Attached, Cloud, Room, Workstation, test_python, until};
use reqwest::Method;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(90);
/// Life of a room token here; the shortest that can be set.
const TOKEN_S: u64 = 2;

/// A machine with an attached notebook on a cloud that lets only room tokens into rooms.
async fn attached() -> Result<(Cloud, Workstation, Room, String, String)> {
    let cloud = Cloud::start().await?;
    let settings = json!({ "room_tokens_only": true, "room_token_s": TOKEN_S });
    cloud
        .ok(Method::PATCH, "/api/workstation-settings", Some(settings))
        .await?;
    let workstation = Workstation::paired(&cloud, "machine").await?;
    let Attached {
        room,
        notebook,
        job,
    } = Attached::new(&cloud, &workstation, "room tokens").await?;
    Ok((cloud, workstation, room, notebook, job))
}

/// A cell that prints a line every 100 ms, and a blob's worth of text now and then.
fn source(lines: usize) -> String {
    format!(
        "import time\n\
         from IPython.display import display, HTML\n\
         for i in range({lines}):\n    \
             print(i, flush=True)\n    \
             if i % 25 == 24: display(HTML(f'<!-- {{i}} -->' + 'x' * 200_000))\n    \
             time.sleep(0.1)"
    )
}

/// Every line, once and in order, and every large output.
async fn complete(
    cloud: &Cloud,
    room: &Room,
    notebook: &str,
    id: &str,
    lines: usize,
) -> Result<()> {
    let execution = room.finished(id, LIMIT).await?;
    assert_eq!(execution.status, "done");
    let text = room.text(cloud, notebook, &execution, "stdout").await?;
    assert!(
        text.lines().eq((0..lines).map(|line| line.to_string())),
        "{text}"
    );
    let large = execution
        .outputs
        .iter()
        .filter(|output| output["output_type"] == "display_data");
    assert_eq!(large.count(), lines / 25);
    Ok(())
}

// D16: the token expires several times while the cell runs, and is renewed; the credential never
// reaches the peer.
#[tokio::test]
async fn a_run_outlives_its_room_tokens() -> Result<()> {
    const LINES: usize = 100;
    let (mut cloud, workstation, room, notebook, _) = attached().await?;
    for peer in workstation.processes("cloud-runtime-agent") {
        let line = std::fs::read_to_string(format!("/proc/{peer}/cmdline"))?;
        let environment = std::fs::read(format!("/proc/{peer}/environ")).unwrap_or_default();
        let all = line + &String::from_utf8_lossy(&environment);
        assert!(!all.contains("nwc_") && !all.contains("nwr_"), "{all}");
    }
    let cell = room.cells()[0].clone();
    room.set_source(&cell, &source(LINES)).await?;
    let id = room.execute(&cell).await?;
    room.execution_when(&id, "some large outputs", LIMIT, |now| {
        now.outputs.len() > 3
    })
    .await?;
    // A dial long after the first token ended.
    cloud.kill().await?;
    cloud.spawn().await?;
    let room = Room::join(&cloud, &notebook).await?;
    complete(&cloud, &room, &notebook, &id, LINES).await
}

// D16: without an agent the token cannot be renewed; that is not the end of the peer.
#[tokio::test]
async fn an_expired_token_is_renewed_when_the_agent_returns() -> Result<()> {
    const LINES: usize = 120;
    let (mut cloud, mut workstation, room, notebook, job) = attached().await?;
    let peers = workstation.processes("cloud-runtime-agent");
    let cell = room.cells()[0].clone();
    room.set_source(&cell, &source(LINES)).await?;
    let id = room.execute(&cell).await?;
    room.execution_when(&id, "the first output", LIMIT, |now| {
        !now.outputs.is_empty()
    })
    .await?;
    workstation.kill_agent().await?;
    cloud.kill().await?;
    let ended = tokio::time::Instant::now() + Duration::from_secs(TOKEN_S);
    until("the token to end", LIMIT, async || {
        Ok((tokio::time::Instant::now() > ended).then_some(()))
    })
    .await?;
    cloud.spawn().await?;
    until("the peer to be told", LIMIT, async || {
        let log = workstation.job_folder(&job).join("runtime-peer.log");
        let log = std::fs::read_to_string(log)?;
        Ok(log.contains("room token has expired").then_some(()))
    })
    .await?;
    workstation.start(&test_python())?;
    let room = Room::join(&cloud, &notebook).await?;
    complete(&cloud, &room, &notebook, &id, LINES).await?;
    assert_eq!(workstation.processes("cloud-runtime-agent"), peers);
    Ok(())
}
