//! The command line of the agent: what it refuses before it does anything.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn agent(args: &[&str], env: &[(&str, &str)]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_runtimed"));
    command
        .arg("workstation-agent")
        .args(args)
        .env_clear()
        .env("HOME", home.path());
    command.envs(env.iter().copied()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const TOKEN: (&str, &str) = ("RUNT_CLOUD_TOKEN", "nwc_hidden");

// WS-124
#[test]
fn ws_124_without_a_token_it_names_the_variable() {
    for env in [&[][..], &[("RUNT_CLOUD_TOKEN", "  ")]] {
        let output = agent(&["--cloud-url", "https://x"], env);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.starts_with("[workstation-agent] ") && text.contains("RUNT_CLOUD_TOKEN"),
            "{text}"
        );
    }
}

// WS-125 WS-127
#[test]
fn ws_125_127_help_shows_the_defaults_and_no_flag_takes_the_token() {
    let output = agent(&["--help"], &[TOKEN]);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(help.matches("[default: 60000]").count(), 2, "{help}");
    assert!(
        !help.to_lowercase().contains("token") && !help.contains("nwc_hidden"),
        "{help}"
    );
}

// WS-126
#[test]
fn ws_126_zero_intervals_are_usage_errors() {
    for flag in ["--poll-ms", "--heartbeat-ms"] {
        let output = agent(&["--cloud-url", "https://x", flag, "0"], &[TOKEN]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}

// WS-128
#[test]
fn ws_128_without_an_interpreter_it_names_the_flag() {
    let output = agent(
        &["--cloud-url", "https://x"],
        &[TOKEN, ("PATH", "/nonexistent")],
    );
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("--python-path") && !text.contains("nwc_hidden"),
        "{text}"
    );
}

#[test]
fn addresses_and_folders_are_checked() {
    for args in [
        &["--cloud-url", "http://cloud.example.org"][..],
        &["--cloud-url", "ftp://x"],
        &["--cloud-url", "https://x", "--working-dir", "/nonexistent"],
        &["--cloud-url", "https://x", "--workstation-id", " "],
    ] {
        let output = agent(args, &[TOKEN]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    }
}
