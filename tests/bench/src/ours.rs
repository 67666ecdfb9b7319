//! This software as its user has it: a cloud, a machine paired with it, a notebook attached.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use processes::{Cloud, Output, Room, Workstation, resolve};
use serde_json::Value;
use wire::blob_batch::{MAX_BLOBS, MAX_READ_BYTES};

use crate::measure::Run;

/// Longest wait for a kernel and for one cell.
const LIMIT: Duration = Duration::from_mins(2);
/// Requests for blobs at the same time, as the page has them.
const REQUESTS: usize = 4;
/// The most bytes that one of them asks for, as in the page.
const REQUEST_BYTES: u64 = 2 * 1024 * 1024;

/// A cloud with one machine.
pub struct Side {
    cloud: Cloud,
    workstation: Workstation,
}

impl Side {
    /// Starts the programs and waits until the machine is online.
    pub async fn start(python: &Path) -> Result<Self> {
        let cloud = Cloud::start().await?;
        let mut workstation = Workstation::new(&cloud, "machine");
        workstation.connect(&cloud).await?;
        workstation.start(python)?;
        workstation.online(&cloud).await?;
        Ok(Self { cloud, workstation })
    }

    /// A new notebook with a kernel, and the time from the request until the room shows the kernel idle.
    pub async fn attach(&self) -> Result<(Notebook<'_>, Duration)> {
        let id = self.cloud.create_notebook("bench").await?;
        let room = Room::join(&self.cloud, &id)
            .await
            .with_context(|| self.cloud.log())?;
        let start = Instant::now();
        self.cloud.attach(&id, &self.workstation.id()?).await?;
        room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
            .await?;
        Ok((
            Notebook {
                side: self,
                room,
                id,
            },
            start.elapsed(),
        ))
    }

    /// The server's process.
    pub fn server(&self) -> Option<i32> {
        self.cloud.pid()
    }

    /// The runtime peer's process, while one notebook is attached.
    pub fn peer(&self) -> Option<i32> {
        self.workstation.processes("cloud-runtime-agent").pop()
    }

    /// Stops everything.
    pub async fn stop(mut self) -> Result<()> {
        self.workstation.stop().await?;
        Ok(())
    }
}

/// One attached notebook.
pub struct Notebook<'a> {
    side: &'a Side,
    room: Room,
    id: String,
}

impl Notebook<'_> {
    /// Runs the first cell; timed from the moment of sending until the outputs (blobs included) are here. The cell's
    /// source is in the room before, as it is when somebody has typed it. Blobs are fetched as their outputs come, a
    /// stream's as soon as more comes behind them.
    pub async fn execute(&self, code: &str) -> Result<Run> {
        let cell = self.room.cells().into_iter().next().context("no cell")?;
        self.room.set_source(&cell, code).await?;
        self.room.synced(LIMIT).await?;
        let start = Instant::now();
        let id = self.room.start(&cell).await?;
        let mut run = Run::default();
        let (mut seen, mut over) = (HashSet::new(), false);
        let mut waiting = VecDeque::new();
        let mut fetching = FuturesUnordered::new();
        let mut displays = Vec::new();
        let (mut prints, mut text) = (false, StreamText::default());
        let mut reading = FuturesUnordered::new();
        while !over || !fetching.is_empty() || !reading.is_empty() {
            tokio::select! {
                biased;
                Some(fetched) = fetching.next() => displays.extend(fetched?),
                Some(read) = reading.next() => text.put(read?),
                news = self.room.new_outputs(&id, &mut seen, LIMIT), if !over => {
                    let (new, ended) = news?;
                    over = ended;
                    if !new.is_empty() {
                        run.first_output.get_or_insert_with(|| start.elapsed());
                    }
                    prints |= new.iter().any(|output| output.manifest["name"] == "stdout");
                    if prints {
                        let outputs = self.room.execution(&id).outputs;
                        let unread = text.unread(outputs, over).into_iter();
                        reading.extend(unread.map(|content| self.read(content)));
                    }
                    waiting.extend(new.into_iter().filter(|output| !output.manifest["data"].is_null()));
                }
            }
            while fetching.len() < REQUESTS && !waiting.is_empty() {
                fetching.push(self.fetch(together(&mut waiting)));
            }
        }
        displays.sort_by_key(|(seq, _)| *seq);
        run.displays = displays.into_iter().map(|(_, text)| text).collect();
        run.text = text.whole()?;
        run.total = start.elapsed();
        run.execution = id;
        Ok(run)
    }

    /// Joins as another reader, until it has the end of an execution.
    pub async fn join_and_read(&self, execution: &str) -> Result<()> {
        let room = Room::join(&self.side.cloud, &self.id).await?;
        room.finished(execution, LIMIT).await?;
        Ok(())
    }

    /// A stream's text and its content reference.
    async fn read(&self, content: Value) -> Result<(Value, String)> {
        let text = resolve(&self.side.cloud, &self.id, &content).await?;
        Ok((content, text))
    }

    /// The plain texts of rich outputs, and their places.
    async fn fetch(&self, outputs: Vec<Output>) -> Result<Vec<(u64, String)>> {
        let hashes: Vec<String> = outputs.iter().filter_map(blob).collect();
        let cloud = &self.side.cloud;
        let blobs = if hashes.len() > 1 {
            cloud.blobs(&self.id, &hashes).await?
        } else {
            HashMap::new()
        };
        let mut texts = Vec::new();
        for output in outputs {
            let found = blob(&output).and_then(|hash| blobs.get(&hash));
            let text = match found {
                Some(bytes) => String::from_utf8(bytes.to_vec())?,
                None => resolve(cloud, &self.id, content(&output)).await?,
            };
            texts.push((output.seq, text));
        }
        Ok(texts)
    }
}

/// What a stream has written, in the pieces that its entries are.
#[derive(Default)]
struct StreamText {
    entries: Vec<Value>,
    asked: HashSet<String>,
    texts: HashMap<String, String>,
}

impl StreamText {
    /// Takes the entries as they are now; returns the references that are to be read. The last entry may still grow.
    fn unread(&mut self, outputs: Vec<Value>, over: bool) -> Vec<Value> {
        let entries = outputs
            .into_iter()
            .filter(|output| output["name"] == "stdout");
        self.entries = entries.map(|mut output| output["text"].take()).collect();
        let whole = self.entries.len() - usize::from(!over && !self.entries.is_empty());
        let entries = self.entries[..whole].iter();
        let unread = entries.filter(|content| self.asked.insert(content.to_string()));
        unread.cloned().collect()
    }

    fn put(&mut self, (content, text): (Value, String)) {
        self.texts.insert(content.to_string(), text);
    }

    fn whole(&self) -> Result<String> {
        let entries = self.entries.iter();
        let texts = entries.map(|content| self.texts.get(&content.to_string()));
        let texts: Option<Vec<&str>> = texts.map(|text| Some(text?.as_str())).collect();
        Ok(texts.context("a text was not read")?.concat())
    }
}

fn content(output: &Output) -> &Value {
    &output.manifest["data"]["text/plain"]
}

fn blob(output: &Output) -> Option<String> {
    content(output)["blob"].as_str().map(str::to_owned)
}

/// What one request brings of that which waits: the first, and those behind it that are small if it is.
fn together(waiting: &mut VecDeque<Output>) -> Vec<Output> {
    let mut outputs = Vec::new();
    let mut bytes = 0;
    while let Some(next) = waiting.front() {
        let size = content(next)["size"].as_u64().unwrap_or_default();
        bytes += size;
        let fits = size <= MAX_READ_BYTES && bytes <= REQUEST_BYTES && outputs.len() < MAX_BLOBS;
        if !fits && !outputs.is_empty() {
            break;
        }
        outputs.extend(waiting.pop_front());
        if !fits {
            break;
        }
    }
    outputs
}
