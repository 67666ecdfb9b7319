//! How a peer is started: program arguments, folder, environment (spec 3.11 and 3.12).

use crate::{JobOrder, slug};

/// What the agent itself was started with.
#[derive(Debug, Clone)]
pub struct SpawnSettings {
    /// The cloud's address.
    pub cloud_url: String,
    /// The interpreter for kernels.
    pub python_path: String,
    /// Where kernels start when the job does not say.
    pub working_directory: String,
    /// The workstation's id.
    pub workstation_id: String,
    /// The workstation's name for people.
    pub display_name: String,
    /// The folder that holds the job folders.
    pub agent_root: String,
    /// How much output is shown and kept.
    pub output: OutputLimits,
    /// Whether notebooks may have environments of their own.
    pub environments: bool,
    /// Where kernels wait that were started before, if any do.
    pub warm_kernels: Option<String>,
}

/// Limits of output in MiB; what is not said is the peer's to choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Of one cell, in its notebook.
    pub output_mib: Option<u32>,
    /// Of one notebook's job, on disk.
    pub journal_mib: Option<u32>,
}

/// Everything needed to start a job's peer but the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnPlan {
    /// The job's folder.
    pub job_folder: String,
    /// The peer's working directory.
    pub working_directory: String,
    /// The arguments behind the program's name; the credential is never among them.
    pub args: Vec<String>,
}

/// Why a job cannot be started here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpawnPlanError {
    /// The job or notebook id is empty.
    #[error("the attach job lacks a job id or a notebook id")]
    MissingId,
    /// The job's id gives no usable folder name.
    #[error("the attach job's id {0:?} cannot name a folder")]
    UnusableId(String),
    /// The folder asked for is not absolute.
    #[error("the working directory {0:?} is not an absolute path")]
    RelativeDirectory(String),
}

/// Plans the start of a job's peer.
pub fn spawn_plan(settings: &SpawnSettings, job: &JobOrder) -> Result<SpawnPlan, SpawnPlanError> {
    if job.job_id.is_empty() || job.notebook_id.is_empty() {
        return Err(SpawnPlanError::MissingId);
    }
    let name = slug(&job.job_id);
    if name.is_empty() || name.bytes().all(|b| b == b'.') {
        return Err(SpawnPlanError::UnusableId(job.job_id.clone()));
    }
    let asked = job
        .working_directory
        .as_deref()
        .map(str::trim)
        .filter(|d| !d.is_empty());
    if let Some(folder) = asked.filter(|d| !d.starts_with('/')) {
        return Err(SpawnPlanError::RelativeDirectory(folder.to_owned()));
    }
    let working_directory = asked.unwrap_or(&settings.working_directory).to_owned();
    let job_folder = format!("{}/{name}", settings.agent_root);
    let mut args: Vec<String> = vec!["cloud-runtime-agent".to_owned()];
    let mut flag = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    flag("--auth-kind", "workstation");
    flag("--cloud-url", &settings.cloud_url);
    flag("--notebook-id", &job.notebook_id);
    flag("--scope", "runtime_peer");
    flag("--python-path", &settings.python_path);
    flag("--blob-root", &format!("{job_folder}/blobs"));
    flag("--working-dir", &working_directory);
    flag("--workstation-id", &settings.workstation_id);
    flag("--runtime-session-id", &job.job_id);
    if job.trigger == "resume" {
        flag("--launch-mode", "execute");
    }
    flag("--workstation-display-name", &settings.display_name);
    if let Some(mib) = settings.output.output_mib {
        flag("--output-mib", &mib.to_string());
    }
    if let Some(mib) = settings.output.journal_mib {
        flag("--journal-mib", &mib.to_string());
    }
    if let Some(pool) = &settings.warm_kernels {
        flag("--warm-kernels", pool);
    }
    if !settings.environments {
        flag("--environments", "off");
    }
    if let Some(path) = job.notebook_path.as_deref().filter(|p| !p.is_empty()) {
        flag("--notebook-path", path);
    }
    Ok(SpawnPlan {
        job_folder,
        working_directory,
        args,
    })
}

/// Variables that a peer inherits; everything else is left out.
const INHERITED: [&str; 42] = [
    "HOME",
    "PATH",
    "LANG",
    "LC_ALL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RUST_BACKTRACE",
    // Beyond the reference: a peer without these surprises people (WS-222).
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "RUNTIMED_DEV",
    "RUNTIMED_WORKSPACE_PATH",
    "TZ",
    "RUNT_ALLOW_INSECURE_HTTP",
    "RUNT_CLOUD_CA_FILE",
    "LC_CTYPE",
    "JUPYTER_PATH",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_PREFER_ENV_PATH",
    "IPYTHONDIR",
    // Which devices a scheduler gave, and the libraries of what `module load` loaded.
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
    "LD_LIBRARY_PATH",
];

/// The environment of a peer but the credential: an allowlist, `RUST_LOG`, and the variables the operator names.
pub fn peer_environment(
    lookup: impl Fn(&str) -> Option<String>,
    pass_env: &[String],
) -> Vec<(String, String)> {
    let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let mut out = Vec::new();
    for name in INHERITED {
        out.extend(set(name).map(|value| (name.to_owned(), value)));
    }
    for name in pass_env
        .iter()
        .filter(|n| !INHERITED.contains(&n.as_str()) && *n != "RUNT_CLOUD_TOKEN")
    {
        out.extend(set(name).map(|value| (name.clone(), value)));
    }
    out.push((
        "RUST_LOG".to_owned(),
        set("RUST_LOG").unwrap_or_else(|| "info".to_owned()),
    ));
    out
}

#[cfg(test)]
mod tests;
