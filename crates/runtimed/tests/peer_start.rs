//! How `runtimed cloud-runtime-agent` takes its command line.
#![allow(clippy::unwrap_used)]

use std::process::Command;

// WS-278
#[test]
fn a_launch_mode_that_does_not_exist_is_a_wrong_command_line() {
    let output = Command::new(env!("CARGO_BIN_EXE_runtimed"))
        .args(["cloud-runtime-agent", "--cloud-url", "http://127.0.0.1:1"])
        .args(["--notebook-id", "n", "--launch-mode", "other"])
        .env("RUNT_CLOUD_TOKEN", "x")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("--launch-mode") && said.contains("execute"),
        "{said}"
    );
}
