//! `runt workstation jobs`: what this machine serves. It works without the cloud, and without an agent.

use anyhow::Result;
use serde_json::json;
use workstation::LocalJob;

use super::{Here, printable};
use crate::printer::Printer;
use crate::words;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Characters of a job's id that are shown; `stop` and `logs` take as many.
pub const ID_SHOWN: usize = 8;

const HEADER: [&str; 8] = [
    "JOB", "NOTEBOOK", "SINCE", "STATE", "KERNEL", "CPU", "MEMORY", "GPU",
];

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    let agent = here.agent().await?;
    let jobs = here.jobs(agent.as_ref()).await;
    if args.json {
        return printer.json(&json!({ "agent_pid": agent.map(|agent| agent.pid), "jobs": jobs }));
    }
    if jobs.is_empty() {
        printer.note("This machine serves no notebook.");
        if agent.is_none() {
            printer.note("Hint: no agent runs here; start it with `runt workstation run`");
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
    printer.table(&HEADER, &rows);
    if jobs.iter().any(|job| job.served_by.is_none()) {
        printer.note("\nNo agent looks after the unattended kernels.");
        printer.note(
            "Hint: `runt workstation run` takes them over, `runt workstation stop --all` ends them",
        );
    }
    Ok(())
}

fn row(job: &LocalJob) -> Vec<String> {
    let unknown = || "-".to_owned();
    vec![
        printable(&short(&job.job_id)),
        job.notebook_id.as_deref().map_or_else(unknown, printable),
        job.age_seconds.map_or_else(unknown, words::age),
        printable(&job.state),
        printable(&job.kernel),
        format!("{:.0} %", job.cpu_percent),
        words::bytes(job.memory_bytes),
        job.gpu_memory_bytes.map_or_else(unknown, words::bytes),
    ]
}

/// As much of an id as people type.
pub fn short(id: &str) -> String {
    id.chars().take(ID_SHOWN).collect()
}
