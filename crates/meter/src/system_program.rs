//! Programs of the system: those that this account could not have put there.
//!
//! An agent's `PATH` often begins with a folder of the home, where notebook code may leave programs of any name.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

/// Where systems have their programs, also where `PATH` does not say so.
const USUAL: [&str; 5] = [
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/run/current-system/sw/bin",
];

/// The first program of this name in [`system_path`].
pub fn system_program(name: &str) -> Option<PathBuf> {
    let found = |folder: PathBuf| Some(folder.join(name)).filter(|path| is_program(path));
    folders().find_map(found)
}

/// The folders of `PATH`, and those that systems have, without those in which this account can change something.
pub fn system_path() -> OsString {
    std::env::join_paths(folders()).unwrap_or_default()
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let usual = USUAL.into_iter().map(PathBuf::from);
    let all = named.into_iter().chain(usual);
    all.filter(|folder| folder.is_absolute() && is_out_of_reach(folder))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        && is_out_of_reach(path)
}

/// Whether this account can neither change a file or folder nor put another in its place. Root can change everything,
/// and asks nobody.
fn is_out_of_reach(path: &Path) -> bool {
    let user = rustix::process::geteuid();
    if user.is_root() {
        return path.exists();
    }
    let is_anothers = |path: &Path| {
        path.metadata()
            .is_ok_and(|meta| meta.uid() != user.as_raw())
            && rustix::fs::access(path, Access::WRITE_OK).is_err()
    };
    // By its name, which must not be given to another, and where that leads.
    let real = path.canonicalize();
    real.is_ok_and(|real| path.ancestors().chain(real.ancestors()).all(is_anothers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_the_system_is_none_that_this_account_made() {
        let shell = system_program("sh").unwrap();
        assert!(shell.is_absolute() && shell.ends_with("sh"));
        assert_eq!(system_program("no-such-program"), None);
        let own = tempfile::tempdir().unwrap();
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(is_out_of_reach(own.path()), is_root);
        assert!(!is_out_of_reach(&own.path().join("absent")));
        let path = system_path();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        assert!(
            folders.iter().any(|folder| folder.ends_with("bin")),
            "{path:?}"
        );
        assert!(folders.iter().all(|folder| is_out_of_reach(folder)));
    }
}
