//! `cargo xtask bench`: builds optimised programs, installs Jupyter Server beside ipykernel, runs the comparison.

use std::process::Command;

use anyhow::Result;

use crate::python;
use crate::tools::{root, run_command, run_program, step, target_dir};

/// Builds, installs, measures, and writes docs/benchmarks.md.
pub fn run() -> Result<()> {
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
    let mut command = Command::new(release.join("bench"));
    command
        .arg(python)
        .arg(root().join("docs/benchmarks.md"))
        .env("PROGRAMS", &release);
    run_command(&mut command)
}
