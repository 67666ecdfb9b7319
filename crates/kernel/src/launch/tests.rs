use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::Instant;

use super::{ANSWER_WAIT, SOCKET_WAIT, exited, explain, launch};
use crate::failure::FailureClass;
use crate::journal::JournalWriter;
use crate::process::ProcessIdentity;
use crate::spec::LaunchSpec;

/// Listens where it is told and takes every connection, but says nothing.
const SILENT: &str = "\
import json, socket, sys, time
info = json.load(open(sys.argv[1]))
held = []
for name in ('shell', 'iopub', 'stdin', 'control', 'hb'):
    port = info[name + '_port']
    if info['transport'] == 'ipc':
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].bind(f\"{info['ip']}-{port}\")
    else:
        held.append(socket.socket())
        held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held[-1].bind((info['ip'], port))
    held[-1].listen()
time.sleep(600)
";

fn python(code: &str, ipc: bool) -> LaunchSpec {
    let mut spec = LaunchSpec::current_python(Path::new("python3"), Path::new("/"));
    spec.argv = ["python3", "-c", code, crate::spec::CONNECTION_FILE]
        .map(str::to_owned)
        .to_vec();
    spec.ipc = ipc;
    spec
}

// WS-293. The clock of the test leaps over every wait; the kernel is a real process.
#[tokio::test(start_paused = true)]
async fn a_kernel_that_never_answers_fails_after_its_time() {
    let nothing = "import os, sys; print(os.getpid(), file=sys.stderr, flush=True); import time; time.sleep(600)";
    for (code, ipc, wait) in [(nothing, true, SOCKET_WAIT), (SILENT, false, ANSWER_WAIT)] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _thread) = JournalWriter::open(&folder.path().join("journal")).unwrap();
        let began = Instant::now();
        let failure = launch(&python(code, ipc), folder.path(), &journal, None)
            .await
            .err()
            .expect("a kernel that answered");
        let took = began.elapsed();
        assert_eq!(wait.as_secs(), 30);
        assert!(took >= wait && took < wait * 2, "{took:?}");
        assert!(
            matches!(
                failure.class,
                FailureClass::StartupTimeout | FailureClass::RetryableStartupTransport
            ),
            "{failure:?}"
        );
        assert!(!failure.message.is_empty() && failure.command == "python3");
        // Nothing of it is left: no connection file, no socket, no process.
        let left = std::fs::read_dir(folder.path()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(
            left.iter()
                .all(|name| ["journal", "journal.released", "kernel.log"]
                    .iter()
                    .any(|kept| name == kept)),
            "{left:?}"
        );
        let pid = failure
            .stderr_tail
            .first()
            .and_then(|line| line.parse().ok());
        if let Some(process) = pid.and_then(ProcessIdentity::of) {
            // It was killed; that it is gone is up to the system.
            let deadline = std::time::Instant::now() + Duration::from_secs(30);
            while process.is_alive() {
                assert!(std::time::Instant::now() < deadline, "{failure:?}");
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn a_kernel_that_ended_without_ipykernel_says_how_to_get_it() {
    let stderr = vec!["/v/bin/python: No module named ipykernel_launcher".to_owned()];
    let ended = exited(ExitStatus::from_raw(1 << 8).into());
    let exit = ended.exit;
    let failure = explain(ended, &["/v/bin/python".to_owned()], stderr);
    assert_eq!(failure.class, FailureClass::MissingIpykernel);
    let remedy = "/v/bin/python -m pip install ipykernel";
    assert_eq!(failure.hint.as_deref(), Some(remedy));
    assert!(failure.details().contains(remedy), "{}", failure.details());
    assert_eq!(failure.exit, exit);
}
