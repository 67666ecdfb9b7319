//! Project tasks. `cargo xtask up` runs the whole thing on this machine; `cargo xtask test` installs what the
//! tests need and passes them all. Nothing here is part of a shipped program.

mod bench;
mod browser;
mod conformance;
mod dist;
mod fuzz;
mod identity_provider;
mod loadtest;
mod postgres;
mod python;
mod soak;
mod test;
mod tidy;
mod tools;
mod up;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything, start the cloud, pair this machine, open the welcome notebook.
    Up(up::Options),
    /// Make the archives that are handed out, with their checksums and manifest.
    Dist(dist::Options),
    /// Format check, lints, tidy, and every test: units, protocol, simulator, processes, browser.
    Test(test::Options),
    /// The long ones: twenty repetitions of each kill, a million worlds, hours of made-up requests.
    Soak(soak::Options),
    /// Measure this software, beside Jupyter Server in one run or over a long time; writes its page in docs.
    Bench(bench::Options),
    /// Try made-up requests of every kind against a real server.
    Fuzz(fuzz::Options),
    /// Many agents (the real agent core, without processes) against one server.
    Loadtest(loadtest::Options),
    /// Check what clippy cannot: file sizes, crate docs, who may depend on whom.
    Tidy,
    /// Write docs/conformance.md from the specs' statements and the tests that name them.
    Conformance(conformance::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Up(options) => up::run(&options),
        Task::Dist(options) => dist::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => test::fuzz(&options),
        Task::Loadtest(options) => loadtest::run(&options),
        Task::Tidy => tidy::run(),
        Task::Conformance(options) => conformance::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
