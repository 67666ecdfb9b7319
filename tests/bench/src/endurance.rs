//! One notebook used for a long time: whether a run, a join and the programs' memory cost at the end what they cost at
//! the beginning.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use processes::describe_host;

use crate::measure::median;
use crate::ours::Side;

/// Says how often it ran in this kernel.
const CELL: &str = "n = globals().get('n', 0) + 1\nprint(n)";
/// Runs over which a median is taken.
const WINDOW: usize = 100;
/// Runs in a row of which the slowest are told: between two epochs of a room there is time for several such rows.
const ROW: usize = 20;
/// How often the figures are taken.
const EVERY: usize = 1000;

/// Runs a small cell so many times in one notebook and writes the page about it.
pub async fn run(python: &Path, path: &Path, runs: usize) -> Result<()> {
    let side = Side::start(python).await?;
    let (notebook, _) = side.attach().await?;
    let mut page = format!(
        "# A notebook that is used for a long time\n\n\
         Written by `cargo xtask bench --endurance {runs}`: one small cell run {runs} times in one notebook, one after \
         the other; medians of the last {WINDOW} runs, of the slowest {ROW} in a row since the line before, and a reader \
         who joins then. {}\n\n\
         | runs so far | execute → first output | the slowest {ROW} in a row | join until the last output is there \
         | server memory | peer memory |\n\
         |---:|---:|---:|---:|---:|---:|\n",
        describe_host()
    );
    let mut window: Vec<Duration> = Vec::new();
    let mut slowest = 0.0_f64;
    for number in 1..=runs {
        let run = notebook.execute(CELL).await?;
        ensure!(
            run.text == format!("{number}\n"),
            "run {number} printed {:?}",
            run.text
        );
        window.extend(run.first_output);
        if window.len() > WINDOW {
            window.remove(0);
        }
        if number % ROW == 0 {
            slowest = slowest.max(median(&window[window.len() - ROW..]));
        }
        if number == WINDOW || number % EVERY == 0 {
            let start = Instant::now();
            notebook.join_and_read(&run.execution).await?;
            let joined = start.elapsed().as_secs_f64() * 1000.0;
            let memory = |pid: Option<i32>| memory(pid.context("not running")?);
            writeln!(
                page,
                "| {number} | {:.1} ms | {:.1} ms | {joined:.0} ms | {:.0} MiB | {:.0} MiB |",
                median(&window),
                std::mem::take(&mut slowest),
                memory(side.server())?,
                memory(side.peer())?,
            )?;
            eprintln!("{}", page.lines().last().unwrap_or_default());
        }
    }
    std::fs::write(path, &page).with_context(|| path.display().to_string())?;
    println!("{page}");
    drop(notebook);
    side.stop().await
}

/// Resident memory of a process in MiB.
fn memory(pid: i32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: f64 = kib.context("no VmRSS")?.parse()?;
    Ok(kib / 1024.0)
}
