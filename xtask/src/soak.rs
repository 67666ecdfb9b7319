//! `cargo xtask soak`: the long ones, for a machine with hours to spare (decision D19).

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::test::{PROGRAMS, cargo};
use crate::tools::{root, run_command, step, timed};
use crate::{fuzz, python};

/// The test whose link stays away for long once, and for how many seconds.
const LONG_CUT: (&str, &str) = ("a_link_that_is_cut_for_a_minute_costs_no_line", "1800");

/// How long each of the three rounds of made-up requests may take.
const FUZZ_SECONDS: u32 = 3600;
/// What is tested by properties.
const PROPERTIES: &[&str] = &["wire", "documents", "control-plane", "store-sql", "testkit"];

#[derive(clap::Args)]
pub struct Options {
    /// Repetitions of each kill.
    #[arg(long, default_value_t = 20)]
    repetitions: u32,
    /// The first of the repetitions' seeds; another one hits other moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worlds of the simulator.
    #[arg(long, default_value_t = 1_000_000)]
    worlds: u64,
    /// Cases of each property, and requests made up for each operation.
    #[arg(long, default_value_t = 2_000)]
    cases: u32,
}

/// Runs them one after the other; the first that fails ends it with its cause.
pub fn run(options: &Options) -> Result<()> {
    cargo(PROGRAMS)?;
    let python = python::for_tests()?;
    let (repetitions, seed) = (options.repetitions.to_string(), options.seed.to_string());
    timed("kills", || {
        let mut command = kills(&python, &seed);
        run_command(command.env("KILL_REPETITIONS", &repetitions))
    })?;
    timed("a link that is away for half an hour", || {
        let (name, seconds) = LONG_CUT;
        let mut command = kills(&python, &seed);
        command.args(["--", name]).env("KILL_REPETITIONS", "1");
        run_command(command.env("KILL_CUT_SECONDS", seconds))
    })?;
    timed("worlds of the simulator", || {
        let mut command = Command::new("cargo");
        command.args(["test", "--release", "--quiet", "--package", "testkit"]);
        command.args(["--test", "simulator"]).current_dir(root());
        run_command(command.env("SEEDS", options.worlds.to_string()))
    })?;
    let cases = options.cases.to_string();
    timed("properties", || {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--release", "--quiet"])
            .current_dir(root());
        for package in PROPERTIES {
            command.args(["--package", package]);
        }
        run_command(command.env("PROPTEST_CASES", &cases))
    })?;
    timed("made-up requests", || {
        fuzz::run(&fuzz::Options {
            examples: options.cases,
            seed: options.seed,
            seconds: FUZZ_SECONDS,
        })
    })?;
    step("the soak is over, nothing broke");
    Ok(())
}

/// The kills, with the features that the programs were built with.
fn kills(python: &Path, seed: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--quiet", "--test", "kills"]);
    command.env("TEST_PYTHON", python).env("KILL_SEED", seed);
    command.current_dir(root());
    command
}
