//! `notebook-cloud config check`: each setting, where it came from, and whether a server would start.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::settings_args::SettingsArgs;

/// Look at the configuration.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say each setting and where it came from, and try whether a server would start with them.
    Check(SettingsArgs),
}

/// Runs the command; fails when a server would not start.
pub async fn run(args: &ConfigArgs) -> Result<()> {
    let ConfigCommand::Check(args) = &args.command;
    let loaded = args.load()?;
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let keys = width(&mut loaded.shown.iter().map(|shown| shown.key.len()));
    let values = width(&mut loaded.shown.iter().map(|shown| shown.value.len()));
    for shown in &loaded.shown {
        println!(
            "{:keys$}  {:values$}  {}",
            shown.key, shown.value, shown.source
        );
    }
    let findings = server::check::check(&loaded).await;
    println!();
    for text in &findings.good {
        println!("ok: {text}");
    }
    for text in &findings.warnings {
        println!("warning: {text}");
    }
    for text in &findings.problems {
        println!("error: {text}");
    }
    if findings.problems.is_empty() {
        return Ok(());
    }
    bail!(
        "a server would not start with this configuration\nHint: the lines that begin with `error:` say what to change"
    )
}
