//! This software as its user has it: a cloud, a machine paired with it, a notebook attached.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::{Cloud, Machine, Output, Room, resolve};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::measure::Run;

/// Longest wait for a kernel and for one cell.
const LIMIT: Duration = Duration::from_mins(2);
/// Blobs fetched at the same time.
const FETCHES: usize = 16;

/// A cloud with one machine.
pub struct Side {
    cloud: Cloud,
    machine: Machine,
}

impl Side {
    /// Starts the programs and waits until the machine is online.
    pub async fn start(python: &Path) -> Result<Self> {
        let cloud = Cloud::start().await?;
        let mut machine = Machine::new(&cloud, "machine");
        machine.connect(&cloud).await?;
        machine.start(python)?;
        machine.online(&cloud).await?;
        Ok(Self { cloud, machine })
    }

    /// A new notebook with a kernel, and the time from the request until the room shows the kernel idle.
    pub async fn attach(&self) -> Result<(Notebook<'_>, Duration)> {
        let id = self.cloud.create_notebook("bench").await?;
        let room = Room::join(&self.cloud, &id)
            .await
            .with_context(|| self.cloud.log())?;
        let start = Instant::now();
        self.cloud.attach(&id, &self.machine.id()?).await?;
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
        self.machine.processes("cloud-runtime-agent").pop()
    }

    /// Stops everything.
    pub async fn stop(mut self) -> Result<()> {
        self.machine.stop().await?;
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
    /// source is in the room before, as it is when somebody has typed it. Blobs are fetched as their outputs come.
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
        while !over || !fetching.is_empty() {
            tokio::select! {
                biased;
                Some(fetched) = fetching.next() => displays.push(fetched?),
                news = self.room.new_outputs(&id, &mut seen, LIMIT), if !over => {
                    let (new, ended) = news?;
                    over = ended;
                    if !new.is_empty() {
                        run.first_output.get_or_insert_with(|| start.elapsed());
                    }
                    waiting.extend(new.into_iter().filter(|output| !output.manifest["data"].is_null()));
                }
            }
            while fetching.len() < FETCHES
                && let Some(output) = waiting.pop_front()
            {
                fetching.push(self.fetch(output));
            }
        }
        displays.sort_by_key(|(seq, _)| *seq);
        run.displays = displays.into_iter().map(|(_, text)| text).collect();
        let execution = self.room.execution(&id);
        run.text = self
            .room
            .text(&self.side.cloud, &self.id, &execution, "stdout")
            .await?;
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

    /// The plain text of a rich output, and its place.
    async fn fetch(&self, output: Output) -> Result<(u64, String)> {
        let content = &output.manifest["data"]["text/plain"];
        let text = resolve(&self.side.cloud, &self.id, content).await?;
        Ok((output.seq, text))
    }
}
