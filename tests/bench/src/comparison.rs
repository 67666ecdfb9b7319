//! This software and Jupyter Server in one run: readiness, small cells, and the output path with everything counted.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::measure::{Run, median, percentile};
use crate::report::{self, Row};
use crate::{jupyter, ours};

/// Cells run one after the other in one kernel.
const CELLS: usize = 200;
/// Printed lines, and the characters of each.
pub const LINES: usize = 100_000;
const LINE: usize = 80;
/// Displays of one cell, and the bytes of each.
pub const DISPLAYS: usize = 1000;
const DISPLAY_BYTES: usize = 10_240;
/// The bytes of a single large output.
const LARGE_BYTES: usize = 50_000_000;

/// Durations of both sides of one scenario.
#[derive(Default)]
pub struct Pair {
    ours: Vec<Duration>,
    jupyter: Vec<Duration>,
}

impl Pair {
    fn push_first(&mut self, ours: &Run, jupyter: &Run) {
        self.ours.extend(ours.first_output);
        self.jupyter.extend(jupyter.first_output);
    }

    fn push_total(&mut self, ours: &Run, jupyter: &Run) {
        self.ours.push(ours.total);
        self.jupyter.push(jupyter.total);
    }

    fn row(&self, name: &'static str, figure: impl Fn(&[Duration]) -> f64) -> Row {
        Row::new(name, figure(&self.ours), figure(&self.jupyter))
    }
}

/// What was measured, over all rounds.
#[derive(Default)]
struct Figures {
    readiness: Pair,
    first: Pair,
    early: Pair,
    late: Pair,
    lines: Pair,
    displays: Pair,
    large: Pair,
}

/// Measures so many rounds and writes the page.
///
/// # Errors
/// A program failed, or an output was not what the cell had written.
pub async fn run(python: &Path, page: &Path, rounds: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let jupyter = jupyter::Server::start(python, folder.path()).await?;
    let ours = ours::Side::start(python).await?;
    let mut figures = Figures::default();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let (mut kernel, theirs) = jupyter.kernel().await?;
        let (room, ready) = ours.attach().await?;
        figures.readiness.jupyter.push(theirs);
        figures.readiness.ours.push(ready);
        figures.round(round, &room, &mut kernel).await?;
        jupyter.stop(kernel).await?;
    }
    let text = report::page(&figures.rows(), rounds, python)?;
    std::fs::write(page, &text).with_context(|| page.display().to_string())?;
    println!("{text}");
    ours.stop().await
}

impl Figures {
    async fn round(
        &mut self,
        round: usize,
        room: &ours::Notebook<'_>,
        kernel: &mut jupyter::Kernel,
    ) -> Result<()> {
        for cell in 0..CELLS {
            let code = format!("print({cell})");
            let wanted = format!("{cell}\n");
            let theirs = printed(kernel.execute(&code).await?, &wanted)?;
            let run = printed(room.execute(&code).await?, &wanted)?;
            self.first.push_first(&run, &theirs);
            if cell < 20 {
                self.early.push_first(&run, &theirs);
            } else if cell >= CELLS - 20 {
                self.late.push_first(&run, &theirs);
            }
        }
        let width = LINE - 1;
        let code = format!("for i in range({LINES}): print(f'{{i:.>{width}}}')");
        let wanted: Vec<String> = (0..LINES).map(|i| format!("{i:.>width$}\n")).collect();
        let wanted = wanted.concat();
        let theirs = printed(kernel.execute(&code).await?, &wanted)?;
        let run = printed(room.execute(&code).await?, &wanted)?;
        self.lines.push_total(&run, &theirs);

        let code = format!(
            "from IPython.display import display\nfor i in range({DISPLAYS}): \
             display({{'text/plain': f'{round}.{{i}}'.rjust({DISPLAY_BYTES}, 'x')}}, raw=True)"
        );
        let wanted: Vec<String> = (0..DISPLAYS)
            .map(|at| text(round, at, DISPLAY_BYTES))
            .collect();
        let theirs = displayed(kernel.execute(&code).await?, &wanted)?;
        let run = displayed(room.execute(&code).await?, &wanted)?;
        self.displays.push_total(&run, &theirs);

        let code =
            format!("display({{'text/plain': '{round}.0'.rjust({LARGE_BYTES}, 'x')}}, raw=True)");
        let wanted = vec![text(round, 0, LARGE_BYTES)];
        let theirs = displayed(kernel.execute(&code).await?, &wanted)?;
        let run = displayed(room.execute(&code).await?, &wanted)?;
        self.large.push_total(&run, &theirs);
        Ok(())
    }

    fn rows(&self) -> Vec<Row> {
        let p95 = |values: &[Duration]| percentile(values, 95);
        let first = "small cell: execute → first output, median";
        vec![
            self.readiness.row("attach → kernel ready", median),
            self.first.row(first, median),
            self.first.row("the same, 95th percentile", p95),
            self.early.row("cells 1 to 20, median", median),
            self.late.row("cells 181 to 200, median", median),
            self.lines.row(
                "100,000 lines of 80 characters, until all are there",
                median,
            ),
            self.displays
                .row("1,000 displays of 10 KB, until all are there", median),
            self.large
                .row("one output of 50 MB, until it is there", median),
        ]
    }
}

/// The text of one display; no two are alike, in no two rounds either: nothing is stored already.
fn text(round: usize, at: usize, bytes: usize) -> String {
    let name = format!("{round}.{at}");
    "x".repeat(bytes - name.len()) + &name
}

fn printed(run: Run, wanted: &str) -> Result<Run> {
    let (lines, all) = (run.text.lines().count(), wanted.lines().count());
    ensure!(
        run.text == wanted,
        "the text differs: {lines} of {all} lines"
    );
    Ok(run)
}

fn displayed(run: Run, wanted: &[String]) -> Result<Run> {
    let (displays, all) = (run.displays.len(), wanted.len());
    ensure!(
        run.displays == wanted,
        "displays differ: {displays} of {all}"
    );
    Ok(run)
}
