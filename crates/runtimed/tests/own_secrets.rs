//! How agent and peer are given their credential, and what the system shows of it.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const TOKEN: &str = "nwc_for-this-test-alone";

fn runtimed(home: &Path, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runtimed"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn peer<'a>(cloud: &'a str, kind: &'a str) -> [&'a str; 7] {
    [
        "cloud-runtime-agent",
        "--cloud-url",
        cloud,
        "--notebook-id",
        "n",
        "--auth-kind",
        kind,
    ]
}

// WS-263
#[test]
fn ws_263_a_missing_credential_is_named() {
    let home = tempfile::tempdir().unwrap();
    let refused = |args: &[&str], env: &[(&str, &str)], variable: &str| {
        let output = runtimed(home.path(), args, env).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.contains(variable) && !errors.contains(TOKEN),
            "{errors}"
        );
    };
    let (token, dev) = ("RUNT_CLOUD_TOKEN", "RUNT_CLOUD_DEV_USER");
    refused(&peer("https://x", "workstation"), &[], token);
    refused(&peer("https://x", "workstation"), &[(token, "  ")], token);
    // From a standard input that has nothing.
    refused(&peer("https://x", "workstation"), &[(token, "-")], token);
    refused(&peer("https://x", "dev"), &[(token, TOKEN)], dev);
}

/// What a process that was given the credential asks a cloud with; the process goes on.
fn first_request(cloud: &TcpListener, mut command: Command) -> (Child, String) {
    let child = command.spawn().unwrap();
    let (stream, _) = cloud.accept().unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    (child, request.join("\n"))
}

/// What the system shows of a process to whoever may look: as root everything, as its user no more than notebook code
/// would see.
fn shown(pid: u32) -> String {
    ["environ", "cmdline"]
        .map(|file| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default())
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', "\n"))
        .concat()
}

// WS-264 WS-374 GAP-21
#[test]
fn ws_264_the_credential_is_trimmed_and_leaves_the_environment() {
    let cloud = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", cloud.local_addr().unwrap());
    let agent = ["workstation-agent", "--cloud-url", &url];
    let peer = peer(&url, "workstation");
    for args in [&agent[..], &peer] {
        let home = tempfile::tempdir().unwrap();
        let padded = format!(" \t{TOKEN} \n");
        let command = runtimed(home.path(), args, &[("RUNT_CLOUD_TOKEN", &padded)]);
        let (mut child, request) = first_request(&cloud, command);
        let shown = shown(child.id());
        let input = std::fs::read_link(format!("/proc/{}/fd/0", child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        let bearer = format!("authorization: bearer {TOKEN}");
        assert!(
            request
                .lines()
                .any(|line| line.eq_ignore_ascii_case(&bearer)),
            "{request}"
        );
        assert!(
            shown.contains(args[0]) && !shown.contains("nwc_"),
            "{shown}"
        );
        if rustix::process::getuid().is_root() {
            assert!(shown.contains("RUNT_CLOUD_TOKEN=-"), "{shown}");
            assert_eq!(input.unwrap(), Path::new("/dev/null"));
        } else {
            // Not even its own user can look into it.
            assert!(input.is_err() && !shown.contains("HOME="), "{shown}");
        }
    }
}
