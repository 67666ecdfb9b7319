//! The notebook cloud server: arguments, logging, serve, wait for a signal, drain.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use server::config::ServeOptions;
use server::serve::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

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
    Serve(ServeArgs),
    /// Print a link that signs the owner in once, within ten minutes.
    SignInLink(SignInLinkArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: String,
    /// Directory for everything the server keeps; made when absent.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Accept the development identity from anybody on this machine; loopback only.
    #[arg(long)]
    dev_identity: bool,
    /// The address people reach the server at, when it differs from the listening address.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The origin that output frames are served from; another host than the page's.
    #[arg(long, value_name = "URL")]
    output_origin: Option<String>,
}

#[derive(Debug, Args)]
struct SignInLinkArgs {
    /// The data directory of the running server.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// The filter of the log: `RUST_LOG`, else `info`, without automerge's spans. Those of level info write out the history
/// of the document they work on, so each change would cost what all changes before it cost together.
fn logged() -> EnvFilter {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let asked = if asked.trim().is_empty() {
        "info"
    } else {
        &asked
    };
    EnvFilter::new(format!("{asked},automerge=warn"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(logged())
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let result = match cli.command {
        Command::Serve(args) => serve(args).await,
        Command::SignInLink(args) => sign_in_link(&args).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    // Before anything is started or printed: a signal at any time ends it in order.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::start(&ServeOptions {
        listen: args.listen,
        data: args.data,
        dev_identity: args.dev_identity,
        public_url: args.public_url,
        output_origin: args.output_origin,
    })
    .await?;
    println!("listening on http://{}", server.address());
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

async fn sign_in_link(args: &SignInLinkArgs) -> anyhow::Result<()> {
    println!("{}", server::serve::sign_in_link(&args.data).await?);
    Ok(())
}
