//! Keeping notebook code from this machine's secrets: a kernel, and all it starts, looks at the files through a view of
//! its own in which the folders that hold them are empty.
//!
//! The keeper starts its own program with the words `confined …`. That one enters a user and a mount namespace, covers
//! the folders ([`become_confined`]), and becomes the kernel; it says on its standard output what keeps it from doing
//! so. Being in another user namespace, the kernel may neither trace nor look into any process outside.
//!
//! Where the system allows no such namespaces the kernel is started without. Where it does, and only fails, the kernel
//! is not started: notebook code could bring that about.

#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod view;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::endpoint::{fallback_dir, own_runtime_dir};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::process::Child;
use tokio::time::timeout;

/// The subcommand by which a keeper starts its own program.
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

/// What is kept from kernels.
#[derive(Debug, Clone)]
pub struct Confinement {
    hidden: Vec<PathBuf>,
}

impl Confinement {
    /// Hides these folders and files, and the places where the account's service manager takes orders: it would run
    /// anything outside.
    pub fn hiding(secrets: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut hidden: Vec<PathBuf> = secrets.into_iter().collect();
        let uid = rustix::process::getuid().as_raw();
        for runtime in own_runtime_dir()
            .into_iter()
            .chain([format!("/run/user/{uid}").into()])
        {
            hidden.extend(["runt", "systemd", "bus"].map(|name| runtime.join(name)));
        }
        hidden.push(fallback_dir());
        Self { hidden }
    }

    /// What a keeper starts in place of a kernel's own command: `shown` are the only folders below hidden ones that
    /// the kernel needs.
    pub(crate) fn command_line(&self, argv: &[String], shown: &[PathBuf]) -> Vec<OsString> {
        let mut line: Vec<OsString> = vec![own_program().into(), SUBCOMMAND.into()];
        let mut name = |flag: &str, paths: &[PathBuf]| {
            for path in paths {
                line.extend([flag.into(), path.into()]);
            }
        };
        name("--hide", &self.hidden);
        name("--show", shown);
        line.push("--".into());
        line.extend(argv.iter().map(OsString::from));
        line
    }

    /// Whether kernels can be confined here; this process is, afterwards.
    pub fn try_here(&self) -> Result<(), Obstacle> {
        enter(&self.hidden, &[])
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

#[cfg(target_os = "linux")]
fn enter(hidden: &[PathBuf], shown: &[PathBuf]) -> Result<(), Obstacle> {
    view::enter(hidden, shown)
}

#[cfg(not(target_os = "linux"))]
fn enter(_hidden: &[PathBuf], _shown: &[PathBuf]) -> Result<(), Obstacle> {
    let what = "only Linux gives kernels a view of the files of their own";
    Err(Obstacle::Unsupported(what.to_owned()))
}

/// Becomes a program that does not see what is hidden. Call it first thing in its own process, which has one thread.
/// Returns only when that cannot be, after saying so on the standard output.
pub fn become_confined(
    hidden: &[PathBuf],
    shown: &[PathBuf],
    program: &OsStr,
    arguments: &[OsString],
) -> Obstacle {
    // Closed by the program's start: the keeper then knows that nothing was in the way.
    let report = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3);
    let obstacle = enter(hidden, shown).err().unwrap_or_else(|| {
        let quiet = std::fs::File::options().write(true).open("/dev/null");
        let quieted = quiet.and_then(|null| Ok(rustix::stdio::dup2_stdout(null)?));
        let error = match quieted {
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

/// What a confined child says was in its way, once it has become the program or given up.
pub(crate) async fn obstacle(child: &mut Child) -> Option<Obstacle> {
    let report = child.stdout.take()?;
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

/// Whether a path is one of these or below it.
#[cfg(target_os = "linux")]
fn is_within(path: &Path, folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
}
