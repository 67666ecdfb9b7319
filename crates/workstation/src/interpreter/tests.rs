use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn program(folder: &Path, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

// WS-094
#[test]
fn ws_094_python3_anywhere_before_python() {
    let place = tempfile::tempdir().unwrap();
    let (a, b, c) = (
        place.path().join("a"),
        place.path().join("b"),
        place.path().join("c"),
    );
    program(&a, "python", "");
    let three = program(&b, "python3", "");
    fs::create_dir_all(c.join("python3")).unwrap();
    fs::write(a.join("python3"), "not executable").unwrap();
    let path = format!("{}::{}:{}", c.display(), a.display(), b.display());
    assert_eq!(find_interpreter(Some(&path)), Some(three.clone()));
    fs::remove_file(three).unwrap();
    assert_eq!(find_interpreter(Some(&path)), Some(a.join("python")));
    assert_eq!(find_interpreter(Some("")), None);
    assert_eq!(find_interpreter(None), None);
}

// WS-087
#[test]
fn ws_087_links_are_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let real = program(place.path(), "real", "");
    let link = place.path().join("python");
    std::os::unix::fs::symlink(real, &link).unwrap();
    assert_eq!(absolute_interpreter(&link, None), link);
    assert!(absolute_interpreter(Path::new("venv/bin/python"), None).is_absolute());
    let folder = place.path().to_str();
    assert_eq!(absolute_interpreter(Path::new("python"), folder), link);
    assert!(absolute_interpreter(Path::new("absent"), folder).is_absolute());
}

// A program that is busy being written by a fork of another test answers ETXTBSY once; ask again then.
async fn probe(path: &Path, limit: Duration) -> IpykernelProbe {
    loop {
        match probe_within(Command::new(path), limit).await {
            IpykernelProbe::Failed { reason } if reason.contains("Text file busy") => {}
            other => return other,
        }
    }
}

// WS-088 WS-089 WS-090
#[tokio::test]
async fn ws_088_089_090_present_missing_and_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let purelib = place.path().join("lib/python3.11/site-packages");
    fs::create_dir_all(&purelib).unwrap();
    let answer = |ok: bool| {
        format!(
            "#!/bin/sh\necho '{{\"purelib\":\"{}\",\"import_ok\":{ok}}}'\n",
            purelib.display()
        )
    };
    let python = program(place.path(), "python", &answer(true));
    let limit = Duration::from_secs(20);
    assert_eq!(probe(&python, limit).await, IpykernelProbe::Present);
    assert_eq!(IpykernelProbe::Present.warning(&python), None);
    let python = program(place.path(), "python-b", &answer(false));
    let missing = probe(&python, limit).await;
    assert_eq!(missing, IpykernelProbe::Missing { is_managed: false });
    let warning = missing.warning(&python).unwrap();
    assert!(
        warning.contains(&format!("{} -m pip install ipykernel", python.display())),
        "{warning}"
    );
    // Debian's own: pip refuses there.
    let managed = answer(false).replace("\"import_ok\"", "\"managed\":true,\"import_ok\"");
    let python = program(place.path(), "python-c", &managed);
    let warning = probe(&python, limit).await.warning(&python).unwrap();
    assert!(
        warning.contains(&format!("{} -m venv ", python.display()))
            && warning.contains("config set python_path")
            && !warning.contains("-m pip"),
        "{warning}"
    );
    let python = program(place.path(), "python-d", &answer(false));
    let other = place.path().join("lib/python3.9/site-packages");
    fs::create_dir_all(other.join("ipykernel-6.1.dist-info")).unwrap();
    let elsewhere = probe(&python, limit).await;
    assert!(
        elsewhere
            .warning(&python)
            .unwrap()
            .contains(other.to_str().unwrap()),
        "{elsewhere:?}"
    );
}

// WS-091 WS-092 WS-095
#[tokio::test]
async fn ws_091_092_095_interpreters_that_do_not_answer() {
    let place = tempfile::tempdir().unwrap();
    let long = format!("#!/bin/sh\necho {} >&2\nexit 3\n", "x".repeat(400));
    for (name, text) in [
        ("long", long.as_str()),
        ("words", "#!/bin/sh\necho hello\n"),
        (
            "empty",
            "#!/bin/sh\necho '{\"purelib\":\"\",\"import_ok\":true}'\n",
        ),
        ("slow", "#!/bin/sh\nexec sleep 600\n"),
    ] {
        let python = program(place.path(), name, text);
        let limit = Duration::from_secs(if name == "slow" { 1 } else { 20 });
        let found = probe(&python, limit).await;
        let IpykernelProbe::Failed { reason } = &found else {
            panic!("{name}: {found:?}")
        };
        assert!(reason.chars().count() <= 201, "{reason}");
        assert_eq!(found.warning(&python).unwrap().lines().count(), 2);
    }
    assert!(matches!(
        probe(Path::new("/nonexistent"), PROBE_TIMEOUT).await,
        IpykernelProbe::Failed { .. }
    ));
}
