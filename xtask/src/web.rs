//! The page: its packages, its build, its own checks.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, bail};

use crate::tools::{self, files, root, run_program, step};

/// Where the page lives.
pub fn folder() -> PathBuf {
    root().join("web")
}

/// Checks that Node and npm are there.
pub fn require_node() -> Result<()> {
    let version = tools::output("node", &["--version"]).unwrap_or_default();
    let major: u32 = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    if major < 20 || tools::output("npm", &["--version"]).is_none() {
        bail!(
            "Node 20 or newer with npm was not found (found `{version}`).\nHint: install Node from your system's packages and run this again"
        );
    }
    Ok(())
}

/// Installs the packages of a folder when its lock file is newer than what is installed. Not `npm ci`: that one refuses
/// a lock file without the optional packages of other platforms, which a registry mirror may not carry.
pub fn install(folder: &Path) -> Result<()> {
    let lock = modified(&folder.join("package-lock.json"));
    let done = modified(&folder.join("node_modules/.package-lock.json"));
    if done.is_some() && done >= lock {
        return Ok(());
    }
    step(&format!(
        "installing the npm packages of {}",
        folder.strip_prefix(root()).unwrap_or(folder).display()
    ));
    run_program(
        folder,
        "npm",
        &[
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ],
    )
}

/// Builds the page when a source is newer than the last build.
pub fn build() -> Result<()> {
    let folder = folder();
    let newest = files(&folder, &|_| true)
        .iter()
        .filter_map(|path| modified(path))
        .max();
    let built = modified(&folder.join("dist/index.html"));
    if built.is_some() && built >= newest {
        return Ok(());
    }
    install(&folder)?;
    step("building the page");
    run_program(&folder, "npm", &["run", "--silent", "build"])
}

/// Type check, lint and unit tests of the page.
pub fn check() -> Result<()> {
    let folder = folder();
    install(&folder)?;
    run_program(&folder, "npm", &["run", "--silent", "check"])?;
    run_program(&folder, "npm", &["test", "--silent"])
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|meta| meta.modified())
        .ok()
}
