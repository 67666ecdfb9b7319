//! `runtimed`: the workstation's daemon. Each subcommand is a process of its own.

mod cloud_runtime_agent;
mod kernel_keeper;
mod workstation_agent;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;

/// Documents are many small allocations; this allocator serves them faster than the system's, above all in statically
/// linked programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "runtimed", version, about = "The workstation's daemon")]
enum Cli {
    /// Register this machine with a cloud, take attach jobs and look after their peers.
    WorkstationAgent(workstation_agent::Args),
    /// Serve one notebook: join its room and drive its kernel.
    #[command(hide = true)]
    CloudRuntimeAgent(Box<cloud_runtime_agent::Args>),
    /// Keep one kernel and its journal for a job.
    #[command(hide = true)]
    KernelKeeper(kernel_keeper::Args),
}

/// The filter of the log: `RUST_LOG`, else `info`, without automerge's spans. Those of level info write out the history
/// of the document they work on, so each change would cost what all changes before it cost together.
fn logged() -> tracing_subscriber::EnvFilter {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let asked = if asked.trim().is_empty() {
        "info"
    } else {
        &asked
    };
    tracing_subscriber::EnvFilter::new(format!("{asked},automerge=warn"))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(logged())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match cli {
        Cli::WorkstationAgent(args) => workstation_agent::run(args),
        Cli::CloudRuntimeAgent(args) => cloud_runtime_agent::run(*args),
        Cli::KernelKeeper(args) => kernel_keeper::run(args),
    }
}
