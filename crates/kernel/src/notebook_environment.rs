//! An environment of a notebook's own: made by uv from what the notebook declares, kept for the next time.
//!
//! The cache folder holds, for each key (Python and declaration):
//!
//! ```text
//! <key>.lock           held by who makes it, shared by kernels that run in it
//! <key>.json           says which folder is whole; its time is that of the last use
//! <key>-<random>/      pyproject.toml, .venv/
//! ```
//!
//! An environment is made under the name that it keeps, since its programs name their folder; it counts from the moment
//! that its note is in place. What a killed maker left is cleaned up by age.

mod cache;
mod declaration;
mod lock;
#[cfg(test)]
mod tests;
mod uv;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use crate::confinement::Confinement;
use crate::failure::{FailureClass, LaunchFailure};
use crate::interpreter;

pub use cache::cache_dir;
pub use declaration::Declaration;
pub(crate) use lock::SharedLock;

/// How long making one environment may take, waiting for another maker included.
pub const BUILD_LIMIT: Duration = Duration::from_mins(30);
/// What every environment has besides what the notebook declares.
const KERNEL_REQUIREMENT: &str = "ipykernel>=6.29";

/// An environment that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotebookEnvironment {
    /// Its interpreter.
    pub python: PathBuf,
    /// The file that a kernel locks while it runs in it, so that it is not cleaned up.
    pub in_use: PathBuf,
}

/// Finds or makes the environment that a notebook declares, on top of `python` where that version will do. Building a package
/// runs its code, confined as the notebook's own is. Progress is text for people. Dropping the future ends what it
/// started.
pub async fn prepare(
    declaration: &Declaration,
    python: &Path,
    cache: &Path,
    confinement: Option<&Confinement>,
    progress: &watch::Sender<String>,
) -> Result<NotebookEnvironment, LaunchFailure> {
    let work = make(declaration, python, cache, confinement, progress);
    tokio::time::timeout(BUILD_LIMIT, work)
        .await
        .unwrap_or_else(|_| {
            let what = format!(
                "the notebook's environment was not ready within {} minutes; it was still {}",
                BUILD_LIMIT.as_secs() / 60,
                *progress.borrow()
            );
            let mut failure = LaunchFailure::new(FailureClass::StartupTimeout, what);
            failure.hint =
                Some("restart the kernel to go on; what was downloaded is kept by uv".to_owned());
            Err(failure)
        })
}

async fn make(
    declaration: &Declaration,
    python: &Path,
    cache: &Path,
    confinement: Option<&Confinement>,
    progress: &watch::Sender<String>,
) -> Result<NotebookEnvironment, LaunchFailure> {
    let base = interpreter::probe(python, interpreter::PROBE_WAIT, confinement).await?;
    let python_request = if declaration.accepts(&base.python) {
        python.to_string_lossy().into_owned()
    } else {
        // Another Python of this machine, or one that uv downloads.
        declaration.requires_python.clone().unwrap_or_default()
    };
    let project = declaration.project(KERNEL_REQUIREMENT);
    let key = cache::key(&[&python_request, &base.python, &project]);
    let entry = cache::Entry::at(cache, &key).map_err(|error| unusable(cache, &error))?;
    if let Some(found) = entry.find() {
        return Ok(found);
    }
    let uv = uv::find(python, confinement).await?;
    let _lock = entry
        .lock(progress)
        .await
        .map_err(|error| unusable(cache, &error))?;
    // Somebody else may have made it meanwhile.
    if let Some(found) = entry.find() {
        return Ok(found);
    }
    let folder = entry
        .begin(&project)
        .map_err(|error| unusable(cache, &error))?;
    let made = build(&uv, &folder, &python_request, declaration, progress).await;
    let finished = match made {
        Ok(()) => entry
            .finish(&folder)
            .await
            .map_err(|error| unusable(cache, &error)),
        Err(failure) => Err(failure),
    };
    if finished.is_err() {
        cache::remove(folder).await;
    }
    finished
}

async fn build(
    uv: &uv::Uv<'_>,
    folder: &Path,
    python_request: &str,
    declaration: &Declaration,
    progress: &watch::Sender<String>,
) -> Result<(), LaunchFailure> {
    progress.send_replace("making the environment".to_owned());
    uv.run(
        &["venv", "--no-project", "--python", python_request, ".venv"],
        folder,
        progress,
    )
    .await?;
    progress.send_replace(format!("installing {}", declaration.summary()));
    uv.run(
        &[
            "pip",
            "install",
            "--python",
            ".venv/bin/python",
            "-r",
            "pyproject.toml",
        ],
        folder,
        progress,
    )
    .await
}

fn unusable(cache: &Path, error: &std::io::Error) -> LaunchFailure {
    let what = format!(
        "the folder `{}` for the environments of notebooks cannot be used: {error}",
        cache.display()
    );
    LaunchFailure::new(FailureClass::ToolBootstrap, what)
}
