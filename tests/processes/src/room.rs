//! A client of a room over the real socket. It reads documents with automerge directly, as a second opinion on the
//! documents crate; only the books about what the room has are that crate's, since the library's own cost a walk over the
//! history at each frame, which a benchmark would take for the room's.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, ObjType, PatchLog, ROOT, ReadDoc as _};
use documents::PeerSync;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::reading::{at, cells, child, count_outputs, execution, outputs_of, status, to_json};
use crate::{Cloud, USER};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Frame types of the two documents that are read: NotebookDoc and RuntimeStateDoc.
const KINDS: [u8; 2] = [0x00, 0x05];
const REQUEST: u8 = 0x01;
const CONTROL: u8 = 0x07;
const DIAL_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const SEEDS: [&[u8]; 2] = [
    include_bytes!("../../vectors/notebook_genesis_v5.am"),
    include_bytes!("../../vectors/runtime_state_genesis_v2.am"),
];

/// What a room's documents say about one execution.
#[derive(Debug, Clone, Default)]
pub struct Execution {
    /// `queued`, `running`, `done`, `error` or `cancelled`.
    pub status: String,
    /// The kernel's count, when known.
    pub count: Option<i64>,
    /// Manifests in order.
    pub outputs: Vec<Value>,
}

impl Execution {
    /// Whether nothing more will happen to it.
    pub fn is_over(&self) -> bool {
        is_over(&self.status)
    }
}

/// One output as a room's documents have it.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its place among the execution's outputs.
    pub seq: u64,
    /// Its manifest.
    pub manifest: Value,
}

fn is_over(status: &str) -> bool {
    matches!(status, "done" | "error" | "cancelled")
}

/// A live connection; dropped, it closes.
pub struct Room {
    replica: Arc<Mutex<Replica>>,
    changed: watch::Receiver<u64>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
    ready: Value,
}

enum Command {
    Request(Value, oneshot::Sender<Result<(), String>>),
    Flush,
}

struct Replica {
    documents: [AutoCommit; 2],
    syncs: [PeerSync; 2],
}

impl Room {
    /// Joins a notebook's room as the owner and returns once the first sync has brought the cells.
    pub async fn join(cloud: &Cloud, notebook: &str) -> Result<Self> {
        let room = Self::join_as(cloud, notebook, USER, "owner").await?;
        room.wait("the first cells", ANSWER_LIMIT, |replica| {
            !cells(&replica.documents[0]).is_empty()
        })
        .await?;
        Ok(room)
    }

    /// Joins as some development user with a wanted scope; returns after `cloud_room_ready`.
    pub async fn join_as(cloud: &Cloud, notebook: &str, user: &str, scope: &str) -> Result<Self> {
        let mut request =
            format!("ws://{}/n/{notebook}/sync", cloud.address()).into_client_request()?;
        request.headers_mut().insert("x-user", user.parse()?);
        request.headers_mut().insert("x-scope", scope.parse()?);
        let stream = TcpStream::connect(cloud.address()).await?;
        stream.set_nodelay(true)?;
        let dial = tokio_tungstenite::client_async(request, MaybeTlsStream::Plain(stream));
        let (mut socket, _) = tokio::time::timeout(DIAL_LIMIT, dial)
            .await
            .context("dialling the room")??;
        let ready = tokio::time::timeout(DIAL_LIMIT, first_ready(&mut socket))
            .await
            .context("cloud_room_ready")??;
        let label = ready["actor_label"]
            .as_str()
            .context("no actor label")?
            .to_owned();
        let mut documents = [AutoCommit::load(SEEDS[0])?, AutoCommit::load(SEEDS[1])?];
        for document in &mut documents {
            document.set_actor(ActorId::from(label.as_bytes()));
        }
        let replica = Arc::new(Mutex::new(Replica {
            documents,
            syncs: [PeerSync::new(false), PeerSync::new(false)],
        }));
        let (commands, inbox) = mpsc::channel(64);
        let (version, changed) = watch::channel(0);
        let task = tokio::spawn(serve(socket, Arc::clone(&replica), inbox, version));
        Ok(Self {
            replica,
            changed,
            commands,
            task,
            ready,
        })
    }

    /// The `cloud_room_ready` message.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Ids of the cells in order.
    pub fn cells(&self) -> Vec<String> {
        cells(&lock(&self.replica).documents[0])
    }

    /// Whole JSON of the runtime state document.
    pub fn runtime(&self) -> Value {
        to_json(&lock(&self.replica).documents[1], &ROOT, ObjType::Map)
    }

    /// One value of the runtime state, by keys from the root.
    pub fn runtime_at(&self, path: &[&str]) -> Value {
        let replica = lock(&self.replica);
        at(&replica.documents[1], path)
    }

    /// Replaces a cell's source.
    pub async fn set_source(&self, cell: &str, source: &str) -> Result<()> {
        {
            let mut replica = lock(&self.replica);
            let document = &mut replica.documents[0];
            let cells = child(document, &ROOT, "cells").context("no cells")?;
            let cell = child(document, &cells, cell).context("no such cell")?;
            let text = child(document, &cell, "source").context("no source")?;
            document.update_text(&text, source)?;
        }
        self.flush().await
    }

    /// Sends what was edited and waits until the room has it: a request sent sooner may overtake it,
    /// since the library keeps only one sync message on its way.
    async fn flush(&self) -> Result<()> {
        self.commands
            .send(Command::Flush)
            .await
            .context("the room is closed")?;
        self.wait("the room to have the edit", ANSWER_LIMIT, |replica| {
            let theirs = replica.syncs[0]
                .state()
                .their_heads
                .as_deref()
                .unwrap_or_default();
            let mut document = replica.documents[0].clone();
            document
                .get_heads()
                .iter()
                .all(|head| theirs.contains(head))
        })
        .await
    }

    /// Adds a code cell after all others; its id.
    pub async fn add_cell(&self, source: &str) -> Result<String> {
        let id = uuid::Uuid::new_v4().to_string();
        {
            let mut replica = lock(&self.replica);
            let document = &mut replica.documents[0];
            let cells = child(document, &ROOT, "cells").context("no cells")?;
            let count = document.length(&cells);
            let cell = document.put_object(&cells, &id, ObjType::Map)?;
            document.put(&cell, "id", id.as_str())?;
            document.put(&cell, "cell_type", "code")?;
            document.put(&cell, "position", format!("FF{count:06X}80"))?;
            let text = document.put_object(&cell, "source", ObjType::Text)?;
            document.splice_text(&text, 0, 0, source)?;
            document.put(&cell, "execution_count", "null")?;
            for key in ["metadata", "resolved_assets", "attachments"] {
                document.put_object(&cell, key, ObjType::Map)?;
            }
        }
        self.flush().await?;
        Ok(id)
    }

    /// Sets the kernel that the notebook asks for.
    pub async fn set_kernelspec(&self, name: &str, language: &str) -> Result<()> {
        {
            let mut replica = lock(&self.replica);
            let document = &mut replica.documents[0];
            let metadata = child(document, &ROOT, "metadata").context("no metadata")?;
            let spec = document.put_object(&metadata, "kernelspec", ObjType::Map)?;
            document.put(&spec, "name", name)?;
            document.put(&spec, "display_name", name)?;
            document.put(&spec, "language", language)?;
        }
        self.flush().await
    }

    /// Sends a request and waits for the room's word on it.
    pub async fn request(&self, request: Value) -> Result<()> {
        let (answer, accepted) = oneshot::channel();
        self.commands
            .send(Command::Request(request, answer))
            .await
            .context("the room is closed")?;
        match tokio::time::timeout(ANSWER_LIMIT, accepted)
            .await
            .context("no answer to the request")?
        {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => bail!("rejected: {reason}"),
            Err(_) => bail!("the room closed"),
        }
    }

    /// Asks for one run of a cell and waits for the acknowledgement; the execution's id.
    pub async fn execute(&self, cell: &str) -> Result<String> {
        let (execution, request) = execute_request(cell);
        self.request(request).await?;
        Ok(execution)
    }

    /// Asks for one run of a cell without waiting for the acknowledgement; the execution's id.
    pub async fn start(&self, cell: &str) -> Result<String> {
        let (execution, request) = execute_request(cell);
        let (answer, _) = oneshot::channel();
        self.commands
            .send(Command::Request(request, answer))
            .await
            .context("the room is closed")?;
        Ok(execution)
    }

    /// Runs a source in the first cell and waits for its end.
    pub async fn run(&self, source: &str, limit: Duration) -> Result<Execution> {
        let cell = self.cells().into_iter().next().context("no cell")?;
        self.set_source(&cell, source).await?;
        let execution = self.execute(&cell).await?;
        self.finished(&execution, limit).await
    }

    /// What the documents say about an execution now.
    pub fn execution(&self, id: &str) -> Execution {
        execution(&lock(&self.replica).documents[1], id)
    }

    /// Waits until an execution is over.
    pub async fn finished(&self, id: &str, limit: Duration) -> Result<Execution> {
        // Only the status is looked at: reading all outputs at every change would cost their square.
        self.wait("the execution to end", limit, |replica| {
            is_over(&status(&replica.documents[1], id))
        })
        .await
        .with_context(|| format!("{:?}", self.execution(id)))?;
        Ok(self.execution(id))
    }

    /// Waits until an execution has outputs that are not in `seen` (by id) or is over. Returns the
    /// new ones, in no particular order, and whether it is over.
    pub async fn new_outputs(
        &self,
        id: &str,
        seen: &mut HashSet<String>,
        limit: Duration,
    ) -> Result<(Vec<Output>, bool)> {
        self.wait("an output", limit, |replica| {
            let document = &replica.documents[1];
            count_outputs(document, id) > seen.len() || is_over(&status(document, id))
        })
        .await
        .with_context(|| format!("{:?}", self.execution(id)))?;
        let replica = lock(&self.replica);
        let document = &replica.documents[1];
        let over = is_over(&status(document, id));
        let Some(outputs) = outputs_of(document, id) else {
            return Ok((Vec::new(), over));
        };
        let new = document
            .keys(&outputs)
            .filter(|output| seen.insert(output.clone()))
            .filter_map(|output| {
                let entry = child(document, &outputs, &output)?;
                let entry = to_json(document, &entry, ObjType::Map);
                Some(Output {
                    seq: entry["seq"].as_u64().unwrap_or_default(),
                    manifest: entry["manifest"].clone(),
                })
            })
            .collect();
        Ok((new, over))
    }

    /// Waits until the room has every change made here to the cells.
    pub async fn synced(&self, limit: Duration) -> Result<()> {
        let heads = lock(&self.replica).documents[0].get_heads();
        self.wait("the room to have the cells", limit, |replica| {
            let theirs = replica.syncs[0].state().their_heads.as_deref();
            theirs.is_some_and(|theirs| heads.iter().all(|head| theirs.contains(head)))
        })
        .await
    }

    /// Waits until an execution looks as wanted.
    pub async fn execution_when(
        &self,
        id: &str,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Execution) -> bool,
    ) -> Result<Execution> {
        self.wait(what, limit, |replica| {
            wanted(&execution(&replica.documents[1], id))
        })
        .await
        .with_context(|| format!("{:?}", self.execution(id)))?;
        Ok(self.execution(id))
    }

    /// Waits until a string of the runtime state has a value.
    pub async fn runtime_is(&self, path: &[&str], value: &str, limit: Duration) -> Result<()> {
        self.wait(&format!("{} = {value}", path.join(".")), limit, |replica| {
            at(&replica.documents[1], path) == value
        })
        .await
        .with_context(|| format!("it is {}", self.runtime_at(path)))
    }

    /// Joined text of a stream's entries, blobs fetched.
    pub async fn text(
        &self,
        cloud: &Cloud,
        notebook: &str,
        execution: &Execution,
        name: &str,
    ) -> Result<String> {
        let mut text = String::new();
        for output in execution
            .outputs
            .iter()
            .filter(|output| output["name"] == name)
        {
            text.push_str(&resolve(cloud, notebook, &output["text"]).await?);
        }
        Ok(text)
    }

    /// Whether the socket is still open.
    pub fn is_open(&self) -> bool {
        !self.task.is_finished()
    }

    async fn wait(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Replica) -> bool,
    ) -> Result<()> {
        let end = Instant::now() + limit;
        let mut changed = self.changed.clone();
        loop {
            changed.borrow_and_update();
            if wanted(&lock(&self.replica)) {
                return Ok(());
            }
            match tokio::time::timeout_at(end, changed.changed()).await {
                Err(_) => bail!("waited {} s for {what}", limit.as_secs()),
                Ok(Err(_)) => bail!("the room closed while waiting for {what}"),
                Ok(Ok(())) => {}
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The text of a manifest's content reference, fetched when it is a blob.
pub async fn resolve(cloud: &Cloud, notebook: &str, content: &Value) -> Result<String> {
    if let Some(text) = content["inline"].as_str() {
        return Ok(text.to_owned());
    }
    let hash = content["blob"]
        .as_str()
        .with_context(|| format!("neither inline nor blob: {content}"))?;
    Ok(String::from_utf8(cloud.blob(notebook, hash).await?)?)
}

fn execute_request(cell: &str) -> (String, Value) {
    let execution = uuid::Uuid::new_v4().to_string();
    let id = uuid::Uuid::new_v4().to_string();
    let request =
        json!({ "id": id, "action": "execute_cell", "cell_id": cell, "execution_id": execution });
    (execution, request)
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

async fn serve(
    mut socket: Socket,
    replica: Arc<Mutex<Replica>>,
    mut inbox: mpsc::Receiver<Command>,
    version: watch::Sender<u64>,
) {
    let mut waiting: VecDeque<oneshot::Sender<Result<(), String>>> = VecDeque::new();
    let mut outgoing = generate(&replica);
    loop {
        for bytes in outgoing.drain(..) {
            if socket.feed(Message::Binary(bytes.into())).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    if let Some(index) = receive(&replica, &bytes, &mut waiting) {
                        version.send_modify(|version| *version += 1);
                        outgoing.extend(generate_one(&replica, index));
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            command = inbox.recv() => match command {
                None => return,
                Some(Command::Flush) => outgoing = generate(&replica),
                Some(Command::Request(request, answer)) => {
                    waiting.push_back(answer);
                    outgoing = generate(&replica);
                    let mut bytes = vec![REQUEST];
                    bytes.extend(request.to_string().into_bytes());
                    outgoing.push(bytes);
                }
            },
        }
    }
}

fn generate(replica: &Mutex<Replica>) -> Vec<Vec<u8>> {
    let frame = |index| generate_one(replica, index);
    (0..KINDS.len()).filter_map(frame).collect()
}

fn generate_one(replica: &Mutex<Replica>, index: usize) -> Option<Vec<u8>> {
    let mut replica = lock(replica);
    let Replica { documents, syncs } = &mut *replica;
    let message = syncs[index].generate(&mut documents[index])?;
    Some([&[KINDS[index]], message.as_slice()].concat())
}

/// Takes a frame; returns which document's it was, if any.
fn receive(
    replica: &Mutex<Replica>,
    bytes: &[u8],
    waiting: &mut VecDeque<oneshot::Sender<Result<(), String>>>,
) -> Option<usize> {
    let (&kind, payload) = bytes.split_first()?;
    if kind == CONTROL {
        let control: Value = serde_json::from_slice(payload).unwrap_or_default();
        if control["frame_type"] == REQUEST {
            let answer = match control["type"].as_str() {
                Some("cloud_frame_accepted") => Ok(()),
                _ => Err(control["reason"].as_str().unwrap_or_default().to_owned()),
            };
            if let Some(waiter) = waiting.pop_front() {
                let _ = waiter.send(answer);
            }
        }
        return None;
    }
    let index = KINDS.iter().position(|known| *known == kind)?;
    let mut replica = lock(replica);
    let Replica { documents, syncs } = &mut *replica;
    // What cannot be read is missed by whoever waits for it.
    let _ = syncs[index].receive_logged(&mut documents[index], payload, &mut PatchLog::inactive());
    Some(index)
}

fn lock(replica: &Mutex<Replica>) -> std::sync::MutexGuard<'_, Replica> {
    replica.lock().unwrap_or_else(PoisonError::into_inner)
}
