//! `runt`: the operator's command line on a workstation.
//!
//! It parses, wires up and says how it went; what it does is in the `workstation` crate. Data goes to stdout, messages
//! to stderr. Exit codes: 0 done, 1 user or remote problem, 2 command line; `doctor` has its own 3 for warnings alone.

mod cli;
mod commands;
mod papers;
mod printer;
mod table;
mod words;

use std::process::ExitCode;

use clap::FromArgMatches as _;

use cli::{Cli, Command, Workstation};
use printer::Printer;

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let printer = Printer::new(cli.no_input);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return printer.fail(&error.into()),
    };
    let result = runtime.block_on(carry_out(cli.command, &printer));
    match result {
        Ok(code) => code,
        Err(error) => printer.fail(&error),
    }
}

async fn carry_out(command: Command, printer: &Printer) -> anyhow::Result<ExitCode> {
    match command {
        Command::Upgrade(args) => commands::upgrade::run(args, printer).await?,
        Command::Completions(args) => papers::completions(&args)?,
        Command::Man(args) => papers::man(&args, printer)?,
        Command::Workstation(command) => match *command {
            Workstation::Connect(args) => commands::connect::run(args, printer).await?,
            Workstation::Run(args) => commands::run::run(args, printer).await?,
            Workstation::Service(args) => commands::service::run(args, printer).await?,
            Workstation::Status(args) => commands::status::run(args, printer).await?,
            Workstation::Jobs(args) => commands::jobs::run(args, printer).await?,
            Workstation::Logs(args) => commands::logs::run(args, printer).await?,
            Workstation::Output(args) => commands::output::run(&args)?,
            Workstation::Stop(args) => commands::stop::run(args, printer).await?,
            Workstation::Drain(args) => commands::drain::run(args, printer).await?,
            Workstation::Disconnect(args) => commands::disconnect::run(args, printer).await?,
            Workstation::Doctor(args) => return commands::doctor::run(args, printer).await,
            Workstation::Config(args) => commands::config::run(args, printer)?,
        },
    }
    Ok(ExitCode::SUCCESS)
}
