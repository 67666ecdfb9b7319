//! The desk at which a job's peer gets its room tokens (decision D16): a socket in the job's folder
//! that answers to that peer alone. The credential itself never leaves the agent.
//!
//! Notebook code runs as the same user, so the rights of the file keep it out no more than they keep
//! the peer out; the process at the other end is asked for by the system (its number and start time
//! must be those that were recorded when the peer was started).
//!
//! The agent writes one line of JSON for each token: `{"token": "nwr_…"}`. The peer writes the line
//! `renew` when the cloud told it that its token's time is over, `ready` when the room has let it in, and `kernel WORD`
//! when its kernel's state changed; it says the last two again to an agent that adopts it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use agent_core::Event;
use cloud_client::{CloudClient, CloudError, ExposeSecret as _, RoomToken, SecretString};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::agent_loop::News;
use crate::job_folder::JobFolder;
use crate::socket_path;

/// The socket's name in the job's folder.
const SOCKET: &str = "agent.sock";
/// Waits after failed exchanges: they double from the first to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// A peer that asks again within this time is not asking about a token it has seen.
const ASK_SPACING: Duration = Duration::from_secs(1);
/// How long a line may take to be read by the peer.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// The longest line that a peer may write; it has at most two words to say.
const LINE_LIMIT: usize = 64;
/// Longest word for a kernel's state.
const KERNEL_WORD_LIMIT: usize = 32;

/// What an exchange needs.
pub(crate) struct Exchange {
    /// The cloud.
    pub client: CloudClient,
    /// The credential as it is now.
    pub credential: watch::Receiver<SecretString>,
    /// This workstation.
    pub workstation_id: String,
    /// The job.
    pub job_id: String,
    /// Whether the cloud exchanges the job for room tokens; without them the peer has a credential and only talks.
    pub gives_tokens: bool,
    /// Where it is told what the peer says.
    pub news: mpsc::Sender<News>,
}

/// An open desk; dropping it closes it.
pub(crate) struct TokenDesk {
    task: JoinHandle<()>,
    path: PathBuf,
}

impl TokenDesk {
    /// Where the desk of a job is.
    pub fn path(folder: &JobFolder) -> PathBuf {
        folder.path().join(SOCKET)
    }

    /// Opens a job's desk in place of one that an earlier agent left.
    pub fn open(folder: &JobFolder, exchange: Exchange) -> io::Result<Self> {
        let path = Self::path(folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = socket_path::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let folder = folder.clone();
        let task = tokio::spawn(async move { serve(&listener, &folder, &exchange).await });
        Ok(Self { task, path })
    }
}

impl Drop for TokenDesk {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

/// The latest token and when the next one is due.
struct Held {
    token: SecretString,
    renew_at: Instant,
    since: Instant,
}

async fn serve(listener: &UnixListener, folder: &JobFolder, exchange: &Exchange) {
    let mut held = None;
    loop {
        // One visitor at a time: there is one peer, and a second connection is its next life.
        match listener.accept().await {
            Ok((visitor, _)) if is_peer(&visitor, folder) => {
                attend(visitor, exchange, &mut held).await;
            }
            Ok(_) => tracing::debug!(
                job_id = exchange.job_id,
                "[workstation-agent] somebody else than the peer asked for its token"
            ),
            Err(error) => {
                tracing::warn!(%error, "[workstation-agent] the peer cannot be heard");
                tokio::time::sleep(FIRST_WAIT).await;
            }
        }
    }
}

/// Whether the process at the other end is the recorded peer of this job.
fn is_peer(visitor: &UnixStream, folder: &JobFolder) -> bool {
    let Ok(credentials) = visitor.peer_cred() else {
        return false;
    };
    let Some(record) = folder.record() else {
        return false;
    };
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    pid == Some(record.process.pid) && record.process.is_alive()
}

/// Gives a peer its tokens until it goes away.
async fn attend(visitor: UnixStream, exchange: &Exchange, held: &mut Option<Held>) {
    let (read, mut write) = visitor.into_split();
    let mut lines = FramedRead::new(read, LinesCodec::new_with_max_length(LINE_LIMIT));
    let mut wait = FIRST_WAIT;
    let mut told = false;
    let mut due = Instant::now();
    loop {
        if let Some(current) = held.as_ref().filter(|held| held.renew_at > Instant::now()) {
            if !told {
                let line = format!("{}\n", json!({"token": current.token.expose_secret()}));
                let written = timeout(WRITE_LIMIT, write.write_all(line.as_bytes())).await;
                if !matches!(written, Ok(Ok(()))) {
                    return;
                }
                told = true;
            }
            due = current.renew_at;
        } else if exchange.gives_tokens && due <= Instant::now() {
            match renew(exchange).await {
                Ok(fresh) => {
                    (*held, told, wait) = (Some(fresh), false, FIRST_WAIT);
                    continue;
                }
                Err(error) => {
                    tracing::warn!(
                        job_id = exchange.job_id,
                        "[workstation-agent] no room token for the peer: {error}"
                    );
                    let asked = error.refusal().and_then(|refusal| refusal.retry_after);
                    due = Instant::now() + wait.max(asked.unwrap_or_default());
                    wait = (wait * 2).min(LAST_WAIT);
                }
            }
        }
        tokio::select! {
            () = sleep_until(due), if exchange.gives_tokens => {}
            line = lines.next() => match line {
                Some(Ok(line)) if line == "renew" => {
                    let stale = held.as_ref().is_none_or(|held| held.since.elapsed() >= ASK_SPACING);
                    if stale {
                        (*held, due) = (None, Instant::now());
                    }
                }
                Some(Ok(line)) => hear(&line, exchange).await,
                // It is gone, or it writes what no peer of ours does.
                None | Some(Err(_)) => return,
            },
        }
    }
}

/// What a peer says of itself; words that are too long, and other lines, are passed over.
async fn hear(line: &str, exchange: &Exchange) {
    let job_id = exchange.job_id.clone();
    let event = if line == "ready" {
        Event::PeerReady { job_id }
    } else if let Some(word) = line
        .strip_prefix("kernel ")
        .filter(|word| word.len() <= KERNEL_WORD_LIMIT)
    {
        let state = word.to_owned();
        Event::Kernel { job_id, state }
    } else {
        return;
    };
    // The loop is gone only when the agent ends.
    let _ = exchange.news.send(News::Core(event)).await;
}

async fn renew(exchange: &Exchange) -> Result<Held, CloudError> {
    let credential = exchange.credential.borrow().clone();
    let client = exchange.client.clone().with_token(credential);
    let RoomToken { token, lifetime } = client
        .exchange_job(&exchange.workstation_id, &exchange.job_id)
        .await?;
    let since = Instant::now();
    Ok(Held {
        token,
        renew_at: since + lifetime / 2,
        since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_without_an_end_ends_the_visit() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let base = cloud_client::BaseUrl::parse(&base, false).unwrap();
        let (_keeper, credential) = watch::channel(SecretString::from("nwc_test"));
        let exchange = Exchange {
            client: CloudClient::new(&cloud_client::Network::direct(), base).unwrap(),
            credential,
            workstation_id: "w".to_owned(),
            job_id: "j".to_owned(),
            gives_tokens: true,
            news: mpsc::channel(1).0,
        };
        let (mut peer, visitor) = UnixStream::pair().unwrap();
        let visit = tokio::spawn(async move { attend(visitor, &exchange, &mut None).await });
        peer.write_all(b"renew\nsomething else\n").await.unwrap();
        assert!(!visit.is_finished(), "short lines are read");
        peer.write_all(&[b'x'; 2 * LINE_LIMIT]).await.unwrap();
        timeout(WRITE_LIMIT, visit).await.unwrap().unwrap();
    }
}
