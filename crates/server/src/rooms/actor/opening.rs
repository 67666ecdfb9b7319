//! Opening a room: what was stored, and what happened while it was not live.

use std::collections::HashMap;

use control_plane::jobs;
use room::{AccessChange, AttachmentUpdate, Event, Room, Settings};
use store::Notebooks as _;
use store::document_log::RoomKey;
use tokio::task::JoinSet;
use uuid::Uuid;
use wire::NotebookId;

use super::{Actor, ActorError, heavy};
use crate::app::App;
use crate::rooms::access_now;
use crate::rooms::held::Held;
use crate::rooms::log::RoomLog;

/// Loads a room, and tells it what it has missed.
pub(super) async fn open(app: &App, notebook_id: &str) -> Result<Actor, ActorError> {
    let notebook = app.catalog().notebook(notebook_id).await?;
    let epoch = notebook.as_ref().map_or(0, |notebook| notebook.room_epoch);
    let idle_minutes = notebook.and_then(|notebook| u64::try_from(notebook.idle_minutes?).ok());
    let key = RoomKey {
        notebook_id: notebook_id.to_owned(),
        epoch,
    };
    let (log, stored) = RoomLog::load(app.documents().clone(), key).await?;
    let (now, id) = (app.now(), NotebookId::from(notebook_id));
    let (room, effects) = heavy(|| {
        Room::open(
            id,
            &stored,
            Settings::default(),
            now,
            Box::new(Uuid::new_v4),
        )
    })?;
    let mut actor = Actor {
        app: app.clone(),
        notebook_id: notebook_id.to_owned(),
        room,
        log,
        held: Held::default(),
        peers: HashMap::new(),
        gone: Vec::new(),
        wake: None,
        touched: None,
        starting_over: false,
        publication: None,
        beside: JoinSet::new(),
    };
    actor.take(effects).await?;
    actor.event(Event::IdleMinutes(idle_minutes)).await?;
    actor.hear_of_ended_job().await?;
    actor.hear_of_lost_rights().await?;
    Ok(actor)
}

impl Actor {
    /// A job that ended as the server died is over for the room too, before anybody comes in: work
    /// that is asked for from now on is not that job's.
    async fn hear_of_ended_job(&mut self) -> Result<(), ActorError> {
        let Some(expected) = self.room.expected_job() else {
            return Ok(());
        };
        let Some(attachment) = jobs::ended_unheard(self.app.catalog(), &expected).await? else {
            return Ok(());
        };
        let update = AttachmentUpdate {
            attachment,
            close_runtime_peers: None,
        };
        self.event(Event::AttachmentPublished(Box::new(update)))
            .await
    }

    /// What waits to run of somebody who may not run any more does not, also when the right was taken away while the
    /// room was not live (decision D14).
    async fn hear_of_lost_rights(&mut self) -> Result<(), ActorError> {
        for principal in self.room.waiting() {
            let now = access_now(&self.app, &self.notebook_id, &principal).await?;
            self.event(Event::AccessChanged(AccessChange { principal, ..now }))
                .await?;
        }
        Ok(())
    }
}
