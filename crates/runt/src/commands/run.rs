//! `runt workstation run`: becomes the workstation agent (workstation.md 2.7).

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use cloud_client::{CA_FILE_VARIABLE, ExposeSecret as _};
use workstation::{
    CpuLimit, CredentialError, IDLE_MINUTES, MOST_NICE, MOST_WARM_KERNELS, MemoryLimit,
    ResolvedCredential, TOKEN_VARIABLE, WorkstationSettings, absolute_interpreter,
    find_interpreter, find_runtimed, probe_ipykernel, resolve_credential, script_connector_note,
};

use super::Here;
use crate::printer::Printer;
use crate::words;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The Python for kernels [default: the first python3 or python on PATH].
    #[arg(long)]
    python_path: Option<PathBuf>,
    /// Where kernels start [default: the current folder].
    #[arg(long, visible_alias = "cwd")]
    working_directory: Option<PathBuf>,
    /// What happens to running kernels when the agent is asked to stop.
    #[arg(long, value_parser = ["end", "detach"])]
    on_stop: Option<String>,
    /// Notebooks (ids) and people (principals) that may use this machine [default: everyone whom the cloud lets in].
    #[arg(long, value_delimiter = ',', value_name = "NOTEBOOK|PRINCIPAL")]
    allow: Vec<String>,
    /// Whether notebooks may have environments of their own, made by uv from what they declare [default: on].
    #[arg(long, value_parser = ["on", "off"])]
    environments: Option<String>,
    /// How many kernels are started before anybody asks [default: none].
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_WARM_KERNELS)))]
    warm_kernels: Option<u32>,
    /// Most notebooks at once.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    max_jobs: Option<u32>,
    /// Most memory of one notebook, such as 8G.
    #[arg(long, value_name = "SIZE")]
    job_memory: Option<MemoryLimit>,
    /// Most processors of one notebook, such as 2 or 0.5.
    #[arg(long, value_name = "NUMBER")]
    job_cpus: Option<CpuLimit>,
    /// How far kernels give way to other work, 1 to 19.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_NICE)))]
    nice: Option<u8>,
    /// Days that what ended notebooks left is kept [default: 14].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    keep_days: Option<u32>,
    /// Most space of that, such as 2G [default: 2G].
    #[arg(long, value_name = "SIZE")]
    keep_size: Option<MemoryLimit>,
    /// MiB of one cell's output that its notebook shows at most [default: 64].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    output_mib: Option<u32>,
    /// MiB of a notebook's output that wait on disk at most; as many are kept of what the notebook has no room for
    /// [default: 1024].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    journal_mib: Option<u32>,
    /// Minutes without a running cell after which a kernel stops; 0 is never [default: 30].
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=i64::from(IDLE_MINUTES)))]
    idle_minutes: Option<u32>,
    /// A PEM file of certificate authorities that count besides the system's.
    #[arg(long)]
    ca_file: Option<PathBuf>,
}

impl Args {
    /// What neither a flag nor the environment says comes from the settings file.
    fn or(mut self, settings: WorkstationSettings) -> Self {
        self.python_path = self.python_path.or(settings.python_path);
        self.working_directory = self.working_directory.or(settings.working_directory);
        self.on_stop = self.on_stop.or(settings.on_stop);
        self.max_jobs = self.max_jobs.or(settings.max_jobs);
        self.job_memory = self.job_memory.or(settings.limits.memory);
        self.job_cpus = self.job_cpus.or(settings.limits.cpus);
        self.nice = self.nice.or(settings.limits.nice);
        self.keep_days = self.keep_days.or(settings.keep_days);
        self.keep_size = self.keep_size.or(settings.keep_size);
        self.output_mib = self.output_mib.or(settings.output_mib);
        self.journal_mib = self.journal_mib.or(settings.journal_mib);
        self.idle_minutes = self.idle_minutes.or(settings.idle_minutes);
        self.environments = self.environments.or(settings.environments);
        self.warm_kernels = self.warm_kernels.or(settings.warm_kernels);
        if self.allow.is_empty() {
            self.allow = settings.allow;
        }
        self
    }
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
    let args = args.or(settings);
    let directory = args.working_directory.map(|asked| {
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

    let asked = args
        .python_path
        .map(|path| absolute_interpreter(&path, env.get("PATH")));
    if let Some(python) = asked.clone().or_else(|| find_interpreter(env.get("PATH"))) {
        printer.line(&format!("Python: {}", python.display()));
        if let Some(warning) = probe_ipykernel(&python).await.warning(&python) {
            printer.warn(&warning);
        }
    } else {
        printer.warn("no python3 or python was found on PATH\nHint: install Python, or name one with --python-path");
    }
    if let Some(directory) = &directory {
        printer.line(&format!("Working directory: {}", directory.display()));
    }
    if !args.allow.is_empty() {
        printer.line(&format!("Allowed: {}", args.allow.join(", ")));
    }
    if let Some(most) = args.max_jobs {
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
    if let Some(python) = &asked {
        command.arg("--python-path").arg(python);
    }
    if let Some(directory) = &directory {
        command
            .arg("--working-dir")
            .arg(directory)
            .current_dir(directory);
    }
    let given = [
        ("on-stop", args.on_stop),
        ("environments", args.environments),
        (
            "warm-kernels",
            args.warm_kernels.map(|size| size.to_string()),
        ),
        ("max-jobs", args.max_jobs.map(|most| most.to_string())),
        ("output-mib", args.output_mib.map(|mib| mib.to_string())),
        ("journal-mib", args.journal_mib.map(|mib| mib.to_string())),
        ("job-memory", args.job_memory.map(|most| most.to_string())),
        ("job-cpus", args.job_cpus.map(|most| most.to_string())),
        ("nice", args.nice.map(|nice| nice.to_string())),
        ("keep-days", args.keep_days.map(|days| days.to_string())),
        ("keep-size", args.keep_size.map(|size| size.to_string())),
        (
            "idle-minutes",
            args.idle_minutes.map(|minutes| minutes.to_string()),
        ),
    ];
    for (flag, value) in given {
        if let Some(value) = value {
            command.arg(format!("--{flag}={value}"));
        }
    }
    for allowed in &args.allow {
        command.arg(format!("--allow={allowed}"));
    }
    if let Some(file) = ca_file {
        command.env(CA_FILE_VARIABLE, std::path::absolute(file)?);
    }
    command.env(TOKEN_VARIABLE, credential.token.expose_secret());
    // The agent replaces this process: signals, exit code and supervision are its own.
    let error = command.exec();
    Err(anyhow!(error).context(format!("cannot start {}", daemon.display())))
}
