use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{find, probe};
use crate::failure::FailureClass;

fn script(dir: &Path, name: &str, body: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_given_interpreter_wins_then_the_active_environment_then_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b, venv) = (
        dir.path().join("a"),
        dir.path().join("b"),
        dir.path().join("venv"),
    );
    for folder in [&a, &b, &venv.join("bin")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let python = script(&a, "python", "");
    let python3 = script(&b, "python3", "");
    let venv_python = script(&venv.join("bin"), "python", "");
    let path = std::env::join_paths([&a, &b]).unwrap();
    let look = |with_venv: bool, path: OsString| {
        let venv = venv.clone();
        move |name: &str| match name {
            "PATH" => Some(path.clone()),
            "VIRTUAL_ENV" if with_venv => Some(venv.clone().into_os_string()),
            _ => None,
        }
    };
    let given = Path::new("/some/python");
    assert_eq!(
        find(Some(given), look(true, path.clone())).as_deref(),
        Some(given)
    );
    assert_eq!(find(None, look(true, path.clone())), Some(venv_python));
    // The name is the outer loop: `python3` anywhere comes before `python`.
    assert_eq!(find(None, look(false, path)), Some(python3));
    assert_eq!(find(None, look(false, a.into_os_string())), Some(python));
    assert_eq!(find(None, look(false, OsString::new())), None);
}

#[tokio::test]
async fn a_hung_interpreter_does_not_hold_us() {
    let dir = tempfile::tempdir().unwrap();
    let python = script(dir.path(), "python", "exec sleep 60");
    let started = Instant::now();
    let failure = probe(&python, Duration::from_millis(200), None)
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::StartupTimeout);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_cannot_be_started_or_understood_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let absent = probe(Path::new("/nowhere/python"), Duration::from_secs(5), None)
        .await
        .unwrap_err();
    assert_eq!(absent.class, FailureClass::ToolBootstrap);
    let noisy = script(dir.path(), "noisy", "echo hello");
    let failure = probe(&noisy, Duration::from_secs(5), None)
        .await
        .unwrap_err();
    assert_eq!(failure.class, FailureClass::Misconfiguration);
    let broken = script(dir.path(), "broken", "echo oh dear >&2; exit 3");
    let failure = probe(&broken, Duration::from_secs(5), None)
        .await
        .unwrap_err();
    assert!(failure.message.contains("oh dear"), "{failure}");
}
