//! `cargo xtask test`: everything that must pass, in the order that fails soonest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::postgres::Postgres;
use crate::tools::{output, root, run_command, run_program, step, target_dir, timed};
use crate::{browser, conformance, fuzz, identity_provider, python, tidy, web};

/// What runs on PostgreSQL as well: everything that stores, and the real programs' main job and kills. Chosen by a
/// filter of the whole workspace, since a build of some packages alone would select other features and begin anew.
const ON_POSTGRES: &str = "package(store-sql) | package(control-plane) | package(server) \
                           | package(processes) & (binary(main_job) | binary(kills))";
/// What runs with blobs in a bucket as well: everything that keeps or reads them.
const ON_S3: &str = "package(server) & (test(blob) | test(collection) | test(revisions) | test(snapshots) | \
                     test(download) | test(trash) | test(notebooks) | test(backup))";
/// The programs with the features that the tests have, for the same reason.
pub const PROGRAMS: &[&str] = &["build", "--quiet", "--workspace", "--bins"];

#[derive(clap::Args)]
pub struct Options {
    /// Leave the browser tests out.
    #[arg(long)]
    no_browser: bool,
}

/// What the Rust tests are told of.
struct Tools {
    python: PathBuf,
    provider: PathBuf,
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
    timed("programs", || cargo(PROGRAMS))?;
    let python = python::for_tests()?;
    let provider = identity_provider::for_tests()?;
    let tools = Tools { python, provider };
    timed("rust tests", || rust_tests(&tools, None, None))?;
    timed("rust tests with blobs in S3", || {
        rust_tests(&tools, Some(ON_S3), Some(("TEST_BLOBS", "s3")))
    })?;
    let postgres = Postgres::start()?;
    timed("rust tests on PostgreSQL", || {
        let database = ("TEST_DATABASE", &*postgres.url());
        rust_tests(&tools, Some(ON_POSTGRES), Some(database))
    })?;
    drop(postgres);
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
                .env("TEST_IDENTITY_PROVIDER", &tools.provider)
                .env("TEST_PYTHON", &tools.python);
            run_command(command.env("PROGRAMS", target_dir().join("debug")))
        })?;
    }
    step("all tests passed");
    Ok(())
}

/// Builds the server and runs the made-up requests alone.
pub fn fuzz(options: &fuzz::Options) -> Result<()> {
    cargo(PROGRAMS)?;
    fuzz::run(options)
}

/// Runs the tests, or some of them in another place, which a variable names. `cargo test` cannot choose and runs all.
fn rust_tests(tools: &Tools, some: Option<&str>, place: Option<(&str, &str)>) -> Result<()> {
    let mut command = Command::new("cargo");
    if output("cargo", &["nextest", "--version"]).is_some() {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        command.args(["--status-level", "slow"]);
        if let Some(some) = some {
            command.args(["--filterset", some]);
        }
    } else {
        step("cargo-nextest is not installed: using `cargo test`");
        command.args(["test", "--workspace", "--no-fail-fast"]);
    }
    command.env("TEST_IDENTITY_PROVIDER", &tools.provider);
    command.envs(place);
    run_command(
        command
            .current_dir(root())
            .env("TEST_PYTHON", &tools.python),
    )
}

/// Runs cargo in the workspace.
pub fn cargo(arguments: &[&str]) -> Result<()> {
    run_program(&root(), "cargo", arguments)
}
