//! Thousands of agents against one real server: memory and CPU per agent, how long a wake-up takes,
//! and how the agents come back after the server was killed.
//!
//! The agents are the real agent's core with its waits and jitter; server and tool are processes of
//! their own. Run by `cargo xtask loadtest agents`.

mod agent;
mod cloud;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use agent::{Fleet, workstation};
use anyhow::{Context as _, Result, bail};
use clap::Parser;
use futures_util::{StreamExt as _, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use reqwest::Method;
use serde_json::json;

/// Owners that the agents are spread over.
const OWNERS: usize = 20;
/// Notebooks of each owner that are attached in turn.
const NOTEBOOKS: usize = 10;
/// Agents started in a second, until all are there.
const START_RATE: f64 = 250.0;
/// How long server and agents get to settle, and how long they are then watched.
const SETTLE: Duration = Duration::from_secs(10);
const WATCH: Duration = Duration::from_secs(30);
/// Attach requests measured, and how many are made at a time.
const WAKE_UPS: usize = 1_000;
const AT_ONCE: usize = 4;
/// How long a wake-up may take, and all agents to come back.
const WAKE_LIMIT: Duration = Duration::from_secs(30);
const RETURN_LIMIT: Duration = Duration::from_secs(180);
/// Clock ticks a second in /proc.
const TICKS: f64 = 100.0;

#[derive(Parser)]
#[command(about = "Thousands of agents against one server")]
struct Arguments {
    /// How many agents.
    #[arg(long, default_value_t = 500)]
    count: usize,
    /// Write the figures to this page.
    #[arg(long)]
    write: Option<PathBuf>,
}

/// What was measured.
struct Figures {
    count: usize,
    memory_kib: f64,
    cpu: f64,
    woken: usize,
    p50: Duration,
    p99: Duration,
    back: Duration,
    peak: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // The server inherits it.
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let needed = arguments.count as u64 + 200;
    if hard < needed {
        bail!(
            "this process may open {hard} files ({soft} by default), and {needed} are needed\nHint: raise the limit, or use fewer agents"
        );
    }
    let figures = measure(arguments.count).await?;
    let page = figures.page();
    println!("{page}");
    match arguments.write {
        Some(path) => std::fs::write(&path, page).with_context(|| path.display().to_string()),
        None => Ok(()),
    }
}

async fn measure(count: usize) -> Result<Figures> {
    // Prepares the TLS library that the client is built with.
    processes::http_client()?;
    let mut server = processes::Cloud::start().await?;
    let fleet = Fleet::new(cloud::Cloud::new(server.address())?);
    let mut tokens: Vec<Arc<str>> = Vec::new();
    for owner in 0..OWNERS.min(count) {
        tokens.push(fleet.cloud.pair(owner).await?.into());
    }
    let notebooks = notebooks(&fleet, tokens.len()).await?;
    let before = memory_kib(pid(&server)?)?;

    let mut agents = tokio::task::JoinSet::new();
    for number in 0..count {
        let token = Arc::clone(&tokens[number % tokens.len()]);
        agents.spawn(agent::live(Arc::clone(&fleet), number, token));
        tokio::time::sleep(Duration::from_secs_f64(1.0 / START_RATE)).await;
    }
    all_open(&fleet, count, RETURN_LIMIT).await?;
    eprintln!("{count} agents are connected");
    tokio::time::sleep(SETTLE).await;
    let memory = memory_kib(pid(&server)?)?.saturating_sub(before);
    let (cpu, watched) = (cpu_ticks(pid(&server)?)?, Instant::now());
    tokio::time::sleep(WATCH).await;
    let cpu = (cpu_ticks(pid(&server)?)? - cpu) as f64 / TICKS / watched.elapsed().as_secs_f64();

    let mut waits = wake_ups(&fleet, count, &notebooks).await?;
    waits.sort();
    let part = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];

    eprintln!("killing the server");
    server.kill().await?;
    server.spawn().await?;
    let up = Instant::now();
    let peak = tokio::spawn(peak(Arc::clone(&fleet), RETURN_LIMIT));
    let back = all_open(&fleet, count, RETURN_LIMIT)
        .await
        .map(|()| up.elapsed())?;
    peak.abort();
    Ok(Figures {
        count,
        memory_kib: memory as f64 / count as f64,
        cpu,
        woken: waits.len(),
        p50: part(0.5),
        p99: part(0.99),
        back,
        peak: PEAK.load(Ordering::Relaxed),
    })
}

/// The most calls and dials in one second since the server came back.
static PEAK: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

async fn peak(fleet: Arc<Fleet>, limit: Duration) {
    let end = Instant::now() + limit;
    let mut before = fleet.cloud.calls.load(Ordering::Relaxed);
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = fleet.cloud.calls.load(Ordering::Relaxed);
        PEAK.fetch_max(now - before, Ordering::Relaxed);
        before = now;
    }
}

async fn notebooks(fleet: &Fleet, owners: usize) -> Result<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for owner in 0..owners {
        let mut own = Vec::new();
        for _ in 0..NOTEBOOKS {
            let made = fleet
                .cloud
                .as_owner(
                    owner,
                    Method::POST,
                    "/api/n",
                    Some(json!({"title": "load"})),
                )
                .await?;
            own.push(made["notebook_id"].as_str().context("no id")?.to_owned());
        }
        all.push(own);
    }
    Ok(all)
}

async fn all_open(fleet: &Fleet, count: usize, limit: Duration) -> Result<()> {
    let end = Instant::now() + limit;
    while fleet.open.load(Ordering::Relaxed) < count {
        if Instant::now() > end {
            let open = fleet.open.load(Ordering::Relaxed);
            bail!("only {open} of {count} event sockets are open after {limit:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// From the owner's request to the event at the agent, each workstation once.
async fn wake_ups(
    fleet: &Arc<Fleet>,
    count: usize,
    notebooks: &[Vec<String>],
) -> Result<Vec<Duration>> {
    let step = (count / WAKE_UPS.min(count)).max(1);
    let measured = stream::iter((0..count).step_by(step).take(WAKE_UPS).enumerate())
        .map(|(sample, number)| async move {
            let owner = number % notebooks.len();
            // Attaches of one notebook would call each other off; four at a time meet ten.
            let notebook = &notebooks[owner][sample / notebooks.len() % NOTEBOOKS];
            let woken = fleet.wake_up(&workstation(number));
            let asked = Instant::now();
            let body = json!({"workstation_id": workstation(number), "replace_existing": true});
            let path = format!("/api/n/{notebook}/workstation-attachments");
            fleet
                .cloud
                .as_owner(owner, Method::POST, &path, Some(body))
                .await?;
            let woken = tokio::time::timeout(WAKE_LIMIT, woken)
                .await
                .context("an agent was not woken")??;
            Ok(woken - asked)
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<Result<Duration>>>()
        .await;
    measured.into_iter().collect()
}

/// The server's process, as it says itself.
fn pid(server: &processes::Cloud) -> Result<u32> {
    let said = std::fs::read(server.data().join("server.json"))?;
    let said: serde_json::Value = serde_json::from_slice(&said)?;
    let pid = said["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    pid.context("the server does not say its process")
}

/// Resident memory of a process.
fn memory_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}

/// Processor time of a process so far.
fn cpu_ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').context("no name")?.1;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

impl Figures {
    fn page(&self) -> String {
        format!(
            "# Load\n\n\
             Written by `cargo xtask loadtest agents --count {count} --write`. Registered workstations of {OWNERS} owners\n\
             with open event sockets, heartbeats and polls every 60 s, by the agent's own core; one server with SQLite;\n\
             server and agents as processes of their own on one machine. {host}\n\n\
             | figure | value |\n|---|---|\n\
             | agents | {count} |\n\
             | server memory per agent | {memory:.1} KiB |\n\
             | server processor while idle | {cpu:.1} % of one core |\n\
             | attach to wake-up, p50 of {woken} | {p50:.1} ms |\n\
             | attach to wake-up, p99 | {p99:.1} ms |\n\
             | all back after the server was killed | {back:.1} s |\n\
             | most calls in one second meanwhile | {peak} |\n",
            count = self.count,
            host = processes::describe_host(),
            memory = self.memory_kib,
            cpu = self.cpu * 100.0,
            woken = self.woken,
            p50 = self.p50.as_secs_f64() * 1e3,
            p99 = self.p99.as_secs_f64() * 1e3,
            back = self.back.as_secs_f64(),
            peak = self.peak,
        )
    }
}
