//! Starting over: a room that has outgrown its epoch, or that a publication takes the place of.

use room::{NextEpoch, Publication, StoredDocuments};
use store::Notebooks as _;
use uuid::Uuid;
use wire::close::EPOCH_CHANGED;

use super::{Actor, heavy};
use crate::rooms::outbox::Outgoing;

impl Actor {
    /// Begins an epoch with peers here, who dial again and find it; what they sent meanwhile was neither taken nor
    /// answered. Returns whether the room ends, because there is one or may be.
    pub(super) async fn start_over(&mut self) -> bool {
        self.starting_over = false;
        let ends = match self.publication.take() {
            Some((documents, answer)) => {
                let (shows, ends) = self.begin_published(&documents).await;
                // Whoever published may have gone.
                let _ = answer.send(shows);
                ends
            }
            None => self.begin_epoch().await,
        };
        if ends {
            for outbox in std::mem::take(&mut self.peers).values() {
                outbox.put(Outgoing::Close(EPOCH_CHANGED));
            }
        }
        ends
    }

    /// Starts the room's documents over if they have outgrown what they show (decision D11);
    /// returns whether the room must be opened anew.
    pub(super) async fn begin_epoch(&mut self) -> bool {
        let Self { room, log, .. } = self;
        let next = match heavy(|| room.next_epoch(|kind| log.bytes(kind))) {
            Ok(Some(next)) => next,
            Ok(None) => return false,
            Err(cause) => {
                tracing::error!(%cause, "a room cannot begin a new epoch");
                return false;
            }
        };
        self.enter(next).await
    }

    /// Starts over with what was published, where the room takes it; returns whether the room shows it now, and whether it
    /// must be opened anew.
    async fn begin_published(&mut self, documents: &StoredDocuments) -> (bool, bool) {
        let (now, room) = (self.app.now(), &mut self.room);
        match heavy(|| room.published(now, documents, Box::new(Uuid::new_v4))) {
            Ok(Publication::Shown) => (true, false),
            Ok(Publication::Kept) => (false, false),
            Ok(Publication::Taken(next)) => {
                let from = self.log.epoch();
                let ends = self.enter(next).await;
                let notebook = self.app.catalog().notebook(&self.notebook_id).await;
                let shows = matches!(notebook, Ok(Some(notebook)) if notebook.room_epoch > from);
                (shows, ends)
            }
            Err(cause) => {
                tracing::warn!(notebook_id = self.notebook_id, %cause, "a publication is no room's");
                (false, false)
            }
        }
    }

    /// Enters the next epoch; returns whether the room must be opened anew.
    async fn enter(&mut self, next: NextEpoch) -> bool {
        let (id, from) = (&self.notebook_id, self.log.epoch());
        if let Err(cause) = self.log.begin_epoch(next).await {
            tracing::error!(notebook_id = id, %cause, "a new epoch could not be stored");
            return false;
        }
        let catalog = self.app.catalog();
        let why = match catalog.advance_room_epoch(id, from, from + 1).await {
            Ok(true) => {
                tracing::info!(notebook_id = id, from, "a room began a new epoch");
                return true;
            }
            Ok(false) => "another epoch of the room is in force".to_owned(),
            Err(cause) => cause.to_string(),
        };
        // The step may have been taken all the same, its answer lost: what the room took from here on would be gone with
        // its epoch. Writing the old number over itself waits for a step that is still under way.
        if let Ok(true) = catalog.advance_room_epoch(id, from, from).await {
            tracing::error!(notebook_id = id, from, why, "a new epoch did not begin");
            return false;
        }
        self.fail(&why);
        true
    }
}
