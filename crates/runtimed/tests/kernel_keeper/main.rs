//! The kernel keeper with a real ipykernel: the real binary, its socket, its journal.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails by panicking")]

mod active_environment;
mod disk;
mod job;
mod memory;
mod warm;

use std::time::Duration;

use kernel::client::ClientError;
use kernel::journal::{Channel, Record};
use kernel::process::ProcessIdentity;
use kernel::protocol::{Command, ExitCause, KeeperEvent, KernelState};
use kernel::{FailureClass, LaunchSpec};

use job::{Job, stream_text};

// WS-287 WS-297 WS-303 WS-374
#[tokio::test(flavor = "multi_thread")]
async fn a_cell_runs_and_everything_it_says_is_in_the_journal() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut job = Job::start().await;
    let started = job
        .event(|event| matches!(event, KeeperEvent::KernelStarted { .. }))
        .await;
    let KeeperEvent::KernelStarted {
        pid,
        kernel_info,
        generation: 1,
        kernelspec: None,
        ..
    } = started
    else {
        panic!("{started:?}")
    };
    assert_eq!(kernel_info["implementation"], "ipython");
    job.execute(
        "e1",
        "import sys; print('hello'); print('oops', file=sys.stderr); 6*7",
    )
    .await;
    let records = job.until_idle("e1").await;
    assert_eq!(stream_text(&records, "stdout"), "hello\n");
    assert_eq!(stream_text(&records, "stderr"), "oops\n");
    let result = records
        .iter()
        .find(|r| r.header()["msg_type"] == "execute_result")
        .unwrap();
    assert_eq!(result.content()["data"]["text/plain"], "42");
    let reply = job
        .record(|r| r.channel == Channel::Shell && r.parent_header()["msg_id"] == "e1")
        .await;
    assert_eq!(reply.content()["status"], "ok");

    let argv = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let argv = String::from_utf8_lossy(&argv).replace('\0', " ");
    assert!(
        argv.contains("-Xfrozen_modules=off -m ipykernel_launcher -f "),
        "{argv}"
    );
    let file = argv.trim().rsplit(' ').next().unwrap();
    assert_eq!(
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_reported_with_its_traceback() {
    let mut job = Job::start().await;
    job.execute("e1", "1/0").await;
    let records = job.until_idle("e1").await;
    let error = records
        .iter()
        .find(|r| r.header()["msg_type"] == "error")
        .unwrap();
    assert_eq!(error.content()["ename"], "ZeroDivisionError");
    job.shutdown().await;
}

// WS-302
#[tokio::test(flavor = "multi_thread")]
async fn the_same_execution_is_sent_once_however_often_it_is_asked_for() {
    let mut job = Job::start().await;
    job.execute("e1", "n = globals().get('n', 0) + 1; print('n is', n)")
        .await;
    job.execute("e1", "n = globals().get('n', 0) + 1; print('n is', n)")
        .await;
    job.execute("e2", "print('then', n)").await;
    let records = job.until_idle("e2").await;
    assert_eq!(stream_text(&records, "stdout"), "n is 1\nthen 1\n");
    job.shutdown().await;
}

// WS-337 WS-338: the shell channel is busy with the cell.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_a_running_cell_and_the_kernel_goes_on() {
    let mut job = Job::start().await;
    job.execute_sleep("e1").await;
    job.client
        .request(Command::Interrupt {
            force_signal: false,
        })
        .await
        .unwrap();
    let records = job.until_idle("e1").await;
    let error = records
        .iter()
        .find(|r| r.header()["msg_type"] == "error")
        .unwrap();
    assert_eq!(error.content()["ename"], "KeyboardInterrupt");
    job.execute("e2", "print('still here')").await;
    assert_eq!(
        stream_text(&job.until_idle("e2").await, "stdout"),
        "still here\n"
    );
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_wants_messages_is_interrupted_by_one() {
    let mut spec = LaunchSpec::current_python(&testkit::python::test_python(), "/".as_ref());
    spec.interrupt_mode = kernel::InterruptMode::Message;
    let mut job = Job::start_with(spec).await;
    job.execute_sleep("e1").await;
    job.client
        .request(Command::Interrupt {
            force_signal: false,
        })
        .await
        .unwrap();
    job.record(|r| r.header()["msg_type"] == "interrupt_reply")
        .await;
    job.until_idle("e1").await;
    job.shutdown().await;
}

// WS-346
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_gives_a_fresh_kernel_in_the_same_journal() {
    let mut job = Job::start().await;
    job.execute("e1", "x = 1").await;
    job.until_idle("e1").await;
    job.client.request(Command::Restart).await.unwrap();
    let stopped = job
        .event(|event| matches!(event, KeeperEvent::KernelStopped { .. }))
        .await;
    assert!(
        matches!(
            stopped,
            KeeperEvent::KernelStopped {
                restarting: true,
                ..
            }
        ),
        "{stopped:?}"
    );
    job.event(|event| matches!(event, KeeperEvent::KernelStarted { generation: 2, .. }))
        .await;
    // The id is free again: this kernel never saw it.
    job.execute("e1", "print('x' in globals())").await;
    // The former request of this id is over already.
    job.record(|r| r.header()["msg_type"] == "stream").await;
    let records = job.until_idle("e1").await;
    assert!(stream_text(&records, "stdout").ends_with("False\n"));
    job.shutdown().await;
}

// WS-343
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_kernel_is_reported_and_can_be_started_again() {
    let mut job = Job::start().await;
    let code = "print('last words', flush=True)\nimport time\ntime.sleep(600)";
    job.execute("e1", code).await;
    job.record(|r| r.header()["msg_type"] == "stream").await;
    job.kill_kernel().await;
    let died = job
        .event(|event| matches!(event, KeeperEvent::KernelDied { .. }))
        .await;
    let KeeperEvent::KernelDied {
        generation: 1,
        exit,
        ..
    } = died
    else {
        panic!("{died:?}")
    };
    assert_eq!(
        exit,
        ExitCause {
            signal: Some(9),
            ..ExitCause::default()
        }
    );
    assert_eq!(job.client.status().await.unwrap().kernel, KernelState::None);
    assert!(!job.dir().join("kernel").exists());
    let refused = job.try_execute("e2", "1").await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)), "{refused}");

    job.client
        .request(Command::Start {
            spec: Box::new(Job::spec()),
        })
        .await
        .unwrap();
    job.event(|event| matches!(event, KeeperEvent::KernelStarted { generation: 2, .. }))
        .await;
    job.execute("e3", "print('back')").await;
    assert_eq!(
        stream_text(&job.until_idle("e3").await, "stdout"),
        "last words\nback\n"
    );
    job.shutdown().await;
}

// WS-351 WS-352
#[tokio::test(flavor = "multi_thread")]
async fn the_keeper_outlives_its_controller_and_misses_nothing() {
    let mut job = Job::start().await;
    let code = "import time\nx = 5\nfor i in range(20): print(i, flush=True); time.sleep(0.05)";
    job.execute("e1", code).await;
    job.record(|r| r.header()["msg_type"] == "stream").await;
    let kernel = job.client.status().await.unwrap().kernel_pid;
    job.reconnect().await;
    let status = job.client.status().await.unwrap();
    assert_eq!(status.kernel_pid, kernel);
    let records = job.until_idle("e1").await;
    let all = job::numbers(20);
    assert_eq!(stream_text(&records, "stdout"), all);
    job.execute("e2", "print(x)").await;
    assert!(stream_text(&job.until_idle("e2").await, "stdout").ends_with("5\n"));
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_controller_replaces_an_older_one() {
    let mut job = Job::start().await;
    let old = job.client.clone();
    let mut link = old.link();
    job.reconnect().await;
    let replaced = link.wait_for(|link| link.replaced || link.gone);
    let replaced = *tokio::time::timeout(Duration::from_secs(10), replaced)
        .await
        .unwrap()
        .unwrap();
    assert!(replaced.replaced, "{replaced:?}");
    assert!(old.status().await.is_err());
    assert!(job.client.status().await.is_ok());
    job.shutdown().await;
}

// WS-347
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_exit_handlers_finish() {
    let mut job = Job::start().await;
    let mark = job.dir().join("mark");
    let code = format!(
        "import atexit, time\ndef bye():\n  time.sleep(0.5); open({mark:?}, 'w').write('x')\natexit.register(bye)"
    );
    job.execute("e1", &code).await;
    job.until_idle("e1").await;
    job.shutdown().await;
    assert!(mark.exists());
}

// WS-348
#[tokio::test(flavor = "multi_thread")]
async fn everything_the_kernel_started_is_gone_after_a_shutdown() {
    let mut job = Job::start().await;
    let code = "import subprocess\n\
        a = subprocess.Popen(['sleep', '600'])\n\
        b = subprocess.Popen(['setsid', 'sh', '-c', 'sleep 601 & sleep 602'])\n\
        import time; time.sleep(0.3)\n\
        print(a.pid, b.pid, flush=True)\nwhile True: pass";
    job.execute("e1", code).await;
    job.record(|r| r.header()["msg_type"] == "stream").await;
    let status = job.client.status().await.unwrap();
    let kernel = status.kernel_pid.unwrap();
    let family: Vec<_> = kernel::process::descendants(kernel)
        .into_iter()
        .filter_map(ProcessIdentity::of)
        .collect();
    assert!(family.len() >= 4, "{family:?}");
    let kernel = ProcessIdentity::of(kernel).unwrap();
    // The kernel is busy in Python: it hears the request, its thread does not yield at once.
    job.shutdown().await;
    assert!(!kernel.is_alive());
    let alive: Vec<_> = family.iter().filter(|process| process.is_alive()).collect();
    assert!(alive.is_empty(), "{alive:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_whose_keeper_was_killed_ends_and_a_new_keeper_serves_the_job() {
    let mut job = Job::start().await;
    let kernel = job.client.status().await.unwrap().kernel_pid.unwrap();
    let kernel = ProcessIdentity::of(kernel).unwrap();
    job.kill_keeper().await;
    job.reconnect().await;
    let status = job.client.status().await.unwrap();
    assert_eq!((status.kernel, status.generation), (KernelState::None, 1));
    job::until(|| !kernel.is_alive()).await;
    job.client
        .request(Command::Start {
            spec: Box::new(Job::spec()),
        })
        .await
        .unwrap();
    job.event(|event| matches!(event, KeeperEvent::KernelStarted { generation: 2, .. }))
        .await;
    job.shutdown().await;
}

// WS-292
#[tokio::test(flavor = "multi_thread")]
async fn an_interpreter_without_ipykernel_fails_at_once_with_the_remedy() {
    let mut spec = Job::spec();
    // Isolated from its packages, the same interpreter lacks ipykernel.
    spec.argv.insert(1, "-S".to_owned());
    let mut job = Job::launch(spec).await;
    let failed = job
        .event(|event| matches!(event, KeeperEvent::LaunchFailed { .. }))
        .await;
    let KeeperEvent::LaunchFailed { failure, .. } = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(failure.class, FailureClass::MissingIpykernel, "{failure:?}");
    assert!(
        failure
            .hint
            .as_ref()
            .unwrap()
            .ends_with(" -m pip install ipykernel")
    );
    assert!(
        failure.details().contains("No module named"),
        "{}",
        failure.details()
    );
    job.shutdown().await;
}

// WS-292
#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_dies_at_once_fails_with_its_exit_and_its_words() {
    let mut spec = Job::spec();
    spec.argv = ["sh", "-c", "echo no luck >&2; exit 3"]
        .map(str::to_owned)
        .to_vec();
    let mut job = Job::launch(spec).await;
    let failed = job
        .event(|event| matches!(event, KeeperEvent::LaunchFailed { .. }))
        .await;
    let KeeperEvent::LaunchFailed { failure, .. } = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(failure.class, FailureClass::ProcessExited);
    assert_eq!(
        failure.exit,
        Some(ExitCause {
            code: Some(3),
            ..ExitCause::default()
        })
    );
    assert_eq!(failure.stderr_tail, ["no luck"]);
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named() {
    let mut spec = Job::spec();
    spec.cwd = "/nowhere/at/all".into();
    let mut job = Job::launch(spec).await;
    let failed = job
        .event(|event| matches!(event, KeeperEvent::LaunchFailed { .. }))
        .await;
    let KeeperEvent::LaunchFailed { failure, .. } = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(failure.class, FailureClass::ToolBootstrap);
    assert!(failure.message.contains("/nowhere/at/all"), "{failure}");
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_can_be_broken_off() {
    let mut spec = Job::spec();
    spec.argv = ["sleep", "600"].map(str::to_owned).to_vec();
    let mut job = Job::launch(spec).await;
    assert_eq!(
        job.client.status().await.unwrap().kernel,
        KernelState::Starting
    );
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_knows_no_unix_sockets_is_reached_over_loopback() {
    let mut spec = Job::spec();
    spec.ipc = false;
    let mut job = Job::start_with(spec).await;
    job.execute("e1", "print('over tcp')").await;
    assert_eq!(
        stream_text(&job.until_idle("e1").await, "stdout"),
        "over tcp\n"
    );
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_folder_with_a_long_path_works() {
    let mut job = Job::start_in(&"long-".repeat(40)).await;
    job.execute("e1", "print('deep')").await;
    assert_eq!(stream_text(&job.until_idle("e1").await, "stdout"), "deep\n");
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_small_writes_arrives_without_a_gap() {
    const LINES: usize = 5_000;
    let mut job = Job::start().await;
    let code = format!("for i in range({LINES}): print(i, flush=True)");
    job.execute("e1", &code).await;
    let records = job.until_idle("e1").await;
    let all = job::numbers(LINES);
    assert!(
        stream_text(&records, "stdout") == all,
        "the flood has a gap"
    );
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_request_is_answered() {
    let mut job = Job::start().await;
    let mut request = job::execute_request("e1", "print('got', input('name? '))");
    request.content["allow_stdin"] = true.into();
    job.client
        .request(Command::Send(Box::new(request)))
        .await
        .unwrap();
    let asked: Record = job.record(|r| r.channel == Channel::Stdin).await;
    assert_eq!(asked.content()["prompt"], "name? ");
    let mut reply = job::execute_request("r1", "");
    reply.channel = Channel::Stdin;
    "input_reply".clone_into(&mut reply.msg_type);
    reply.content = serde_json::json!({ "value": "Ada" });
    reply.parent_header = asked.header();
    job.client
        .request(Command::Send(Box::new(reply)))
        .await
        .unwrap();
    assert_eq!(
        stream_text(&job.until_idle("e1").await, "stdout"),
        "got Ada\n"
    );
    job.shutdown().await;
}

// WS-345: one missed sign of life has no effect; three and it is told, and nothing is ended (issue 5).
#[tokio::test(flavor = "multi_thread")]
async fn ws_345_a_kernel_that_gives_no_sign_of_life_is_told_and_never_ended() {
    let mut job = Job::start().await;
    let started = job
        .event(|event| matches!(event, KeeperEvent::KernelStarted { .. }))
        .await;
    let KeeperEvent::KernelStarted { pid, .. } = started else {
        panic!("{started:?}")
    };
    let signal = |signal| {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    };
    job.execute(
        "e1",
        "print('on', flush=True)\nimport time\ntime.sleep(1)\nprint('off')",
    )
    .await;
    job.record(|r| r.header()["msg_type"] == "stream").await;
    let before = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    signal(rustix::process::Signal::STOP);
    // Held for one sign of life: nothing is said.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        job.client.status().await.unwrap().unresponsive_since_ms,
        None
    );
    let silent_since = async |job: &Job, wanted: bool| {
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let status = job.client.status().await.unwrap();
            assert_eq!(status.kernel, KernelState::Running);
            if status.unresponsive_since_ms.is_some() == wanted {
                return status.unresponsive_since_ms;
            }
            assert!(tokio::time::Instant::now() < end, "{status:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let since = silent_since(&job, true).await.unwrap();
    let before = i64::try_from(before.as_millis()).unwrap();
    assert!(
        (since - before).abs() < 10_000,
        "since {since}, stopped at {before}"
    );
    signal(rustix::process::Signal::CONT);
    silent_since(&job, false).await;
    let records = job.until_idle("e1").await;
    assert_eq!(stream_text(&records, "stdout"), "on\noff\n");
    job.shutdown().await;
}
