//! What packagers and shells want: completions and manual pages, made from the command line itself.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cli;
use crate::printer::Printer;

#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The folder; made where it is missing.
    dir: PathBuf,
}

/// Prints the completions of a shell.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "runt", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script).context("cannot print the script")
}

/// Writes a manual page for each command.
pub fn man(args: &ManArgs, printer: &Printer) -> Result<()> {
    let shown = args.dir.display();
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make the folder {shown}"))?;
    clap_mangen::generate_to(cli::command(), &args.dir)
        .with_context(|| format!("cannot write manual pages into {shown}"))?;
    printer.line(&format!("Manual pages written to {shown}"));
    printer.note(&format!(
        "Read one with `man -l {}`",
        args.dir.join("runt.1").display()
    ));
    Ok(())
}
