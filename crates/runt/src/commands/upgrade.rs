//! `runt upgrade`: the programs that the cloud offers in place of these; peers and kernels are not touched.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use cloud_client::{BaseUrl, CloudClient};
use serde_json::json;
use workstation::{
    Installation, Offer, Order, RunningAgent, Standing, StoredCredential, UNIT, URL_VARIABLE,
    installed_build,
};

use super::{ASK_AGAIN, Here, served, service};
use crate::printer::Printer;
use crate::words;

/// How long an agent may take to end or a new one to answer.
const RESTART_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what the cloud offers.
    #[arg(long)]
    check: bool,
    /// With --check: print JSON.
    #[arg(long, requires = "check")]
    json: bool,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let client = CloudClient::new(&here.network(None)?, cloud(&here)?)?;
    let program = std::env::current_exe().context("cannot find the own program")?;
    let installation = Installation::of(&program, env!("CARGO_PKG_VERSION"))
        .context("cannot find the own program")?;
    let offer = installation.offer(&client).await?;
    if args.json {
        return printer.json(&json!({
            "installed": installed_build(),
            "folder": installation.folder(),
            "cloud_url": client.base().to_string(),
            "offered": offer.archive.version,
            "standing": offer.standing,
        }));
    }
    let own = format!(
        "runt {} in {}",
        installed_build(),
        installation.folder().display()
    );
    printer.line(&format!("Installed: {own}"));
    printer.line(&format!("Offered:   {}", offered(&offer, &client)));
    if args.check {
        match offer.standing {
            Standing::Newer | Standing::OtherBuild => printer.note("Hint: runt upgrade"),
            Standing::Same | Standing::Older => {}
        }
        return Ok(());
    }
    match offer.standing {
        Standing::Same => {
            printer.line("Nothing to do.");
            return Ok(());
        }
        Standing::Older => {
            printer.line("Nothing done: what is installed is newer.");
            return Ok(());
        }
        Standing::Newer | Standing::OtherBuild => {}
    }
    let version = installation.replace(&client, &offer.archive).await?;
    printer.line(&format!("Replaced runt and runtimed by version {version}"));
    restart(&here, printer).await
}

/// The cloud that this machine is paired with; no credential is needed.
fn cloud(here: &Here) -> Result<BaseUrl> {
    let insecure = here.env.allows_insecure_http();
    if let Some(url) = here.env.get(URL_VARIABLE) {
        return Ok(BaseUrl::parse(url, insecure)?);
    }
    let file = here.folders.credential_file();
    let stored = StoredCredential::read(&file)?.ok_or_else(|| {
        anyhow!(
            "this machine is not paired with a cloud, so there is none to upgrade from\n\
             Hint: run `runt workstation connect URL`, or name the cloud in {URL_VARIABLE}"
        )
    })?;
    Ok(BaseUrl::parse(&stored.cloud_url, insecure)?)
}

fn offered(offer: &Offer, client: &CloudClient) -> String {
    let standing = match offer.standing {
        Standing::Same => "the same",
        Standing::Newer => "newer",
        Standing::OtherBuild => "another build of it",
        Standing::Older => "older",
    };
    format!(
        "runt {} from {} ({standing}; {})",
        offer.archive.version,
        client.base(),
        words::bytes(offer.archive.size)
    )
}

/// Lets the new programs take over from a running agent.
async fn restart(here: &Here, printer: &Printer) -> Result<()> {
    let Some(agent) = here.agent().await.ok().flatten() else {
        printer.note("No agent runs on this machine; the next one is the new build.");
        return Ok(());
    };
    let Some(manager) = service::running(here) else {
        return hand_over(here, &agent, printer).await;
    };
    if manager.system {
        printer.note(
            "The running agent is still the old build.\n\
             Hint: `sudo runt workstation service --system restart`; kernels live on",
        );
        return Ok(());
    }
    manager.must(&["restart", UNIT])?;
    let new = successor(here, &agent).await?;
    printer.line(&format!(
        "Restarted the agent (process {}, {}); {} live on",
        new.pid,
        new.version,
        words::count(served(&agent.status), "kernel")
    ));
    Ok(())
}

/// The agent that answers after another.
async fn successor(here: &Here, former: &RunningAgent) -> Result<RunningAgent> {
    let end = Instant::now() + RESTART_LIMIT;
    while Instant::now() < end {
        // One that is ending or beginning does not answer.
        if let Ok(Some(agent)) = here.agent().await
            && agent.pid != former.pid
        {
            return Ok(agent);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    Err(anyhow!(
        "the programs are replaced, and the restarted agent does not answer\n\
         Hint: `runt workstation service logs` says why; kernels live on meanwhile"
    ))
}

/// Ends an agent that whoever started it has to start again; nobody else knows its flags and its terminal.
async fn hand_over(here: &Here, agent: &RunningAgent, printer: &Printer) -> Result<()> {
    let (pid, version) = (agent.pid, &agent.version);
    if let Err(error) = here.end_agent(&Order::HandOver, RESTART_LIMIT).await {
        printer.note(&format!(
            "The running agent (process {pid}, {version}) is still the old build: {error}"
        ));
        return Ok(());
    }
    printer.line(&format!(
        "Ended the agent (process {pid}, {version}); {} live on",
        words::count(served(&agent.status), "kernel")
    ));
    printer.note("Hint: start `runt workstation run` again, as it was: it takes them over");
    Ok(())
}
