//! `cargo xtask bench`: builds optimised programs, installs Jupyter Server beside ipykernel, runs the comparison.

use std::process::Command;

use anyhow::Result;

use crate::python;
use crate::tools::{root, run_command, run_program, step, target_dir};

#[derive(clap::Args)]
pub struct Options {
    /// Instead of the comparison: so many runs of a cell in one notebook, with what each thousandth costs.
    #[arg(long, value_name = "RUNS")]
    endurance: Option<usize>,
}

/// Builds, installs, measures, and writes docs/benchmarks.md or docs/endurance.md.
pub fn run(options: &Options) -> Result<()> {
    step("building optimised programs (a few minutes the first time)");
    let programs = [
        "--bin",
        "notebook-cloud",
        "--bin",
        "runt",
        "--bin",
        "runtimed",
        "--bin",
        "bench",
    ];
    run_program(
        &root(),
        "cargo",
        &[["build", "--release"].as_slice(), &programs].concat(),
    )?;
    let python = python::for_benchmarks()?;
    let release = target_dir().join("release");
    let docs = root().join("docs");
    let mut command = Command::new(release.join("bench"));
    command.arg(python).env("PROGRAMS", &release);
    match options.endurance {
        Some(runs) => command
            .arg(docs.join("endurance.md"))
            .args(["endurance", &runs.to_string()]),
        None => command.arg(docs.join("benchmarks.md")),
    };
    run_command(&mut command)
}
