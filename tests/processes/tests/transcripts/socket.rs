//! A socket of the replay: JSON is passed on, documents are kept in sync by a live replica.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use automerge::sync::{Message as SyncMessage, State, SyncDoc as _};
use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, ObjType, ROOT, ReadDoc as _, Value as Item};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::record::Said;

/// How long a frame may take.
const LIMIT: Duration = Duration::from_secs(10);
const REQUEST: u8 = 0x01;
const CONTROL: u8 = 0x07;
const SYNC: [u8; 4] = [0x00, 0x05, 0x09, 0x0a];
const SEEDS: [&[u8]; 4] = [
    include_bytes!("../../../vectors/notebook_genesis_v5.am"),
    include_bytes!("../../../vectors/runtime_state_genesis_v2.am"),
    include_bytes!("../../../vectors/comms_doc_genesis_v1.am"),
    include_bytes!("../../../vectors/comments_doc_genesis_v1.am"),
];

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    documents: Option<Vec<(AutoCommit, State)>>,
    queue: VecDeque<Said>,
    accepted: Vec<Value>,
    closed: bool,
}

impl Socket {
    /// Takes a socket over; one of a room gets replicas.
    pub fn new(stream: WebSocketStream<TcpStream>, is_room: bool) -> Result<Self> {
        let documents = if is_room {
            let load = |seed: &[u8]| Ok((AutoCommit::load(seed)?, State::new()));
            Some(SEEDS.into_iter().map(load).collect::<Result<_>>()?)
        } else {
            None
        };
        Ok(Self {
            stream,
            documents,
            queue: VecDeque::new(),
            accepted: Vec::new(),
            closed: false,
        })
    }

    /// The next thing said that is not document sync; none when nothing comes in time.
    pub async fn next(&mut self) -> Result<Option<Said>> {
        self.pump(LIMIT, |socket| !socket.queue.is_empty()).await?;
        Ok(self.queue.pop_front())
    }

    /// Everything that was said and not asked for.
    pub async fn rest(&mut self) -> Result<Vec<Said>> {
        self.pump(Duration::from_millis(200), |_| false).await?;
        Ok(self.queue.drain(..).collect())
    }

    /// Puts something back that the next call shall give.
    pub fn unread(&mut self, said: Said) {
        self.queue.push_front(said);
    }

    /// The answers to frames of document sync so far.
    pub fn accepted(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.accepted)
    }

    /// Says something that was recorded.
    pub async fn say(&mut self, said: &Said) -> Result<()> {
        let message = match said {
            Said::Frame(kind, json) => {
                let mut bytes = vec![*kind];
                bytes.extend(json.to_string().into_bytes());
                Message::Binary(bytes.into())
            }
            Said::Text(Value::String(text)) => Message::Text(text.as_str().into()),
            Said::Text(json) => Message::Text(json.to_string().into()),
            Said::Close(close) => Message::Close(close.as_ref().map(|(code, reason)| CloseFrame {
                code: (*code).into(),
                reason: reason.as_str().into(),
            })),
            Said::Sync => bail!("sync is made anew"),
        };
        Ok(self.stream.send(message).await?)
    }

    /// Puts a code cell into the notebook and waits until the room has it.
    pub async fn add_cell(&mut self, id: &str) -> Result<()> {
        self.pump(LIMIT, |socket| socket.cells().is_some()).await?;
        let cells = self.cells().context("the notebook has no cells yet")?;
        let documents = self.documents.as_mut().context("no room")?;
        let document = &mut documents[0].0;
        if document.get(&cells, id)?.is_some() {
            return Ok(());
        }
        let count = document.length(&cells);
        let cell = document.put_object(&cells, id, ObjType::Map)?;
        document.put(&cell, "id", id)?;
        document.put(&cell, "cell_type", "code")?;
        document.put(&cell, "position", format!("FF{count:06X}80"))?;
        let source = document.put_object(&cell, "source", ObjType::Text)?;
        document.splice_text(&source, 0, 0, "1")?;
        document.put(&cell, "execution_count", "null")?;
        for key in ["metadata", "resolved_assets", "attachments"] {
            document.put_object(&cell, key, ObjType::Map)?;
        }
        let heads = document.get_heads();
        self.flush().await?;
        // The room may be further on by then.
        let shared = |socket: &Self| {
            let documents = socket.documents.as_ref();
            documents.is_some_and(|documents| {
                let (document, state) = &documents[0];
                let lacking = document.clone().get_changes(&state.shared_heads);
                lacking.iter().all(|change| !heads.contains(&change.hash()))
            })
        };
        self.pump(LIMIT, shared).await?;
        if !shared(self) {
            bail!("the room did not take cell {id}");
        }
        Ok(())
    }

    fn cells(&self) -> Option<automerge::ObjId> {
        let document = &self.documents.as_ref()?[0].0;
        match document.get(ROOT, "cells") {
            Ok(Some((Item::Object(ObjType::Map), id))) => Some(id),
            _ => None,
        }
    }

    /// Reads until the condition holds, the socket ends or the time is over.
    async fn pump(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Result<()> {
        let end = tokio::time::Instant::now() + limit;
        while !done(self) && !self.closed {
            let Ok(message) = tokio::time::timeout_at(end, self.stream.next()).await else {
                return Ok(());
            };
            match message {
                Some(Ok(Message::Binary(bytes))) => self.binary(&bytes).await?,
                Some(Ok(Message::Text(text))) => {
                    let text = text.as_str();
                    let json = serde_json::from_str(text).unwrap_or_else(|_| text.into());
                    self.queue.push_back(Said::Text(json));
                }
                Some(Ok(Message::Close(close))) => {
                    let close = close.map(|close| (close.code.into(), close.reason.to_string()));
                    self.queue.push_back(Said::Close(close));
                    self.closed = true;
                    let _ = self.stream.flush().await;
                }
                Some(Ok(_)) => {}
                // Also an end without a close; whoever awaits one finds it missing.
                Some(Err(_)) | None => self.closed = true,
            }
        }
        Ok(())
    }

    async fn binary(&mut self, bytes: &[u8]) -> Result<()> {
        let (kind, payload) = bytes.split_first().context("an empty frame")?;
        if let Some(index) = SYNC.iter().position(|sync| sync == kind) {
            let documents = self.documents.as_mut().context("sync outside a room")?;
            let (document, state) = &mut documents[index];
            document
                .sync()
                .receive_sync_message(state, SyncMessage::decode(payload)?)?;
            return self.flush().await;
        }
        let json: Value = serde_json::from_slice(payload)?;
        if *kind == CONTROL && json["type"] == "cloud_room_ready" {
            let label = json["actor_label"].as_str().context("no actor label")?;
            for (document, _) in self.documents.as_mut().context("no room")? {
                document.set_actor(ActorId::from(label.as_bytes()));
            }
            self.flush().await?;
        }
        let answers_sync = json["frame_type"] != u64::from(REQUEST);
        if json["type"] == "cloud_frame_accepted" && answers_sync {
            self.accepted.push(json);
        } else {
            self.queue.push_back(Said::Frame(*kind, json));
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let mut frames = Vec::new();
        for (kind, (document, state)) in SYNC.into_iter().zip(self.documents.iter_mut().flatten()) {
            if let Some(message) = document.sync().generate_sync_message(state) {
                let mut bytes = vec![kind];
                bytes.extend(message.encode());
                frames.push(Message::Binary(bytes.into()));
            }
        }
        // A side that is going away may not take them any more; its close is read next.
        for frame in frames {
            let _ = self.stream.feed(frame).await;
        }
        let _ = self.stream.flush().await;
        Ok(())
    }
}
