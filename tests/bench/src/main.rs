//! Measures this software and Jupyter Server side by side in one run, checks that every line and display arrived on
//! both sides, and writes the page of results. Run it by `cargo xtask bench`, which builds and installs what it needs.

mod endurance;
mod idle;
mod jupyter;
mod measure;
mod ours;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::measure::{Run, median};
use crate::report::Row;

/// How often each scenario is run on each side unless told otherwise; the median counts.
const ROUNDS: usize = 5;
/// Cells run one after the other in one kernel.
const CELLS: usize = 200;
const LINES: usize = 100_000;
const DISPLAYS: usize = 1000;
const DISPLAY_BYTES: usize = 10_240;

const USAGE: &str = "usage: bench PYTHON OUTPUT.md [ROUNDS | endurance RUNS | idle-agent SECONDS]";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let python = PathBuf::from(arguments.next().context(USAGE)?);
    let page = PathBuf::from(arguments.next().context(USAGE)?);
    let rounds = match arguments.next() {
        Some(word) if word == "endurance" => {
            let runs = arguments.next().context(USAGE)?;
            return endurance::run(&python, &page, runs.parse().context(USAGE)?).await;
        }
        Some(word) if word == "idle-agent" => {
            let seconds = arguments.next().context(USAGE)?;
            return idle::run(&python, &page, seconds.parse().context(USAGE)?).await;
        }
        Some(rounds) => rounds.parse().context("ROUNDS is a number")?,
        None => ROUNDS,
    };

    let folder = tempfile::tempdir()?;
    let jupyter = jupyter::Server::start(&python, folder.path()).await?;
    let ours = ours::Side::start(&python).await?;

    let mut readiness = Pair::default();
    let mut first = Pair::default();
    let mut late = Pair::default();
    let mut early = Pair::default();
    let mut lines = Pair::default();
    let mut displays = Pair::default();
    let mut kept = Kept {
        ours: LINES,
        jupyter: LINES,
    };
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let (mut kernel, ready) = jupyter.kernel().await?;
        readiness.jupyter.push(ready);
        let (room, ready) = ours.attach().await?;
        readiness.ours.push(ready);
        for cell in 0..CELLS {
            let code = format!("print({cell})");
            let theirs = check(kernel.execute(&code).await?, &format!("{cell}\n"))?;
            let run = check(room.execute(&code).await?, &format!("{cell}\n"))?;
            first.push(&run, &theirs);
            if cell < 20 {
                early.push(&run, &theirs);
            } else if cell >= CELLS - 20 {
                late.push(&run, &theirs);
            }
        }
        let code = format!("for i in range({LINES}): print(i)");
        let wanted = (0..LINES)
            .map(|line| line.to_string())
            .collect::<Vec<_>>()
            .join("\n")
            + "\n";
        let theirs = kernel.execute(&code).await?;
        kept.jupyter = kept.jupyter.min(theirs.text.lines().count());
        lines.jupyter.push(theirs.total);
        let run = check(room.execute(&code).await?, &wanted)?;
        kept.ours = kept.ours.min(run.text.lines().count());
        lines.ours.push(run.total);
        let code = format!(
            "from IPython.display import display\nfor i in range({DISPLAYS}): display({{'text/plain': f'{round}.{{i}}'.rjust({DISPLAY_BYTES}, 'x')}}, raw=True)"
        );
        let wanted: Vec<String> = (0..DISPLAYS).map(|at| display(round, at)).collect();
        for (side, run) in [
            (&mut displays.jupyter, kernel.execute(&code).await?),
            (&mut displays.ours, room.execute(&code).await?),
        ] {
            ensure!(
                run.displays == wanted,
                "displays differ: {} of {DISPLAYS}",
                run.displays.len()
            );
            side.push(run.total);
        }
        jupyter.stop(kernel).await?;
    }
    let rows = vec![
        Row::new("attach → kernel ready", &readiness),
        Row::new("small cell: execute → first output", &first),
        Row::new("the same, cells 1 to 20", &early),
        Row::new("the same, cells 181 to 200", &late),
        Row::new("100,000 printed lines, until all have arrived", &lines),
        Row::new("1,000 displays of 10 KB, until all have arrived", &displays),
    ];
    let text = report::page(&rows, &kept, rounds, &python)?;
    std::fs::write(&page, &text).with_context(|| page.display().to_string())?;
    println!("{text}");
    ours.stop().await
}

/// Durations of both sides of one scenario.
#[derive(Default)]
pub struct Pair {
    /// This software.
    pub ours: Vec<Duration>,
    /// Jupyter Server.
    pub jupyter: Vec<Duration>,
}

/// Fewest lines that arrived in any round.
pub struct Kept {
    /// This software.
    pub ours: usize,
    /// Jupyter Server.
    pub jupyter: usize,
}

impl Pair {
    fn push(&mut self, ours: &Run, jupyter: &Run) {
        self.ours.extend(ours.first_output);
        self.jupyter.extend(jupyter.first_output);
    }

    /// Medians in milliseconds: ours, Jupyter Server's.
    pub fn medians(&self) -> (f64, f64) {
        (median(&self.ours), median(&self.jupyter))
    }
}

/// The text of one display; no two are alike, in no two rounds either: nothing is stored already.
fn display(round: usize, at: usize) -> String {
    format!("{:x>DISPLAY_BYTES$}", format!("{round}.{at}"))
}

fn check(run: Run, wanted: &str) -> Result<Run> {
    ensure!(
        run.text == wanted,
        "output differs: {} bytes instead of {}",
        run.text.len(),
        wanted.len()
    );
    Ok(run)
}
