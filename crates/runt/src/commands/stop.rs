//! `runt workstation stop`: ends a notebook's kernel, keeper and peer, or everything (decision D4).

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use workstation::{LocalJob, Order, end_unattended, find_runtimed};

use super::jobs::short;
use super::{ASK_AGAIN, Here, pick};
use crate::printer::Printer;
use crate::words;

/// How long a job or an agent may take to end; longer than the agent's own patience with its peers.
const END_LIMIT: Duration = Duration::from_secs(40);

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Args {
    /// The job: its id or its notebook's id, or how it begins.
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// End every job, and then the agent.
    #[arg(long)]
    all: bool,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let Some(asked) = args.job.filter(|_| !args.all) else {
        return everything(&here, printer).await;
    };
    let agent = here.agent().await?;
    let jobs = here.jobs(agent.as_ref()).await;
    let job = pick(&asked, &jobs, |job| {
        (&job.job_id, job.notebook_id.as_deref())
    })?;
    if job.state == "unattended" {
        end_unattended(&job.folder, &runtimed()?)
            .await
            .map_err(|reason| not_ended(&job.job_id, &reason))?;
        printer.line(&format!("Stopped {}", short(&job.job_id)));
        printer.note("No agent runs here; the cloud is told when one starts.");
        return Ok(());
    }
    let order = Order::Stop {
        job_id: job.job_id.clone(),
    };
    let here = Here {
        workstation_id: job.served_by.clone().unwrap_or(here.workstation_id),
        ..here
    };
    here.tell(&order).await?;
    let is_over = async |here: &Here| -> Result<bool> {
        let lines = here.agent().await?.map(|agent| agent.status.jobs);
        let mut lines = lines.into_iter().flatten();
        Ok(!lines.any(|line| line.job_id == job.job_id && line.phase != "ended"))
    };
    let end = Instant::now() + END_LIMIT;
    while !is_over(&here).await? {
        if Instant::now() >= end {
            return Err(not_ended(&job.job_id, "the agent is still waiting for it"));
        }
        sleep(ASK_AGAIN).await;
    }
    // What the peer left is ended by a process that the agent does not wait for.
    end_unattended(&job.folder, &runtimed()?)
        .await
        .map_err(|reason| not_ended(&job.job_id, &reason))?;
    printer.line(&format!("Stopped {}", short(&job.job_id)));
    Ok(())
}

fn runtimed() -> Result<std::path::PathBuf> {
    Ok(find_runtimed(&std::env::current_exe()?)?)
}

fn not_ended(job_id: &str, reason: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "{} did not end: {reason}\nHint: `runt workstation logs {}` shows what it does",
        short(job_id),
        short(job_id)
    )
}

async fn everything(here: &Here, printer: &Printer) -> Result<()> {
    let (jobs, agent) = end_everything(here).await?;
    if jobs == 0 && !agent {
        printer.note("Nothing runs here.");
        return Ok(());
    }
    let and_agent = if agent { " and the agent" } else { "" };
    printer.line(&format!("Stopped {}{and_agent}", words::count(jobs, "job")));
    if !agent {
        printer.note("No agent runs here; the cloud is told when one starts.");
    }
    Ok(())
}

/// Whether `--all` means a job: not one that the agent of another workstation looks after.
pub fn ends_with_all(here: &Here, job: &LocalJob) -> bool {
    let mut agent = job.served_by.iter();
    agent.all(|id| *id == here.workstation_id)
}

/// Ends every job of this workstation, and of none, and the agent. How many jobs there were, and whether there was an agent.
pub async fn end_everything(here: &Here) -> Result<(usize, bool)> {
    let running = here.agent().await?;
    let mut jobs = here.jobs(running.as_ref()).await;
    jobs.retain(|job| ends_with_all(here, job));
    if running.is_some() {
        here.end_agent(&Order::StopAll, END_LIMIT).await?;
    }
    // What no agent looked after, and what peers left.
    let program = runtimed()?;
    for job in &jobs {
        end_unattended(&job.folder, &program)
            .await
            .map_err(|reason| not_ended(&job.job_id, &reason))?;
    }
    Ok((jobs.len(), running.is_some()))
}
