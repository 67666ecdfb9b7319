//! The world's clock, network, disk and weather.

use std::collections::{BTreeMap, VecDeque};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use room::{
    AttachmentUpdate, Effect, Event, IdSource, Join, Message, Room, Settings, StoredDocuments,
};
use wire::{ActorLabel, NotebookId, PeerId, UnixMs, WorkstationAttachment};

use super::browser::Browser;
use super::machine::Machine;

pub(super) const NOTEBOOK: &str = "sim";
pub(super) const START: UnixMs = UnixMs(1_800_000_000_000);
const STORM_MS: i64 = 6_000;
const CALM_MS: i64 = 300_000;
const STEPS_MAX: usize = 60_000;

/// What may happen at a moment.
#[derive(Debug)]
pub(super) enum Action {
    ToRoom {
        end: usize,
        epoch: u64,
        bytes: Vec<u8>,
    },
    ToEnd {
        end: usize,
        epoch: u64,
        bytes: Vec<u8>,
    },
    CloseEnd {
        end: usize,
        epoch: u64,
    },
    LeaveRoom {
        peer_id: PeerId,
    },
    Dial {
        end: usize,
    },
    Cut {
        end: usize,
    },
    Flush {
        generation: u64,
    },
    CrashServer,
    StartServer,
    CrashMachine,
    RoomTick,
    MachineTick,
    KernelStep,
    BrowserAct {
        end: usize,
    },
}

/// One socket between an end and the room.
#[derive(Default)]
struct Link {
    epoch: u64,
    peer_id: Option<PeerId>,
    last_up: i64,
    last_down: i64,
}

struct Ids(ChaCha8Rng);

impl IdSource for Ids {
    fn uuid(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.0.random()).into_uuid()
    }
}

/// Everything there is. End 0 is the machine, the others are browsers.
pub(super) struct World {
    pub(super) rng: ChaCha8Rng,
    pub(super) now: UnixMs,
    queue: BTreeMap<(UnixMs, u64), Action>,
    next_action: u64,
    pub(super) room: Option<Room>,
    stored: StoredDocuments,
    undurable: VecDeque<Effect>,
    generation: u64,
    links: Vec<Link>,
    pub(super) machine: Machine,
    pub(super) browsers: Vec<Browser>,
    next_peer: u64,
    stormy: bool,
    pub(super) broken: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let browsers = vec![Browser::owner(), Browser::editor()];
        let ends = browsers.len() + 1;
        let machine = Machine::new(rng.random());
        let mut world = Self {
            rng,
            now: START,
            queue: BTreeMap::new(),
            next_action: 0,
            room: None,
            stored: StoredDocuments::default(),
            undurable: VecDeque::new(),
            generation: 0,
            links: (0..ends).map(|_| Link::default()).collect(),
            machine,
            browsers,
            next_peer: 0,
            stormy: true,
            broken: None,
        };
        world.start_server();
        world.select_machine();
        for end in 0..ends {
            let delay = world.rng.random_range(0..300);
            world.at(delay, Action::Dial { end });
        }
        world
    }

    /// Plans an action so many milliseconds from now.
    pub(super) fn at(&mut self, delay_ms: i64, action: Action) {
        let at = self.now.plus(delay_ms.max(0));
        self.queue.insert((at, self.next_action), action);
        self.next_action += 1;
    }

    /// Lets people work and things break for a while.
    pub(super) fn storm(&mut self) -> Result<(), String> {
        for end in 1..self.links.len() {
            for _ in 0..self.rng.random_range(2..6) {
                let delay = self.rng.random_range(0..STORM_MS);
                self.at(delay, Action::BrowserAct { end });
            }
        }
        for _ in 0..self.rng.random_range(0..5) {
            let delay = self.rng.random_range(0..STORM_MS);
            let end = self.rng.random_range(0..self.links.len());
            let action = match self.rng.random_range(0..5) {
                0 => Action::CrashServer,
                1 => Action::CrashMachine,
                _ => Action::Cut { end },
            };
            self.at(delay, action);
        }
        self.run_until(START.plus(STORM_MS))
    }

    /// Waits until the world falls silent.
    pub(super) fn calm(&mut self) -> Result<(), String> {
        self.stormy = false;
        self.run_until(START.plus(STORM_MS + CALM_MS))?;
        if self.room.is_none() {
            return Err("the server did not come back".into());
        }
        Ok(())
    }

    fn run_until(&mut self, end: UnixMs) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            match self.queue.first_key_value() {
                Some(((at, _), _)) if *at <= end => {}
                _ => {
                    self.now = end;
                    return Ok(());
                }
            }
            let Some(((at, _), action)) = self.queue.pop_first() else {
                return Ok(());
            };
            self.now = at;
            self.act(action);
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
        }
        Err("the world does not fall silent".into())
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::ToRoom { end, epoch, bytes } => self.room_receives(end, epoch, bytes),
            Action::ToEnd { end, epoch, bytes } => {
                if self.links[end].epoch == epoch && self.links[end].peer_id.is_some() {
                    self.end_receives(end, &bytes);
                }
            }
            Action::CloseEnd { end, epoch } => {
                if self.links[end].epoch == epoch {
                    self.cut(end);
                }
            }
            Action::LeaveRoom { peer_id } => self.tell_room(Event::Leave { peer_id }),
            Action::Dial { end } => self.dial(end),
            Action::Cut { end } => self.cut(end),
            Action::Flush { generation } => self.flush(generation),
            Action::CrashServer => self.crash_server(),
            Action::StartServer => self.start_server(),
            Action::CrashMachine => self.crash_machine(),
            Action::RoomTick => self.tell_room(Event::Tick),
            Action::MachineTick => self.machine_event(session_core::Event::Tick),
            Action::KernelStep => self.kernel_step(),
            Action::BrowserAct { end } => {
                self.browser_acts(end);
                self.send_from_browser(end);
            }
        }
    }

    fn delay(&mut self) -> i64 {
        if self.stormy {
            self.rng.random_range(1..120)
        } else {
            self.rng.random_range(1..10)
        }
    }

    // The network.

    fn dial(&mut self, end: usize) {
        if self.links[end].peer_id.is_some() {
            return;
        }
        let Some(room) = &self.room else {
            return self.at(200, Action::Dial { end });
        };
        let mut join = if end == 0 {
            Machine::join()
        } else {
            self.browsers[end - 1].join()
        };
        if let Some(workstation) = &join.workstation
            && room.admit(workstation).is_err()
        {
            return self.at(500, Action::Dial { end });
        }
        self.next_peer += 1;
        let peer_id = PeerId::from(format!("peer-{}", self.next_peer));
        join.peer_id = peer_id.clone();
        join.connected_at = self.now;
        if end > 0 {
            // A new operator for each socket, as a browser has.
            let label = format!("{}/browser:{}", join.actor.principal, self.next_peer);
            join.actor = ActorLabel::parse(&label).unwrap_or(join.actor);
        }
        let link = &mut self.links[end];
        link.epoch += 1;
        link.peer_id = Some(peer_id);
        (link.last_up, link.last_down) = (0, 0);
        self.tell_room(Event::Join(Box::new(join)));
    }

    fn cut(&mut self, end: usize) {
        let Some(peer_id) = self.links[end].peer_id.take() else {
            return;
        };
        self.links[end].epoch += 1;
        if self.room.is_some() {
            // The room may notice late, even after the end is back on another socket.
            let delay = self.rng.random_range(0..800);
            self.at(delay, Action::LeaveRoom { peer_id });
        }
        if end == 0 {
            let reason = String::new();
            self.machine_event(session_core::Event::LinkDown { reason });
        } else {
            self.browsers[end - 1].link_down();
        }
        let delay = self.rng.random_range(10..900);
        self.at(delay, Action::Dial { end });
    }

    /// Puts bytes on an end's link to the room; each direction keeps its order.
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

    fn send_down(&mut self, peer_id: &PeerId, make: impl FnOnce(usize, u64) -> Action) {
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

    fn room_receives(&mut self, end: usize, epoch: u64, bytes: Vec<u8>) {
        let link = &self.links[end];
        if link.epoch == epoch
            && let Some(peer_id) = link.peer_id.clone()
        {
            self.tell_room(Event::Message {
                peer_id,
                message: Message::Binary(bytes),
            });
        }
    }

    fn end_receives(&mut self, end: usize, bytes: &[u8]) {
        if end == 0 {
            self.machine_receives(bytes);
        } else {
            if let Err(broken) = self.browsers[end - 1].receive(bytes) {
                self.broken = Some(broken);
            }
            self.send_from_browser(end);
        }
    }

    pub(super) fn send_from_browser(&mut self, end: usize) {
        for bytes in self.browsers[end - 1].flush() {
            self.send_up(end, bytes);
        }
    }

    // The server and its disk.

    pub(super) fn tell_room(&mut self, event: Event) {
        let Some(room) = &mut self.room else { return };
        let effects = room.handle(self.now, event);
        if room.runtime_peer_count() > 1 {
            self.broken = Some("two runtime peers are in the room".into());
        }
        self.absorb(effects);
    }

    fn absorb(&mut self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        if self.undurable.is_empty() {
            let delay = self.rng.random_range(0..25);
            let generation = self.generation;
            self.at(delay, Action::Flush { generation });
        }
        self.undurable.extend(effects);
    }

    /// Makes what was written durable, then lets out what waited for it.
    fn flush(&mut self, generation: u64) {
        if generation != self.generation {
            return;
        }
        for effect in std::mem::take(&mut self.undurable) {
            match effect {
                Effect::Append { document, changes } => self.stored.append(document, &changes),
                Effect::Send { peer_id, bytes } => {
                    self.send_down(&peer_id, |end, epoch| Action::ToEnd { end, epoch, bytes });
                }
                Effect::Close { peer_id, .. } => {
                    self.send_down(&peer_id, |end, epoch| Action::CloseEnd { end, epoch });
                }
                Effect::WakeAt(at) => {
                    let delay = at.since(self.now);
                    self.at(delay, Action::RoomTick);
                }
                Effect::ResolveCompute { .. } | Effect::FinishJob(_) => {
                    self.broken = Some("the room asked for compute that is only away".into());
                }
                Effect::SendText { .. } => {}
            }
        }
    }

    fn start_server(&mut self) {
        if self.room.is_some() {
            return;
        }
        let ids = Box::new(Ids(ChaCha8Rng::seed_from_u64(self.rng.random())));
        let notebook = NotebookId::from(NOTEBOOK);
        match Room::open(notebook, &self.stored, Settings::default(), self.now, ids) {
            Ok((room, effects)) => {
                self.room = Some(room);
                self.absorb(effects);
            }
            Err(error) => self.broken = Some(error.to_string()),
        }
    }

    /// Loses everything that was not durable, and all sockets.
    fn crash_server(&mut self) {
        if self.room.take().is_none() {
            return;
        }
        self.undurable.clear();
        self.generation += 1;
        for end in 0..self.links.len() {
            self.cut(end);
        }
        let delay = self.rng.random_range(50..1_500);
        self.at(delay, Action::StartServer);
    }

    fn select_machine(&mut self) {
        let attachment = WorkstationAttachment {
            workstation_id: "ws-1".into(),
            provider: "runtime_peer".into(),
            status: "connecting".into(),
            updated_at: Some(START.to_iso()),
            runtime_session_id: Some("job-1".into()),
            ..WorkstationAttachment::default()
        };
        let update = AttachmentUpdate {
            attachment,
            close_runtime_peers: None,
        };
        self.tell_room(Event::AttachmentPublished(Box::new(update)));
        // The attach job is in the catalog before anybody dials: the room has it on disk.
        self.flush(self.generation);
    }

    pub(super) fn is_linked(&self, end: usize) -> bool {
        self.links[end].peer_id.is_some()
    }

    pub(super) fn cut_machine(&mut self) {
        self.cut(0);
    }
}

/// Makes a join with what all ends share.
pub(super) fn join(actor: &str, scope: wire::Scope) -> Join {
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
        connected_at: START,
    }
}
