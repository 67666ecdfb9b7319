//! `runt`: the operator's command line on a workstation.
//!
//! It parses, wires up and says how it went; what it does is in the `workstation` crate. Exit codes: 0 done, 1 user or
//! remote problem, 2 command line.

mod commands;
mod printer;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use printer::Printer;

#[derive(Debug, Parser)]
#[command(
    name = "runt",
    version,
    about = "Offer this machine's Python kernels to your notebook cloud"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pair this machine with a notebook cloud and serve its kernels.
    #[command(subcommand, arg_required_else_help = true)]
    Workstation(Workstation),
}

#[derive(Debug, Subcommand)]
enum Workstation {
    /// Pair this machine with a cloud.
    Connect(commands::connect::Args),
    /// Serve this machine's kernels until stopped.
    Run(commands::run::Args),
    /// Show what the cloud knows of your workstations.
    Status(commands::status::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    cloud_client::install_crypto_provider();
    let printer = Printer::new();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return printer.fail(&error.into()),
    };
    let Command::Workstation(command) = cli.command;
    let result = runtime.block_on(async {
        match command {
            Workstation::Connect(args) => commands::connect::run(args, &printer).await,
            Workstation::Run(args) => commands::run::run(args, &printer).await,
            Workstation::Status(args) => commands::status::run(args, &printer).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => printer.fail(&error),
    }
}
