//! A workstation: its agent, which may die, and what it leaves on the disk.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::{Agent, AgentConfig, Effect, Event, JobOrder, LocalPeer, PeerExit};
use rand::Rng;
use wire::http::JobStatus;

use super::cloud::{Call, station_id};
use super::kernel::KernelState;
use super::peer::Peer;
use super::world::{Action, BROWSERS, World};

pub(super) struct Station {
    pub(super) id: String,
    pub(super) agent: Option<Agent>,
    pub(super) epoch: u64,
    /// The event socket is open.
    pub(super) socket: bool,
    tick_at: Option<u64>,
    crash_restarts: u32,
    /// Jobs with a folder here.
    folders: BTreeSet<String>,
    /// The recorded process of a job.
    records: BTreeMap<String, usize>,
    /// What a job's peer wrote when it ended.
    pub(super) notes: BTreeMap<String, PeerExit>,
    /// Processes the agent watches, and whether they are its children.
    watched: BTreeMap<String, (usize, bool)>,
}

impl Station {
    pub(super) fn new(at: usize, crash_restarts: u32) -> Self {
        Self {
            id: station_id(at),
            agent: None,
            epoch: 0,
            socket: false,
            tick_at: None,
            crash_restarts,
            folders: BTreeSet::new(),
            records: BTreeMap::new(),
            notes: BTreeMap::new(),
            watched: BTreeMap::new(),
        }
    }

    fn watches(&self, job: &str, end: usize) -> Option<bool> {
        let (watched, child) = self.watched.get(job)?;
        (*watched == end).then_some(*child)
    }
}

impl World {
    pub(super) fn start_agent(&mut self, at: usize) {
        let seed = self.rng.random();
        let station = &mut self.stations[at];
        if station.agent.is_some() {
            return;
        }
        station.agent = Some(Agent::new(AgentConfig {
            crash_restarts: station.crash_restarts,
            seed,
            ..AgentConfig::default()
        }));
        station.epoch += 1;
        let epoch = station.epoch;
        let job_ids = self.left_behind(at);
        self.agent_takes(at, epoch, Event::LeftBehind { job_ids });
        self.agent_takes(at, epoch, Event::Tick);
    }

    /// Jobs with a recorded peer or a kernel on this machine.
    fn left_behind(&self, at: usize) -> Vec<String> {
        let station = &self.stations[at];
        let folders = station.folders.iter();
        let has_kernel = |job: &str| {
            let keeper = self.keepers.get(job);
            keeper.is_some_and(|keeper| keeper.state != KernelState::None)
        };
        folders
            .filter(|job| station.records.contains_key(*job) || has_kernel(job))
            .cloned()
            .collect()
    }

    /// The agent dies; its peers live on.
    pub(super) fn crash_agent(&mut self, at: usize) {
        let station = &mut self.stations[at];
        if station.agent.take().is_none() {
            return;
        }
        station.epoch += 1;
        station.socket = false;
        station.tick_at = None;
        station.watched.clear();
        let delay = self.rng.random_range(50..3_000);
        self.at(delay, Action::StartAgent(at));
    }

    pub(super) fn agent_tick(&mut self, at: usize, epoch: u64) {
        if self.stations[at].epoch == epoch {
            self.stations[at].tick_at = None;
            self.agent_takes(at, epoch, Event::Tick);
        }
    }

    pub(super) fn agent_takes(&mut self, at: usize, epoch: u64, event: Event) {
        let now = self.now.0 as u64;
        let station = &mut self.stations[at];
        let Some(agent) = station.agent.as_mut().filter(|_| station.epoch == epoch) else {
            return;
        };
        let effects = agent.handle(now, event);
        let next = agent.next_deadline();
        if let Some(next) = next.map(|next| next.max(now + 1))
            && station.tick_at.is_none_or(|planned| next < planned)
        {
            station.tick_at = Some(next);
            self.at(
                (next - now) as i64,
                Action::AgentTick { station: at, epoch },
            );
        }
        for effect in effects {
            self.agent_does(at, epoch, effect);
        }
    }

    fn agent_does(&mut self, at: usize, epoch: u64, effect: Effect) {
        match effect {
            Effect::Register => self.call(at, epoch, Call::Register),
            Effect::Poll => self.call(at, epoch, Call::Poll),
            Effect::Report {
                job_id,
                status,
                error_message,
            } => {
                if status == JobStatus::Accepted {
                    self.stations[at].folders.insert(job_id.clone());
                }
                let call = Call::Report {
                    job: job_id,
                    status,
                    message: error_message,
                };
                self.call(at, epoch, call);
            }
            Effect::OpenLink => self.call(at, epoch, Call::OpenSocket),
            Effect::PingLink => self.call(at, epoch, Call::Ping),
            Effect::CloseLink => self.stations[at].socket = false,
            Effect::Inspect { job } => {
                let found = self.inspect(at, &job);
                let job_id = job.job_id;
                self.tell_agent(at, epoch, Event::Inspected { job_id, found });
            }
            Effect::Spawn { job } => self.spawn(at, epoch, job),
            Effect::Terminate { job_id } => {
                if let Some((end, _)) = self.stations[at].watched.get(&job_id).copied() {
                    self.peer_terminated(end);
                }
            }
            Effect::Kill { job_id } => {
                self.broken = Some(format!("the peer of {job_id} had to be killed"));
            }
            Effect::ForgetPeer { job_id } => {
                self.stations[at].records.remove(&job_id);
                self.stations[at].watched.remove(&job_id);
            }
            Effect::EndKernel { job_id } => self.stop_kernel(&job_id),
            // The worlds have no operator, and their machines no devices.
            Effect::LookAtDevices | Effect::Draining { .. } | Effect::Log { .. } => {}
            Effect::Exit { message, .. } => {
                self.broken = Some(format!("the agent ended: {message:?}"));
            }
        }
    }

    fn call(&mut self, station: usize, epoch: u64, call: Call) {
        let delay = self.delay();
        self.at(
            delay,
            Action::Call {
                station,
                epoch,
                call,
            },
        );
    }

    fn tell_agent(&mut self, station: usize, epoch: u64, event: Event) {
        let event = Box::new(event);
        self.at(
            0,
            Action::ToAgent {
                station,
                epoch,
                event,
            },
        );
    }

    fn inspect(&mut self, at: usize, job: &JobOrder) -> LocalPeer {
        let station = &mut self.stations[at];
        if !station.folders.contains(&job.job_id) {
            return LocalPeer::Foreign;
        }
        let record = station.records.get(&job.job_id).copied();
        match record.filter(|end| self.peers[*end - BROWSERS].is_alive) {
            Some(end) => {
                station.watched.insert(job.job_id.clone(), (end, false));
                let ready = self.peers[end - BROWSERS].announced;
                LocalPeer::Alive { ready }
            }
            None => LocalPeer::Dead {
                exit: station.notes.get(&job.job_id).cloned(),
            },
        }
    }

    fn spawn(&mut self, at: usize, epoch: u64, job: JobOrder) {
        let nonce = self.rng.random();
        let keeper = self.keepers.entry(job.job_id.clone()).or_default();
        let peer = Peer::new(at, &job.job_id, nonce, keeper);
        let first = keeper.news();
        let living = self
            .peers
            .iter()
            .any(|other| other.is_alive && other.job == job.job_id);
        if living {
            self.broken = Some(format!(
                "{} got a second peer beside a living one",
                job.job_id
            ));
            return;
        }
        let end = BROWSERS + self.peers.len();
        self.peers.push(peer);
        self.links.push(super::network::Link::default());
        let station = &mut self.stations[at];
        station.folders.insert(job.job_id.clone());
        station.notes.remove(&job.job_id);
        station.records.insert(job.job_id.clone(), end);
        station.watched.insert(job.job_id.clone(), (end, true));
        let delay = self.rng.random_range(5..200);
        self.at(delay, Action::Dial(end));
        let spawned = Event::Spawned {
            job_id: job.job_id,
            result: Ok(()),
        };
        self.tell_agent(at, epoch, spawned);
        if let Some(first) = first {
            self.peer_event(end, first);
        }
    }

    pub(super) fn peer_said_ready(&mut self, end: usize) {
        let peer = &self.peers[end - BROWSERS];
        let (at, job_id) = (peer.station, peer.job.clone());
        let station = &self.stations[at];
        if station.watches(&job_id, end).is_some() {
            let epoch = station.epoch;
            self.agent_takes(at, epoch, Event::PeerReady { job_id });
        }
    }

    pub(super) fn peer_seen_gone(&mut self, end: usize) {
        let peer = &self.peers[end - BROWSERS];
        let (at, job_id, exit) = (peer.station, peer.job.clone(), peer.exit.clone());
        let station = &self.stations[at];
        let Some(child) = station.watches(&job_id, end) else {
            return;
        };
        let exit = if child {
            exit
        } else {
            // An adopted process shows no exit code; its note does.
            station.notes.get(&job_id).cloned().unwrap_or(PeerExit {
                unseen: true,
                ..PeerExit::default()
            })
        };
        let epoch = station.epoch;
        self.agent_takes(at, epoch, Event::PeerExited { job_id, exit });
    }
}
