//! Finding `runtimed` (spec 2.11, D5).

use std::path::{Path, PathBuf};

/// The daemon's program name.
const NAME: &str = "runtimed";

/// There is no daemon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the daemon program `runtimed` was not found; looked at {}\nHint: put it next to `runt`, or build it with `cargo build --bin runtimed`",
    tried.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
)]
pub struct RuntimedMissing {
    tried: Vec<PathBuf>,
}

/// Finds the daemon: beside the running program, else in the `target` folder the program was built in.
pub fn find_runtimed(current_exe: &Path) -> Result<PathBuf, RuntimedMissing> {
    let mut tried = Vec::new();
    if let Some(folder) = current_exe.parent() {
        tried.push(folder.join(NAME));
        // Test programs live in target/<profile>/deps.
        if let Some(above) = folder.parent().filter(|_| folder.ends_with("deps")) {
            tried.push(above.join(NAME));
        }
    }
    let target = current_exe
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|n| n == "target"));
    if let Some(target) = target {
        for profile in ["release", "debug"] {
            tried.push(target.join(profile).join(NAME));
        }
    }
    match tried.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(RuntimedMissing { tried }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    // WS-082 WS-084
    #[test]
    fn ws_082_084_a_sibling_wins_and_a_missing_daemon_is_told() {
        let place = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let runt = put("target/debug/runt");
        let error = find_runtimed(&runt).unwrap_err().to_string();
        assert!(
            error.contains("target/debug/runtimed") && error.contains("cargo build"),
            "{error}"
        );
        let release = put("target/release/runtimed");
        assert_eq!(find_runtimed(&runt), Ok(release));
        let sibling = put("target/debug/runtimed");
        assert_eq!(find_runtimed(&runt), Ok(sibling));
        let (runt, sibling) = (put("bundle/runt"), put("bundle/runtimed"));
        assert_eq!(find_runtimed(&runt), Ok(sibling));
    }
}
