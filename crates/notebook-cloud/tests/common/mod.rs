//! A running server as a process of its own.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::must_use_candidate,
    reason = "helpers of several tests; a failed step fails the test"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_notebook-cloud"))
}

/// A running server; ended when dropped.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: String,
}

impl Running {
    /// Starts one on a free port.
    pub fn start(data: &Path, more: &[&str]) -> Self {
        Self::spawn(program(), data, more, Stdio::null())
    }

    /// Starts a prepared program, with a place for its log.
    pub fn spawn(mut program: Command, data: &Path, more: &[&str], log: Stdio) -> Self {
        let mut child = program
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().split_once("://").unwrap().1.to_owned();
        Self {
            child,
            stdout,
            address,
        }
    }

    /// The next line of its output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// The whole answer to a plain GET.
    pub fn get(&self, path: &str) -> String {
        self.call("GET", path, "")
    }

    /// The whole answer to a request with further header lines, each with its line end.
    pub fn call(&self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: 0\r\n\
             connection: close\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Sends a signal and waits for the end; the exit status.
    pub fn stop(&mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("the server did not stop on {signal}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
