//! Keeping notebook code from this machine's secrets: a kernel, and all it starts, looks at the files through a view of
//! its own in which the folders that hold them are empty.
//!
//! Who starts a program that notebook code may have made or changed (a kernel, an interpreter that is asked about
//! itself, uv with the packages that it builds) starts `runtimed confined …` instead. That one enters a user and a mount
//! namespace, covers the folders ([`become_confined`]), and becomes the program; it says on its standard input, which
//! is a pipe to who started it, what keeps it from doing so. Being in another user namespace, the program may neither
//! trace nor look into any process outside.
//!
//! Where the system allows no such namespaces the program is started without. Where it does, and only fails, the
//! program is not started: notebook code could bring that about.

mod hidden;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod view;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::endpoint::{fallback_dir, own_runtime_dir, private_dir};
use crate::environment;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub use hidden::Hidden;

/// The subcommand by which this program is started for it.
pub const SUBCOMMAND: &str = "confined";
/// How long the view may take to be made; a lost network disk can hold it up.
const VIEW_LIMIT: Duration = Duration::from_secs(15);
/// Longest report.
const REPORT_BYTES: u64 = 16 * 1024;

/// What keeps a program from being started in a view of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The system has no such views for this account, and why.
    Unsupported(String),
    /// It has, but this one could not be made.
    Failed(String),
    /// The program itself cannot be started: the system's number of the error.
    Program(i32),
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    /// The program cannot be started.
    #[error(transparent)]
    Program(#[from] io::Error),
    /// Its view of the files could not be made.
    #[error("notebook code cannot be kept from this machine's secrets now: {0}")]
    View(String),
}

/// What is kept from notebook code.
#[derive(Debug, Clone)]
pub struct Confinement {
    hidden: Vec<Hidden>,
    kept: Vec<PathBuf>,
}

impl Confinement {
    /// Hides these folders as they are now, and the places where the account's service manager takes orders: it would
    /// run anything outside. `kept` are programs that run outside: notebook code cannot replace them.
    pub fn hiding(secrets: impl IntoIterator<Item = PathBuf>, kept: Vec<PathBuf>) -> Self {
        let mut hidden: Vec<Hidden> = secrets.into_iter().map(Hidden::as_it_is).collect();
        let uid = rustix::process::getuid().as_raw();
        for runtime in own_runtime_dir()
            .into_iter()
            .chain([format!("/run/user/{uid}").into()])
        {
            let places = ["runt", "systemd", "bus"].map(|name| runtime.join(name));
            hidden.extend(places.map(Hidden::whatever_is_at));
        }
        let sockets = fallback_dir();
        // What is not there yet cannot be hidden. Where it is somebody else's, nothing will be in it.
        let _ = private_dir(&sockets);
        hidden.push(Hidden::whatever_is_at(sockets));
        Self { hidden, kept }
    }

    /// What another process of ours knows ([`Self::words`]).
    pub fn known(hidden: Vec<Hidden>, kept: Vec<PathBuf>) -> Self {
        Self { hidden, kept }
    }

    /// Hides this one, too.
    #[must_use]
    pub fn and(mut self, path: PathBuf) -> Self {
        self.hidden.push(Hidden::whatever_is_at(path));
        self
    }

    /// Command-line arguments that say all this to another process of ours.
    pub fn words(&self) -> Vec<OsString> {
        let hidden = self.hidden.iter().map(|hidden| ("--hide", hidden.word()));
        let kept = self.kept.iter().map(|path| ("--keep", path.into()));
        hidden
            .chain(kept)
            .flat_map(|(flag, value)| [flag.into(), value])
            .collect()
    }

    /// What is started in place of a command: `shown` are the only folders below hidden ones that it needs.
    fn command_line(&self, argv: &[OsString], shown: &[PathBuf]) -> Vec<OsString> {
        let mut line: Vec<OsString> = vec![own_program().into(), SUBCOMMAND.into()];
        line.extend(self.words());
        for path in shown {
            line.extend(["--show".into(), path.into()]);
        }
        line.push("--".into());
        line.extend_from_slice(argv);
        line
    }

    /// Whether programs can be confined here; this process is, afterwards.
    pub fn try_here(&self) -> Result<(), Obstacle> {
        self.enter(&[])
    }

    #[cfg(target_os = "linux")]
    fn enter(&self, shown: &[PathBuf]) -> Result<(), Obstacle> {
        view::enter(&self.hidden, shown, &self.kept)
    }

    #[cfg(not(target_os = "linux"))]
    fn enter(&self, _shown: &[PathBuf]) -> Result<(), Obstacle> {
        let what = "only Linux gives kernels a view of the files of their own";
        Err(Obstacle::Unsupported(what.to_owned()))
    }
}

/// This program as it runs, on Linux also after another was installed in its place.
fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().unwrap_or_default()
    }
}

/// Starts a program where it does not see this machine's secrets, or plainly where there is no such place. Its standard
/// input is empty; `set_up` says all else about it.
///
/// Dropping the future ends what was started if `set_up` says so of dropped ones.
pub(crate) async fn spawn(
    confinement: Option<&Confinement>,
    argv: &[OsString],
    shown: &[PathBuf],
    set_up: impl Fn(&mut Command),
) -> Result<Child, SpawnError> {
    let start = |line: &[OsString], input: Stdio| {
        let mut command = Command::new(line.first().map_or(OsStr::new(""), OsString::as_os_str));
        command.args(line.get(1..).unwrap_or_default());
        set_up(&mut command);
        command.stdin(input).spawn()
    };
    let Some(confinement) = confinement else {
        return Ok(start(argv, Stdio::null())?);
    };
    let (report, said) = io::pipe()?;
    let line = confinement.command_line(argv, shown);
    let child = start(&line, said.into())?;
    match obstacle(Receiver::from_owned_fd(report.into())?).await {
        None => Ok(child),
        Some(Obstacle::Unsupported(why)) => {
            tracing::warn!("notebook code is not kept from this machine's secrets: {why}");
            Ok(start(argv, Stdio::null())?)
        }
        Some(Obstacle::Failed(why)) => Err(SpawnError::View(why)),
        Some(Obstacle::Program(number)) => Err(io::Error::from_raw_os_error(number).into()),
    }
}

/// Becomes a program that does not see what is hidden. Call it first thing in its own process, which has one thread.
/// Returns only when that cannot be, after saying so on the standard input.
pub fn become_confined(
    confinement: &Confinement,
    shown: &[PathBuf],
    program: &OsStr,
    arguments: &[OsString],
) -> Obstacle {
    // Closed by the program's start: who started it then knows that nothing was in the way.
    let report = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3);
    let obstacle = confinement.enter(shown).err().unwrap_or_else(|| {
        let empty = std::fs::File::open("/dev/null");
        let emptied = empty.and_then(|null| Ok(rustix::stdio::dup2_stdin(null)?));
        let error = match emptied {
            Ok(()) => std::process::Command::new(program).args(arguments).exec(),
            Err(error) => error,
        };
        Obstacle::Program(error.raw_os_error().unwrap_or_default())
    });
    if let (Ok(report), Ok(text)) = (report, serde_json::to_vec(&obstacle)) {
        // Nobody listens when it was started by hand.
        let _ = rustix::io::write(report, &text);
    }
    obstacle
}

/// The same for who cannot listen, with a kernel's environment: where nothing can be hidden it becomes the program all
/// the same.
pub fn become_confined_or_plain(
    confinement: &Confinement,
    program: &OsStr,
    arguments: &[OsString],
) -> Obstacle {
    match confinement.enter(&[]) {
        Ok(()) | Err(Obstacle::Unsupported(_)) => {}
        Err(obstacle) => return obstacle,
    }
    let error = std::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment::inherited())
        .exec();
    Obstacle::Program(error.raw_os_error().unwrap_or_default())
}

/// What a confined child says was in its way, once it has become the program or given up.
async fn obstacle(report: Receiver) -> Option<Obstacle> {
    let mut said = Vec::new();
    let mut report = report.take(REPORT_BYTES);
    let failed = |what: String| Some(Obstacle::Failed(what));
    match timeout(VIEW_LIMIT, report.read_to_end(&mut said)).await {
        Err(_) => failed(format!(
            "its view of the files was not there within {} s",
            VIEW_LIMIT.as_secs()
        )),
        Ok(Err(error)) => failed(error.to_string()),
        // Also when it was killed: then its end says so.
        Ok(Ok(_)) if said.is_empty() => None,
        Ok(Ok(_)) => match serde_json::from_slice(&said) {
            Ok(obstacle) => Some(obstacle),
            Err(error) => failed(error.to_string()),
        },
    }
}
