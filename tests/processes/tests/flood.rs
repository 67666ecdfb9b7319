//! A cell that prints more than its notebook shows, and one that prints more than the workstation keeps (decision D10).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Cloud, Machine, Room};

const LIMIT: Duration = Duration::from_mins(2);
/// What a line takes.
const LINE: usize = 100;

/// A cell of so many lines, each with its number.
fn printing(lines: usize) -> String {
    format!("for i in range({lines}): print(f'{{i:0{}}}')", LINE - 1)
}

/// How many of a cell's lines are there; they are the first ones, each once and in order, and then something else.
fn count(text: &str) -> usize {
    let lines = text.split_inclusive('\n').enumerate();
    let own = lines.take_while(|(at, line)| line.len() == LINE && line.trim().parse() == Ok(*at));
    own.count()
}

async fn kept(machine: &Machine, execution: &str) -> Result<String> {
    let output = machine
        .runt(&["workstation", "output", execution])?
        .output();
    let output = tokio::time::timeout(LIMIT, output).await??;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{errors}");
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn a_flood_is_cut_with_a_notice_and_the_whole_text_stays_on_the_workstation() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut machine = Machine::new(&cloud, "machine");
    machine.set("RUNT_RUN_OUTPUT_MIB", Path::new("1"));
    machine.set("RUNT_RUN_JOURNAL_MIB", Path::new("8"));
    machine.connect(&cloud).await?;
    machine.start(&e2e::python()?)?;
    machine.online(&cloud).await?;
    let notebook = cloud.create_notebook("flood").await?;
    let room = Room::join(&cloud, &notebook).await?;
    let job = cloud.attach(&notebook, &machine.id()?).await?;
    let folder = machine.job_folder(&job);
    room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
        .await?;

    // 3 MB, of which the notebook shows one.
    let cell = room.cells()[0].clone();
    room.set_source(&cell, &printing(30_000)).await?;
    let execution = room.execute(&cell).await?;
    let shown = room.finished(&execution, LIMIT).await?;
    assert_eq!(shown.status, "done", "{}", machine.log());
    let text = room.text(&cloud, &notebook, &shown, "stdout").await?;
    assert!(
        (text.len() as i64 - (1 << 20)).abs() < 100_000,
        "{}",
        text.len()
    );
    assert_eq!(count(&text), text.len() / LINE);
    let notice = room.text(&cloud, &notebook, &shown, "stderr").await?;
    let command = format!("runt workstation output {execution} ");
    assert!(notice.contains(&command), "{notice}");
    let whole = kept(&machine, &execution).await?;
    assert_eq!((count(&whole), whole.len()), (30_000, 30_000 * LINE));

    // 30 MB, of which the workstation keeps eight, with what Jupyter wraps them in.
    room.set_source(&cell, &printing(300_000)).await?;
    let flood = room.execute(&cell).await?;
    let shown = room.finished(&flood, LIMIT).await?;
    assert_eq!(shown.status, "done", "{}", machine.log());
    let notice = room.text(&cloud, &notebook, &shown, "stderr").await?;
    assert!(notice.contains("from here on it is lost"), "{notice}");
    let most = kept(&machine, &flood).await?;
    let lines = count(&most);
    assert!((50_000..84_000).contains(&lines), "{lines}");
    assert!(most.ends_with("output is missing here: it was too large to be kept]\n"));
    for (name, limit) in [("kernel.journal", 8), ("outputs", 16)] {
        let used = used(&folder.join(name)).with_context(|| name)?;
        assert!(
            used < (limit << 20) + (2 << 20),
            "{name} takes {used} bytes"
        );
    }

    // The next cell has room again.
    let next = room.run("print('on')", LIMIT).await?;
    assert_eq!(room.text(&cloud, &notebook, &next, "stdout").await?, "on\n");
    machine.stop().await?;
    Ok(())
}

/// Bytes on disk below a path.
fn used(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = path.metadata()?;
    if meta.is_file() {
        return Ok(meta.blocks() * 512);
    }
    std::fs::read_dir(path)?
        .map(|entry| used(&entry?.path()))
        .sum()
}
