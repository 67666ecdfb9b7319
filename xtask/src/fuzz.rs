//! Requests of every kind against a real server, made up from its own OpenAPI document.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::python;
use crate::tools::{run_command, step, target_dir};

/// Requests tried for each operation, unless asked otherwise.
const EXAMPLES: u32 = 10;
/// A request that takes longer than this hangs, in seconds.
const HANGS: &str = "10";
/// How long one round may take unless asked otherwise, in seconds.
const SECONDS: u32 = 45;
/// The paths that are no page.
const INTERFACE: &str =
    r"^/(api|healthz|readyz|sign-in|oidc|downloads|install\.sh|n/\{notebook_id\}/sync)";

#[derive(clap::Args)]
pub struct Options {
    /// Requests tried for each operation.
    #[arg(long, default_value_t = EXAMPLES)]
    pub examples: u32,
    /// Replay a run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds that one round may take.
    #[arg(long, default_value_t = SECONDS)]
    pub seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            examples: EXAMPLES,
            seed: 1,
            seconds: SECONDS,
        }
    }
}

/// Fails on any answer of the 500s, on a hang, and on a panic in the server's log.
pub fn run(options: &Options) -> Result<()> {
    let python = python::for_fuzzing()?;
    let folder = target_dir().join("fuzz");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let server = Server::start(&folder)?;
    let schema = format!("http://{}/api/openapi.json", server.address);
    let notebook = server.notebook()?;
    let owner = &["X-User: ada", "X-Scope: owner"][..];
    let known = format!("[parameters]\n\"path.notebook_id\" = {notebook:?}\n");
    for (name, headers, settings) in [
        ("by anybody", &[][..], String::new()),
        ("by an owner", owner, String::new()),
        ("by an owner, about a notebook of theirs", owner, known),
    ] {
        step(&format!("made-up requests {name}"));
        std::fs::write(folder.join("schemathesis.toml"), settings)?;
        let mut command = Command::new(python.with_file_name("schemathesis"));
        command
            .current_dir(&folder)
            .env("NO_COLOR", "1")
            .args([
                "run",
                &schema,
                "--mode",
                "all",
                "--phases",
                "coverage,fuzzing",
            ])
            .args(["--checks", "not_a_server_error", "--no-shrink"])
            .args(["--request-timeout", HANGS, "--workers", "2"])
            .args(["--max-examples", &options.examples.to_string()])
            .args(["--seed", &options.seed.to_string()])
            .args(["--max-time", &options.seconds.to_string()])
            // The page itself is files, and need not be built for this.
            .args(["--include-path-regex", INTERFACE]);
        for header in headers {
            command.args(["--header", header]);
        }
        run_command(&mut command)?;
    }
    server.check()
}

/// A server with the development identity on a folder of its own; ended when dropped.
struct Server {
    child: Child,
    /// Kept open: the server has more to say.
    _output: BufReader<ChildStdout>,
    address: String,
    log: PathBuf,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let log = folder.join("server.log");
        let mut child = Command::new(target_dir().join("debug/notebook-cloud"))
            .args([
                "serve",
                "--dev-identity",
                "--listen",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(folder.join("data"))
            // What is tried is the handling of input, not how often one may ask.
            .args(["--set", "limits.address_request_burst=1000000"])
            .args(["--set", "limits.address_requests_per_second=100000"])
            .args(["--set", "limits.principal_request_burst=1000000"])
            .args(["--set", "limits.principal_requests_per_second=100000"])
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .context(
                "notebook-cloud could not be started.\nHint: cargo build --bin notebook-cloud",
            )?;
        let output = child.stdout.take().context("no output")?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        output.read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .with_context(|| format!("the server said {line:?}; its log is {}", log.display()))?
            .to_owned();
        Ok(Self {
            child,
            _output: output,
            address,
            log,
        })
    }

    /// A notebook of the owner's.
    fn notebook(&self) -> Result<String> {
        let mut reply = ureq::post(format!("http://{}/api/n", self.address))
            .header("X-User", "ada")
            .header("X-Scope", "owner")
            .send("{}")?;
        let body: Value = serde_json::from_str(&reply.body_mut().read_to_string()?)?;
        let id = body["notebook_id"].as_str().context("no notebook id")?;
        Ok(id.to_owned())
    }

    /// The server is there, can still work, and nothing in it panicked.
    fn check(&self) -> Result<()> {
        let mut reply = ureq::get(format!("http://{}/readyz", self.address)).call()?;
        let body: Value = serde_json::from_str(&reply.body_mut().read_to_string()?)?;
        if body["status"] != "ready" {
            bail!("after the made-up requests the server is not ready: {body}");
        }
        let log = std::fs::read_to_string(&self.log)?;
        if let Some(line) = log.lines().find(|line| line.contains("panicked")) {
            bail!("{line}\nHint: the log is {}", self.log.display());
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
