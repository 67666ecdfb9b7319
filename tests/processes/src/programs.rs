//! Where the programs under test and the Python of their kernels are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// Path of one of the three programs, built beside the running test; builds them when they are not there.
pub fn program(name: &str) -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(folder);
    let path = folder.join(name);
    if !path.exists() {
        build(folder)?;
    }
    if !path.exists() {
        bail!("{} was not built", path.display());
    }
    Ok(path)
}

/// The folder of this build's binaries: tests run from `target/PROFILE/deps`, programs from `target/PROFILE`.
fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("PROGRAMS") {
        return PathBuf::from(folder);
    }
    let exe = std::env::current_exe().unwrap_or_default();
    let folder = exe.parent().unwrap_or(Path::new("."));
    if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder).to_path_buf()
    } else {
        folder.to_path_buf()
    }
}

fn build(folder: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args([
        "build",
        "--quiet",
        "--bin",
        "notebook-cloud",
        "--bin",
        "runt",
        "--bin",
        "runtimed",
    ]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let status = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("could not start cargo")?;
    if !status.success() {
        bail!("the programs do not build");
    }
    Ok(())
}
