//! One job: its folder, its keeper, a reader of its journal. Nothing outlives a test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::LaunchSpec;
use kernel::client::{ClientError, KeeperClient, KeeperCommand};
use kernel::journal::{self, Channel, JournalReader, Record};
use kernel::keeper::KeeperRecord;
use kernel::process::ProcessIdentity;
use kernel::protocol::{Command, KeeperEvent, Outgoing};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// Two busy cores may take their time to start a kernel.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Job {
    folder: TempDir,
    dir: PathBuf,
    pub client: KeeperClient,
    reader: JournalReader,
    seen: Vec<Record>,
    keeper: ProcessIdentity,
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.keeper.is_alive() {
            for pid in kernel::process::descendants(self.keeper.pid)
                .into_iter()
                .chain([self.keeper.pid])
            {
                kill(pid);
            }
        }
    }
}

fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn keeper_command() -> KeeperCommand {
    KeeperCommand {
        program: env!("CARGO_BIN_EXE_runtimed").into(),
        args: vec!["kernel-keeper".into()],
    }
}

impl Job {
    pub fn spec() -> LaunchSpec {
        LaunchSpec::current_python(&testkit::python::test_python(), Path::new("/"))
    }

    /// A job whose kernel answers.
    pub async fn start() -> Self {
        Self::start_with(Self::spec()).await
    }

    pub async fn start_in(below: &str) -> Self {
        Self::new(Self::spec(), below).await.answering().await
    }

    pub async fn start_with(spec: LaunchSpec) -> Self {
        Self::launch(spec).await.answering().await
    }

    /// A job whose kernel may not answer.
    pub async fn launch(spec: LaunchSpec) -> Self {
        Self::new(spec, "job").await
    }

    async fn new(spec: LaunchSpec, below: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join(below);
        std::fs::create_dir(&dir).unwrap();
        let (client, adopted) = KeeperClient::ensure(&dir, &keeper_command()).await.unwrap();
        assert!(!adopted);
        let keeper = KeeperRecord::read_alive(&dir).unwrap().process;
        let reader = JournalReader::open(&dir.join(journal::FILE_NAME), journal::START).unwrap();
        client
            .request(Command::Start {
                spec: Box::new(spec),
            })
            .await
            .unwrap();
        Self {
            folder,
            dir,
            client,
            reader,
            seen: Vec::new(),
            keeper,
        }
    }

    /// A job with a warm kernel of the pool, if there is one that fits.
    pub async fn claimed(pool: &Path, spec: LaunchSpec) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("job");
        std::fs::create_dir(&dir).unwrap();
        let client = kernel::warm::claim(pool, &spec, &dir).await?;
        Some(Self {
            folder,
            keeper: KeeperRecord::read_alive(&dir).unwrap().process,
            reader: JournalReader::open(&dir.join(journal::FILE_NAME), journal::START).unwrap(),
            dir,
            client,
            seen: Vec::new(),
        })
    }

    async fn answering(mut self) -> Self {
        self.event(|event| {
            assert!(
                !matches!(event, KeeperEvent::LaunchFailed { .. }),
                "{event:?}"
            );
            matches!(event, KeeperEvent::KernelStarted { .. })
        })
        .await;
        self
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a cell that sleeps, until it does. What a cell prints is no sign of that: IPython loses an interrupt that comes
    /// while it flushes.
    pub async fn execute_sleep(&mut self, id: &str) {
        let mark = self.dir.join("asleep");
        let path = mark.display().to_string();
        let code = format!("import pathlib, time\npathlib.Path({path:?}).touch()\ntime.sleep(600)");
        self.execute(id, &code).await;
        let asleep = timeout(LIMIT, async {
            while !mark.exists() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        asleep.await.expect("the cell runs");
    }

    /// The first record, seen or to come, that fits.
    pub async fn record(&mut self, fits: impl Fn(&Record) -> bool) -> Record {
        let mut looked_at = 0;
        let mut link = self.client.link();
        let found = timeout(LIMIT, async {
            loop {
                while let Some(record) = self.reader.next_record().unwrap() {
                    self.seen.push(record);
                }
                if let Some(found) = self.seen[looked_at..].iter().find(|record| fits(record)) {
                    return found.clone();
                }
                looked_at = self.seen.len();
                if link.changed().await.is_err() {
                    sleep(Duration::from_millis(20)).await;
                }
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("not in the journal: {:#?}", self.summary()))
    }

    /// The contents of all messages of a type that were seen.
    pub fn seen(&self, msg_type: &str) -> Vec<Value> {
        let of_type = |record: &&Record| record.header()["msg_type"] == msg_type;
        self.seen
            .iter()
            .filter(of_type)
            .map(Record::content)
            .collect()
    }

    fn summary(&self) -> Vec<Value> {
        let line = |record: &Record| match record.event() {
            Some(event) => serde_json::to_value(event).unwrap(),
            None => json!([record.header()["msg_type"], record.content()]),
        };
        self.seen.iter().map(line).collect()
    }

    /// The first event that fits.
    pub async fn event(&mut self, fits: impl Fn(&KeeperEvent) -> bool) -> KeeperEvent {
        let record = self
            .record(|record| record.event().is_some_and(|event| fits(&event)))
            .await;
        record.event().unwrap()
    }

    /// Everything seen once the last request with this id is done.
    pub async fn until_idle(&mut self, msg_id: &str) -> Vec<Record> {
        let sent = |event: &KeeperEvent| matches!(event, KeeperEvent::Sent { msg_id: id, .. } if id == msg_id);
        self.event(sent).await;
        let from = self
            .seen
            .iter()
            .rev()
            .find(|r| r.event().is_some_and(|e| sent(&e)))
            .unwrap();
        let from = from.position;
        self.record(|record| {
            record.position > from
                && record.channel == Channel::Iopub
                && record.parent_header()["msg_id"] == msg_id
                && record.content()["execution_state"] == "idle"
        })
        .await;
        self.seen.clone()
    }

    pub async fn execute(&self, id: &str, code: &str) {
        self.try_execute(id, code).await.unwrap();
    }

    pub async fn try_execute(&self, id: &str, code: &str) -> Result<(), ClientError> {
        self.client
            .request(Command::Send(Box::new(execute_request(id, code))))
            .await
            .map(|_| ())
    }

    /// Connects anew; the older connection is replaced.
    pub async fn reconnect(&mut self) {
        self.client = KeeperClient::ensure(&self.dir, &keeper_command())
            .await
            .unwrap()
            .0;
        self.keeper = KeeperRecord::read_alive(&self.dir).unwrap().process;
    }

    pub fn keeper_pid(&self) -> i32 {
        self.keeper.pid
    }

    pub async fn kill_kernel(&self) {
        kill(self.client.status().await.unwrap().kernel_pid.unwrap());
    }

    pub async fn kill_keeper(&mut self) {
        kill(self.keeper.pid);
        let keeper = self.keeper.clone();
        until(|| !keeper.is_alive()).await;
    }

    /// Ends everything and checks that the keeper is gone.
    pub async fn shutdown(&mut self) {
        self.client.request(Command::Shutdown).await.unwrap();
        let keeper = self.keeper.clone();
        until(|| !keeper.is_alive()).await;
        assert!(KeeperRecord::read_alive(&self.dir).is_none());
        assert!(self.folder.path().exists());
    }
}

pub fn execute_request(id: &str, code: &str) -> Outgoing {
    Outgoing {
        channel: Channel::Shell,
        msg_type: "execute_request".to_owned(),
        msg_id: id.to_owned(),
        content: json!({
            "code": code, "silent": false, "store_history": true, "user_expressions": {},
            "allow_stdin": false, "stop_on_error": true,
        }),
        metadata: Value::Null,
        parent_header: Value::Null,
        echo: None,
        buffers: Vec::new(),
    }
}

/// The text of one stream in all these records.
pub fn stream_text(records: &[Record], name: &str) -> String {
    records
        .iter()
        .filter(|r| r.channel == Channel::Iopub && r.header()["msg_type"] == "stream")
        .map(Record::content)
        .filter(|content| content["name"] == name)
        .map(|content| content["text"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits for a condition, with a deadline.
pub async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "the condition did not come true in time"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

/// The numbers below `count`, a line each.
pub fn numbers(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|i| format!("{i}\n")).collect();
    lines.concat()
}
