//! The whole way with the real programs: pair, attach, run, see.

use std::time::Duration;

use anyhow::Result;
use e2e::{Cloud, Machine, Room, until};

const LIMIT: Duration = Duration::from_secs(60);

async fn attached(cloud: &Cloud) -> Result<(Machine, Room, String)> {
    let machine = Machine::paired(cloud, "machine").await?;
    let notebook = cloud.create_notebook("main job").await?;
    let room = Room::join(cloud, &notebook).await?;
    cloud.attach(&notebook, &machine.id()?).await?;
    room.runtime_is(&["workstation", "status"], "ready", LIMIT)
        .await?;
    Ok((machine, room, notebook))
}

#[tokio::test]
async fn a_cell_runs_on_the_paired_machine_and_its_outputs_arrive() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (mut machine, room, notebook) = attached(&cloud).await?;
    let execution = room.run("print('hello')\n6 * 7", LIMIT).await?;
    assert_eq!(execution.status, "done");
    assert_eq!(execution.count, Some(1));
    assert_eq!(
        room.text(&cloud, &notebook, &execution, "stdout").await?,
        "hello\n"
    );
    let result = execution
        .outputs
        .iter()
        .find(|output| output["output_type"] == "execute_result");
    assert_eq!(
        result.map(|output| output["data"]["text/plain"]["inline"].clone()),
        Some("42".into())
    );
    assert_eq!(machine.stop().await?, Some(0), "{}", machine.log());
    until(
        "every process of the machine to be gone",
        LIMIT,
        async || Ok(machine.processes("runtimed").is_empty().then_some(())),
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn an_error_ends_the_cell_and_releases_the_queue() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (_machine, room, _) = attached(&cloud).await?;
    let second = room.add_cell("print('never')").await?;
    let first = room.cells()[0].clone();
    room.set_source(&first, "import time; time.sleep(0.5); 1/0")
        .await?;
    let failing = room.execute(&first).await?;
    let queued = room.execute(&second).await?;
    let failing = room.finished(&failing, LIMIT).await?;
    assert_eq!(failing.status, "error");
    assert_eq!(
        failing.outputs.last().map(|output| output["ename"].clone()),
        Some("ZeroDivisionError".into())
    );
    assert_eq!(room.finished(&queued, LIMIT).await?.status, "cancelled");
    let after = room.run("print('works on')", LIMIT).await?;
    assert_eq!(after.status, "done");
    Ok(())
}

#[tokio::test]
async fn interrupt_stops_a_running_cell() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (_machine, room, _) = attached(&cloud).await?;
    let cell = room.cells()[0].clone();
    room.set_source(&cell, "import time\nprint('in')\ntime.sleep(600)")
        .await?;
    let id = room.execute(&cell).await?;
    room.execution_when(&id, "the first output", LIMIT, |now| {
        !now.outputs.is_empty()
    })
    .await?;
    room.request(serde_json::json!({ "id": "i1", "action": "interrupt_execution" }))
        .await?;
    let execution = room.finished(&id, LIMIT).await?;
    assert_eq!(execution.status, "error");
    assert_eq!(room.run("print('again')", LIMIT).await?.status, "done");
    Ok(())
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_all_kept() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (_machine, room, notebook) = attached(&cloud).await?;
    let execution = room
        .run("for i in range(100_000): print(i)", Duration::from_mins(2))
        .await?;
    let text = room.text(&cloud, &notebook, &execution, "stdout").await?;
    let wrong = text
        .lines()
        .enumerate()
        .find(|(number, line)| number.to_string() != *line);
    assert_eq!(wrong, None, "a line is missing or doubled");
    assert_eq!(text.lines().count(), 100_000);
    Ok(())
}
