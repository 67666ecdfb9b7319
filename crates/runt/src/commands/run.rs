//! `runt workstation run`: becomes the workstation agent (workstation.md 2.7).

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use cloud_client::{CA_FILE_VARIABLE, ExposeSecret as _};
use workstation::{
    CredentialError, ResolvedCredential, ServingArgs, TOKEN_VARIABLE, absolute_interpreter,
    find_interpreter, find_runtimed, probe_ipykernel, resolve_credential, script_connector_note,
};

use super::Here;
use crate::printer::Printer;
use crate::words;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where kernels start [default: the current folder].
    #[arg(long, visible_alias = "cwd")]
    working_directory: Option<PathBuf>,
    /// A PEM file of certificate authorities that count besides the system's.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    serving: ServingArgs,
}

/// The credential; whoever used the older connector learns the way over.
fn credential(here: &Here, printer: &Printer) -> Result<ResolvedCredential, CredentialError> {
    let credential = resolve_credential(&here.env, &here.folders);
    if let (Err(CredentialError::NotPaired { .. }), Some(note)) =
        (&credential, script_connector_note(&here.env))
    {
        printer.warn(&note);
    }
    credential
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let env = &here.env;
    let credential = credential(&here, printer)?;
    let settings = super::config::settings(&here)?;
    let ca_file = env.ca_file(args.ca_file.as_deref(), &settings);
    // Said here, where somebody reads it, and not by the agent.
    env.network(ca_file.as_deref(), &settings)?
        .proxy_before(&credential.base)?;
    let mut serving = args.serving.or(&settings);
    let directory = args.working_directory.or(settings.working_directory);
    let directory = directory.map(|asked| {
        let found = asked
            .canonicalize()
            .with_context(|| format!("the working directory {}", asked.display()))?;
        if !found.is_dir() {
            bail!("the working directory {} is not a folder", found.display());
        }
        Ok(found)
    });
    let directory = directory.transpose()?;
    let current = std::env::current_exe().context("cannot find the own program")?;
    let daemon = find_runtimed(&current)?;
    printer.line(&format!(
        "Serving {} for {}",
        credential.display_name, credential.base
    ));
    printer.line(&format!("Workstation: {}", credential.workstation_id));
    printer.line(&format!("Agent: {}", daemon.display()));

    serving.python_path = serving
        .python_path
        .map(|path| absolute_interpreter(&path, env.get("PATH")));
    let python = serving.python_path.clone();
    if let Some(python) = python.or_else(|| find_interpreter(env.get("PATH"))) {
        printer.line(&format!("Python: {}", python.display()));
        if let Some(warning) = probe_ipykernel(&python, &daemon).await.warning(&python) {
            printer.warn(&warning);
        }
    } else {
        printer.warn("no python3 or python was found on PATH\nHint: install Python, or name one with --python-path");
    }
    if let Some(directory) = &directory {
        printer.line(&format!("Working directory: {}", directory.display()));
    }
    if !serving.allow.is_empty() {
        printer.line(&format!("Allowed: {}", serving.allow.join(", ")));
    }
    if let Some(most) = serving.max_jobs {
        printer.line(&format!(
            "At most: {}",
            words::count(most as usize, "notebook")
        ));
    }
    printer.line("Stop with Ctrl-C.");

    let mut command = Command::new(&daemon);
    command
        .arg("workstation-agent")
        .args(["--cloud-url", credential.base.as_str()]);
    command.arg(format!("--workstation-id={}", credential.workstation_id));
    command.arg(format!("--display-name={}", credential.display_name));
    if let Some(directory) = &directory {
        command
            .arg("--working-dir")
            .arg(directory)
            .current_dir(directory);
    }
    command.args(serving.to_arguments());
    if let Some(file) = ca_file {
        command.env(CA_FILE_VARIABLE, std::path::absolute(file)?);
    }
    command.env(TOKEN_VARIABLE, credential.token.expose_secret());
    // The agent replaces this process: signals, exit code and supervision are its own.
    let error = command.exec();
    Err(anyhow!(error).context(format!("cannot start {}", daemon.display())))
}
