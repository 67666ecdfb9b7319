//! The page of results.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use processes::describe_host;

use crate::comparison::{DISPLAYS, LINES};

/// One figure of one scenario, in milliseconds.
pub struct Row {
    name: &'static str,
    ours: f64,
    jupyter: f64,
}

impl Row {
    /// The figure of both sides.
    pub fn new(name: &'static str, ours: f64, jupyter: f64) -> Self {
        Self {
            name,
            ours,
            jupyter,
        }
    }
}

/// The page as Markdown.
pub fn page(rows: &[Row], rounds: usize, python: &Path) -> Result<String> {
    let mut text = String::from("# Benchmarks\n\n");
    let _ = writeln!(
        text,
        "Written by `cargo xtask bench`: this software and Jupyter Server in one run on one machine, {rounds} \
         rounds, both clients reading and acknowledging as fast as they can, Jupyter Server's rate limits off. A ratio \
         below 1 means that this software is faster. All {LINES} lines, {DISPLAYS} displays and the large output are \
         compared with what the cell wrote, in every round and on both sides, blobs fetched: nothing is missing, or \
         this page would not have been written. Here every output is durable before it is seen.\n"
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
    text.push_str(
        "\nWhere it loses, and why: an output passes three programs here (kernel keeper, runtime peer, server) instead of \
         one, and two writes wait for the disk, that of the execution before the kernel is asked and that of the output \
         before it is shown. Displays above 1 KiB are blobs: they go up together, are written together, and are fetched \
         together once their outputs have come. The lines take as long as the kernel needs to print them, here as there. A \
         large output is written twice, to the journal of the workstation and to the server's blobs.\n",
    );
    text.push_str(
        "\nBeside it: [a notebook that is used for a long time](endurance.md), [ten thousand workstations on one \
         server](loadtest.md) and [an agent that waits](idle-agent.md).\n\n",
    );
    let version = |module: &str| -> Result<String> {
        let code = format!("import importlib.metadata as m; print(m.version('{module}'))");
        let output = Command::new(python).args(["-c", &code]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let _ = writeln!(
        text,
        "{} Versions: jupyter_server {}, ipykernel {}, pyzmq {}.",
        describe_host(),
        version("jupyter_server")?,
        version("ipykernel")?,
        version("pyzmq")?
    );
    Ok(text)
}
