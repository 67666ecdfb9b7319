//! A notebook whose compute is a machine.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{Cloud, Machine, Room, until};

const READY_LIMIT: Duration = Duration::from_secs(60);

/// A notebook that a machine serves, its room open to the owner.
pub struct Attached {
    /// The room.
    pub room: Room,
    /// The notebook.
    pub notebook: String,
    /// The attach job.
    pub job: String,
}

impl Attached {
    /// Makes a notebook and attaches a machine to it once that is online; returns when the room says that its compute is ready.
    pub async fn new(cloud: &Cloud, machine: &Machine, title: &str) -> Result<Self> {
        until("the machine to be online", READY_LIMIT, async || {
            Ok(machine.is_shown_online(cloud).await?.then_some(()))
        })
        .await
        .with_context(|| machine.log())?;
        let notebook = cloud.create_notebook(title).await?;
        let room = Room::join(cloud, &notebook).await?;
        let job = cloud.attach(&notebook, &machine.id()?).await?;
        room.runtime_is(&["workstation", "status"], "ready", READY_LIMIT)
            .await
            .with_context(|| machine.log())?;
        Ok(Self {
            room,
            notebook,
            job,
        })
    }

    /// The same; returns when the kernel waits.
    pub async fn idle(cloud: &Cloud, machine: &Machine, title: &str) -> Result<Self> {
        let attached = Self::new(cloud, machine, title).await?;
        let idle = attached
            .room
            .runtime_is(&["kernel", "activity"], "Idle", READY_LIMIT);
        idle.await.with_context(|| machine.log())?;
        Ok(attached)
    }
}
