//! `cargo xtask loadtest agents`: builds optimised programs and runs the load tool.

use std::process::Command;

use anyhow::Result;

use crate::tools::{root, run_command, run_program, step, target_dir};

#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Registered workstations with open event sockets against one server.
    Agents {
        /// How many.
        #[arg(long, default_value_t = 500)]
        count: usize,
        /// Write the figures to docs/loadtest.md.
        #[arg(long)]
        write: bool,
        /// Use unoptimised programs, which build faster and measure less.
        #[arg(long)]
        debug: bool,
    },
}

/// Builds, measures, prints.
pub fn run(options: &Options) -> Result<()> {
    let What::Agents {
        count,
        write,
        debug,
    } = options.what;
    step("building the programs");
    // All programs, as every other task builds them: a part of them would be built with other features.
    let mut build = vec!["build", "--workspace", "--bins"];
    if !debug {
        build.push("--release");
    }
    run_program(&root(), "cargo", &build)?;
    let programs = target_dir().join(if debug { "debug" } else { "release" });
    let mut command = Command::new(programs.join("loadtest"));
    command
        .args(["--count", &count.to_string()])
        .env("PROGRAMS", &programs);
    if write {
        command.arg("--write").arg(root().join("docs/loadtest.md"));
    }
    run_command(&mut command)
}
