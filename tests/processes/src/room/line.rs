//! The socket of a room's client and the documents that it keeps in step.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automerge::{ActorId, AutoCommit, PatchLog};
use documents::PeerSync;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Frame types of the documents that are read: NotebookDoc, RuntimeStateDoc and CommsDoc.
const KINDS: [u8; 3] = [0x00, 0x05, 0x09];
const REQUEST: u8 = 0x01;
/// Answers to requests, and what is said to everybody.
const HEARD: [u8; 2] = [0x02, 0x03];
/// What was heard last is kept.
const HEARD_MAX: usize = 256;
const CONTROL: u8 = 0x07;
const DIAL_LIMIT: Duration = Duration::from_secs(10);
const SEEDS: [&[u8]; 3] = [
    include_bytes!("../../../vectors/notebook_genesis_v5.am"),
    include_bytes!("../../../vectors/runtime_state_genesis_v2.am"),
    include_bytes!("../../../vectors/comms_doc_genesis_v1.am"),
];

/// Where and as whom.
pub(super) struct Dial {
    pub(super) address: String,
    pub(super) notebook: String,
    pub(super) user: String,
    pub(super) scope: String,
}

impl Dial {
    /// Opens a socket; returns it after `cloud_room_ready`.
    pub(super) async fn open(&self) -> Result<(Socket, Value)> {
        let url = format!("ws://{}/n/{}/sync", self.address, self.notebook);
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("x-user", self.user.parse()?);
        headers.insert("x-scope", self.scope.parse()?);
        headers.insert("x-notebook-cloud-epochs", "rejoin".parse()?);
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let dial = tokio_tungstenite::client_async(request, MaybeTlsStream::Plain(stream));
        let (mut socket, _) = tokio::time::timeout(DIAL_LIMIT, dial)
            .await
            .context("dialling the room")??;
        let ready = tokio::time::timeout(DIAL_LIMIT, first_ready(&mut socket))
            .await
            .context("cloud_room_ready")??;
        Ok((socket, ready))
    }
}

async fn first_ready(socket: &mut Socket) -> Result<Value> {
    while let Some(message) = socket.next().await {
        if let Message::Binary(bytes) = message?
            && bytes.first() == Some(&CONTROL)
        {
            let control: Value = serde_json::from_slice(&bytes[1..])?;
            if control["type"] == "cloud_room_ready" {
                return Ok(control);
            }
        }
    }
    bail!("the room closed before it was ready")
}

/// A document grown from its seed, under the label that the room gave.
fn fresh(index: usize, ready: &Value) -> Result<AutoCommit> {
    let label = ready["actor_label"].as_str().context("no actor label")?;
    let document = AutoCommit::load(SEEDS[index])?;
    Ok(document.with_actor(ActorId::from(label.as_bytes())))
}

/// The documents, as a reader sees them.
pub(super) struct Replica {
    pub(super) documents: [AutoCommit; 3],
    pub(super) syncs: [PeerSync; 3],
    /// Frames that are in no document, the newest last.
    pub(super) heard: VecDeque<Value>,
    /// The documents of a new epoch, until they are whole.
    renewed: [Option<AutoCommit>; 3],
    /// How often the room started over.
    pub(super) epochs: u64,
}

impl Replica {
    pub(super) fn new(ready: &Value) -> Result<Self> {
        Ok(Self {
            documents: [fresh(0, ready)?, fresh(1, ready)?, fresh(2, ready)?],
            syncs: [(); 3].map(|()| PeerSync::new(false)),
            heard: VecDeque::new(),
            renewed: [None, None, None],
            epochs: 0,
        })
    }

    /// The room started over: all is taken afresh.
    fn rejoin(&mut self, ready: &Value) -> Result<()> {
        self.epochs += 1;
        self.renewed = [
            Some(fresh(0, ready)?),
            Some(fresh(1, ready)?),
            Some(fresh(2, ready)?),
        ];
        self.syncs.iter_mut().for_each(PeerSync::reset);
        Ok(())
    }

    fn generate(&mut self, index: usize) -> Option<Vec<u8>> {
        let document = self.renewed[index]
            .as_mut()
            .unwrap_or(&mut self.documents[index]);
        let message = self.syncs[index].generate(document)?;
        Some([&[KINDS[index]], message.as_slice()].concat())
    }

    fn receive(&mut self, index: usize, payload: &[u8]) {
        let document = self.renewed[index]
            .as_mut()
            .unwrap_or(&mut self.documents[index]);
        // What cannot be read is missed by whoever waits for it.
        let _ = self.syncs[index].receive_logged(document, payload, &mut PatchLog::inactive());
        let theirs = self.syncs[index].state().their_heads.as_deref();
        let has = |head| document.get_change_meta_by_hash(head).is_some();
        if theirs.unwrap_or_default().iter().all(has)
            && let Some(renewed) = self.renewed[index].take()
        {
            self.documents[index] = renewed;
        }
    }

    fn hear(&mut self, payload: &[u8]) {
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard
            .push_back(serde_json::from_slice(payload).unwrap_or_default());
    }
}

pub(super) fn lock(replica: &Mutex<Replica>) -> MutexGuard<'_, Replica> {
    replica.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a client wants sent.
pub(super) enum Command {
    Request(Value, oneshot::Sender<Result<(), String>>),
    Flush,
}

/// A request on its way, and who waits for the room's word.
struct Asked {
    frame: Vec<u8>,
    answer: oneshot::Sender<Result<(), String>>,
}

/// Why a socket ended.
enum Lost {
    Epoch,
    Other,
}

/// Keeps the documents in step until the room closes.
pub(super) struct Line {
    dial: Dial,
    replica: Arc<Mutex<Replica>>,
    inbox: mpsc::Receiver<Command>,
    version: watch::Sender<u64>,
    /// In the order sent.
    asked: VecDeque<Asked>,
}

impl Line {
    pub(super) fn new(
        dial: Dial,
        replica: Arc<Mutex<Replica>>,
        inbox: mpsc::Receiver<Command>,
        version: watch::Sender<u64>,
    ) -> Self {
        Self {
            dial,
            replica,
            inbox,
            version,
            asked: VecDeque::new(),
        }
    }

    /// A room that starts over is joined again, with all that it did not answer.
    pub(super) async fn serve(mut self, mut socket: Socket) {
        while let Lost::Epoch = self.carry(&mut socket).await {
            let Ok((again, ready)) = self.dial.open().await else {
                return;
            };
            if lock(&self.replica).rejoin(&ready).is_err() {
                return;
            }
            socket = again;
        }
    }

    async fn carry(&mut self, socket: &mut Socket) -> Lost {
        let mut outgoing = self.generate();
        outgoing.extend(self.asked.iter().map(|asked| asked.frame.clone()));
        loop {
            for bytes in outgoing.drain(..) {
                // Why it cannot be sent is read below.
                if socket.feed(Message::Binary(bytes.into())).await.is_err() {
                    break;
                }
            }
            let _ = socket.flush().await;
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => {
                        if bytes.first().is_some_and(|kind| HEARD.contains(kind)) {
                            lock(&self.replica).hear(&bytes[1..]);
                            self.version.send_modify(|version| *version += 1);
                        } else if let Some(index) = self.receive(&bytes) {
                            self.version.send_modify(|version| *version += 1);
                            outgoing.extend(lock(&self.replica).generate(index));
                        }
                    }
                    Some(Ok(Message::Close(Some(close))))
                        if close.reason.as_str() == "room epoch changed" => return Lost::Epoch,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Lost::Other,
                    Some(Ok(_)) => {}
                },
                command = self.inbox.recv() => match command {
                    None => return Lost::Other,
                    Some(Command::Flush) => outgoing = self.generate(),
                    Some(Command::Request(request, answer)) => {
                        outgoing = self.generate();
                        let frame = [&[REQUEST], request.to_string().as_bytes()].concat();
                        outgoing.push(frame.clone());
                        self.asked.push_back(Asked { frame, answer });
                    }
                },
            }
        }
    }

    fn generate(&self) -> Vec<Vec<u8>> {
        let mut replica = lock(&self.replica);
        (0..KINDS.len())
            .filter_map(|index| replica.generate(index))
            .collect()
    }

    /// Takes a frame; returns which document's it was, if any.
    fn receive(&mut self, bytes: &[u8]) -> Option<usize> {
        let (&kind, payload) = bytes.split_first()?;
        if kind == CONTROL {
            let control: Value = serde_json::from_slice(payload).unwrap_or_default();
            if control["frame_type"] == REQUEST {
                let answer = match control["type"].as_str() {
                    Some("cloud_frame_accepted") => Ok(()),
                    _ => Err(control["reason"].as_str().unwrap_or_default().to_owned()),
                };
                if let Some(asked) = self.asked.pop_front() {
                    let _ = asked.answer.send(answer);
                }
            }
            return None;
        }
        let index = KINDS.iter().position(|known| *known == kind)?;
        lock(&self.replica).receive(index, payload);
        Some(index)
    }
}
