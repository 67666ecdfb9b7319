//! The page of results.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{DISPLAYS, Kept, LINES, Pair};

/// One scenario's medians.
pub struct Row {
    name: &'static str,
    ours: f64,
    jupyter: f64,
}

impl Row {
    /// Takes the medians of both sides.
    pub fn new(name: &'static str, pair: &Pair) -> Self {
        let (ours, jupyter) = pair.medians();
        Self {
            name,
            ours,
            jupyter,
        }
    }
}

/// The page as Markdown.
pub fn page(rows: &[Row], kept: &Kept, rounds: usize, python: &Path) -> Result<String> {
    let mut text = String::from("# Benchmarks\n\n");
    let _ = writeln!(
        text,
        "Written by `cargo xtask bench`: this software and Jupyter Server in one run on one machine, medians of {rounds} \
         rounds, both clients reading and acknowledging as fast as they can, Jupyter Server's rate limits off. A ratio below 1 means that \
         this software is faster. {LINES} lines and {DISPLAYS} displays are counted and compared, blobs fetched.\n"
    );
    text.push_str("| scenario | this software | Jupyter Server | ratio |\n|---|---:|---:|---:|\n");
    for row in rows {
        let ratio = row.ours / row.jupyter;
        let _ = writeln!(
            text,
            "| {} | {:.1} ms | {:.1} ms | {ratio:.2} |",
            row.name, row.ours, row.jupyter
        );
    }
    let _ = writeln!(
        text,
        "\nFewest lines that arrived of {LINES} in any round: {} here, {} through Jupyter Server.\n",
        kept.ours, kept.jupyter
    );
    let version = |module: &str| -> Result<String> {
        let code = format!("import importlib.metadata as m; print(m.version('{module}'))");
        let output = Command::new(python).args(["-c", &code]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let _ = writeln!(
        text,
        "{} Versions: jupyter_server {}, ipykernel {}, pyzmq {}.",
        machine(),
        version("jupyter_server")?,
        version("ipykernel")?,
        version("pyzmq")?
    );
    Ok(text)
}

/// The machine, and how busy it was.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let machine = format!(
        "Machine: {cores} cores ({}), {}.",
        cpu_model(),
        std::env::consts::OS
    );
    match load() {
        Some(load) => format!(
            "{machine} Load average of the last five minutes: {load}; what is above the cores is other work, which slows \
             everything, and most of all what is several programs."
        ),
        None => machine,
    }
}

/// The load average of the last five minutes, where the system tells it.
fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

fn cpu_model() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(':').nth(1))
        .map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}
