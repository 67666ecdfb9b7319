//! `runtimed workstation-agent`: registers this machine, takes attach jobs, looks after their peers (workstation.md 3).

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use agent_core::{Admission, AgentConfig, CRASH_RESTARTS};
use anyhow::{Context as _, Result, bail};
use cloud_client::{BaseUrl, Network, SecretString};
use kernel::offers::Offers;
use tokio::sync::Mutex;
use workstation::{
    AgentError, AgentOptions, Env, Folders, Keep, KernelFinder, ServingArgs, absolute_interpreter,
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
    /// Milliseconds between polls without a wake-up.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    poll_ms: u64,
    /// Milliseconds between heartbeats.
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    heartbeat_ms: u64,
    #[command(flatten)]
    serving: ServingArgs,
    /// How often in ten minutes a crashed peer of a job is followed by another.
    #[arg(long, default_value_t = CRASH_RESTARTS, hide = true)]
    peer_restarts: u32,
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
    let serving = args.serving;
    let asked = serving.python_path.clone();
    let Some(python) = asked.or_else(|| find_interpreter(env.get("PATH"))) else {
        bail!(
            "no python3 or python was found on PATH\nHint: install Python, or name one with --python-path"
        );
    };
    let folders = Folders::find(&env)?;
    let python = absolute_interpreter(&python, env.get("PATH"));
    let confinement = crate::confined::usual();
    // Async, since it is held while interpreters answer; the agent looks again only after that, so nobody waits.
    let offers = Arc::new(Mutex::new(Offers::new(
        python.clone(),
        working_directory.clone(),
        Some(confinement.clone()),
    )));
    let kernels = KernelFinder::new(move || {
        let offers = Arc::clone(&offers);
        async move { offers.lock().await.look().await }
    });
    let (keep_days, keep_bytes) = serving.keep();
    let on_stop = serving.stop_policy();
    Ok(AgentOptions {
        network: Network::find(|name| env.raw(name).map(str::to_owned), None)?,
        base,
        token,
        workstation_id,
        display_name,
        working_directory,
        python_path: python,
        kernels: Some(kernels),
        idle_minutes: serving.idle_minutes,
        credential_file: Some(folders.credential_file()),
        agent_root: folders.agent_root(),
        program: std::env::current_exe().context("cannot find the own program")?,
        output: serving.output(),
        environments: serving.environments(),
        warm_kernels: serving.warm_kernels,
        pass_env: serving.pass_env.clone(),
        limits: serving.limits(),
        secrets: confinement.words(),
        keep: Keep {
            days: keep_days,
            bytes: keep_bytes,
            delivered: runtime_peer::is_delivered,
        },
        config: AgentConfig {
            poll_ms: args.poll_ms,
            heartbeat_ms: args.heartbeat_ms,
            crash_restarts: args.peer_restarts,
            admission: Admission {
                allow: serving.allow,
                max_jobs: serving.max_jobs,
                ..Admission::default()
            },
            on_stop,
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
