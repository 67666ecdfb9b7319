//! A cell that prints more than its notebook shows, and one that prints more than the workstation keeps (decision D10).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Attached, Cloud, Relay, Room, Workstation, until};

const LIMIT: Duration = Duration::from_mins(2);
/// What a line takes.
const LINE: usize = 100;

/// A cell of so many lines, each with its number; the kernel sends some hundred at a time.
fn printing(lines: usize) -> String {
    let digits = LINE - 1;
    format!("for i in range({lines}): print(f'{{i:0{digits}}}', flush=i % 500 == 499)")
}

/// How many of a cell's lines are there; they are the first ones, each once and in order, and then something else.
fn count(text: &str) -> usize {
    let lines = text.split_inclusive('\n').enumerate();
    let own = lines.take_while(|(at, line)| line.len() == LINE && line.trim().parse() == Ok(*at));
    own.count()
}

async fn kept(workstation: &Workstation, execution: &str) -> Result<String> {
    let output = workstation
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
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.set("RUNT_RUN_OUTPUT_MIB", Path::new("1"));
    workstation.set("RUNT_RUN_JOURNAL_MIB", Path::new("8"));
    workstation.connect(&cloud).await?;
    workstation.start(&processes::test_python())?;
    let Attached {
        room,
        notebook,
        job,
    } = Attached::new(&cloud, &workstation, "flood").await?;
    let folder = workstation.job_folder(&job);
    room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
        .await?;

    // 3 MB, of which the notebook shows one.
    let cell = room.cells()[0].clone();
    room.set_source(&cell, &printing(30_000)).await?;
    let execution = room.execute(&cell).await?;
    let shown = room.finished(&execution, LIMIT).await?;
    assert_eq!(shown.status, "done", "{}", workstation.log());
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
    let whole = kept(&workstation, &execution).await?;
    assert_eq!((count(&whole), whole.len()), (30_000, 30_000 * LINE));

    // 30 MB, of which the workstation keeps eight, with what Jupyter wraps them in.
    room.set_source(&cell, &printing(300_000)).await?;
    let flood = room.execute(&cell).await?;
    let shown = room.finished(&flood, LIMIT).await?;
    assert_eq!(shown.status, "done", "{}", workstation.log());
    let notice = room.text(&cloud, &notebook, &shown, "stderr").await?;
    assert!(notice.contains("from here on it is lost"), "{notice}");
    let most = kept(&workstation, &flood).await?;
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
    workstation.stop().await?;
    Ok(())
}

/// Runs a cell that says that it has begun, and prints while the cloud cannot be reached.
async fn while_cut_off(
    room: &Room,
    relay: &Relay,
    workstation: &Workstation,
    prints: &str,
) -> Result<String> {
    let [go, printed] = ["go", "printed"].map(|name| workstation.home().join(name));
    let cell = room.cells()[0].clone();
    let source = format!(
        "import os, time\nprint('begun', flush=True)\n\
         while not os.path.exists('{}'): time.sleep(0.02)\n{prints}\nopen('{}', 'w')",
        go.display(),
        printed.display()
    );
    room.set_source(&cell, &source).await?;
    let execution = room.execute(&cell).await?;
    room.execution_when(&execution, "the first line", LIMIT, |now| {
        !now.outputs.is_empty()
    })
    .await?;
    relay.cut();
    std::fs::write(&go, "")?;
    until("the cell to have printed", LIMIT, async || {
        Ok(printed.exists().then_some(()))
    })
    .await?;
    assert_eq!(room.execution(&execution).status, "running");
    relay.restore();
    Ok(execution)
}

// D3 D10: the journal takes what the cloud cannot be told; what it has no room for is missing at the end, and said to be.
#[tokio::test]
async fn what_an_unreachable_cloud_missed_is_told_up_to_the_limit_and_then_named_as_lost()
-> Result<()> {
    let cloud = Cloud::start().await?;
    let relay = Relay::start(cloud.address()).await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.set("RUNT_RUN_JOURNAL_MIB", Path::new("1"));
    workstation.connect_through(&cloud, relay.url()).await?;
    workstation.start(&processes::test_python())?;
    let Attached { room, notebook, .. } = Attached::new(&cloud, &workstation, "flood").await?;
    // 4 MB, of which the journal takes one.
    let execution = while_cut_off(&room, &relay, &workstation, &printing(40_000)).await?;
    let shown = room.finished(&execution, LIMIT).await?;
    assert_eq!(shown.status, "done", "{}", workstation.log());
    let text = room.text(&cloud, &notebook, &shown, "stdout").await?;
    let text = text.strip_prefix("begun\n").context("no first line")?;
    let lines = count(text);
    assert!((4_000..11_000).contains(&lines), "{lines}");
    assert_eq!(lines, text.len() / LINE, "something is missing in between");
    let last = shown.outputs.last().context("no output")?;
    assert_eq!(last["name"], "stderr", "the notice is not at the end");
    let notice = room.text(&cloud, &notebook, &shown, "stderr").await?;
    assert!(
        notice.contains("from here on it is lost") && notice.contains("Hint: "),
        "{notice}"
    );
    // There is room again.
    let next = room.run("print('on')", LIMIT).await?;
    assert_eq!(room.text(&cloud, &notebook, &next, "stdout").await?, "on\n");
    Ok(())
}

// The keeper holds what the disk does not take until there is space again.
#[tokio::test]
async fn a_disk_that_is_full_for_a_while_costs_no_line() -> Result<()> {
    let cloud = Cloud::start().await?;
    let relay = Relay::start(cloud.address()).await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect_through(&cloud, relay.url()).await?;
    if !workstation.with_disk(128)? {
        return Ok(());
    }
    workstation.start(&processes::test_python())?;
    let Attached { room, notebook, .. } = Attached::new(&cloud, &workstation, "full").await?;
    // A notebook fills the disk but for 4 MiB, and prints 12 MB; it makes space when the disk takes no more.
    let lines = 120_000;
    let prints = format!(
        "def free():\n    space = os.statvfs('{state}')\n    return space.f_bavail * space.f_frsize\n\
         with open('{state}/ballast', 'wb') as file:\n    \
             os.posix_fallocate(file.fileno(), 0, free() - (4 << 20))\n\
         {}\nwhile free() > 1 << 20: time.sleep(0.02)\nos.remove('{state}/ballast')",
        printing(lines),
        state = workstation.home().join("state").display(),
    );
    let execution = while_cut_off(&room, &relay, &workstation, &prints).await?;
    let shown = room.finished(&execution, LIMIT).await?;
    assert_eq!(shown.status, "done", "{}", workstation.log());
    let text = room.text(&cloud, &notebook, &shown, "stdout").await?;
    let text = text.strip_prefix("begun\n").context("no first line")?;
    assert_eq!((count(text), text.len()), (lines, lines * LINE));
    assert_eq!(room.text(&cloud, &notebook, &shown, "stderr").await?, "");
    assert_eq!(workstation.stop().await?, Some(0));
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
