//! `runt workstation logs`: what runtime peers logged.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use workstation::{JobPlace, job_places};

use super::jobs::short;
use super::{Here, pick, printable};
use crate::printer::Printer;

/// Most that is read back from a log's end.
const TAIL_BYTES: u64 = 4 * 1024 * 1024;
/// How often logs are looked at while following.
const TICK: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job: its id or its notebook's id, or how it begins [default: all that are served now].
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// Go on as the logs grow.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines.
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    lines: u32,
}

/// A log that is being shown.
struct Shown {
    title: String,
    path: PathBuf,
    offset: u64,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let places = job_places(&here.folders);
    let chosen: Vec<&JobPlace> = match &args.job {
        Some(asked) => vec![pick(asked, &places, |place| {
            (&place.job_id, place.notebook_id.as_deref())
        })?],
        None => places.iter().filter(|place| place.is_served).collect(),
    };
    if chosen.is_empty() {
        bail!(
            "this machine serves no notebook, so there is no log to show\nHint: name an ended job; their folders are in {}",
            here.folders.agent_root().display()
        );
    }
    let mut shown: Vec<Shown> = chosen.into_iter().map(Shown::of).collect();
    let several = shown.len() > 1;
    for (index, log) in shown.iter_mut().enumerate() {
        if several {
            if index > 0 {
                printer.line("");
            }
            printer.line(&log.title);
        }
        log.tail(args.lines as usize, printer)?;
    }
    if args.follow {
        follow(&mut shown, printer).await?;
    }
    Ok(())
}

/// Shows what is written, until somebody stops it.
async fn follow(shown: &mut [Shown], printer: &Printer) -> Result<()> {
    let several = shown.len() > 1;
    let mut last = shown.len() - 1;
    loop {
        tokio::time::sleep(TICK).await;
        for (index, log) in shown.iter_mut().enumerate() {
            let lines = log.news()?;
            if !lines.is_empty() && several && index != last {
                printer.line(&format!("\n{}", log.title));
                last = index;
            }
            for line in lines {
                printer.line(&line);
            }
        }
    }
}

impl Shown {
    fn of(place: &JobPlace) -> Self {
        let notebook = place.notebook_id.as_deref().unwrap_or("unknown notebook");
        Self {
            title: format!(
                "==> {} ({})",
                printable(&short(&place.job_id)),
                printable(notebook)
            ),
            path: place.log.clone(),
            offset: 0,
            rest: Vec::new(),
        }
    }

    fn tail(&mut self, count: usize, printer: &Printer) -> Result<()> {
        let length = length(&self.path)?;
        self.offset = length.saturating_sub(TAIL_BYTES);
        let cut = self.offset > 0;
        let mut lines = self.news()?;
        if cut && !lines.is_empty() {
            lines.remove(0);
        }
        for line in &lines[lines.len().saturating_sub(count)..] {
            printer.line(line);
        }
        Ok(())
    }

    /// Whole lines that were written since the last look.
    fn news(&mut self) -> Result<Vec<String>> {
        let length = length(&self.path)?;
        if length < self.offset {
            // It was begun anew.
            self.offset = 0;
            self.rest.clear();
        }
        if length == self.offset {
            return Ok(Vec::new());
        }
        let told = || format!("cannot read the log {}", self.path.display());
        let mut file = File::open(&self.path).with_context(told)?;
        file.seek(SeekFrom::Start(self.offset)).with_context(told)?;
        let read = file
            .take(TAIL_BYTES)
            .read_to_end(&mut self.rest)
            .with_context(|| format!("cannot read the log {}", self.path.display()))?;
        self.offset += read as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let text = String::from_utf8_lossy(&whole);
        Ok(text.lines().map(printable).collect())
    }
}

/// A log that is not there yet is empty.
fn length(path: &Path) -> Result<u64> {
    match path.metadata() {
        Ok(meta) => Ok(meta.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("cannot read the log {}", path.display())),
    }
}
