//! What the peer presents to the cloud: a credential it was given for good, or room tokens that its
//! agent renews (decision D16). On the same socket the peer says that it is in the room and how its kernel is.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloud_client::{RoomAuth, SecretString};
use kernel::socket_path;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// Waits between attempts to reach an agent that is away: they double from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LAST_WAIT: Duration = Duration::from_secs(5);
/// How long the first token may take; a peer whose job has a kernel already waits for ever.
const FIRST_TOKEN: Duration = Duration::from_mins(1);
/// The longest line an agent may send.
const LINE_LIMIT: usize = 4096;

/// How the peer proves who it is; cheap to clone.
#[derive(Clone)]
pub(crate) struct Tokens {
    current: watch::Receiver<RoomAuth>,
    ask: Arc<Notify>,
    said: Arc<watch::Sender<Said>>,
}

/// What the agent is told, and told again when it was away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Said {
    /// The room let the peer in.
    ready: bool,
    /// How the kernel is; empty while nobody knows.
    kernel: &'static str,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Deserialize)]
struct Line {
    token: String,
}

impl Tokens {
    /// What was given at the start; the agent, if it has a socket, is only told how the peer is.
    pub(crate) fn given(auth: RoomAuth, socket: Option<PathBuf>) -> Self {
        let (sender, current) = watch::channel(auth);
        let (ask, said) = (Arc::<Notify>::default(), Arc::<watch::Sender<_>>::default());
        if let Some(socket) = socket {
            tokio::spawn(collect(socket, sender, Arc::clone(&ask), said.subscribe()));
        }
        Self { current, ask, said }
    }

    /// Room tokens from the agent's socket; waits for the first. `None` when none came in time.
    pub(crate) async fn from_agent(socket: PathBuf, patient: bool) -> Option<Self> {
        let nothing = RoomAuth::Bearer(SecretString::from(String::new()));
        let (sender, mut current) = watch::channel(nothing);
        current.mark_unchanged();
        let ask = Arc::new(Notify::new());
        let said = Arc::<watch::Sender<_>>::default();
        tokio::spawn(collect(socket, sender, Arc::clone(&ask), said.subscribe()));
        let first = current.changed();
        if patient {
            first.await.ok()?;
        } else {
            timeout(FIRST_TOKEN, first).await.ok()?.ok()?;
        }
        Some(Self { current, ask, said })
    }

    /// What to present now.
    pub(crate) fn auth(&self) -> RoomAuth {
        self.current.borrow().clone()
    }

    /// How the kernel is, for the agent to tell.
    pub(crate) fn kernel_is(&self, word: &'static str) {
        self.said.send_if_modified(|said| {
            let is_news = said.kernel != word;
            said.kernel = word;
            is_news
        });
    }

    /// The room let this peer in: the agent waits for it (3.13).
    pub(crate) fn ready(&self) {
        self.said
            .send_if_modified(|said| !std::mem::replace(&mut said.ready, true));
    }

    /// The cloud says that the token's time is over: the agent is asked for another.
    pub(crate) fn expired(&self) {
        self.ask.notify_one();
    }
}

/// Takes what the agent sends, for as long as the peer lives; the agent may go and return.
async fn collect(
    socket: PathBuf,
    tokens: watch::Sender<RoomAuth>,
    ask: Arc<Notify>,
    mut said: watch::Receiver<Said>,
) {
    let mut wait = FIRST_WAIT;
    loop {
        if let Ok(stream) = socket_path::connect(&socket).await {
            let (read, mut write) = stream.into_split();
            let mut reader = BufReader::new(read);
            let mut line = Vec::new();
            // A new agent knows nothing yet.
            said.mark_changed();
            let mut told = Said::default();
            loop {
                tokio::select! {
                    taken = take_line(&mut reader, &mut line) => {
                        let Some(token) = taken else { break };
                        wait = FIRST_WAIT;
                        tokens.send_replace(RoomAuth::Bearer(token));
                    }
                    () = ask.notified() => if write.write_all(b"renew\n").await.is_err() {
                        break;
                    },
                    Ok(()) = said.changed() => {
                        let now = *said.borrow_and_update();
                        if write.write_all(news(told, now).as_bytes()).await.is_err() {
                            break;
                        }
                        told = now;
                    }
                    () = tokens.closed() => return,
                }
            }
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = tokens.closed() => return,
        }
        wait = (wait * 2).min(LAST_WAIT);
    }
}

/// The lines that tell what is new.
fn news(told: Said, now: Said) -> String {
    let mut lines = String::new();
    if now.ready && !told.ready {
        lines.push_str("ready\n");
    }
    if now.kernel != told.kernel {
        lines.push_str("kernel ");
        lines.push_str(now.kernel);
        lines.push('\n');
    }
    lines
}

/// The token of the next line; what was read of a line stays in `line` when this is dropped.
async fn take_line(
    reader: &mut BufReader<tokio::net::unix::OwnedReadHalf>,
    line: &mut Vec<u8>,
) -> Option<SecretString> {
    loop {
        let chunk = reader.fill_buf().await.ok()?;
        if chunk.is_empty() {
            return None;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(chunk.len(), |end| end + 1);
        line.extend_from_slice(&chunk[..length]);
        reader.consume(length);
        if line.len() > LINE_LIMIT {
            return None;
        }
        if end.is_some() {
            let parsed = serde_json::from_slice::<Line>(line);
            line.clear();
            return parsed.ok().map(|line| SecretString::from(line.token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloud_client::ExposeSecret as _;
    use tokio::net::UnixListener;

    fn bearer(tokens: &Tokens) -> String {
        match tokens.auth() {
            RoomAuth::Bearer(token) | RoomAuth::Dev { token, .. } => {
                token.expose_secret().to_owned()
            }
        }
    }

    // D16: the agent may go and return; the last token stays; what is asked for comes.
    #[tokio::test]
    async fn tokens_come_from_the_agent_and_survive_it() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let opening = tokio::spawn(Tokens::from_agent(socket.clone(), false));
        let listener = UnixListener::bind(&socket).unwrap();
        let (mut agent, _) = listener.accept().await.unwrap();
        agent.write_all(b"{\"token\": \"nwr_").await.unwrap();
        agent.write_all(b"1\"}\n").await.unwrap();
        let tokens = opening.await.unwrap().unwrap();
        assert_eq!(bearer(&tokens), "nwr_1");
        tokens.expired();
        let mut asked = [0; 6];
        tokio::io::AsyncReadExt::read_exact(&mut agent, &mut asked)
            .await
            .unwrap();
        assert_eq!(&asked, b"renew\n");
        tokens.kernel_is("busy");
        tokens.kernel_is("busy");
        tokens.kernel_is("idle");
        // The latest word counts; those in between may be passed over.
        let mut said = String::new();
        let mut reader = BufReader::new(&mut agent);
        while !said.ends_with("kernel idle\n") {
            assert_ne!(reader.read_line(&mut said).await.unwrap(), 0, "{said}");
        }
        tokens.ready();
        said.clear();
        reader.read_line(&mut said).await.unwrap();
        assert_eq!(said, "ready\n");
        drop((agent, listener));
        assert_eq!(bearer(&tokens), "nwr_1");
        std::fs::remove_file(&socket).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        let (mut agent, _) = listener.accept().await.unwrap();
        let mut said = [0; 18];
        tokio::io::AsyncReadExt::read_exact(&mut agent, &mut said)
            .await
            .unwrap();
        assert_eq!(&said, b"ready\nkernel idle\n");
        let mut current = tokens.current.clone();
        current.mark_unchanged();
        agent.write_all(b"{\"token\": \"nwr_2\"}\n").await.unwrap();
        current.changed().await.unwrap();
        assert_eq!(bearer(&tokens), "nwr_2");
    }
}
