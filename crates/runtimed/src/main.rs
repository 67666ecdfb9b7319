//! `runtimed`: the workstation's daemon. Each subcommand is a process of its own.

mod kernel_keeper;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "runtimed", version, about = "The workstation's daemon")]
enum Cli {
    /// Keep one kernel and its journal for a job.
    #[command(hide = true)]
    KernelKeeper(kernel_keeper::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result = match cli {
        Cli::KernelKeeper(args) => kernel_keeper::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
