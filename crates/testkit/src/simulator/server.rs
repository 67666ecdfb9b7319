//! The server: the room, what is on its disk, and what waits to be.

use documents::DocKind;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use room::{Effect, Event, IdSource, Room, Settings, StoredDocuments};
use wire::close::EPOCH_CHANGED;
use wire::{NotebookId, PeerId};

use super::world::{Action, NOTEBOOK, World};

/// What waits until everything before it is durable.
pub(super) enum Held {
    Room(Effect),
    /// An answer to an agent, and what the agent sees when the answer is lost.
    Answer {
        station: usize,
        epoch: u64,
        answer: Box<agent_core::Event>,
        lost: Box<agent_core::Event>,
    },
}

struct Ids(ChaCha8Rng);

impl IdSource for Ids {
    fn uuid(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.0.random()).into_uuid()
    }
}

impl World {
    pub(super) fn tell_room(&mut self, event: Event) {
        let Some(room) = &mut self.room else { return };
        let effects = room.handle(self.now, event);
        self.absorb(effects);
    }

    pub(super) fn absorb(&mut self, effects: Vec<Effect>) {
        self.check_sessions();
        for effect in effects {
            self.hold(Held::Room(effect));
        }
    }

    /// At most one runtime peer in the room may speak for the room's kernel.
    fn check_sessions(&mut self) {
        let Some(room) = &self.room else { return };
        self.runtime_sockets
            .retain(|(peer_id, _)| room.has_peer(peer_id));
        let active = self
            .runtime_sockets
            .iter()
            .filter(|(_, headers)| room.admit(headers).is_ok());
        if active.count() > 1 {
            self.broken = Some("two runtime sessions are active in the room".into());
        }
    }

    pub(super) fn hold(&mut self, held: Held) {
        if self.held.is_empty() {
            let delay = self.rng.random_range(0..25);
            let generation = self.generation;
            self.at(delay, Action::Flush { generation });
        }
        self.held.push_back(held);
    }

    /// Makes what was written durable, then lets out what waited for it.
    pub(super) fn flush(&mut self, generation: u64) {
        if generation != self.generation {
            return;
        }
        for held in std::mem::take(&mut self.held) {
            match held {
                Held::Room(effect) => self.perform(effect),
                Held::Answer {
                    station,
                    epoch,
                    answer,
                    ..
                } => self.answer_agent(station, epoch, *answer),
            }
        }
        if std::mem::take(&mut self.starting_over) {
            self.start_over();
        }
    }

    /// Begins an epoch with everybody there; who is there dials again.
    fn start_over(&mut self) {
        let Some(room) = &mut self.room else { return };
        let next = match room.next_epoch(|_| usize::MAX) {
            Ok(Some(next)) => next,
            Ok(None) => return,
            Err(error) => {
                self.broken = Some(error.to_string());
                return;
            }
        };
        let mut stored = StoredDocuments::of_epoch(self.stored.epoch() + 1);
        for kind in DocKind::ALL {
            stored.retire(kind, self.stored.retired(kind));
        }
        for (kind, bytes) in &next.documents {
            stored.append(*kind, bytes);
        }
        for (kind, hashes) in &next.retired {
            stored.retire(*kind, hashes);
        }
        self.stored = stored;
        self.epochs += 1;
        let peers: Vec<PeerId> = self
            .links
            .iter()
            .filter_map(|link| link.peer_id.clone())
            .filter(|peer_id| {
                self.room
                    .as_ref()
                    .is_some_and(|room| room.has_peer(peer_id))
            })
            .collect();
        let reason = EPOCH_CHANGED.reason;
        for peer_id in peers {
            self.send_down(&peer_id, |end, epoch| Action::CloseEnd {
                end,
                epoch,
                reason,
            });
        }
        self.runtime_sockets.clear();
        self.room = None;
        self.start_server();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Append { document, changes } => self.stored.append(document, &changes),
            Effect::Send { peer_id, bytes } => {
                self.send_down(&peer_id, |end, epoch| Action::ToEnd { end, epoch, bytes });
            }
            Effect::Close { peer_id, close } => {
                let reason = close.reason;
                self.send_down(&peer_id, |end, epoch| Action::CloseEnd {
                    end,
                    epoch,
                    reason,
                });
            }
            Effect::WakeAt(at) => {
                let delay = at.since(self.now);
                self.at(delay, Action::RoomTick);
            }
            Effect::ResolveCompute {
                request,
                attachment,
            } => {
                let Some(station) = self
                    .stations
                    .iter()
                    .position(|station| station.id == attachment.workstation_id)
                else {
                    self.broken = Some("the room wants compute of no workstation".into());
                    return;
                };
                let (delay, generation) = (self.delay(), self.generation);
                self.at(
                    delay,
                    Action::Resolve {
                        generation,
                        request,
                        station,
                    },
                );
            }
            Effect::FinishJob(finished) => {
                self.cloud
                    .finish(finished.job_id.as_str(), finished.failed, self.now);
            }
            Effect::StartOver => self.starting_over = true,
            Effect::SendText { .. } | Effect::Ran { .. } => {}
        }
    }

    pub(super) fn start_server(&mut self) {
        if self.room.is_some() {
            return;
        }
        let ids = Box::new(Ids(ChaCha8Rng::seed_from_u64(self.rng.random())));
        let settings = Settings {
            idle_ttl_ms: self.idle_ttl_ms,
            live_epoch_changes: self.live_epoch_changes,
            ..Settings::default()
        };
        let notebook = NotebookId::from(NOTEBOOK);
        match Room::open(notebook, &self.stored, settings, self.now, ids) {
            Ok((room, effects)) => {
                self.room = Some(room);
                self.absorb(effects);
                self.tell_of_ended_job();
            }
            Err(error) => self.broken = Some(error.to_string()),
        }
    }

    /// Loses everything that was not durable, and all sockets.
    pub(super) fn crash_server(&mut self) {
        if self.room.take().is_none() {
            return;
        }
        self.generation += 1;
        self.starting_over = false;
        self.runtime_sockets.clear();
        for held in std::mem::take(&mut self.held) {
            if let Held::Answer {
                station,
                epoch,
                lost,
                ..
            } = held
            {
                self.answer_agent(station, epoch, *lost);
            }
        }
        for end in 0..self.links.len() {
            self.cut(end, "");
        }
        self.event_sockets_break();
        let delay = self.rng.random_range(50..1_500);
        self.at(delay, Action::StartServer);
    }
}
