//! `runtimed workstation-agent`: registers this machine, takes attach jobs, looks after their peers (workstation.md 3).

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use agent_core::{Admission, AgentConfig, CRASH_RESTARTS, OutputLimits, StopPolicy};
use anyhow::{Context as _, Result, bail};
use cloud_client::{BaseUrl, Network, SecretString};
use kernel::offers::Offers;
use tokio::sync::Mutex;
use workstation::{
    AgentError, AgentOptions, CpuLimit, Env, Folders, IDLE_MINUTES, JobLimits, KEEP_BYTES,
    KEEP_DAYS, Keep, KernelFinder, MOST_NICE, MOST_WARM_KERNELS, MemoryLimit, absolute_interpreter,
    check_display_name, check_workstation_id, default_workstation_id, find_interpreter, hostname,
    run_agent,
};

use crate::own_secrets::{TOKEN_VARIABLE, take_token};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cloud's address.
    #[arg(long)]
    cloud_url: String,
    /// This machine's id [default: from the hostname].
    #[arg(long)]
    workstation_id: Option<String>,
    /// This machine's name for people [default: the hostname].
    #[arg(long)]
    display_name: Option<String>,
    /// Where kernels start when a job does not say [default: the current folder].
    #[arg(long)]
    working_dir: Option<PathBuf>,
    /// The Python for kernels [default: the first python3 or python on PATH].
    #[arg(long)]
    python_path: Option<PathBuf>,
    /// Milliseconds between polls without a wake-up.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    poll_ms: u64,
    /// Milliseconds between heartbeats.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    heartbeat_ms: u64,
    /// What happens to running kernels when the agent is asked to stop.
    #[arg(long, value_enum, default_value_t = OnStop::End)]
    on_stop: OnStop,
    /// A notebook (id) or a person (principal) that may use this machine; may be repeated [default: everyone].
    #[arg(long)]
    allow: Vec<String>,
    /// Most notebooks at once.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    max_jobs: Option<u32>,
    /// Most memory of one notebook's job.
    #[arg(long, value_name = "SIZE")]
    job_memory: Option<MemoryLimit>,
    /// Most processors of one notebook's job.
    #[arg(long, value_name = "NUMBER")]
    job_cpus: Option<CpuLimit>,
    /// How far jobs give way to other work.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_NICE)))]
    nice: Option<u8>,
    /// Days that the folders of ended jobs are kept.
    #[arg(long, default_value_t = KEEP_DAYS, value_parser = clap::value_parser!(u32).range(1..))]
    keep_days: u32,
    /// Most space of them [default: 2G].
    #[arg(long, value_name = "SIZE")]
    keep_size: Option<MemoryLimit>,
    /// MiB of one cell's output that its notebook shows at most.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    output_mib: Option<u32>,
    /// MiB of a notebook's output that wait on disk at most; as many are kept of what the notebook has no room for.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    journal_mib: Option<u32>,
    /// Minutes without a running cell after which a kernel stops; 0 is never [default: the cloud's, 30].
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=i64::from(IDLE_MINUTES)))]
    idle_minutes: Option<u32>,
    /// Whether notebooks may have environments of their own, made by uv from what they declare.
    #[arg(long, value_parser = ["on", "off"], default_value = "on")]
    environments: String,
    /// How many kernels are started before anybody asks [default: none].
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_WARM_KERNELS)))]
    warm_kernels: Option<u32>,
    /// A further environment variable to hand to peers; may be repeated.
    #[arg(long, value_name = "NAME")]
    pass_env: Vec<String>,
    /// How often in ten minutes a crashed peer of a job is followed by another.
    #[arg(long, default_value_t = CRASH_RESTARTS, hide = true)]
    peer_restarts: u32,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OnStop {
    /// They live on and the next agent adopts them.
    Detach,
    /// They end, and the cloud is told.
    End,
}

/// Runs the agent; the exit code says why it ended: 0 asked to, 77 credential rejected, 75 another
/// agent serves already, 1 anything else.
pub fn run(args: Args) -> ExitCode {
    let token = match take_token() {
        Ok(token) => token,
        Err(error) => return fail(&format!("the token of {TOKEN_VARIABLE}: {error}"), 1),
    };
    let result = options(args, token).and_then(|options| {
        // It waits nearly always: one thread is enough, and costs least.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(run_agent(options)))
    });
    match result {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(&error.to_string(), AgentError::exit_code(&error)),
        Err(error) => fail(&format!("{error:#}"), 1),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    let mut lines = message.lines();
    if let Some(first) = lines.next() {
        eprintln!("[workstation-agent] {first}");
    }
    lines.for_each(|line| eprintln!("{line}"));
    ExitCode::from(code)
}

fn options(args: Args, token: Option<SecretString>) -> Result<AgentOptions> {
    let env = Env::of_process();
    let Some(token) = token else {
        bail!(
            "the environment variable {TOKEN_VARIABLE} is not set\nHint: start the agent with `runt workstation run`, which sets it"
        );
    };
    let base = BaseUrl::parse(&args.cloud_url, env.allows_insecure_http())?;
    let host = hostname(&env);
    let workstation_id = match args.workstation_id {
        Some(id) => check_workstation_id(&id)?,
        None => default_workstation_id(&host),
    };
    let display_name = check_display_name(args.display_name.as_deref().unwrap_or_default(), &host);
    let asked = args.working_dir.unwrap_or_else(|| PathBuf::from("."));
    let working_directory = asked.canonicalize();
    let working_directory =
        working_directory.with_context(|| format!("the working directory {}", asked.display()))?;
    if !working_directory.is_dir() {
        bail!(
            "the working directory {} is not a folder",
            working_directory.display()
        );
    }
    let Some(python) = args
        .python_path
        .or_else(|| find_interpreter(env.get("PATH")))
    else {
        bail!(
            "no python3 or python was found on PATH\nHint: install Python, or name one with --python-path"
        );
    };
    let folders = Folders::find(&env)?;
    let python = absolute_interpreter(&python, env.get("PATH"));
    let offers = Arc::new(Mutex::new(Offers::new(
        python.clone(),
        working_directory.clone(),
    )));
    let kernels = KernelFinder::new(move || {
        let offers = Arc::clone(&offers);
        async move { offers.lock().await.look().await }
    });
    Ok(AgentOptions {
        network: Network::find(|name| env.raw(name).map(str::to_owned), None)?,
        base,
        token,
        workstation_id,
        display_name,
        working_directory,
        python_path: python,
        kernels: Some(kernels),
        idle_minutes: args.idle_minutes,
        credential_file: Some(folders.credential_file()),
        agent_root: folders.agent_root(),
        program: std::env::current_exe().context("cannot find the own program")?,
        output: OutputLimits {
            output_mib: args.output_mib,
            journal_mib: args.journal_mib,
        },
        environments: args.environments == "on",
        warm_kernels: args.warm_kernels,
        pass_env: args.pass_env,
        limits: JobLimits {
            memory: args.job_memory,
            cpus: args.job_cpus,
            nice: args.nice,
        },
        keep: Keep {
            days: args.keep_days,
            bytes: args.keep_size.map_or(KEEP_BYTES, MemoryLimit::bytes),
            delivered: runtime_peer::is_delivered,
        },
        config: AgentConfig {
            poll_ms: args.poll_ms,
            heartbeat_ms: args.heartbeat_ms,
            crash_restarts: args.peer_restarts,
            admission: Admission {
                allow: args.allow,
                max_jobs: args.max_jobs,
                ..Admission::default()
            },
            on_stop: match args.on_stop {
                OnStop::Detach => StopPolicy::Detach,
                OnStop::End => StopPolicy::End,
            },
            seed: seed(),
            ..AgentConfig::default()
        },
        env,
    })
}

/// Spreads agents that start together.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}
