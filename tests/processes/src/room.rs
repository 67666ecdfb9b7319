//! A client of a room over the real socket. It reads documents with automerge directly, as a second opinion on the
//! documents crate; only the books about what the room has are that crate's, since the library's own cost a walk over the
//! history at each frame, which a benchmark would take for the room's.

mod line;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ObjId, ObjType, ROOT, ReadDoc as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::reading::{at, cells, child, count_outputs, execution, outputs_of, status, to_json};
use crate::{Cloud, USER};
use line::{Command, Dial, Line, Replica, lock};

const ANSWER_LIMIT: Duration = Duration::from_secs(15);
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

    /// Lines of stream text so far; of text that became a blob its manifest has the number.
    pub fn lines(&self) -> usize {
        let lines = |output: &Value| match output["text"]["inline"].as_str() {
            Some(text) => text.lines().count(),
            None => output["llm_preview"]["total_lines"].as_u64().unwrap_or(0) as usize,
        };
        self.outputs.iter().map(lines).sum()
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
        let dial = Dial {
            address: cloud.address().to_owned(),
            notebook: notebook.to_owned(),
            user: user.to_owned(),
            scope: scope.to_owned(),
        };
        let (socket, ready) = dial.open().await?;
        let replica = Arc::new(Mutex::new(Replica::new(&ready)?));
        let (commands, inbox) = mpsc::channel(64);
        let (version, changed) = watch::channel(0);
        let line = Line::new(dial, Arc::clone(&replica), inbox, version);
        let task = tokio::spawn(line.serve(socket));
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

    /// One value of the widgets' state, by keys from the root.
    pub fn comms_at(&self, path: &[&str]) -> Value {
        at(&lock(&self.replica).documents[2], path)
    }

    /// Waits until a trait of a widget has a value.
    pub async fn trait_is(
        &self,
        comm: &str,
        key: &str,
        value: Value,
        limit: Duration,
    ) -> Result<()> {
        self.wait(&format!("{key} = {value}"), limit, |replica| {
            at(&replica.documents[2], &["comms", comm, key]) == value
        })
        .await
        .with_context(|| format!("it is {}", self.comms_at(&["comms", comm])))
    }

    /// Sets a trait of a widget, as a person who moves it; the heads after that.
    pub async fn set_trait(
        &self,
        comm: &str,
        key: &str,
        value: impl Into<Value>,
    ) -> Result<Vec<String>> {
        let heads = {
            let mut replica = lock(&self.replica);
            let document = &mut replica.documents[2];
            let comms = child(document, &ROOT, "comms").context("no comms")?;
            let comm = child(document, &comms, comm).context("no such comm")?;
            documents::value::put_json(document, &comm, key, &value.into())?;
            document
                .get_heads()
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        self.commands
            .send(Command::Flush)
            .await
            .context("the room is closed")?;
        Ok(heads)
    }

    /// Waits for an answer, or for something that is said to everybody.
    pub async fn heard(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.wait(what, limit, |replica| replica.heard.iter().any(&wanted))
            .await?;
        let heard = lock(&self.replica)
            .heard
            .iter()
            .find(|&frame| wanted(frame))
            .cloned();
        heard.context("it is not kept any more")
    }

    /// Replaces a cell's source; once more if the room started over before it had it.
    pub async fn set_source(&self, cell: &str, source: &str) -> Result<()> {
        loop {
            let before = lock(&self.replica).epochs;
            self.edit_source(cell, source)?;
            self.flush().await?;
            let replica = lock(&self.replica);
            let document = &replica.documents[0];
            let has_it = || anyhow::Ok(document.text(&source_in(document, cell)?)? == source);
            if replica.epochs == before || has_it()? {
                return Ok(());
            }
        }
    }

    fn edit_source(&self, cell: &str, source: &str) -> Result<()> {
        let mut replica = lock(&self.replica);
        let document = &mut replica.documents[0];
        let text = source_in(document, cell)?;
        document.update_text(&text, source)?;
        Ok(())
    }

    /// Sends what was edited and waits until the room has it.
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
        // One walk: looking up key by key costs a search each.
        let entries = document.map_range(&outputs, ..);
        let new = entries.filter_map(|entry| {
            let id = entry.id();
            if !seen.insert(entry.key.into_owned()) {
                return None;
            }
            let mut entry = to_json(document, &id, ObjType::Map);
            Some(Output {
                seq: entry["seq"].as_u64().unwrap_or_default(),
                manifest: entry["manifest"].take(),
            })
        });
        let new = new.collect();
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

fn source_in(document: &AutoCommit, cell: &str) -> Result<ObjId> {
    let cells = child(document, &ROOT, "cells").context("no cells")?;
    let cell = child(document, &cells, cell).context("no such cell")?;
    child(document, &cell, "source").context("no source")
}
