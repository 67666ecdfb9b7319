//! Warm kernels: no different from one that was started for its job.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kernel::LaunchSpec;
use kernel::keeper::KeeperRecord;
use kernel::process::ProcessIdentity;
use kernel::protocol::KeeperEvent;
use serde_json::Value;

use crate::job::{Job, stream_text, until};

/// Everything that notebook code can see of where and as what it runs; what differs between any two kernels is left out.
const DUMP: &str = "\
def _dump():
    import json, os, resource, sys
    shell = get_ipython()
    own = {'KERNEL_FAMILY', 'JPY_PARENT_PID'}
    ours = set(globals()) - {'_dump'}
    print(json.dumps({
        'cwd': os.getcwd(), 'starting': str(shell.starting_dir),
        'environ': {k: v for k, v in os.environ.items() if k not in own},
        'parent': os.getppid() == int(os.environ['JPY_PARENT_PID']),
        'path': sys.path, 'argv': len(sys.argv), 'flags': str(sys.flags), 'executable': sys.executable,
        'count': shell.execution_count, 'globals': sorted(ours), 'in': len(In), 'out': dict(Out), 'dh': list(map(str, _dh)),
        'underscores': [repr(globals()[n]) for n in ('_', '__', '___', '_i', '_ii', '_iii')],
        'history': [list(map(str, line)) for line in shell.history_manager.get_range()][:-1],
        'modules': sorted(sys.modules), 'threads': __import__('threading').active_count(),
        'limits': [resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith('RLIMIT_')],
        'nice': os.nice(0), 'umask': os.umask(0o22), 'leads': os.getpgid(0) == os.getpid(),
        'hooks': [{k: len(v) for k, v in shell.events.callbacks.items()}, sys.excepthook.__name__],
    }))
_dump()";

/// A pool with warm keepers that end with this test.
struct Pool {
    folder: tempfile::TempDir,
    keepers: Vec<Child>,
}

impl Pool {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            keepers: Vec::new(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts another; returns its folder once its kernel is offered.
    async fn fill(&mut self) -> PathBuf {
        let folder = self.path().join(self.keepers.len().to_string());
        std::fs::create_dir(&folder).unwrap();
        let keeper = Command::new(env!("CARGO_BIN_EXE_runtimed"))
            .args(["kernel-keeper", "--warm-dir", "/", "--job-dir"])
            .arg(&folder)
            .arg("--warm-python")
            .arg(testkit::python::test_python())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.keepers.push(keeper);
        until(|| folder.join("offer.json").exists()).await;
        folder
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for keeper in &mut self.keepers {
            drop(keeper.stdin.take());
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
    }
}

fn spec(cwd: &Path) -> LaunchSpec {
    LaunchSpec::current_python(&testkit::python::test_python(), cwd)
}

async fn dump(job: &mut Job) -> Value {
    job.execute("dump", DUMP).await;
    let text = stream_text(&job.until_idle("dump").await, "stdout");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_kernel_cannot_be_told_from_one_that_was_started_for_its_job() {
    let place = tempfile::tempdir().unwrap();
    let cwd = place
        .path()
        .canonicalize()
        .unwrap()
        .join("it's \"Größe\" \\ 100%");
    std::fs::create_dir(&cwd).unwrap();
    let mut cold = Job::start_with(spec(&cwd)).await;
    let mut pool = Pool::new();
    let waited = pool.fill().await;
    let mut warm = Job::claimed(pool.path(), spec(&cwd)).await.unwrap();
    let started = warm
        .event(|event| matches!(event, KeeperEvent::KernelStarted { .. }))
        .await;
    assert!(matches!(
        started,
        KeeperEvent::KernelStarted { generation: 1, .. }
    ));
    let (expected, actual) = (dump(&mut cold).await, dump(&mut warm).await);
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&actual[key], value, "{key}");
    }
    assert_eq!(actual["cwd"], cwd.to_str().unwrap());
    assert_eq!(actual["history"], Value::Array(Vec::new()));
    let counts = [&mut cold, &mut warm].map(|job| {
        let input = job.seen("execute_input");
        input
            .last()
            .map(|content| content["execution_count"].clone())
    });
    assert_eq!(counts, [Some(1.into()), Some(1.into())]);

    // It outlives the agent that started it, and restarts and ends as any other.
    drop(pool.keepers[0].stdin.take());
    warm.client
        .request(kernel::protocol::Command::Restart)
        .await
        .unwrap();
    warm.event(|event| matches!(event, KeeperEvent::KernelStarted { generation: 2, .. }))
        .await;
    warm.execute("cwd", "import os; print(os.getcwd())").await;
    let text = stream_text(&warm.until_idle("cwd").await, "stdout");
    assert!(text.ends_with(&format!("{}\n", cwd.display())), "{text}");
    assert!(waited.exists());
    warm.shutdown().await;
    until(|| !waited.exists()).await;
    cold.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_alone_gets_a_warm_kernel_and_only_where_it_fits() {
    let mut pool = Pool::new();
    pool.fill().await;
    let mut other = spec(Path::new("/"));
    other.env.insert("ASKED_FOR".to_owned(), "more".to_owned());
    assert!(Job::claimed(pool.path(), other).await.is_none());
    let claim = || Job::claimed(pool.path(), spec(Path::new("/")));
    let (one, two) = tokio::join!(claim(), claim());
    let (mut job, none) = if one.is_some() {
        (one, two)
    } else {
        (two, one)
    };
    assert!(none.is_none());
    job.as_mut().unwrap().shutdown().await;
    assert!(claim().await.is_none());
    // A folder that is not there: the kernel is of no use any more, and the job starts its own.
    let folder = pool.fill().await;
    assert!(
        Job::claimed(pool.path(), spec(Path::new("/not/there")))
            .await
            .is_none()
    );
    until(|| !folder.exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn warm_kernels_end_with_who_keeps_them_warm_and_when_they_break() {
    let mut pool = Pool::new();
    let folder = pool.fill().await;
    let keeper = KeeperRecord::read_alive(&folder).unwrap().process;
    let kernels = kernel::process::descendants(keeper.pid);
    let kernels: Vec<_> = kernels
        .into_iter()
        .filter_map(ProcessIdentity::of)
        .collect();
    assert!(!kernels.is_empty());
    drop(pool.keepers[0].stdin.take());
    pool.keepers[0].wait().unwrap();
    assert!(!folder.exists() && kernels.iter().all(|kernel| !kernel.is_alive()));

    let folder = pool.fill().await;
    let keeper = KeeperRecord::read_alive(&folder).unwrap().process;
    for pid in kernel::process::descendants(keeper.pid) {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    until(|| !folder.exists()).await;
    assert!(
        Job::claimed(pool.path(), spec(Path::new("/")))
            .await
            .is_none()
    );
}
