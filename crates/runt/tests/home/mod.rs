//! A home for `runt` to run in, with a small cloud of the test's own.

#![allow(dead_code, clippy::missing_panics_doc)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::{FakeCloud, TOKEN};

/// A home of its own; nothing of the caller's environment but the search path.
pub struct Home {
    pub place: tempfile::TempDir,
    pub cloud: FakeCloud,
}

impl Home {
    pub async fn new() -> Self {
        Self {
            place: tempfile::tempdir().unwrap(),
            cloud: FakeCloud::start().await,
        }
    }

    pub fn credential(&self) -> PathBuf {
        self.place.path().join("config/runt/workstation.json")
    }

    pub fn store(&self, text: &str) {
        fs::create_dir_all(self.credential().parent().unwrap()).unwrap();
        fs::write(self.credential(), text).unwrap();
    }

    pub fn pair(&self) {
        let url = self.cloud.url();
        self.store(&format!(
            r#"{{"cloud_url":"{url}","token":"{TOKEN}","credential_id":"c","workstation_id":"ws-1","display_name":"Lab","connected_at":"2026-11-20T14:00:00Z"}}"#
        ));
    }

    pub fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .arg("workstation")
            .args(args)
            .env_clear()
            .env("PATH", self.place.path().join("bin"))
            .env("HOME", self.place.path())
            .env("XDG_CONFIG_HOME", self.place.path().join("config"))
            .env("XDG_STATE_HOME", self.place.path().join("state"))
            .current_dir(self.place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `runt workstation …` and tells exit code, stdout and stderr, without what differs from run to run.
    pub async fn runt(&self, args: &[&str]) -> String {
        self.finish(
            self.command(Path::new(env!("CARGO_BIN_EXE_runt")), args),
            "",
        )
        .await
    }

    pub async fn finish(&self, mut command: Command, input: &str) -> String {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // The program may not read at all.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(
            !stdout.contains(TOKEN) && !stderr.contains(TOKEN),
            "the token is shown"
        );
        let all = format!(
            "exit: {}\n--- stdout\n{stdout}--- stderr\n{stderr}",
            output.status.code().unwrap()
        );
        // How kernels are kept from secrets is the machine's.
        let all = all.split_inclusive('\n').map(|line| match line {
            line if line.starts_with("Kernels: ") => "Kernels:      PROTECTION\n",
            line => line,
        });
        let all: String = all.collect();
        let place = self.place.path().canonicalize().unwrap();
        all.replace(self.cloud.url(), "CLOUD")
            .replace(place.to_str().unwrap(), "HOME")
            .replace(self.place.path().to_str().unwrap(), "HOME")
    }

    pub async fn connect(&self, code: &str) -> String {
        let url = self.cloud.url().to_owned();
        self.runt(&[
            "connect", &url, "--code", code, "--id", "ws-1", "--name", "Lab",
        ])
        .await
    }

    pub fn wrote_nothing(&self) -> bool {
        !self.credential().exists()
    }
}
