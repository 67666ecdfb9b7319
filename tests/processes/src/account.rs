//! An account without rights for a machine's programs, where the tests run as root.

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::process::Command;

/// Numbers that no account of a usual machine has.
const FIRST_NUMBER: u32 = 610_000;
const NUMBERS: u32 = 10_000;

/// The account; its programs have mounts of their own.
pub(crate) struct Account {
    number: u32,
    /// Makes the mounts.
    mounts: String,
}

impl Account {
    /// Gives `home` to an account that can read what the programs and the interpreter need, wherever they are, and
    /// sees `home` a second time at `<home>-again`. `None` where the tests have no rights anyway.
    pub fn make(home: &Path, program: &Path, python: &Path) -> Result<Option<Self>> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        let number = FIRST_NUMBER + std::process::id() % NUMBERS;
        let above = home.parent().context("no folder")?;
        std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o711))?;
        let again = PathBuf::from(format!("{}-again", home.display()));
        let hold = PathBuf::from(format!("{}-hold", home.display()));
        for folder in [home, &again, &hold] {
            std::fs::create_dir_all(folder)?;
        }
        chown(home, Some(number), Some(number))?;
        let mut needed = prefixes(python)?;
        needed.extend(program.parent().map(Path::to_owned));
        let mounts = mounts(&needed, home, &again, &hold);
        Ok(Some(Self { number, mounts }))
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// Gives files to the account.
    pub fn give(&self, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            chown(path, Some(self.number), Some(self.number))?;
        }
        Ok(())
    }

    /// A program of the account, in a folder.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new("unshare");
        let number = self.number.to_string();
        command
            .args(["-m", "sh", "-ec", &self.mounts, "sh", "setpriv"])
            .args(["--reuid", &number, "--regid", &number, "--clear-groups"])
            .arg(program)
            .current_dir(folder);
        command
    }
}

/// Shows what is needed in folders that are closed to others, in place of all else there.
fn mounts(needed: &[PathBuf], home: &Path, again: &Path, hold: &Path) -> String {
    let mut script = format!(
        "mount --bind {} {}\nmount -t tmpfs none {}\n",
        quoted(home),
        quoted(again),
        quoted(hold)
    );
    let closed: Vec<(&PathBuf, PathBuf)> = needed
        .iter()
        .filter_map(|path| Some((path, topmost_closed(path)?)))
        .collect();
    let held = |number: usize| quoted(&hold.join(number.to_string()));
    for (number, (path, _)) in closed.iter().enumerate() {
        let (path, held) = (quoted(path), held(number));
        let _ = writeln!(script, "mkdir {held}\nmount --bind {path} {held}");
    }
    for (_, folder) in &closed {
        let _ = writeln!(script, "mount -t tmpfs -o mode=755 none {}", quoted(folder));
    }
    for (number, (path, _)) in closed.iter().enumerate() {
        let (path, held) = (quoted(path), held(number));
        let _ = writeln!(script, "mkdir -p {path}\nmount --bind {held} {path}");
    }
    script + "exec \"$@\"\n"
}

/// Where an interpreter and its packages are.
fn prefixes(python: &Path) -> Result<Vec<PathBuf>> {
    let ask = "import sys; print(sys.prefix); print(sys.base_prefix)";
    let output = std::process::Command::new(python)
        .args(["-c", ask])
        .output()
        .with_context(|| python.display().to_string())?;
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .map(PathBuf::from)
        .collect())
}

/// The first folder on the way to a path that others may not enter.
fn topmost_closed(path: &Path) -> Option<PathBuf> {
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.reverse();
    ancestors
        .into_iter()
        .find(|folder| folder.metadata().is_ok_and(|meta| meta.mode() & 0o001 == 0))
        .map(Path::to_owned)
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
