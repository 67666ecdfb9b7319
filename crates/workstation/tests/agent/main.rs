//! The agent as a process of its own, with a shell script as its peer and a small cloud of the test's own.

#![allow(clippy::unwrap_used)]

mod disk;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use agent_core::{AgentConfig, OutputLimits, StopPolicy};
use cloud_client::{BaseUrl, Network, SecretString};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};
use support::{FakeCloud, TOKEN, until};
use tokio::process::{Child, Command};
use workstation::{AgentOptions, Env, JobLimits, KEEP_BYTES, KEEP_DAYS, Keep, run_agent};

const CLOUD: &str = "TEST_AGENT_CLOUD";
const PLACE: &str = "TEST_AGENT_PLACE";
const DETACH: &str = "TEST_AGENT_DETACH";

/// What the script does depends on the notebook that it is started for.
const PEER: &str = r#"#!/bin/sh
trap 'exit 0' TERM
case "$*" in
  *"--notebook-id exits-3"*) echo "cannot join the room" >&2; exit 3 ;;
  *"--notebook-id stubborn"*) trap '' TERM ;;
  *"--notebook-id quiet"*) exec python3 "$(dirname "$0")/quiet.py" "$@" ;;
  *"--notebook-id ends"*) echo "Infrastructure ready, entering main loop"; exit 0 ;;
esac
echo "Infrastructure ready, entering main loop"
while :; do sleep 0.05; done
"#;

/// Logs nothing; says at the agent's socket that it is ready once there is a file `go`, and again to the next agent.
const QUIET_PEER: &str = r#"
import os, socket, sys, time
path = sys.argv[sys.argv.index("--token-socket") + 1]
while not os.path.exists("go"):
    time.sleep(0.02)
while True:
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.connect(path)
            agent.sendall(b"ready\nkernel idle\n")
            while agent.recv(64):
                pass
    except OSError:
        pass
    time.sleep(0.02)
"#;

/// Not a test by itself: the process that the tests below start, told by its environment.
#[test]
fn agent_process() {
    let env = Env::of_process();
    let (Some(cloud), Some(place)) = (env.get(CLOUD), env.get(PLACE)) else {
        return;
    };
    let place = PathBuf::from(place);
    let options = AgentOptions {
        environments: true,
        warm_kernels: Some(0),
        credential_file: None,
        network: Network::direct(),
        base: BaseUrl::parse(cloud, false).unwrap(),
        token: SecretString::from(TOKEN),
        workstation_id: "ws-test".into(),
        display_name: "Test".into(),
        working_directory: place.clone(),
        python_path: "/usr/bin/python3".into(),
        kernels: None,
        idle_minutes: None,
        agent_root: place.join("state/workstation-agent"),
        program: place.join("peer"),
        pass_env: vec![],
        limits: JobLimits::default(),
        secrets: vec![],
        keep: Keep {
            days: KEEP_DAYS,
            bytes: KEEP_BYTES,
            delivered: |_| true,
        },
        output: OutputLimits::default(),
        config: AgentConfig {
            repeat_ms: 300,
            grace_ms: 1_000,
            on_stop: if env.get(DETACH).is_some() {
                StopPolicy::Detach
            } else {
                StopPolicy::End
            },
            // Restarts have their own tests, with real peers.
            crash_restarts: 0,
            ..AgentConfig::default()
        },
        env,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let code = match runtime.block_on(run_agent(options)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            error.exit_code()
        }
    };
    std::process::exit(code.into());
}

struct Bench {
    cloud: FakeCloud,
    place: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let peer = place.path().join("peer");
        fs::write(&peer, PEER).unwrap();
        fs::set_permissions(&peer, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(place.path().join("quiet.py"), QUIET_PEER).unwrap();
        Self {
            cloud: FakeCloud::start().await,
            place,
        }
    }

    fn command(&self) -> Command {
        self.prepared(Command::new(std::env::current_exe().unwrap()))
    }

    /// An agent that is told by an option of `env` what a hangup is to it, whatever it is to the tests.
    fn hung_up(&self, option: &str) -> Command {
        let mut command = Command::new("env");
        command.arg(option).arg(std::env::current_exe().unwrap());
        self.prepared(command)
    }

    fn prepared(&self, mut command: Command) -> Command {
        command
            .args(["--exact", "agent_process", "--nocapture"])
            .env(CLOUD, self.cloud.url())
            .env(PLACE, self.place.path())
            .env("SOME_SECRET", "not for peers")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn agent(&self) -> Child {
        self.command().spawn().unwrap()
    }

    fn job_folder(&self, job: &str) -> PathBuf {
        self.place
            .path()
            .join("state/workstation-agent")
            .join(agent_core::slug(job))
    }

    fn peer_pid(&self, job: &str) -> i32 {
        fs::read_to_string(self.job_folder(job).join("runtime-peer.pid"))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    async fn running(&self, job: &str, notebook: &str) -> i32 {
        self.cloud.add_job(job, notebook);
        self.cloud.job_is(job, "running").await;
        self.peer_pid(job)
    }

    async fn gone(&self, pid: i32) {
        until("the peer to be gone", || async {
            (!alive(pid)).then_some(())
        })
        .await;
    }
}

/// No peer outlives its test.
impl Drop for Bench {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.place.path().join("state/workstation-agent"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let record =
                fs::read_to_string(entry.path().join("runtime-peer.pid")).unwrap_or_default();
            if let Ok(pid) = record.trim().parse::<i32>() {
                let _ = nix::sys::signal::killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

fn alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().unwrap() as i32), signal).unwrap();
}

fn read(path: impl AsRef<Path>) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).replace('\0', " ")
}

// WS-074 WS-203 WS-205 WS-206 WS-210 WS-213 WS-217 WS-218 WS-221
#[tokio::test]
async fn ws_205_210_213_217_218_a_job_becomes_a_peer_of_its_own_group_with_little_environment() {
    let bench = Bench::new().await;
    let _agent = bench.agent();
    let pid = bench.running("Job-1", "notebook").await;
    let (argv, environment) = (
        read(format!("/proc/{pid}/cmdline")),
        read(format!("/proc/{pid}/environ")),
    );
    assert!(
        argv.contains("cloud-runtime-agent") && argv.contains("--runtime-session-id Job-1"),
        "{argv}"
    );
    assert!(!argv.contains(TOKEN), "{argv}");
    assert!(environment.contains(&format!("RUNT_CLOUD_TOKEN={TOKEN}")));
    assert!(!environment.contains("SOME_SECRET"), "{environment}");
    assert_eq!(getpgid(Some(Pid::from_raw(pid))).unwrap().as_raw(), pid);
    let folder = bench.job_folder("Job-1");
    assert!(read(folder.join("runtime-peer.log")).contains("Infrastructure ready"));
    assert!(folder.join("blobs").is_dir());
    let registration = bench.cloud.seen().registrations[0].clone();
    assert_eq!(registration["runtime"]["binary"], "runtimed");
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/cwd")).unwrap(),
        bench.place.path().canonicalize().unwrap()
    );
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/fd/0")).unwrap(),
        Path::new("/dev/null")
    );
}

// WS-194 WS-195 WS-198
#[tokio::test]
async fn ws_194_195_198_ends_are_reported() {
    let bench = Bench::new().await;
    let _agent = bench.agent();
    bench.cloud.add_job("a", "exits-3");
    let failed = bench.cloud.job_is("a", "failed").await;
    assert_eq!(
        failed.message.unwrap(),
        "Runtime peer exited with code=3: cannot join the room"
    );
    bench.cloud.add_job("b", "ends");
    bench.cloud.job_is("b", "completed").await;
    until("the record to go", || async {
        (!bench.job_folder("b").join("runtime-peer.pid").exists()).then_some(())
    })
    .await;
}

// WS-131 WS-211 WS-229 WS-230 WS-258
#[tokio::test]
async fn ws_211_229_258_the_peer_outlives_a_killed_agent_and_is_adopted() {
    let bench = Bench::new().await;
    let mut first = bench.agent();
    let pid = bench.running("job", "notebook").await;
    first.kill().await.unwrap();
    assert!(alive(pid));
    bench.cloud.seen().patches.clear();
    let second = bench.agent();
    until("the adopted job to be reported", || async {
        bench
            .cloud
            .seen()
            .patches
            .contains(&("job".into(), "running".into()))
            .then_some(())
    })
    .await;
    assert_eq!(bench.peer_pid("job"), pid);
    // The adopted peer ends with the second agent, and its end is reported.
    signal(&second, Signal::SIGINT);
    let output = second.wait_with_output().await.unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!alive(pid));
    assert_eq!(bench.cloud.job("job").status, "completed");
}

// WS-226
#[tokio::test]
async fn ws_226_a_peer_is_ready_by_its_own_word_whatever_it_logs_also_an_adopted_one() {
    let bench = Bench::new().await;
    let mut first = bench.agent();
    bench.cloud.add_job("job", "quiet");
    let pid = until("the peer", || async {
        bench
            .job_folder("job")
            .join("runtime-peer.pid")
            .exists()
            .then(|| bench.peer_pid("job"))
    })
    .await;
    bench.cloud.job_is("job", "accepted").await;
    first.kill().await.unwrap();
    let mut second = bench.agent();
    until("the second agent to report", || async {
        bench
            .cloud
            .seen()
            .patches
            .iter()
            .filter(|(_, to)| to == "accepted")
            .nth(1)
            .map(|_| ())
    })
    .await;
    fs::write(bench.place.path().join("go"), "").unwrap();
    bench.cloud.job_is("job", "running").await;
    second.kill().await.unwrap();
    bench.cloud.set_status("job", "accepted");
    let _third = bench.agent();
    bench.cloud.job_is("job", "running").await;
    assert_eq!(bench.peer_pid("job"), pid);
    assert_eq!(read(bench.job_folder("job").join("runtime-peer.log")), "");
}

// WS-176 WS-381
#[tokio::test]
async fn ws_176_381_a_killed_peer_is_reported_at_once_whoever_started_it() {
    let bench = Bench::new().await;
    let mut first = bench.agent();
    let own = bench.running("own", "notebook").await;
    let adopted = bench.running("adopted", "notebook").await;
    for (job, pid) in [("own", own), ("adopted", adopted)] {
        let killed = std::time::Instant::now();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        bench.cloud.job_is(job, "failed").await;
        // A poll or a registration would come after a minute; the rest is for machines with much to do.
        assert!(killed.elapsed() < std::time::Duration::from_secs(10));
        if job == "own" {
            first.kill().await.unwrap();
            first = bench.agent();
            bench.cloud.seen().patches.clear();
            until("the adopted job to be reported", || async {
                let seen = bench.cloud.seen();
                seen.patches
                    .iter()
                    .any(|(id, _)| id == "adopted")
                    .then_some(())
            })
            .await;
        }
    }
}

// WS-232 WS-235
#[tokio::test]
async fn ws_232_235_a_record_of_another_process_is_not_adopted() {
    let bench = Bench::new().await;
    let mut first = bench.agent();
    let pid = bench.running("job", "notebook").await;
    first.kill().await.unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    bench.gone(pid).await;
    // The number now belongs to somebody else.
    let mut stranger = Command::new("sleep")
        .arg("600")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let record = bench.job_folder("job").join("runtime-peer.json");
    let text = fs::read_to_string(&record).unwrap();
    let number = stranger.id().unwrap().to_string();
    fs::write(
        &record,
        text.replace(&format!(":{pid},"), &format!(":{number},")),
    )
    .unwrap();
    assert_ne!(fs::read_to_string(&record).unwrap(), text);
    let _second = bench.agent();
    let failed = bench.cloud.job_is("job", "failed").await;
    assert!(failed.message.unwrap().contains("not running"));
    assert!(
        stranger.try_wait().unwrap().is_none(),
        "the stranger was ended"
    );
}

// WS-237
#[tokio::test]
async fn ws_237_a_job_of_another_machine_stays_as_it_is() {
    let bench = Bench::new().await;
    bench.cloud.add_job("elsewhere", "notebook");
    bench.cloud.set_status("elsewhere", "running");
    let _agent = bench.agent();
    bench.running("mine", "notebook").await;
    assert_eq!(bench.cloud.job("elsewhere").status, "running");
    assert!(
        bench
            .cloud
            .seen()
            .patches
            .iter()
            .all(|(id, _)| id != "elsewhere")
    );
}

// WS-238 WS-242 WS-247
#[tokio::test]
async fn ws_238_242_a_cancelled_job_ends_its_peer_even_a_stubborn_one() {
    let bench = Bench::new().await;
    let _agent = bench.agent();
    for notebook in ["notebook", "stubborn"] {
        let pid = bench.running(notebook, notebook).await;
        bench.cloud.set_status(notebook, "cancelled");
        bench.gone(pid).await;
    }
}

// WS-129 WS-130 WS-259
#[tokio::test]
async fn ws_129_259_a_second_agent_is_refused_and_may_come_later() {
    let bench = Bench::new().await;
    let mut first = bench.agent();
    until("the first agent", || async {
        (!bench.cloud.seen().registrations.is_empty()).then_some(())
    })
    .await;
    let output = bench.command().output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // WS-123: told apart, so that a service does not try again and again.
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(
        text.contains("another agent") && text.contains("workstation-ws-test.lock"),
        "{text}"
    );
    assert!(
        bench
            .place
            .path()
            .join("state/workstation-ws-test.lock")
            .exists()
    );
    first.kill().await.unwrap();
    bench.cloud.seen().registrations.clear();
    let _third = bench.agent();
    until("the third agent", || async {
        (!bench.cloud.seen().registrations.is_empty()).then_some(())
    })
    .await;
}

// WS-180: revoked while running, D7.
#[tokio::test]
async fn ws_180_a_revoked_credential_ends_the_agent_and_its_peers() {
    let bench = Bench::new().await;
    let agent = bench.agent();
    let pid = bench.running("job", "notebook").await;
    bench.cloud.seen().revoked = true;
    let output =
        tokio::time::timeout(std::time::Duration::from_secs(30), agent.wait_with_output()).await;
    let output = output.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(77), "{text}");
    assert!(
        text.contains("revoked") && text.contains("runt workstation connect"),
        "{text}"
    );
    assert!(!text.contains(TOKEN));
    bench.gone(pid).await;
}

// WS-260 WS-262
#[tokio::test]
async fn ws_260_262_sigterm_ends_peers_and_detach_leaves_them() {
    let bench = Bench::new().await;
    let mut agent = bench.agent();
    let pid = bench.running("ended", "notebook").await;
    signal(&agent, Signal::SIGTERM);
    assert_eq!(agent.wait().await.unwrap().code(), Some(0));
    assert!(!alive(pid));
    assert_eq!(bench.cloud.job("ended").status, "completed");

    let mut agent = bench.command().env(DETACH, "1").spawn().unwrap();
    let pid = bench.running("left", "notebook").await;
    signal(&agent, Signal::SIGTERM);
    assert_eq!(agent.wait().await.unwrap().code(), Some(0));
    assert!(alive(pid));
    assert_eq!(bench.cloud.job("left").status, "running");
}

// A closed terminal and a lost SSH session: the shell and the system both say so, often more than once.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hangup_ends_peers_as_sigterm_does_unless_it_is_ignored() {
    let bench = Bench::new().await;
    let mut agent = bench.hung_up("--default-signal=HUP").spawn().unwrap();
    let pid = bench.running("ended", "stubborn").await;
    signal(&agent, Signal::SIGHUP);
    // It waits for this peer; a second SIGTERM would end it at once, and leave the peer.
    tokio::time::sleep(Duration::from_millis(100)).await;
    signal(&agent, Signal::SIGHUP);
    assert_eq!(agent.wait().await.unwrap().code(), Some(0));
    assert!(!alive(pid));
    assert_eq!(bench.cloud.job("ended").status, "failed");

    // As `nohup` starts it.
    let mut agent = bench.hung_up("--ignore-signal=HUP").spawn().unwrap();
    bench.running("first", "notebook").await;
    signal(&agent, Signal::SIGHUP);
    bench.running("second", "notebook").await;
    signal(&agent, Signal::SIGTERM);
    assert_eq!(agent.wait().await.unwrap().code(), Some(0));
}

// WS-199: the end of a job reaches a cloud that was away.
#[tokio::test]
async fn ws_199_a_report_waits_for_a_cloud_that_is_away() {
    let bench = Bench::new().await;
    let _agent = bench.agent();
    let pid = bench.running("job", "notebook").await;
    bench.cloud.seen().trouble = Some((502, "<html>gateway</html>"));
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    bench.gone(pid).await;
    bench.cloud.seen().trouble = None;
    bench.cloud.job_is("job", "completed").await;
}
