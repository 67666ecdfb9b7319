//! The socket at which the operator's command line speaks to the running agent: one line of JSON in, one out.
//!
//! It lies in the agent's state folder (0700) with mode 0600, and whoever connects must be the same user, and no kernel:
//! those are in user namespaces of their own. What an order does is decided in `agent-core`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_core::{Answer, CONTROL_LINE_LIMIT, Order, slug};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::agent_loop::News;
use crate::installed_build;
use crate::limits::LimitsInForce;
use crate::socket_path;

/// Visitors that are served at once; more wait.
const VISITORS: usize = 16;
/// How long a visitor may take to say its order, and to read the answer.
const VISIT_LIMIT: Duration = Duration::from_secs(10);
/// Pause after a visitor could not be let in.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What travels back: who answers, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub pid: u32,
    pub version: String,
    #[serde(default)]
    pub limits: LimitsInForce,
    /// The Python that it starts kernels with; agents of former versions do not say.
    #[serde(default)]
    pub python: Option<PathBuf>,
    #[serde(flatten)]
    pub answer: Answer,
}

/// What an agent tells of how it was started.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    limits: LimitsInForce,
    python: PathBuf,
}

impl Told {
    /// The limits of its jobs, and the Python that it starts kernels with.
    pub fn new(limits: LimitsInForce, python: &Path) -> Self {
        Self {
            limits,
            python: python.to_owned(),
        }
    }
}

/// The open socket; dropping it closes it.
pub(crate) struct ControlDesk {
    task: JoinHandle<()>,
    path: PathBuf,
}

impl ControlDesk {
    /// Where the socket of a workstation's agent is.
    pub fn path(state: &Path, workstation_id: &str) -> PathBuf {
        state.join(format!("workstation-{}.sock", slug(workstation_id)))
    }

    /// Opens it; the caller holds the workstation's lock, so that a socket that lies there is nobody's.
    pub fn open(
        state: &Path,
        workstation_id: &str,
        told: Told,
        news: mpsc::Sender<News>,
    ) -> io::Result<Self> {
        let path = Self::path(state, workstation_id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = socket_path::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let task = tokio::spawn(serve(listener, told, news));
        Ok(Self { task, path })
    }
}

impl Drop for ControlDesk {
    fn drop(&mut self) {
        self.task.abort();
        // Absent already is as good.
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, told: Told, news: mpsc::Sender<News>) {
    let places = Arc::new(Semaphore::new(VISITORS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((visitor, _)) if may_give_orders(&visitor) => {
                let (told, news) = (told.clone(), news.clone());
                tokio::spawn(async move {
                    let _ = timeout(VISIT_LIMIT, attend(visitor, told, news)).await;
                    drop(place);
                });
            }
            Ok(_) => tracing::warn!(
                "[workstation-agent] another user, or a kernel, tried to give orders"
            ),
            Err(error) => {
                tracing::warn!(%error, "[workstation-agent] an order could not be heard");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn may_give_orders(visitor: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    visitor.peer_cred().is_ok_and(|peer| {
        peer.uid() == 0 || (peer.uid() == own && peer.pid().is_none_or(is_outside_of_views))
    })
}

/// Whether a process of this user looks at the machine as we do, and not from where kernels are kept.
#[cfg(target_os = "linux")]
fn is_outside_of_views(pid: i32) -> bool {
    let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/user"));
    match (namespace("self"), namespace(&pid.to_string())) {
        (Ok(own), Ok(other)) => own == other,
        // The system has no such namespaces, so nobody is kept in one.
        (Err(_), _) => true,
        (Ok(_), Err(_)) => false,
    }
}

#[cfg(not(target_os = "linux"))]
fn is_outside_of_views(_pid: i32) -> bool {
    true
}

async fn attend(visitor: UnixStream, told: Told, news: mpsc::Sender<News>) -> io::Result<()> {
    let (read, mut write) = visitor.into_split();
    let mut line = String::new();
    let limit = CONTROL_LINE_LIMIT as u64 + 1;
    BufReader::new(read.take(limit))
        .read_line(&mut line)
        .await?;
    let answer = match Order::parse(line.trim_end()) {
        Err(reason) => Answer::Refused(reason),
        Ok(order) => {
            let (reply, answered) = oneshot::channel();
            let sent = news.send(News::Order(order, reply)).await;
            match sent {
                Ok(()) => answered.await.unwrap_or(Answer::Ending),
                Err(_) => Answer::Ending,
            }
        }
    };
    let reply = Reply {
        pid: std::process::id(),
        version: installed_build(),
        limits: told.limits,
        python: Some(told.python),
        answer,
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    write.write_all(&text).await
}
