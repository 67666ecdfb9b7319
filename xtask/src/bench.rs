//! `cargo xtask bench`: builds optimised programs, installs Jupyter Server beside ipykernel, runs the comparison.

use std::process::Command;

use anyhow::Result;

use crate::python;
use crate::tools::{root, run_command, run_program, step, target_dir};

#[derive(clap::Args)]
pub struct Options {
    /// The comparison with Jupyter Server; what is measured unless an option says otherwise.
    #[arg(value_parser = ["outputs"], conflicts_with_all = ["endurance", "idle_agent"])]
    scenario: Option<String>,
    /// Instead of the comparison: so many runs of a cell in one notebook, with what each thousandth costs.
    #[arg(long, value_name = "RUNS")]
    endurance: Option<usize>,
    /// Instead of the comparison: what an agent that waits for work uses in so many seconds.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "600",
        conflicts_with = "endurance"
    )]
    idle_agent: Option<u64>,
    /// With `--idle-agent`: write docs/idle-agent.md; without it the figures are only printed.
    #[arg(long, requires = "idle_agent")]
    write: bool,
}

/// Builds, installs, measures, and writes the page of figures.
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
    match (options.endurance, options.idle_agent) {
        (Some(runs), _) => command
            .arg(docs.join("endurance.md"))
            .args(["endurance", &runs.to_string()]),
        (None, Some(seconds)) => command
            .arg(if options.write {
                docs.join("idle-agent.md")
            } else {
                target_dir().join("idle-agent.md")
            })
            .args(["idle-agent", &seconds.to_string()]),
        (None, None) => command.arg(docs.join("benchmarks.md")).arg("outputs"),
    };
    run_command(&mut command)
}
