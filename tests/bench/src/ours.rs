//! This software as its user has it: a cloud, a machine paired with it, a notebook attached.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::{Cloud, Machine, Room, resolve};

use crate::measure::Run;

/// Longest wait for a kernel and for one cell.
const LIMIT: Duration = Duration::from_mins(2);

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
        let room = Room::join(&self.cloud, &id).await?;
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
    /// Runs the first cell; timed from the moment of sending until the outputs (blobs included) are here.
    pub async fn execute(&self, code: &str) -> Result<Run> {
        let cell = self.room.cells().into_iter().next().context("no cell")?;
        self.room.set_source(&cell, code).await?;
        let start = Instant::now();
        let id = self.room.start(&cell).await?;
        let mut run = Run::default();
        self.room
            .execution_when(&id, "an output", LIMIT, |now| {
                !now.outputs.is_empty() || now.is_over()
            })
            .await?;
        run.first_output = Some(start.elapsed());
        let execution = self.room.finished(&id, LIMIT).await?;
        run.text = self
            .room
            .text(&self.side.cloud, &self.id, &execution, "stdout")
            .await?;
        let plain = execution
            .outputs
            .iter()
            .filter(|output| !output["data"].is_null());
        for chunk in plain.collect::<Vec<_>>().chunks(16) {
            let fetches = chunk
                .iter()
                .map(|output| resolve(&self.side.cloud, &self.id, &output["data"]["text/plain"]));
            for text in futures_util::future::join_all(fetches).await {
                run.displays.push(text?.len());
            }
        }
        run.total = start.elapsed();
        Ok(run)
    }
}
