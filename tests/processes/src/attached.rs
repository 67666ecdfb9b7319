//! A notebook whose compute is a workstation.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{Cloud, Room, Workstation, until};

const READY_LIMIT: Duration = Duration::from_secs(60);

/// A notebook that a workstation serves, its room open to the owner.
pub struct Attached {
    /// The room.
    pub room: Room,
    /// The notebook.
    pub notebook: String,
    /// The attach job.
    pub job: String,
}

impl Attached {
    /// Makes a notebook and attaches a workstation to it once that is online; returns when the room says that its compute
    /// is ready.
    pub async fn new(cloud: &Cloud, workstation: &Workstation, title: &str) -> Result<Self> {
        until("the machine to be online", READY_LIMIT, async || {
            Ok(workstation.is_shown_online(cloud).await?.then_some(()))
        })
        .await
        .with_context(|| workstation.log())?;
        let notebook = cloud.create_notebook(title).await?;
        let room = Room::join(cloud, &notebook).await?;
        let job = cloud.attach(&notebook, &workstation.id()?).await?;
        room.runtime_is(&["workstation", "status"], "ready", READY_LIMIT)
            .await
            .with_context(|| workstation.log())?;
        Ok(Self {
            room,
            notebook,
            job,
        })
    }

    /// The same; returns when the kernel waits.
    pub async fn idle(cloud: &Cloud, workstation: &Workstation, title: &str) -> Result<Self> {
        let attached = Self::new(cloud, workstation, title).await?;
        let idle = attached
            .room
            .runtime_is(&["kernel", "activity"], "Idle", READY_LIMIT);
        idle.await.with_context(|| workstation.log())?;
        Ok(attached)
    }
}
