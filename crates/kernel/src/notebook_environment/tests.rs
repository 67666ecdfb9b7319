use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::{Declaration, SharedLock, cache, prepare};
use crate::failure::FailureClass;

const SCRIPT: &str = "\
requires-python = '>=3.9'
dependencies = ['numpy>=2', 'pandas[excel]', 'a', 'b']
[tool.uv]
find-links = ['/wheels']
";

#[test]
fn a_declaration_becomes_a_project() {
    let declared = Declaration::from_script(SCRIPT).unwrap();
    assert!(declared.accepts("3.11.7") && declared.accepts("3.13.0rc1+"));
    assert!(!declared.accepts("3.8.1"));
    assert_eq!(declared.summary(), "numpy, pandas, a and 1 more");
    let project: toml::Table = declared.project("ipykernel>=6").parse().unwrap();
    let packages = project["project"]["dependencies"].as_array().unwrap();
    assert_eq!(packages.len(), 5);
    assert_eq!(packages[4].as_str(), Some("ipykernel>=6"));
    assert_eq!(
        project["tool"]["uv"]["find-links"][0].as_str(),
        Some("/wheels")
    );
    let bare = Declaration::from_script("").unwrap();
    assert_eq!(bare.summary(), "the kernel");
    assert!(!bare.project("k").contains("tool"));
    for (text, named) in [
        ("dependencies = [", "no valid TOML"),
        ("dependencies = 'numpy'", "no valid TOML"),
        ("requires-python = 'three'", "`three`"),
    ] {
        let failure = Declaration::from_script(text).unwrap_err();
        assert_eq!(failure.class, FailureClass::Misconfiguration);
        let details = failure.details();
        assert!(
            details.contains(named) && details.contains("Hint: "),
            "{details}"
        );
    }
}

#[test]
fn keys_differ_by_every_part() {
    let keys = [
        cache::key(&["a", "b"]),
        cache::key(&["ab", ""]),
        cache::key(&["a", "c"]),
    ];
    assert!(keys.iter().all(|key| key.len() == 16));
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
}

/// An environment as the cache knows it.
fn entry(cache_dir: &Path, key: &str, bytes: u64, age: Duration) -> SystemTime {
    let folder = format!("{key}-00000000");
    fs::create_dir_all(cache_dir.join(&folder).join(".venv/bin")).unwrap();
    fs::write(cache_dir.join(&folder).join(".venv/bin/python"), "").unwrap();
    let note = cache_dir.join(format!("{key}.json"));
    fs::write(&note, format!(r#"{{"folder":"{folder}","bytes":{bytes}}}"#)).unwrap();
    let at = SystemTime::now() - age;
    let file = fs::File::options().append(true).open(note).unwrap();
    file.set_modified(at).unwrap();
    at
}

fn kept(cache_dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(cache_dir)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy()[..3].to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_old_or_too_much_goes_unless_a_kernel_runs_in_it() {
    const DAY: Duration = Duration::from_hours(24);
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    entry(dir, "new", 60, Duration::ZERO);
    entry(dir, "mid", 60, DAY);
    entry(dir, "big", 60, 2 * DAY);
    entry(dir, "old", 1, 31 * DAY);
    entry(dir, "run", 1, 40 * DAY);
    fs::create_dir(dir.join("lft-11111111")).unwrap();
    let in_use = SharedLock::try_take(&dir.join("run.lock")).unwrap();
    assert!(in_use.is_some());
    let now = SystemTime::now();
    cache::clean(dir, now, 130);
    assert_eq!(kept(dir), ["lft", "mid", "new", "run"]);
    drop(in_use);
    cache::clean(dir, now + DAY, 130);
    // What a maker left is gone by now.
    assert_eq!(kept(dir), ["mid", "new"]);
    // One that was used just now stays, whatever the limit.
    cache::clean(dir, now, 1);
    assert_eq!(kept(dir), ["new"]);
    assert!(!dir.join("mid.lock").exists());
}

// Notebook code can write in the cache.
#[test]
fn cleaning_up_stays_among_environments() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("cache");
    let others = [
        "outside",
        "cache/6d1a265b-0000-4000-8000-000000000000",
        "cache/jobs",
    ];
    for other in others {
        fs::create_dir_all(place.path().join(other)).unwrap();
    }
    fs::write(dir.join("bad.json"), r#"{"folder":"../outside","bytes":1}"#).unwrap();
    fs::write(dir.join("odd.json"), r#"{"folder":"jobs","bytes":1}"#).unwrap();
    std::os::unix::fs::symlink(place.path().join("outside"), dir.join("lnk-22222222")).unwrap();
    std::os::unix::fs::symlink("../planted", dir.join("new.lock")).unwrap();
    cache::clean(&dir, SystemTime::now() + Duration::from_hours(24 * 90), 0);
    for other in others {
        assert!(place.path().join(other).is_dir(), "{other}");
    }
    assert!(SharedLock::try_take(&dir.join("new.lock")).is_err());
    assert!(!place.path().join("planted").exists());
}

#[tokio::test]
async fn a_cache_that_cannot_be_used_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let (progress, _) = watch::channel(String::new());
    let python = Path::new("python3");
    let failure = prepare(
        &Declaration::default(),
        python,
        &file.join("cache"),
        None,
        &progress,
    )
    .await
    .unwrap_err();
    assert_eq!(failure.class, FailureClass::ToolBootstrap);
    assert!(
        failure.message.contains("environments of notebooks"),
        "{failure}"
    );
}
