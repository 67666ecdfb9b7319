//! Compute that nobody uses, by a machine's setting and by the word of a notebook's owner.

use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Cloud, Room, Workstation, test_python, until};
use reqwest::Method;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);
/// The machine's minute, and what a busy machine needs.
const IDLE_LIMIT: Duration = Duration::from_secs(150);

// WS-371, with the machine's minute in place of the server's thirty.
#[tokio::test]
async fn ws_371_unused_compute_stops_where_the_machine_says_so_and_stays_where_the_owner_does()
-> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    let set = workstation
        .runt(&["workstation", "config", "set", "idle_minutes", "1"])?
        .status()
        .await?;
    assert!(set.success());
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    until("the machine to say when kernels stop", LIMIT, async || {
        let rows = cloud.workstations().await?;
        Ok((rows[0]["idle_minutes"] == 1).then_some(()))
    })
    .await?;
    let mut rooms = Vec::new();
    for title in ["as the machine says", "kept"] {
        let notebook = cloud.create_notebook(title).await?;
        let room = Room::join(&cloud, &notebook).await?;
        if title == "kept" {
            let path = format!("/api/n/{notebook}/compute");
            let body = json!({ "idle_minutes": 0 });
            cloud.ok(Method::PATCH, &path, Some(body)).await?;
            let (status, _) = cloud
                .call(Method::PATCH, &path, Some(json!({ "idle_minutes": -1 })))
                .await?;
            assert_eq!(status, 400);
            let told = cloud
                .ok(Method::GET, &format!("/api/n/{notebook}"), None)
                .await?;
            assert_eq!(told["notebook"]["idle_minutes"], 0);
        }
        cloud.attach(&notebook, &workstation.id()?).await?;
        room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
            .await
            .with_context(|| workstation.log())?;
        rooms.push(room);
    }
    // A cell that runs for longer than the minute is not stopped by it.
    let cell = rooms[0]
        .add_cell("import time; time.sleep(75); print('done')")
        .await?;
    let execution = rooms[0].execute(&cell).await?;
    let execution = rooms[0].finished(&execution, IDLE_LIMIT).await?;
    assert_eq!(execution.status, "done");
    assert_eq!(workstation.processes("ipykernel_launcher").len(), 2);
    rooms[0]
        .runtime_is(&["workstation", "status"], "idle", IDLE_LIMIT)
        .await
        .with_context(|| workstation.log())?;
    let why = rooms[0].runtime_at(&["workstation", "status_message"]);
    assert_eq!(
        why,
        "Compute stopped after 1 minutes without queued or active execution."
    );
    until("the unused kernel to be gone", LIMIT, async || {
        Ok((workstation.processes("ipykernel_launcher").len() == 1).then_some(()))
    })
    .await?;
    assert_eq!(rooms[1].runtime_at(&["workstation", "status"]), "ready");
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    Ok(())
}
