use std::fs;
use std::process::Command;

use super::*;

fn spec() -> ServiceSpec {
    ServiceSpec {
        runt: "/bin/sh".into(),
        home: "/home/ada".into(),
        working_directory: "/tmp".into(),
        python: Some("/usr/bin/env".into()),
        variables: Vec::new(),
    }
}

fn lines(unit: &str, key: &str) -> Vec<String> {
    let start = format!("{key}=");
    unit.lines()
        .filter_map(|line| line.strip_prefix(&start).map(str::to_owned))
        .collect()
}

// WS-107 WS-108 WS-109 WS-110 WS-111 WS-112 WS-113 WS-123 WS-262
#[test]
fn ws_107_113_the_unit_runs_the_command_line_with_every_word_quoted() {
    let env = Env::from_pairs([
        ("XDG_CONFIG_HOME", "/data/c"),
        ("RUNT_CLOUD_TOKEN", "nwc_secret"),
        ("HTTPS_PROXY", "http://ada:secret@proxy:3128"),
        ("HTTP_PROXY", "proxy:3128"),
    ]);
    let (variables, kept_back) = carried_variables(&env);
    assert_eq!(kept_back, ["HTTPS_PROXY"]);
    let spec = ServiceSpec {
        runt: "/opt/a \"b\"/$x/100%/runt".into(),
        home: "/home/$ada".into(),
        working_directory: "/data/50% of it".into(),
        variables,
        ..spec()
    };
    let unit = systemd_unit(&spec, &UnitScope::User).unwrap();
    assert_eq!(
        lines(&unit, "ExecStart"),
        [
            r#""/opt/a \"b\"/$$x/100%%/runt" "workstation" "run" "--python-path" "/usr/bin/env" "--working-directory" "/data/50%% of it" "--on-stop" "detach""#
        ]
    );
    assert_eq!(lines(&unit, "WorkingDirectory"), ["/data/50%% of it"]);
    assert_eq!(
        lines(&unit, "Environment"),
        [
            r#""HOME=/home/$ada""#,
            r#""PATH=/home/$ada/.local/bin:/usr/local/bin:/usr/bin:/bin""#,
            r#""XDG_CONFIG_HOME=/data/c""#,
            r#""HTTP_PROXY=proxy:3128""#,
        ]
    );
    assert_eq!(lines(&unit, "Restart"), ["on-failure"]);
    assert_eq!(lines(&unit, "RestartSec"), ["5"]);
    assert_eq!(lines(&unit, "RestartPreventExitStatus"), ["77 75"]);
    assert_eq!(lines(&unit, "KillMode"), ["process"]);
    assert_eq!(lines(&unit, "WantedBy"), ["default.target"]);
    assert!(lines(&unit, "User").is_empty() && !unit.contains("secret"));
    let system = systemd_unit(&spec, &UnitScope::System("ada".into())).unwrap();
    assert_eq!(lines(&system, "User"), ["ada"]);
    assert_eq!(lines(&system, "WantedBy"), ["multi-user.target"]);
}

// WS-122
#[test]
fn ws_122_a_path_that_would_break_the_file_is_refused() {
    let spec = ServiceSpec {
        working_directory: "/tmp/a\nExecStartPre=/bin/false".into(),
        ..spec()
    };
    let refused = systemd_unit(&spec, &UnitScope::User).unwrap_err();
    assert!(refused.to_string().contains("Hint: "), "{refused}");
    assert!(launchd_agent(&spec).is_err());
}

// Quoting is checked by the manager's own reader.
#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a folder with 50% \"quotes\"");
    fs::create_dir(&odd).unwrap();
    let spec = ServiceSpec {
        working_directory: odd,
        variables: vec![("XDG_STATE_HOME".into(), "/a \"b\" 5%".into())],
        ..spec()
    };
    for (scope, flag) in [
        (UnitScope::User, "--user"),
        (UnitScope::System("root".into()), "--system"),
    ] {
        let file = folder.path().join(UNIT);
        fs::write(&file, systemd_unit(&spec, &scope).unwrap()).unwrap();
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no", flag])
            .arg(&file)
            .env("XDG_RUNTIME_DIR", folder.path())
            .output();
        let Ok(output) = verified else {
            println!("skipped: systemd-analyze is not installed");
            return;
        };
        // A key or a value that it does not take is only told, not failed on.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains(UNIT), "{scope:?}: {said}");
        assert!(output.status.success(), "{scope:?}: {said}");
    }
}

#[test]
fn the_launchd_agent_is_a_property_list_with_the_same_command() {
    let spec = ServiceSpec {
        working_directory: "/Users/ada/R&D <new>".into(),
        ..spec()
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), launchd_agent(&spec).unwrap()).unwrap();
    let read = "import plistlib, sys; p = plistlib.load(sys.stdin.buffer); \
                print(p['Label'], p['AbandonProcessGroup'], p['EnvironmentVariables']['HOME'], p['ProgramArguments'])";
    let output = Command::new("python3")
        .args(["-c", read])
        .stdin(fs::File::open(file.path()).unwrap())
        .output();
    let Ok(output) = output else {
        println!("skipped: python3 is not installed");
        return;
    };
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        "runt.workstation True /home/ada ['/bin/sh', 'workstation', 'run', '--python-path', '/usr/bin/env', \
         '--working-directory', '/Users/ada/R&D <new>', '--on-stop', 'detach']"
    );
}
