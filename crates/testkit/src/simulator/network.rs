//! Sockets between the ends and the room: FIFO in each direction, cut at any moment.

use rand::Rng;
use room::{Event, Join, Message};
use wire::close::EPOCH_CHANGED;
use wire::{ActorLabel, PeerId, Scope};

use super::world::{Action, BROWSERS, START, World};

/// One socket between an end and the room.
#[derive(Default)]
pub(super) struct Link {
    pub(super) epoch: u64,
    pub(super) peer_id: Option<PeerId>,
    /// Nobody dials any more.
    pub(super) over: bool,
    last_up: i64,
    last_down: i64,
}

impl World {
    pub(super) fn dial(&mut self, end: usize) {
        if self.is_linked(end) || self.links[end].over {
            return;
        }
        let Some(room) = &self.room else {
            return self.at(200, Action::Dial(end));
        };
        let mut join = if end < BROWSERS {
            self.browsers[end].join()
        } else {
            self.peers[end - BROWSERS].join()
        };
        self.next_peer += 1;
        let peer_id = PeerId::from(format!("peer-{}", self.next_peer));
        if let Some(workstation) = &join.workstation {
            if let Err(fence) = room.admit(workstation) {
                // 409 at the upgrade ends a runtime peer.
                return self.peer_exits(end, Some(1), &fence.to_string(), true);
            }
            self.runtime_sockets
                .push((peer_id.clone(), workstation.clone()));
        } else {
            // A new operator for each socket, as a browser has.
            let label = format!("{}/browser:{}", join.actor.principal, self.next_peer);
            join.actor = ActorLabel::parse(&label).unwrap_or(join.actor);
        }
        join.peer_id = peer_id.clone();
        join.connected_at = self.now;
        let link = &mut self.links[end];
        link.epoch += 1;
        link.peer_id = Some(peer_id);
        (link.last_up, link.last_down) = (0, 0);
        self.tell_room(Event::Join(Box::new(join)));
    }

    pub(super) fn is_linked(&self, end: usize) -> bool {
        self.links[end].peer_id.is_some()
    }

    /// Ends a socket; both sides learn of it, the room perhaps late.
    pub(super) fn cut(&mut self, end: usize, reason: &str) {
        let Some(peer_id) = self.links[end].peer_id.take() else {
            return;
        };
        self.links[end].epoch += 1;
        if self.room.is_some() {
            // Even after the end is back on another socket.
            let delay = self.rng.random_range(0..800);
            self.at(delay, Action::LeaveRoom(peer_id));
        }
        if end < BROWSERS {
            self.browsers[end].link_down();
        } else if reason == EPOCH_CHANGED.reason {
            self.peer_rejoins(end);
        } else {
            let reason = reason.to_owned();
            self.peer_event(end, session_core::Event::LinkDown { reason });
        }
        let delay = self.rng.random_range(10..900);
        self.at(delay, Action::Dial(end));
    }

    /// Puts bytes on an end's link to the room.
    pub(super) fn send_up(&mut self, end: usize, bytes: Vec<u8>) {
        let delay = self.delay();
        let link = &mut self.links[end];
        if link.peer_id.is_none() {
            return;
        }
        let at = (self.now.0 + delay).max(link.last_up);
        link.last_up = at;
        let epoch = link.epoch;
        self.at(at - self.now.0, Action::ToRoom { end, epoch, bytes });
    }

    pub(super) fn send_down(&mut self, peer_id: &PeerId, make: impl FnOnce(usize, u64) -> Action) {
        let delay = self.delay();
        let Some(end) = self
            .links
            .iter()
            .position(|link| link.peer_id.as_ref() == Some(peer_id))
        else {
            return;
        };
        let link = &mut self.links[end];
        let at = (self.now.0 + delay).max(link.last_down);
        link.last_down = at;
        let action = make(end, link.epoch);
        self.at(at - self.now.0, action);
    }

    pub(super) fn room_receives(&mut self, end: usize, epoch: u64, bytes: Vec<u8>) {
        let link = &self.links[end];
        if link.epoch == epoch
            && let Some(peer_id) = link.peer_id.clone()
        {
            let message = Message::Binary(bytes);
            self.tell_room(Event::Message { peer_id, message });
        }
    }

    pub(super) fn end_receives(&mut self, end: usize, bytes: &[u8]) {
        if end >= BROWSERS {
            return self.peer_receives(end, bytes);
        }
        if let Err(broken) = self.browsers[end].receive(bytes) {
            self.broken = Some(broken);
        }
        self.send_from_browser(end);
    }

    pub(super) fn send_from_browser(&mut self, end: usize) {
        for bytes in self.browsers[end].flush() {
            self.send_up(end, bytes);
        }
    }
}

/// Makes a join with what all ends share.
pub(super) fn join(actor: &str, scope: Scope) -> Join {
    Join {
        peer_id: PeerId::from(""),
        actor: ActorLabel::parse(actor).expect("the simulator's labels are well formed"),
        scope,
        may_run: false,
        identity_provider: None,
        principal_namespace: None,
        display_name: None,
        email: None,
        credential_id: None,
        workstation: None,
        rejoins: true,
        connected_at: START,
    }
}
