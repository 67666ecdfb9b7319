//! What people and scripts expect of any command line: streams, colours, questions, twins in the environment, settings,
//! help, completions, manual pages.

#![allow(clippy::unwrap_used)]

mod home;
#[path = "../../workstation/tests/support/mod.rs"]
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use home::Home;
use insta::assert_snapshot;
use serde_json::Value;
use support::{CODE, TOKEN};

const RUNT: &str = env!("CARGO_BIN_EXE_runt");

/// The JSON that a command printed, with its exit code.
fn json(text: &str) -> (i32, Value) {
    let (exit, rest) = text.split_once("\n--- stdout\n").unwrap();
    let (stdout, _) = rest.split_once("--- stderr\n").unwrap();
    let code = exit.strip_prefix("exit: ").unwrap().parse().unwrap();
    (
        code,
        serde_json::from_str(stdout).unwrap_or_else(|_| panic!("no JSON: {text}")),
    )
}

// WS-052: the question is on stderr, and only a terminal is asked (issue 4).
#[tokio::test]
async fn ws_052_on_a_terminal_the_code_is_asked_for() {
    let home = Home::new().await;
    let terminal = nix::pty::openpty(None, None).unwrap();
    let args = ["connect", home.cloud.url(), "--id", "ws-1", "--name", "Lab"];
    let mut child = home
        .command(Path::new(RUNT), &args)
        .stdin(Stdio::from(terminal.slave))
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let mut asked = [0; "Pairing code (XXXX-XXXX-XXXX): ".len()];
    tokio::io::AsyncReadExt::read_exact(&mut errors, &mut asked)
        .await
        .unwrap();
    assert_eq!(&asked, b"Pairing code (XXXX-XXXX-XXXX): ");
    let mut keyboard = fs::File::from(terminal.master);
    keyboard.write_all(format!("{CODE}\n").as_bytes()).unwrap();
    let status = child.wait().await.unwrap();
    assert!(status.success());
    assert_eq!(home.cloud.seen().redeemed, [CODE]);
    drop(keyboard.read(&mut [0]));
}

#[tokio::test]
async fn a_code_comes_from_standard_input_where_no_question_may_be_asked() {
    let home = Home::new().await;
    let url = home.cloud.url().to_owned();
    let none = home.runt(&["connect", &url, "--no-input"]).await;
    assert_snapshot!(none, @r"
    exit: 1
    --- stdout
    --- stderr
    Error: no pairing code was given, and --no-input forbids asking
    Hint: hand it over with --code, or on standard input with --code -
    ");
    let command = home.command(
        Path::new(RUNT),
        &["connect", &url, "--no-input", "--code", "-"],
    );
    let text = home.finish(command, &format!("{CODE}\n")).await;
    assert!(text.starts_with("exit: 0"), "{text}");
}

#[tokio::test]
async fn a_typing_mistake_is_answered_with_what_was_meant() {
    let home = Home::new().await;
    let text = home.runt(&["statsu"]).await;
    assert!(
        text.starts_with("exit: 2") && text.contains("'status'"),
        "{text}"
    );
    let text = home.runt(&["logs", "--folow"]).await;
    assert!(
        text.starts_with("exit: 2") && text.contains("'--follow'"),
        "{text}"
    );
    let text = home.runt(&["config", "set", "max_job", "1"]).await;
    assert!(
        text.starts_with("exit: 1") && text.contains("max_jobs"),
        "{text}"
    );
}

/// Puts `runt` beside a `runtimed` that tells how it was started.
fn bundle(home: &Home) -> std::path::PathBuf {
    let bundle = home.place.path().join("bundle");
    fs::create_dir_all(&bundle).unwrap();
    fs::copy(RUNT, bundle.join("runt")).unwrap();
    let daemon = "#!/bin/sh\nfor a in \"$@\"; do echo \"arg: $a\"; done\n";
    fs::write(bundle.join("runtimed"), daemon).unwrap();
    fs::set_permissions(bundle.join("runtimed"), fs::Permissions::from_mode(0o755)).unwrap();
    bundle.join("runt")
}

#[tokio::test]
async fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
    let home = Home::new().await;
    home.pair();
    let runt = bundle(&home);
    let most = async |args: &[&str], env: Option<&str>| {
        let mut command = home.command(&runt, &[&["run"], args].concat());
        if let Some(value) = env {
            command.env("RUNT_RUN_MAX_JOBS", value);
        }
        let text = home.finish(command, "").await;
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix("arg: --max-jobs="));
        found.map(str::to_owned)
    };
    assert_eq!(most(&[], None).await, None);
    home.runt(&["config", "set", "max_jobs", "1"]).await;
    assert_eq!(most(&[], None).await.as_deref(), Some("1"));
    assert_eq!(most(&[], Some("2")).await.as_deref(), Some("2"));
    assert_eq!(
        most(&["--max-jobs", "3"], Some("2")).await.as_deref(),
        Some("3")
    );
    assert_eq!(most(&[], Some("none")).await, None);
}

#[tokio::test]
async fn settings_are_shown_with_where_they_come_from() {
    let home = Home::new().await;
    assert_snapshot!(home.runt(&["config"]).await, @r"
    exit: 0
    --- stdout
    SETTING            VALUE  FROM     FOR
    working_directory  -      default  where kernels start
    python_path        -      default  the Python for kernels
    allow              -      default  notebooks and people that may use this machine; none named is everyone
    pass_env           -      default  environment variables that kernels get beside the usual ones, by name
    max_jobs           -      default  most notebooks at once
    job_memory         -      default  most memory of one notebook, such as 8G
    job_cpus           -      default  most processors of one notebook, such as 2 or 0.5
    nice               -      default  how far kernels give way to other work, 1 to 19
    keep_days          -      default  days that what ended notebooks left is kept
    keep_size          -      default  most space of that, such as 2G
    output_mib         -      default  MiB of one cell's output that its notebook shows at most
    journal_mib        -      default  MiB of a notebook's output that wait on disk, and that are kept beyond output_mib, at most
    idle_minutes       -      default  minutes without a running cell after which a kernel stops; 0 is never
    environments       -      default  environments that notebooks declare: on, or off
    warm_kernels       -      default  kernels that are started before anybody asks
    on_stop            -      default  what happens to kernels when the agent stops: end or detach
    ca_file            -      default  certificate authorities besides the system's, a PEM file
    --- stderr
    ");
    let text = home
        .runt(&["config", "set", "allow", "n1", "user:local:ada"])
        .await;
    assert!(text.starts_with("exit: 0"), "{text}");
    let mut command = home.command(Path::new(RUNT), &["config", "--json"]);
    command.env("RUNT_RUN_ON_STOP", "detach");
    let (code, value) = json(&home.finish(command, "").await);
    assert_eq!(code, 0);
    assert_eq!(
        value["allow"],
        serde_json::json!({"value": "n1,user:local:ada", "source": "file"})
    );
    assert_eq!(
        value["on_stop"],
        serde_json::json!({"value": "detach", "source": "environment"})
    );
    assert_eq!(
        value["max_jobs"],
        serde_json::json!({"value": null, "source": "default"})
    );
}

#[tokio::test]
async fn colours_are_for_terminals_that_want_them() {
    let home = Home::new().await;
    let text = home.runt(&["doctor"]).await;
    assert!(
        text.contains("problem") && !text.contains('\u{1b}'),
        "{text}"
    );
    let mut command = home.command(Path::new(RUNT), &["doctor"]);
    let coloured = home
        .finish(
            {
                command.env("CLICOLOR_FORCE", "1");
                command
            },
            "",
        )
        .await;
    assert!(coloured.contains('\u{1b}'), "{coloured}");
}

#[tokio::test]
async fn without_an_agent_and_without_jobs_commands_say_so() {
    let home = Home::new().await;
    home.pair();
    let (code, value) = json(&home.runt(&["jobs", "--json"]).await);
    assert_eq!(
        (code, value),
        (0, serde_json::json!({"agent_pid": null, "jobs": []}))
    );
    assert_snapshot!(home.runt(&["drain"]).await, @r"
    exit: 1
    --- stdout
    --- stderr
    Error: no agent runs on this machine
    Hint: start it with `runt workstation run`
    ");
    assert_snapshot!(home.runt(&["stop", "--all"]).await, @r"
    exit: 0
    --- stdout
    --- stderr
    Nothing runs here.
    ");
    let text = home.runt(&["stop", "abc"]).await;
    assert!(
        text.starts_with("exit: 1") && text.contains("runt workstation jobs"),
        "{text}"
    );
    let text = home.runt(&["logs"]).await;
    assert!(
        text.starts_with("exit: 1") && text.contains("Hint:"),
        "{text}"
    );
    assert!(home.runt(&["stop"]).await.starts_with("exit: 2"));
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong_and_answers_by_the_worst() {
    let home = Home::new().await;
    let (code, value) = json(&home.runt(&["doctor", "--json"]).await);
    let level = |value: &Value, check: &str| {
        let findings = value["findings"].as_array().unwrap().iter();
        let mut of = findings.filter(|finding| finding["check"] == check);
        of.next()
            .map(|finding| finding["level"].as_str().unwrap().to_owned())
    };
    assert_eq!((code, &value["worst"]), (1, &Value::from("problem")));
    assert_eq!(level(&value, "credential").as_deref(), Some("problem"));
    assert_eq!(level(&value, "loopback").as_deref(), Some("ok"));
    home.pair();
    fs::set_permissions(home.credential(), fs::Permissions::from_mode(0o644)).unwrap();
    let text = home.runt(&["doctor"]).await;
    assert!(text.contains("chmod 600"), "{text}");
    fs::set_permissions(home.credential(), fs::Permissions::from_mode(0o600)).unwrap();
    // The small cloud answers 404 where a cloud says who it is.
    let (code, value) = json(&home.runt(&["doctor", "--json"]).await);
    assert_eq!(code, 1);
    assert_eq!(level(&value, "connection").as_deref(), Some("ok"));
    assert_eq!(level(&value, "answer").as_deref(), Some("problem"));
    let stored = fs::read_to_string(home.credential()).unwrap();
    home.store(&stored.replace(home.cloud.url(), "https://no-such-host.invalid"));
    let (_, value) = json(&home.runt(&["doctor", "--json"]).await);
    assert_eq!(level(&value, "dns").as_deref(), Some("problem"));
    assert!(!value.to_string().contains(TOKEN));
}

#[tokio::test]
async fn completions_and_manual_pages_are_made_from_the_command_line() {
    let home = Home::new().await;
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(RUNT);
        let output = command.args(args).current_dir(home.place.path()).output();
        let output = output.await.unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).await;
        assert!(
            script.contains("disconnect") && script.contains("runt"),
            "{shell}"
        );
    }
    run(&["man", "man1"]).await;
    let page = fs::read_to_string(home.place.path().join("man1/runt-workstation-run.1")).unwrap();
    assert!(page.contains("\\-\\-max\\-jobs"), "{page}");
}
