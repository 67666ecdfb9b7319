//! The notebook cloud server: arguments, logging, serve, wait for a signal, drain.

mod audit_command;
mod backup_command;
mod config_command;
mod logging;
mod person_command;
mod settings_args;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use server::serve::Server;
use tokio::signal::unix::{SignalKind, signal};

use audit_command::AuditArgs;
use backup_command::{BackupArgs, RestoreArgs};
use config_command::ConfigArgs;
use person_command::PersonArgs;
use settings_args::{PlaceArgs, SettingsArgs, accepted};

/// Documents are many small allocations; this allocator serves them faster than the system's, above all in statically
/// linked programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Your own notebook cloud, on your own machines.
#[derive(Debug, Parser)]
#[command(name = "notebook-cloud", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<SettingsArgs>),
    /// Print a link that signs the owner in once, within ten minutes.
    SignInLink(PlaceArgs),
    /// Print the audit trail, newest line first.
    Audit(AuditArgs),
    /// Look at people; end or hand over what they have.
    Person(Box<PersonArgs>),
    /// Write accounts, documents and blobs of one moment to a file, while the server runs.
    Backup(BackupArgs),
    /// Make a data directory from such a file.
    Restore(RestoreArgs),
    /// Look at the configuration.
    Config(Box<ConfigArgs>),
}

/// Threads that wait for the disk. Each costs memory that must be made ready, more than most of what it then does: a few
/// that stay serve a burst better than hundreds that come and go.
const DISK_THREADS: usize = 16;
const DISK_THREAD_STAYS: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Notebooks, accounts and logs are nobody else's on this machine, also in a folder that was there before.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(DISK_THREADS)
        .thread_keep_alive(DISK_THREAD_STAYS)
        .enable_all()
        .build();
    let result = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(&cli.command)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve(args).await,
        Command::SignInLink(args) => sign_in_link(args).await,
        Command::Audit(args) => audit_command::run(args).await,
        Command::Person(args) => person_command::run(args).await,
        Command::Backup(args) => backup_command::backup(args).await,
        Command::Restore(args) => backup_command::restore(args).await,
        Command::Config(args) => config_command::run(args).await,
    }
}

async fn serve(args: &SettingsArgs) -> anyhow::Result<()> {
    // Before anything is started or printed: a signal at any time ends it in order.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let loaded = accepted(args.load()?)?;
    logging::start(&loaded.settings.log);
    let server = Server::start(&loaded.settings).await?;
    let config = server.app().config();
    for text in loaded.warnings.iter().chain(&config.warnings()) {
        tracing::warn!("{}", text.replace('\n', " "));
    }
    let scheme = match config.settings.tls.cert {
        Some(_) => "https",
        None => "http",
    };
    println!("listening on {scheme}://{}", server.address());
    if let Some(address) = server.metrics_address() {
        println!("metrics on http://{address}/metrics");
    }
    if let Some(link) = server.first_sign_in_link().await? {
        println!("sign in once, within ten minutes: {link}");
    }
    server
        .run(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
        .await?;
    Ok(())
}

async fn sign_in_link(args: &PlaceArgs) -> anyhow::Result<()> {
    println!("{}", server::serve::sign_in_link(&args.settings()?).await?);
    Ok(())
}
