//! A notebook whose compute is a machine.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{Cloud, Machine, Room};

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
    /// Makes a notebook and attaches a machine to it; returns when the room says that its compute is ready.
    pub async fn new(cloud: &Cloud, machine: &Machine, title: &str) -> Result<Self> {
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
}
