//! The command line as people use it, against a small cloud of the test's own; every output is a snapshot.

#![allow(clippy::unwrap_used)]

mod home;
#[path = "../../workstation/tests/support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use home::Home;
use insta::assert_snapshot;
use support::{CODE, TOKEN};

// WS-001 WS-002
#[tokio::test]
async fn ws_001_002_usage_errors_exit_2() {
    let home = Home::new().await;
    for args in [
        &[][..],
        &["connect"],
        &["connect", "https://x", "--nonsense"],
        &["status", "--nonsense"],
    ] {
        let text = home.runt(args).await;
        assert!(
            text.starts_with("exit: 2\n--- stdout\n--- stderr\n"),
            "{text}"
        );
        assert!(text.contains("Usage:"), "{text}");
    }
}

// WS-004 WS-051 WS-064 WS-065 WS-069 WS-070 WS-071 WS-380
#[tokio::test]
async fn ws_004_051_064_065_069_070_connect_pairs_and_registers() {
    let home = Home::new().await;
    assert_snapshot!(home.connect(CODE).await, @r"
    exit: 0
    --- stdout
    Paired with CLOUD
    Credential stored in HOME/config/runt/workstation.json
    Registered Lab (ws-1) with CLOUD

    Next: serve this machine's kernels with
      runt workstation run
    or, to keep it running, with
      runt workstation service install --start
    --- stderr
    ");
    assert_eq!(
        home.credential().metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let stored = fs::read_to_string(home.credential()).unwrap();
    assert!(
        stored.contains(TOKEN) && stored.contains("ws-1") && stored.contains("Lab"),
        "{stored}"
    );
    let seen = home.cloud.seen();
    assert_eq!(seen.registrations.len(), 1);
    assert_eq!(seen.registrations[0]["workstation_id"], "ws-1");
}

// WS-034 WS-056
#[tokio::test]
async fn ws_034_056_the_code_is_read_from_standard_input() {
    let home = Home::new().await;
    let runt = Path::new(env!("CARGO_BIN_EXE_runt"));
    let command = home.command(
        runt,
        &["connect", home.cloud.url(), "--id", "ws-1", "--name", "Lab"],
    );
    let text = home.finish(command, &format!("  {CODE} \n")).await;
    // Nobody is there who could be asked.
    assert!(text.ends_with("--- stderr\n"), "{text}");
    assert_eq!(home.cloud.seen().redeemed, [CODE]);
    let stored = fs::read_to_string(home.credential()).unwrap();
    let when = stored
        .lines()
        .find(|line| line.contains("connected_at"))
        .unwrap();
    assert!(when.contains('T') && when.trim().ends_with("Z\""), "{when}");
}

// WS-020
#[tokio::test]
async fn ws_020_a_machine_without_a_name_is_called_as_its_host() {
    let home = Home::new().await;
    let runt = Path::new(env!("CARGO_BIN_EXE_runt"));
    let command = home.command(runt, &["connect", home.cloud.url(), "--code", CODE]);
    let text = home.finish(command, "").await;
    assert!(text.starts_with("exit: 0"), "{text}");
    let stored: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(home.credential()).unwrap()).unwrap();
    let host = workstation::hostname(&workstation::Env::from_pairs([]));
    assert_eq!(stored["display_name"], host);
    let seen = home.cloud.seen();
    assert_eq!(seen.registrations[0]["display_name"], host);
}

// WS-003 WS-053 WS-054
#[tokio::test]
async fn ws_003_053_054_no_code_sends_nothing() {
    let home = Home::new().await;
    assert_snapshot!(home.connect("  ").await, @r#"
    exit: 1
    --- stdout
    --- stderr
    Error: no pairing code was given
    Hint: choose "Add a machine" in the workstations panel of CLOUD to get one
    "#);
    let url = home.cloud.url().to_owned();
    let text = home.runt(&["connect", &url]).await;
    assert!(text.starts_with("exit: 1"), "{text}");
    assert!(home.cloud.seen().redeemed.is_empty() && home.wrote_nothing());
}

// WS-057 WS-380
#[tokio::test]
async fn ws_057_a_wrong_or_used_code_is_one_clear_line() {
    let home = Home::new().await;
    assert_snapshot!(home.connect("AAAA-BBBB-CCCC").await, @r"
    exit: 1
    --- stdout
    --- stderr
    The pairing code is invalid, expired or already used; get a new one from the workstations panel of CLOUD.
    ");
    assert!(home.wrote_nothing());
    home.connect(CODE).await;
    let before = fs::read_to_string(home.credential()).unwrap();
    let text = home.connect(CODE).await;
    assert!(
        text.starts_with("exit: 1") && text.contains("already used"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(home.credential()).unwrap(), before);
}

#[tokio::test]
async fn the_address_of_a_page_pairs_as_well_and_one_without_a_cloud_is_named() {
    let home = Home::new().await;
    let elsewhere = format!("{}/elsewhere", home.cloud.url());
    let text = home.runt(&["connect", &elsewhere, "--code", CODE]).await;
    assert!(
        text.starts_with("exit: 1\n")
            && text.contains("no notebook cloud answers at CLOUD/elsewhere")
            && !text.contains("invalid, expired"),
        "{text}"
    );
    let page = format!("{}/n/0b6c1d/first-steps", home.cloud.url());
    let text = home.runt(&["connect", &page, "--code", CODE]).await;
    assert!(text.contains("Paired with CLOUD\n"), "{text}");
}

// A machine that the cloud knows stays what it is when it is paired again; another one is its account's.
#[tokio::test]
async fn a_machine_paired_by_an_older_runt_keeps_its_id() {
    let new = Home::new().await;
    new.connect(CODE).await;
    let old = Home::new().await;
    // Without the word that newer ones leave.
    old.pair();
    old.connect(CODE).await;
    let id = |home: &Home| home.cloud.seen().registrations[0]["machine_id"].clone();
    let (new, old) = (id(&new), id(&old));
    // A system without an id tells none.
    if new.is_string() {
        assert_ne!(new, old);
    }
}

// WS-058 WS-059
#[tokio::test]
async fn ws_058_059_answers_that_are_no_credential() {
    let home = Home::new().await;
    home.cloud.seen().trouble = Some((200, "<html>Welcome to the hotel</html>"));
    assert_snapshot!(home.connect(CODE).await, @r"
    exit: 1
    --- stdout
    --- stderr
    Error: redeeming the pairing code failed: a web page came in place of the answer of CLOUD (status 200)
    Hint: a sign-in portal or a proxy may have answered: open the address in a browser on this network and sign in, or check the address
    ");
    home.cloud.seen().trouble = Some((500, "boom"));
    assert_snapshot!(home.connect(CODE).await, @r"
    exit: 1
    --- stdout
    --- stderr
    Error: redeeming the pairing code failed: the cloud answered 500: boom
    ");
    assert!(home.wrote_nothing());
}

// WS-046 WS-049 WS-062
#[tokio::test]
async fn ws_046_049_062_addresses_that_do_not_work() {
    let home = Home::new().await;
    assert_snapshot!(home.runt(&["connect", "ftp://x", "--code", "C"]).await, @r#"
    exit: 1
    --- stdout
    --- stderr
    Error: the cloud URL "ftp://x" must start with https:// or http://, in small letters
    Hint: copy the address from your browser, for example https://cloud.example.org
    "#);
    assert_snapshot!(home.runt(&["connect", "http://cloud.example.org", "--code", "C"]).await, @r#"
    exit: 1
    --- stdout
    --- stderr
    Error: the cloud URL "http://cloud.example.org" is plain http and not on this machine: the credential would travel unencrypted
    Hint: use https://, or set RUNT_ALLOW_INSECURE_HTTP=1 if you trust the network
    "#);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let text = home.runt(&["connect", &url, "--code", "C"]).await;
    assert!(
        text.starts_with("exit: 1") && text.contains(&format!("Error: could not reach {url}: ")),
        "{text}"
    );
    assert!(home.wrote_nothing());
}

// WS-022
#[tokio::test]
async fn ws_022_an_unusable_id_is_refused_before_any_request() {
    let home = Home::new().await;
    let url = home.cloud.url().to_owned();
    let text = home
        .runt(&["connect", &url, "--code", CODE, "--id", "  "])
        .await;
    assert!(text.starts_with("exit: 1"), "{text}");
    assert!(home.cloud.seen().redeemed.is_empty() && home.wrote_nothing());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_told_before_the_code_is_spent() {
    let home = Home::new().await;
    fs::create_dir_all(home.credential().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/nonexistent/elsewhere", home.credential()).unwrap();
    let text = home.connect(CODE).await;
    assert!(
        text.starts_with("exit: 1") && text.contains("symbolic link"),
        "{text}"
    );
    assert!(home.cloud.seen().redeemed.is_empty());
}

// WS-068
#[tokio::test]
async fn ws_068_a_failed_registration_is_a_warning() {
    let home = Home::new().await;
    home.cloud.seen().registration_trouble = Some((500, "later"));
    assert_snapshot!(home.connect(CODE).await, @r"
    exit: 0
    --- stdout
    Paired with CLOUD
    Credential stored in HOME/config/runt/workstation.json

    Next: serve this machine's kernels with
      runt workstation run
    or, to keep it running, with
      runt workstation service install --start
    --- stderr
    Warning: registering the workstation failed: the cloud answered 500: later
    Hint: `runt workstation run` will try again
    ");
    assert!(!home.wrote_nothing());
}

// WS-042 WS-072
#[tokio::test]
async fn ws_042_072_not_paired() {
    let home = Home::new().await;
    assert_snapshot!(home.runt(&["run"]).await, @r"
    exit: 1
    --- stdout
    --- stderr
    Error: this machine is not paired with a cloud: HOME/config/runt/workstation.json does not exist
    Hint: run `runt workstation connect URL`, or set both RUNT_CLOUD_TOKEN and RUNT_CLOUD_URL
    ");
    assert_eq!(home.runt(&["status"]).await, home.runt(&["run"]).await);
}

// WS-031 WS-032
#[tokio::test]
async fn ws_031_032_a_corrupt_credential_is_named() {
    let home = Home::new().await;
    home.store("{ not json");
    assert_snapshot!(home.runt(&["run"]).await, @r"
    exit: 1
    --- stdout
    --- stderr
    Error: the credential file HOME/config/runt/workstation.json is not valid: not JSON (line 1, column 3)
    Hint: remove it and pair this machine again with `runt workstation connect`
    ");
    home.store(r#"{"token": "nwc_x"}"#);
    let text = home.runt(&["status"]).await;
    assert!(text.contains("\"cloud_url\" is missing"), "{text}");
}

// D18
#[tokio::test]
async fn status_and_doctor_say_whether_notebook_code_is_kept_from_secrets() {
    let home = Home::new().await;
    home.pair();
    let runt = bundle(&home);
    let told = async |answer: &str, args: &[&str]| {
        let daemon = format!("#!/bin/sh\n[ \"$1 $2\" = 'confined --probe' ] && echo '{answer}'\n");
        fs::write(home.place.path().join("bundle/runtimed"), daemon).unwrap();
        let output = home.command(&runt, args).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for (answer, members, line, level) in [
        (
            "{}",
            serde_json::json!([true, null, null]),
            "Kernels:      protected: notebook code reaches neither credential nor agent",
            "ok",
        ),
        (
            r#"{"unprotected":"no namespaces"}"#,
            serde_json::json!([false, "no namespaces", null]),
            "Kernels:      unprotected: notebook code can read the credential; no namespaces",
            "warning",
        ),
        (
            r#"{"trouble":"too many"}"#,
            serde_json::json!([true, null, "too many"]),
            "Kernels:      cannot be started: too many",
            "problem",
        ),
    ] {
        let status = told(answer, &["status"]).await;
        assert!(status.lines().any(|told| told == line), "{status}");
        let status = told(answer, &["status", "--json"]).await;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let machine = &status["this_machine"];
        let is = [
            &machine["protected"],
            &machine["unprotected_because"],
            &machine["protection_trouble"],
        ];
        assert_eq!(serde_json::json!(is), members);
        let doctor = told(answer, &["doctor", "--json"]).await;
        let doctor: serde_json::Value = serde_json::from_str(&doctor).unwrap();
        let findings = doctor["findings"].as_array().unwrap();
        let found = findings.iter().find(|f| f["check"] == "protection");
        assert_eq!(found.unwrap()["level"], level);
    }
    let status = told("nonsense", &["status"]).await;
    assert!(
        status.contains("unprotected") && status.contains("cannot tell"),
        "{status}"
    );
}

/// Puts `runt` beside a `runtimed` that tells how it was started.
fn bundle(home: &Home) -> PathBuf {
    let bundle = home.place.path().join("bundle");
    fs::create_dir_all(&bundle).unwrap();
    let runt = bundle.join("runt");
    fs::copy(env!("CARGO_BIN_EXE_runt"), &runt).unwrap();
    let daemon = "#!/bin/sh\nfor a in \"$@\"; do echo \"arg: $a\"; done\necho \"cwd: $(pwd)\"\n\
                  [ -n \"$RUNT_CLOUD_TOKEN\" ] && echo 'token: set'\nexit 42\n";
    fs::write(bundle.join("runtimed"), daemon).unwrap();
    fs::set_permissions(bundle.join("runtimed"), fs::Permissions::from_mode(0o755)).unwrap();
    runt
}

// WS-073 WS-074 WS-075 WS-076 WS-078 WS-079 WS-086
#[tokio::test]
async fn ws_073_074_075_076_078_079_086_run_becomes_the_agent() {
    let home = Home::new().await;
    home.pair();
    let runt = bundle(&home);
    let text = home.finish(home.command(&runt, &["run"]), "").await;
    assert_snapshot!(text, @r"
    exit: 42
    --- stdout
    Serving Lab for CLOUD
    Workstation: ws-1
    Agent: HOME/bundle/runtimed
    Stop with Ctrl-C.
    arg: workstation-agent
    arg: --cloud-url
    arg: CLOUD
    arg: --workstation-id=ws-1
    arg: --display-name=Lab
    cwd: HOME
    token: set
    --- stderr
    Warning: no python3 or python was found on PATH
    Hint: install Python, or name one with --python-path
    ");
    fs::create_dir(home.place.path().join("work")).unwrap();
    let args = [
        "run",
        "--cwd",
        "work",
        "--python-path",
        "venv/bin/python",
        "--on-stop",
        "detach",
    ];
    let text = home.finish(home.command(&runt, &args), "").await;
    assert_snapshot!(text, @r"
    exit: 42
    --- stdout
    Serving Lab for CLOUD
    Workstation: ws-1
    Agent: HOME/bundle/runtimed
    Python: HOME/venv/bin/python
    Working directory: HOME/work
    Stop with Ctrl-C.
    arg: workstation-agent
    arg: --cloud-url
    arg: CLOUD
    arg: --workstation-id=ws-1
    arg: --display-name=Lab
    arg: --working-dir
    arg: HOME/work
    arg: --python-path=HOME/venv/bin/python
    arg: --on-stop=detach
    cwd: HOME/work
    token: set
    --- stderr
    Warning: HOME/venv/bin/python could not be asked whether it has ipykernel; kernels may fail to start
    Reason: exit status: 42
    ");
}

// WS-093
#[tokio::test]
async fn ws_093_warnings_go_to_standard_error_and_the_agent_starts_all_the_same() {
    let home = Home::new().await;
    home.pair();
    let runt = bundle(&home);
    for (name, script) in [
        ("lacks-ipykernel", "#!/bin/sh\nexit 1\n"),
        ("is-no-python", "not a program"),
    ] {
        let python = home.place.path().join(name);
        fs::write(&python, script).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = home.command(&runt, &["run", "--python-path"]);
        command.arg(&python);
        let text = home.finish(command, "").await;
        let (out, err) = text.split_once("--- stderr\n").unwrap();
        assert!(
            out.starts_with("exit: 42") && out.contains("arg: workstation-agent"),
            "{text}"
        );
        assert!(
            err.starts_with("Warning: ") && !out.contains("Warning"),
            "{text}"
        );
    }
}

// WS-077
#[tokio::test]
async fn ws_077_a_missing_folder_starts_nothing() {
    let home = Home::new().await;
    home.pair();
    let runt = bundle(&home);
    fs::write(home.place.path().join("file"), "").unwrap();
    for folder in ["missing", "file"] {
        let text = home
            .finish(
                home.command(&runt, &["run", "--working-directory", folder]),
                "",
            )
            .await;
        assert!(
            text.starts_with("exit: 1") && text.contains(folder) && !text.contains("arg:"),
            "{text}"
        );
    }
}

// WS-082
#[tokio::test]
async fn ws_082_without_the_daemon_run_says_so() {
    let home = Home::new().await;
    home.pair();
    let runt = bundle(&home);
    fs::remove_file(home.place.path().join("bundle/runtimed")).unwrap();
    let text = home.finish(home.command(&runt, &["run"]), "").await;
    assert!(
        text.starts_with("exit: 1")
            && text.contains("bundle/runtimed")
            && text.contains("cargo build"),
        "{text}"
    );
}

// WS-081
#[tokio::test]
async fn ws_081_a_signal_reaches_the_agent_itself() {
    let home = Home::new().await;
    home.pair();
    let runt = bundle(&home);
    let script = "#!/bin/sh\ntrap 'echo terminated; exit 0' TERM\necho up\nwhile :; do :; done\n";
    fs::write(home.place.path().join("bundle/runtimed"), script).unwrap();
    let mut child = home.command(&runt, &["run"]).spawn().unwrap();
    let mut out = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("up\n") {
        let read = tokio::io::AsyncBufReadExt::read_line(&mut out, &mut line)
            .await
            .unwrap();
        assert_ne!(read, 0, "{line}");
    }
    let pid = nix::unistd::Pid::from_raw(child.id().unwrap().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
