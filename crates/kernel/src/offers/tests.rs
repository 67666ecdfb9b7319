use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// An interpreter that answers as told, and counts how often it is asked.
fn interpreter(prefix: &Path, ipykernel: Option<&str>, marks: &[(&str, &str)]) -> PathBuf {
    places::tests::environment(prefix, marks);
    let packages = prefix.join("packages");
    std::fs::create_dir_all(&packages).unwrap();
    let answer = serde_json::json!({
        "purelib": packages, "prefix": prefix, "python": "3.12.4", "ipykernel": ipykernel,
        "error": ipykernel.is_none().then_some("ModuleNotFoundError: No module named 'ipykernel'"),
    });
    let python = prefix.join("bin/python");
    let (asked, said) = (prefix.join("asked"), prefix.join("answer"));
    std::fs::write(&said, answer.to_string()).unwrap();
    let script = format!(
        "#!/bin/sh\necho >> '{}'\ncat '{}'\n",
        asked.display(),
        said.display()
    );
    std::fs::write(&python, script).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    python
}

fn times_asked(prefix: &Path) -> usize {
    std::fs::read(prefix.join("asked")).map_or(0, |text| text.len())
}

fn install(data: &Path, name: &str, argv: &[&str], language: &str) {
    let dir = data.join("kernels").join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let spec = serde_json::json!({ "argv": argv, "display_name": name.to_uppercase(), "language": language });
    std::fs::write(dir.join("kernel.json"), spec.to_string()).unwrap();
}

const CFG: (&str, &str) = ("pyvenv.cfg", "home = /usr/bin\n");

#[tokio::test]
async fn installed_kernels_and_environments_are_offered_with_what_they_lack() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    let python = interpreter(&root.join("main"), Some("7.0"), &[CFG]);
    interpreter(&root.join("work/.venv"), Some("7.1"), &[CFG]);
    interpreter(&root.join("work/bare/.venv"), None, &[CFG]);
    let sci = root.join("home/miniforge3/envs/sci");
    interpreter(&sci, Some("7.0"), &[("conda-meta/history", "")]);
    let data = root.join("data");
    let of_main = python.to_string_lossy().into_owned();
    install(
        &data,
        "python3",
        &["python", "-m", "ipykernel_launcher"],
        "python",
    );
    install(&data, "bash", &[&of_main, "-m", "bash_kernel"], "Bash");
    install(
        &root.join("main/share/jupyter"),
        "julia",
        &[&of_main, "-m", "julia"],
        "julia",
    );
    install(&data, "gone", &["/nowhere/R", "--args"], "R");
    install(
        &sci.join("share/jupyter"),
        "ir",
        &[&of_main, "-m", "r"],
        "R",
    );
    install(
        &sci.join("share/jupyter"),
        "python3",
        &["python", "-m", "ipykernel_launcher"],
        "python",
    );
    let variable = |name: &str| match name {
        "HOME" => Some(root.join("home").into_os_string()),
        "JUPYTER_PATH" => Some(data.clone().into_os_string()),
        _ => None,
    };
    let mut offers = Offers::new(python.clone(), root.join("work"), None);
    let found = offers.look_with(variable).await;
    let found: Vec<&OfferedKernel> = found
        .iter()
        .filter(|offer| {
            !offer
                .path
                .as_deref()
                .unwrap_or_default()
                .starts_with("/usr")
        })
        .collect();
    let shown: Vec<(&str, &str, bool)> = found
        .iter()
        .map(|offer| {
            (
                offer.display_name.as_str(),
                offer.source.as_str(),
                offer.available,
            )
        })
        .collect();
    let expected = [
        ("BASH", "kernelspec", true),
        ("GONE", "kernelspec", false),
        ("JULIA", "kernelspec", true),
        ("PYTHON3", "kernelspec", true),
        ("Python 3.12.4 (work)", "venv", true),
        ("Python 3.12.4 (bare)", "venv", false),
        ("Python 3.12.4 (sci)", "conda", true),
        ("IR", "conda", true),
    ];
    assert_eq!(shown, expected);
    assert!(found[3].is_default && !found[4].is_default);
    assert!(found[1].reason.as_deref().unwrap().contains("/nowhere/R"));
    assert!(
        found[5]
            .reason
            .as_deref()
            .unwrap()
            .contains("-m pip install ipykernel")
    );

    // The names lead back to what was offered.
    let resolve = |name: &str| resolve(name, Some(&python), &root.join("work"), variable);
    let venv = resolve(&found[4].name).unwrap();
    assert_eq!(Path::new(&venv.argv[0]), root.join("work/.venv/bin/python"));
    assert_eq!(venv.kernelspec.as_deref(), Some(found[4].name.as_str()));
    assert_eq!(Path::new(&venv.env["VIRTUAL_ENV"]), root.join("work/.venv"));
    assert!(venv.env["PATH"].starts_with(&*root.join("work/.venv/bin").to_string_lossy()));
    let other = resolve(&found[7].name).unwrap();
    assert_eq!(other.argv, [of_main.as_str(), "-m", "r"]);
    assert_eq!(Path::new(&other.env["CONDA_PREFIX"]), sci);
    for unknown in ["python3", "python-venv-work-00000000"] {
        assert_eq!(resolve(unknown), None, "{unknown}");
    }
}

#[tokio::test]
async fn an_interpreter_is_asked_again_only_when_something_changed() {
    let place = tempfile::tempdir().unwrap();
    let prefix = place.path().join("main");
    let python = interpreter(&prefix, None, &[CFG]);
    let mut offers = Offers::new(python, place.path().join("work"), None);
    for _ in 0..3 {
        let found = offers.look_with(|_| None).await;
        // Without a kernelspec of that name, `python3` is the interpreter itself.
        let own = found.iter().find(|offer| offer.name == "python3").unwrap();
        assert!(own.is_default && !own.available);
    }
    assert_eq!(times_asked(&prefix), 1);
    std::fs::create_dir(prefix.join("packages/ipykernel")).unwrap();
    let soon = SystemTime::now() + Duration::from_secs(5);
    std::fs::File::open(prefix.join("packages"))
        .unwrap()
        .set_modified(soon)
        .unwrap();
    offers.look_with(|_| None).await;
    assert_eq!(times_asked(&prefix), 2);
}
