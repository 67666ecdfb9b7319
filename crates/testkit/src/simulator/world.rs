//! The world's clock, its plan of what happens, and its weather.

use std::collections::{BTreeMap, VecDeque};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use room::{Room, Settings, StoredDocuments, WorkstationHeaders};
use wire::{PeerId, UnixMs};

use super::browser::Browser;
use super::cloud::{Call, Cloud};
use super::kernel::{Keeper, Step};
use super::network::Link;
use super::peer::Peer;
use super::people::OwnerAct;
use super::server::Held;
use super::station::Station;

pub(super) const NOTEBOOK: &str = "sim";
pub(super) const START: UnixMs = UnixMs(1_800_000_000_000);
pub(super) const STATIONS: usize = 2;
/// Ends below this are browsers, the others runtime peers.
pub(super) const BROWSERS: usize = 2;
const STORM_MS: i64 = 6_000;
const CALM_MS: i64 = 300_000;
const STEPS_MAX: usize = 100_000;

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
        reason: &'static str,
    },
    LeaveRoom(PeerId),
    Dial(usize),
    CutSome(usize),
    Flush {
        generation: u64,
    },
    CrashServer,
    StartServer,
    RoomTick,
    /// A call of an agent reaches the cloud.
    Call {
        station: usize,
        epoch: u64,
        call: Call,
    },
    /// A room's question about compute reaches the cloud.
    Resolve {
        generation: u64,
        request: u64,
        station: usize,
    },
    ToAgent {
        station: usize,
        epoch: u64,
        event: Box<agent_core::Event>,
    },
    AgentTick {
        station: usize,
        epoch: u64,
    },
    CrashAgent(usize),
    StartAgent(usize),
    PeerTick(usize),
    /// A peer took too long to say its last words.
    PeerStopBy(usize),
    CrashSomePeer(usize),
    /// The agent's watch notices that a peer said ready, or ended.
    PeerSaidReady(usize),
    PeerSeenGone(usize),
    Keeper {
        job: String,
        generation: u64,
        step: Step,
    },
    KillSomeKernel(usize),
    BrowserAct(usize),
    Owner(OwnerAct),
}

/// Everything there is.
pub(super) struct World {
    pub(super) rng: ChaCha8Rng,
    pub(super) now: UnixMs,
    queue: BTreeMap<(UnixMs, u64), Action>,
    next_action: u64,
    pub(super) room: Option<Room>,
    pub(super) stored: StoredDocuments,
    pub(super) held: VecDeque<Held>,
    pub(super) generation: u64,
    pub(super) links: Vec<Link>,
    pub(super) runtime_sockets: Vec<(PeerId, WorkstationHeaders)>,
    pub(super) browsers: Vec<Browser>,
    pub(super) cloud: Cloud,
    pub(super) stations: Vec<Station>,
    pub(super) peers: Vec<Peer>,
    pub(super) keepers: BTreeMap<String, Keeper>,
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
    pub(super) next_peer: u64,
    stormy: bool,
    /// Only links and programs fail: then nothing anybody asked for may be given up.
    pub(super) strict: bool,
    pub(super) idle_ttl_ms: i64,
    pub(super) live_epoch_changes: u64,
    /// The room asked to start over.
    pub(super) starting_over: bool,
    pub(super) epochs: usize,
    pub(super) broken: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let strict = rng.random_bool(0.5);
        let restarts = if strict || rng.random_bool(0.5) {
            10
        } else {
            0
        };
        let idle_ttl_ms = if rng.random_bool(0.2) {
            120_000
        } else {
            1_800_000
        };
        // Half of the worlds start over again and again.
        let live_epoch_changes = if rng.random_bool(0.5) {
            rng.random_range(10..20)
        } else {
            Settings::default().live_epoch_changes
        };
        let mut world = Self {
            now: START,
            queue: BTreeMap::new(),
            next_action: 0,
            room: None,
            stored: StoredDocuments::default(),
            held: VecDeque::new(),
            generation: 0,
            links: (0..BROWSERS).map(|_| Link::default()).collect(),
            runtime_sockets: Vec::new(),
            browsers: vec![Browser::owner(), Browser::editor()],
            cloud: Cloud::default(),
            stations: (0..STATIONS).map(|at| Station::new(at, restarts)).collect(),
            peers: Vec::new(),
            keepers: BTreeMap::new(),
            blobs: BTreeMap::new(),
            next_peer: 0,
            stormy: true,
            strict,
            idle_ttl_ms,
            live_epoch_changes,
            starting_over: false,
            epochs: 0,
            broken: None,
            rng,
        };
        world.start_server();
        for station in 0..STATIONS {
            let delay = world.rng.random_range(0..300);
            world.at(delay, Action::StartAgent(station));
        }
        for end in 0..BROWSERS {
            let delay = world.rng.random_range(0..300);
            world.at(delay, Action::Dial(end));
        }
        let attach = OwnerAct::Attach {
            station: 0,
            replace: false,
        };
        world.at(1, Action::Owner(attach));
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
        for end in 0..BROWSERS {
            for _ in 0..self.rng.random_range(2..6) {
                let delay = self.rng.random_range(0..STORM_MS);
                self.at(delay, Action::BrowserAct(end));
            }
        }
        for _ in 0..self.rng.random_range(0..6) {
            let delay = self.rng.random_range(0..STORM_MS);
            let some = self.rng.random_range(0..1_000);
            let action = match self.rng.random_range(0..7) {
                0 => Action::CrashServer,
                1 => Action::CrashSomePeer(some),
                2 | 3 => Action::CrashAgent(some % STATIONS),
                _ => Action::CutSome(some),
            };
            self.at(delay, action);
        }
        if !self.strict {
            for _ in 0..self.rng.random_range(1..4) {
                let delay = self.rng.random_range(0..STORM_MS);
                let some = self.rng.random_range(0..1_000);
                let action = match self.rng.random_range(0..7) {
                    0 => Action::KillSomeKernel(some),
                    1 => Action::Owner(OwnerAct::Cancel),
                    2 => Action::Owner(OwnerAct::RestartKernel),
                    3 | 4 => Action::Owner(OwnerAct::Interrupt),
                    kind => Action::Owner(OwnerAct::Attach {
                        station: some % STATIONS,
                        replace: kind == 5,
                    }),
                };
                self.at(delay, action);
            }
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
        let trace = std::env::var_os("TRACE").is_some();
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
            if trace {
                let text = format!("{action:?}");
                eprintln!("{:>7} {:.160}", at.since(START), text);
            }
            self.act(action);
            if let Some(broken) = self.broken.take() {
                return Err(format!("{broken} (after {} ms)", self.now.since(START)));
            }
        }
        Err("the world does not fall silent".into())
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::ToRoom { end, epoch, bytes } => self.room_receives(end, epoch, bytes),
            Action::ToEnd { end, epoch, bytes } => {
                if self.links[end].epoch == epoch && self.is_linked(end) {
                    self.end_receives(end, &bytes);
                }
            }
            Action::CloseEnd { end, epoch, reason } => {
                if self.links[end].epoch == epoch {
                    self.cut(end, reason);
                }
            }
            Action::LeaveRoom(peer_id) => self.tell_room(room::Event::Leave { peer_id }),
            Action::Dial(end) => self.dial(end),
            Action::CutSome(some) => self.cut(some % self.links.len(), ""),
            Action::Flush { generation } => self.flush(generation),
            Action::CrashServer => self.crash_server(),
            Action::StartServer => self.start_server(),
            Action::RoomTick => self.tell_room(room::Event::Tick),
            Action::Call {
                station,
                epoch,
                call,
            } => self.cloud_takes(station, epoch, call),
            Action::Resolve {
                generation,
                request,
                station,
            } => self.resolve(generation, request, station),
            Action::ToAgent {
                station,
                epoch,
                event,
            } => self.agent_takes(station, epoch, *event),
            Action::AgentTick { station, epoch } => self.agent_tick(station, epoch),
            Action::CrashAgent(station) => self.crash_agent(station),
            Action::StartAgent(station) => self.start_agent(station),
            Action::PeerTick(end) => self.peer_event(end, session_core::Event::Tick),
            Action::PeerStopBy(end) => self.peer_exits(end, Some(0), "", true),
            Action::CrashSomePeer(some) => self.crash_some_peer(some),
            Action::PeerSaidReady(end) => self.peer_said_ready(end),
            Action::PeerSeenGone(end) => self.peer_seen_gone(end),
            Action::Keeper {
                job,
                generation,
                step,
            } => self.keeper_step(&job, generation, step),
            Action::KillSomeKernel(some) => self.kill_some_kernel(some),
            Action::BrowserAct(end) => self.browser_acts(end),
            Action::Owner(act) => self.owner_acts(act),
        }
    }

    pub(super) fn delay(&mut self) -> i64 {
        if self.stormy {
            self.rng.random_range(1..120)
        } else {
            self.rng.random_range(1..10)
        }
    }
}
