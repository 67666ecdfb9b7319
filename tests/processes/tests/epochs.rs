//! A notebook that is used for a long time: its room starts over with everybody there (decision D11), and nobody but the
//! log takes notice.

use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Cloud, Room, Workstation, test_python};

const LIMIT: Duration = Duration::from_secs(60);
/// Enough for two epochs to begin between two runs: each is about a hundred of them long.
const RUNS: usize = 250;

fn epochs(cloud: &Cloud) -> usize {
    cloud.log().matches("a room began a new epoch").count()
}

#[tokio::test]
async fn an_afternoon_of_runs_goes_through_epochs_with_every_output_once_and_one_kernel()
-> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let id = cloud.create_notebook("long").await?;
    let room = Room::join(&cloud, &id).await?;
    let reader = Room::join(&cloud, &id).await?;
    cloud.attach(&id, &workstation.id()?).await?;
    room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
        .await?;
    let peers = workstation.processes("cloud-runtime-agent");

    let cell = room.cells().into_iter().next().context("no cell")?;
    room.set_source(&cell, "n = globals().get('n', 0) + 1\nprint(n)")
        .await?;
    for n in 1..=RUNS {
        let execution = room.execute(&cell).await.with_context(|| cloud.log())?;
        let shown = room.finished(&execution, LIMIT).await?;
        let text = room.text(&cloud, &id, &shown, "stdout").await?;
        assert_eq!((text, shown.status.as_str()), (format!("{n}\n"), "done"));
    }
    let begun = epochs(&cloud);
    assert!((2..=3).contains(&begun), "{begun} epochs: {}", cloud.log());
    let last = room.execute(&cell).await?;
    for seen in [&room, &reader] {
        let shown = seen.finished(&last, LIMIT).await?;
        assert_eq!(shown.status, "done");
        assert_eq!(
            shown.count,
            Some(RUNS as i64 + 1),
            "a kernel was started anew"
        );
    }
    assert_eq!(workstation.processes("cloud-runtime-agent"), peers);
    workstation.stop().await?;
    Ok(())
}
