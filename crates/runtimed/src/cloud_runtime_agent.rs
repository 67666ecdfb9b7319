//! `runtimed cloud-runtime-agent`: the runtime peer of one attach job (4.1).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use cloud_client::{BaseUrl, Network, RoomAuth, SecretString};
use kernel::client::KeeperCommand;
use kernel::journal::DEFAULT_LIMIT_BYTES;
use runtime_peer::{DEFAULT_OUTPUT_LIMIT_BYTES, End, LaunchMode, PeerAuth, PeerConfig};

use crate::confined::Secrets;
use crate::own_secrets::{TOKEN_VARIABLE, take_token};

const DEV_USER_VARIABLE: &str = "RUNT_CLOUD_DEV_USER";
const INSECURE_HTTP_VARIABLE: &str = "RUNT_ALLOW_INSECURE_HTTP";
const CLOUD_VARIABLE: &str = "RUNT_CLOUD_URL";
/// The longest notebook id.
const MAX_NOTEBOOK_ID: usize = 128;

/// How the token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthKind {
    /// A bearer token of a signed-in person.
    Oidc,
    /// A workstation's credential or a room token.
    Workstation,
    /// The development identity.
    Dev,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Launch the kernel when the room is joined.
    Attach,
    /// Launch the kernel when somebody runs a cell.
    Execute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Environments {
    On,
    Off,
}

/// Serve one notebook: join its room and drive its kernel.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cloud's address.
    #[arg(long, env = CLOUD_VARIABLE)]
    cloud_url: String,
    /// The notebook.
    #[arg(long, allow_hyphen_values = true)]
    notebook_id: String,
    /// The scope asked for.
    #[arg(long, default_value = "runtime_peer")]
    scope: String,
    /// How the token in RUNT_CLOUD_TOKEN is presented.
    #[arg(long, value_enum, default_value = "oidc")]
    auth_kind: AuthKind,
    /// Suffix of the document actor.
    #[arg(long, default_value = "agent:runt")]
    operator: String,
    /// The job's blob folder; its parent is the job's folder.
    #[arg(long)]
    blob_root: Option<PathBuf>,
    /// The interpreter; without one no kernel is launched.
    #[arg(long)]
    python_path: Option<PathBuf>,
    /// The notebook's file; its folder is where the kernel starts.
    #[arg(long)]
    notebook_path: Option<PathBuf>,
    /// Where the kernel starts.
    #[arg(long, alias = "cwd")]
    working_dir: Option<PathBuf>,
    /// Whether the notebook may have an environment of its own, made by uv from what it declares.
    #[arg(long, value_enum, default_value = "on")]
    environments: Environments,
    /// Where kernels wait that were started before.
    #[arg(long)]
    warm_kernels: Option<PathBuf>,
    /// The workstation's id.
    #[arg(long, allow_hyphen_values = true)]
    workstation_id: Option<String>,
    /// The workstation's name for people.
    #[arg(long, allow_hyphen_values = true)]
    workstation_display_name: Option<String>,
    /// The agent's socket: it hands out room tokens there unless RUNT_CLOUD_TOKEN is set, and hears how the peer is.
    #[arg(long)]
    token_socket: Option<PathBuf>,
    /// The attach job's id.
    #[arg(long, allow_hyphen_values = true)]
    runtime_session_id: Option<String>,
    /// The most private memory of each of the kernel's processes, in bytes.
    #[arg(long)]
    process_memory: Option<u64>,
    /// When the kernel is launched.
    #[arg(long, value_enum, default_value = "attach")]
    launch_mode: Mode,
    /// MiB of one cell's output that the notebook shows at most.
    #[arg(long, default_value_t = DEFAULT_OUTPUT_LIMIT_BYTES >> 20)]
    output_mib: u64,
    /// MiB of output that wait on disk at most; as many are kept of what a notebook has no room for.
    #[arg(long, default_value_t = DEFAULT_LIMIT_BYTES >> 20)]
    journal_mib: u64,
    #[command(flatten)]
    secrets: Secrets,
}

/// Runs until the job ends; the exit code tells the agent how (4.26).
pub fn run(args: Args) -> ExitCode {
    let token = match take_token() {
        Ok(token) => token,
        Err(error) => {
            return finish(&End::Config(format!(
                "the token of `{TOKEN_VARIABLE}`: {error}"
            )));
        }
    };
    // Its tasks hand everything to each other: on one thread none waits for another thread to wake.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return finish(&End::Local(format!("no runtime: {error}"))),
    };
    let end = match config(args, token) {
        Ok(config) => runtime.block_on(runtime_peer::run(config)),
        Err(end) => end,
    };
    finish(&end)
}

fn finish(end: &End) -> ExitCode {
    if end.code() == 0 {
        tracing::info!("{end}");
    } else {
        tracing::error!("[cloud-runtime-agent] Fatal: {end}");
    }
    ExitCode::from(end.code())
}

/// The credential that this process was started with (WS-263, WS-264).
fn given_auth(kind: AuthKind, token: Option<SecretString>) -> Result<RoomAuth, End> {
    let token = token.ok_or_else(|| End::Config(format!("`{TOKEN_VARIABLE}` is not set")))?;
    Ok(match kind {
        AuthKind::Oidc | AuthKind::Workstation => RoomAuth::Bearer(token),
        AuthKind::Dev => {
            let user = variable(DEV_USER_VARIABLE)
                .ok_or_else(|| End::Config(format!("`{DEV_USER_VARIABLE}` is not set")))?;
            RoomAuth::Dev { token, user }
        }
    })
}

fn config(args: Args, token: Option<SecretString>) -> Result<PeerConfig, End> {
    let auth = match args.token_socket {
        Some(socket) if token.is_none() => PeerAuth::FromAgent(socket),
        socket => PeerAuth::Given(given_auth(args.auth_kind, token)?, socket),
    };
    let insecure = variable(INSECURE_HTTP_VARIABLE).is_some_and(|value| value != "0");
    let cloud = BaseUrl::parse(&args.cloud_url, insecure)
        .map_err(|error| End::Config(error.to_string()))?;
    if args.notebook_id.is_empty() || args.notebook_id.len() > MAX_NOTEBOOK_ID {
        return Err(End::Config(
            "`--notebook-id` must have 1 to 128 characters".to_owned(),
        ));
    }
    let here = std::env::current_dir()
        .map_err(|error| End::Config(format!("the current folder is not usable: {error}")))?;
    let base = here.join(args.working_dir.as_deref().unwrap_or(Path::new("")));
    let notebook = args.notebook_path.as_deref();
    let working_dir = launch_folder(base, notebook.filter(|_| args.python_path.is_some()));
    let mut launch_mode = match args.launch_mode {
        Mode::Attach => LaunchMode::Attach,
        Mode::Execute => LaunchMode::Execute,
    };
    if launch_mode == LaunchMode::Execute && args.python_path.is_none() {
        tracing::warn!("`--launch-mode execute` needs `--python-path`; this peer only attaches");
        launch_mode = LaunchMode::Attach;
    }
    let program = std::env::current_exe()
        .map_err(|error| End::Config(format!("this program cannot be found: {error}")))?;
    let network = Network::find(variable, None).map_err(|error| End::Config(error.to_string()))?;
    let confinement = args.secrets.confinement();
    let mut keeper = vec![
        "kernel-keeper".into(),
        format!("--journal-mib={}", args.journal_mib).into(),
    ];
    keeper.extend(confinement.words());
    Ok(PeerConfig {
        network,
        cloud,
        auth,
        scope: args.scope,
        operator: args.operator,
        python: args.python_path,
        working_dir,
        environments: args.environments == Environments::On,
        workstation_id: args.workstation_id,
        workstation_display_name: args.workstation_display_name,
        job_dir: job_dir(
            args.blob_root.as_deref(),
            args.runtime_session_id
                .as_deref()
                .unwrap_or(&args.notebook_id),
        )?,
        notebook_id: args.notebook_id,
        runtime_session_id: args.runtime_session_id,
        process_memory: args.process_memory,
        launch_mode,
        output_limit: args.output_mib.saturating_mul(1 << 20),
        journal_limit: args.journal_mib.saturating_mul(1 << 20),
        warm_kernels: args.warm_kernels,
        keeper: KeeperCommand {
            program,
            args: keeper,
        },
        confinement,
    })
}

/// Where kernels start: the folder of the notebook's file, or the working directory (WS-289).
fn launch_folder(base: PathBuf, notebook: Option<&Path>) -> PathBuf {
    let Some(notebook) = notebook else {
        return base;
    };
    // Absolute first, so that a bare file name has a parent.
    let path = base.join(notebook);
    if path.is_dir() {
        return path;
    }
    path.parent().map_or(base, Path::to_owned)
}

/// The agent names `<job folder>/blobs`; by hand it is a folder of our own per session.
fn job_dir(blob_root: Option<&Path>, session: &str) -> Result<PathBuf, End> {
    if let Some(folder) = blob_root
        .and_then(Path::parent)
        .filter(|dir| !dir.as_os_str().is_empty())
    {
        return Ok(folder.to_owned());
    }
    let name: String = session
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .ok_or_else(|| End::Config("neither `XDG_STATE_HOME` nor `HOME` is set".to_owned()))?;
    Ok(state.join("runt/peers").join(name))
}

fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use clap::Parser;

    use super::{Args, launch_folder};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    // 3.11: ids and names are people's, and may look like flags.
    #[test]
    fn values_that_begin_with_a_hyphen_are_values() {
        let words = "peer --cloud-url https://x --notebook-id -nb --workstation-id --w --runtime-session-id -j \
                     --workstation-display-name --scope=owner";
        let args = Line::try_parse_from(words.split_whitespace()).unwrap().args;
        assert_eq!(args.notebook_id, "-nb");
        assert_eq!(args.workstation_id.as_deref(), Some("--w"));
        assert_eq!(args.runtime_session_id.as_deref(), Some("-j"));
        let name = args.workstation_display_name.as_deref();
        assert_eq!(
            (name, args.scope.as_str()),
            (Some("--scope=owner"), "runtime_peer")
        );
    }

    // WS-289
    #[test]
    fn a_kernel_starts_in_the_folder_of_its_notebook_or_in_the_working_directory() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().to_owned();
        std::fs::create_dir(base.join("books")).unwrap();
        let folder = |notebook: &str| launch_folder(base.clone(), Some(Path::new(notebook)));
        assert_eq!(launch_folder(base.clone(), None), base);
        assert_eq!(folder("a.ipynb"), base);
        assert_eq!(folder("books/a.ipynb"), base.join("books"));
        assert_eq!(folder("books"), base.join("books"));
        assert_eq!(folder("/far/a.ipynb"), PathBuf::from("/far"));
    }
}
