//! `runt workstation disconnect`: takes this machine off its cloud: registration, credential, file.

use anyhow::{Context as _, Result, bail};
use cloud_client::{BaseUrl, CloudClient, CloudError, RefusalKind};
use workstation::StoredCredential;

use super::Here;
use super::stop::{end_everything, ends_with_all};
use crate::printer::Printer;
use crate::words;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let path = here.folders.credential_file();
    let Some(stored) = StoredCredential::read(&path)? else {
        printer.note("This machine is not paired; there is nothing to do.");
        return Ok(());
    };
    let base = BaseUrl::parse(&stored.cloud_url, true)?;
    if !args.yes {
        confirm(&here, &base, printer).await?;
    }
    let (jobs, agent) = end_everything(&here).await?;
    if agent || jobs > 0 {
        let and_agent = if agent { " and the agent" } else { "" };
        printer.line(&format!("Stopped {}{and_agent}", words::count(jobs, "job")));
    }
    let mut undone = Vec::new();
    let client =
        CloudClient::new(&here.network(None)?, base.clone())?.with_token(stored.token.clone());
    match client.deregister(&stored.workstation_id).await {
        Ok(()) => printer.line(&format!("Removed {} from {base}", stored.workstation_id)),
        Err(error) if is_gone(&error) => {}
        Err(error) => undone.push(format!(
            "{} is still registered: {error}",
            stored.workstation_id
        )),
    }
    match client.revoke_credential(&stored.credential_id).await {
        Ok(()) => printer.line("Revoked the credential"),
        Err(error) if is_gone(&error) => {}
        Err(error) => undone.push(format!(
            "the credential {} still counts: {error}\nHint: revoke it in the workstations panel of {base}",
            stored.credential_id
        )),
    }
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    printer.line(&format!("Removed {}", path.display()));
    if undone.is_empty() {
        return Ok(());
    }
    bail!("{}", undone.join("\n"));
}

/// Whether the cloud says that there is nothing (any more) to end: not there, or the credential counts no longer.
fn is_gone(error: &CloudError) -> bool {
    let kind = error.refusal().map(cloud_client::Refusal::kind);
    matches!(
        kind,
        Some(RefusalKind::NotFound | RefusalKind::Unauthorized)
    )
}

async fn confirm(here: &Here, base: &BaseUrl, printer: &Printer) -> Result<()> {
    if !printer.may_ask() {
        bail!("disconnecting ends the pairing with {base}\nHint: say that you mean it with --yes");
    }
    let agent = here.agent().await?;
    let jobs = here.jobs(agent.as_ref()).await;
    let ends = match jobs.iter().filter(|job| ends_with_all(here, job)).count() {
        0 => String::new(),
        count => format!(" and end {}", words::count(count, "kernel")),
    };
    printer.ask(&format!("Disconnect this machine from {base}{ends}? [y/N]"));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    if !matches!(line.trim().to_lowercase().as_str(), "y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}
