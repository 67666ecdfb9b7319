//! `runtimed`: the workstation's daemon. Each subcommand is a process of its own.

mod cloud_runtime_agent;
mod confined;
mod kernel_keeper;
mod own_secrets;
mod run;
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
    WorkstationAgent(Box<workstation_agent::Args>),
    /// Serve one notebook: join its room and drive its kernel.
    #[command(hide = true)]
    CloudRuntimeAgent(Box<cloud_runtime_agent::Args>),
    /// Keep one kernel and its journal for a job.
    #[command(hide = true)]
    KernelKeeper(kernel_keeper::Args),
    /// Start a program that does not see this machine's secrets.
    #[command(hide = true)]
    Confined(confined::Args),
    /// Execute a notebook file on this machine, without a cloud.
    Run(Box<run::Args>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Cli::Confined(args) = cli {
        return confined::run(args);
    }
    let asked = std::env::var("RUST_LOG").ok();
    let usual = match cli {
        Cli::Run(_) => "warn",
        _ => "info",
    };
    let filter = documents::log_filter(asked.as_deref(), usual);
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        // They go to standard error, which would panic where that is a file on a full disk.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    if !matches!(cli, Cli::Run(_)) {
        own_secrets::hide_memory();
    }
    match cli {
        Cli::WorkstationAgent(args) => workstation_agent::run(*args),
        Cli::CloudRuntimeAgent(args) => cloud_runtime_agent::run(*args),
        Cli::KernelKeeper(args) => kernel_keeper::run(args),
        Cli::Confined(args) => confined::run(args),
        Cli::Run(args) => run::run(&args),
    }
}
