//! `cargo xtask test`: everything that must pass, in the order that fails soonest.

use std::process::Command;

use anyhow::Result;

use crate::tools::{output, root, run_command, run_program, step, target_dir, timed};
use crate::{browser, conformance, fuzz, identity_provider, python, tidy, web};

#[derive(clap::Args)]
pub struct Options {
    /// Leave the browser tests out.
    #[arg(long)]
    no_browser: bool,
}

/// Runs all checks and tests; the first failing step ends it with its cause.
pub fn run(options: &Options) -> Result<()> {
    web::require_node()?;
    timed("format", || cargo(&["fmt", "--all", "--check"]))?;
    timed("tidy", tidy::run)?;
    timed("conformance page", || {
        conformance::run(&conformance::Options::check_only())
    })?;
    timed("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])
    })?;
    timed("page", || web::check().and_then(|()| web::build()))?;
    timed("programs", || {
        cargo(&[
            "build",
            "--quiet",
            "--bin",
            "notebook-cloud",
            "--bin",
            "runt",
            "--bin",
            "runtimed",
        ])
    })?;
    let python = python::for_tests()?;
    let provider = identity_provider::for_tests()?;
    timed("rust tests", || {
        let mut command = Command::new("cargo");
        if output("cargo", &["nextest", "--version"]).is_some() {
            command.args([
                "nextest",
                "run",
                "--workspace",
                "--no-fail-fast",
                "--status-level",
                "slow",
            ]);
        } else {
            step("cargo-nextest is not installed: using `cargo test`");
            command.args(["test", "--workspace", "--no-fail-fast"]);
        }
        command.env("TEST_IDENTITY_PROVIDER", &provider);
        run_command(command.current_dir(root()).env("TEST_PYTHON", &python))
    })?;
    timed("made-up requests", || fuzz::run(&fuzz::Options::default()))?;
    if !options.no_browser {
        timed("browser tests", || {
            let chromium = browser::find_or_install()?;
            let folder = root().join("tests/browser");
            web::install(&folder)?;
            let mut command = Command::new("npm");
            command.args(["test", "--silent"]).current_dir(&folder);
            command
                .env("CHROMIUM", chromium)
                .env("TEST_IDENTITY_PROVIDER", &provider)
                .env("TEST_PYTHON", &python);
            run_command(command.env("PROGRAMS", target_dir().join("debug")))
        })?;
    }
    step("all tests passed");
    Ok(())
}

/// Builds the server and runs the made-up requests alone.
pub fn fuzz(options: &fuzz::Options) -> Result<()> {
    cargo(&["build", "--quiet", "--bin", "notebook-cloud"])?;
    fuzz::run(options)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    run_program(&root(), "cargo", arguments)
}
