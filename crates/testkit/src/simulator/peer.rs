//! A runtime peer: a session that may die, on a link that may break, beside a keeper.

use std::collections::VecDeque;

use agent_core::PeerExit;
use rand::Rng;
use room::{Join, WorkstationHeaders};
use session_core::{Effect, Event, LaunchMode, Outcome, Session, Settings};
use wire::control::SessionControl;
use wire::{FrameType, Scope};

use super::cloud::station_id;
use super::kernel::{Keeper, KernelState, Note, info};
use super::network::join;
use super::world::{Action, BROWSERS, World};

const PRINCIPAL: &str = "user:oidc:alice";
/// How long a session may take to end after a signal.
const STOP_MS: i64 = 5_000;

pub(super) struct Peer {
    pub(super) station: usize,
    pub(super) job: String,
    pub(super) session: Session,
    pub(super) is_alive: bool,
    /// It said that it is in the room.
    pub(super) announced: bool,
    pub(super) exit: PeerExit,
    asked_to_end: bool,
    pulled: usize,
    caught_up: bool,
    /// Starts of kernels before this one are history, and so are deaths of those before `deaths`.
    starts: u64,
    deaths: u64,
    death: bool,
}

impl Peer {
    /// Adopts what an earlier peer of the job left, or begins afresh.
    pub(super) fn new(station: usize, job: &str, nonce: u32, keeper: &Keeper) -> Self {
        let adopted = !keeper.journal.is_empty() || keeper.state != KernelState::None;
        let mut settings = Settings::new(format!("{nonce:08x}"), LaunchMode::Attach);
        settings.adopted = adopted;
        let deaths = if adopted { keeper.generation } else { 0 };
        let starts = deaths + u64::from(adopted && keeper.state == KernelState::Running);
        let persisted = keeper.persisted;
        Self {
            station,
            job: job.to_owned(),
            session: Session::new(settings),
            is_alive: true,
            announced: false,
            exit: PeerExit::default(),
            asked_to_end: false,
            pulled: keeper
                .journal
                .partition_point(|record| record.position < persisted),
            caught_up: false,
            starts,
            deaths,
            death: adopted && keeper.state == KernelState::None,
        }
    }

    /// A kernel is started: what became of those before it is history, though it may still be unread.
    fn begins_anew(&mut self, generation: u64) {
        (self.starts, self.deaths) = (generation + 1, generation + 1);
        self.death = false;
    }

    pub(super) fn join(&self) -> Join {
        let workstation = WorkstationHeaders {
            workstation_id: Some(station_id(self.station).into()),
            runtime_session_id: Some(self.job.as_str().into()),
            ..WorkstationHeaders::default()
        };
        let label = format!("{PRINCIPAL}/workstation:agent");
        Join {
            workstation: Some(workstation),
            ..join(&label, Scope::RuntimePeer)
        }
    }
}

impl World {
    pub(super) fn peer_receives(&mut self, end: usize, bytes: &[u8]) {
        if let Ok((wire::FrameType::SessionControl, payload)) = wire::frame::split(bytes) {
            match SessionControl::decode(payload) {
                Ok(SessionControl::RoomReady(_)) => {
                    if !std::mem::replace(&mut self.peers[end - BROWSERS].announced, true) {
                        let delay = self.rng.random_range(0..100);
                        self.at(delay, Action::PeerSaidReady(end));
                    }
                    let principal = PRINCIPAL.to_owned();
                    return self.peer_event(
                        end,
                        Event::LinkUp {
                            principal,
                            is_ours: true,
                        },
                    );
                }
                // Only the last words of a session that the owner ended may come too late.
                Ok(SessionControl::FrameRejected { reason, .. }) if self.is_wanted(end) => {
                    self.broken = Some(format!("a runtime peer was refused: {reason}"));
                    return;
                }
                _ => {}
            }
        }
        self.peer_event(end, Event::Frame(bytes.to_vec()));
    }

    /// The room started over: the session begins anew, as one that finds its kernel at work.
    pub(super) fn peer_rejoins(&mut self, end: usize) {
        let old = &self.peers[end - BROWSERS];
        if !old.is_alive {
            return;
        }
        if old.asked_to_end {
            return self.peer_exits(end, Some(0), "", true);
        }
        let (station, job, announced) = (old.station, old.job.clone(), old.announced);
        let nonce = self.rng.random();
        let keeper = self.keepers.entry(job.clone()).or_default();
        let mut peer = Peer::new(station, &job, nonce, keeper);
        let first = keeper.news();
        peer.announced = announced;
        self.peers[end - BROWSERS] = peer;
        if let Some(first) = first {
            self.peer_event(end, first);
        }
    }

    fn is_wanted(&self, end: usize) -> bool {
        let job = &self.peers[end - BROWSERS].job;
        self.cloud.active().is_some_and(|active| active.id == *job)
    }

    pub(super) fn peer_event(&mut self, end: usize, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let peer = &mut self.peers[end - BROWSERS];
            if !peer.is_alive {
                return;
            }
            let job = peer.job.clone();
            for effect in peer.session.handle(self.now, event) {
                self.peer_does(end, &job, effect, &mut events);
            }
            if events.is_empty() {
                events.extend(self.pull_journal(end));
            }
        }
    }

    fn peer_does(&mut self, end: usize, job: &str, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::SendFrame(bytes) => {
                let (notebook, comments) = (FrameType::AutomergeSync, FrameType::CommentsDocSync);
                if [notebook.byte(), comments.byte()].contains(&bytes[0]) {
                    self.broken = Some("a runtime peer wrote about the notebook".into());
                }
                self.send_up(end, bytes);
            }
            Effect::LaunchKernel | Effect::RestartKernel => {
                let last = self.keepers.get(job).map_or(0, |keeper| keeper.generation);
                self.peers[end - BROWSERS].begins_anew(last);
                if matches!(effect, Effect::RestartKernel) {
                    self.stop_kernel(job);
                }
                self.kernel_starts(job);
            }
            Effect::ShutdownKernel => self.stop_kernel(job),
            Effect::InterruptKernel { .. } => self.kernel_interrupted(job),
            Effect::SendToKernel(message) => self.kernel_takes(job, &message),
            Effect::UploadBlob(blob) => {
                self.blobs.insert(blob.sha256.clone(), blob.bytes);
                let sha256 = blob.sha256;
                events.push_back(Event::BlobUploaded { sha256 });
            }
            Effect::FetchBlob { sha256 } => {
                let bytes = self.blobs.get(&sha256).cloned();
                events.push_back(Event::BlobFetched { sha256, bytes });
            }
            Effect::PersistPosition(position) => {
                if let Some(keeper) = self.keepers.get_mut(job) {
                    keeper.persisted = keeper.persisted.max(position);
                }
            }
            Effect::KeepOutput { .. } | Effect::Warn(_) => {}
            Effect::Reconnect => self.cut(end, ""),
            Effect::WakeAt(at) => {
                let delay = at.since(self.now);
                self.at(delay, Action::PeerTick(end));
            }
            Effect::Exit(Outcome::Completed) => self.peer_exits(end, Some(0), "", true),
            Effect::Exit(Outcome::Anew(reason) | Outcome::Failed(reason)) => {
                self.peer_exits(end, Some(1), &reason, true);
            }
        }
    }

    pub(super) fn stop_kernel(&mut self, job: &str) {
        if let Some(keeper) = self.keepers.get_mut(job) {
            keeper.stop();
        }
    }

    /// Hands over what the journal holds, and says once when that was all.
    fn pull_journal(&mut self, end: usize) -> Vec<Event> {
        let peer = &mut self.peers[end - BROWSERS];
        if !peer.is_alive || !peer.session.wants_journal() {
            return Vec::new();
        }
        let Some(keeper) = self.keepers.get(&peer.job) else {
            return Vec::new();
        };
        if peer.pulled >= keeper.journal.len() {
            if std::mem::replace(&mut peer.caught_up, true) {
                return Vec::new();
            }
            let mut events = vec![Event::JournalCaughtUp];
            if std::mem::take(&mut peer.death) {
                let details = "nobody was there when it ended".to_owned();
                events.push(Event::KernelDied { details });
            }
            return events;
        }
        let until = (peer.pulled + self.rng.random_range(1..4)).min(keeper.journal.len());
        let mut events = Vec::new();
        for record in &keeper.journal[peer.pulled..until] {
            match &record.note {
                Note::Message(entry) => match events.last_mut() {
                    Some(Event::Journal(entries)) => entries.push((**entry).clone()),
                    _ => events.push(Event::Journal(vec![(**entry).clone()])),
                },
                Note::Started(generation) if *generation >= peer.starts => {
                    events.push(Event::KernelReady(info()));
                }
                Note::Died(generation) if *generation >= peer.deaths => {
                    let details = "killed".to_owned();
                    events.push(Event::KernelDied { details });
                }
                Note::Started(_) | Note::Died(_) => {}
            }
        }
        peer.pulled = until;
        peer.caught_up = false;
        events
    }

    pub(super) fn journal_grew(&mut self, job: &str) {
        let reader = self
            .peers
            .iter()
            .position(|peer| peer.is_alive && peer.job == job);
        if let Some(at) = reader {
            let end = at + BROWSERS;
            for event in self.pull_journal(end) {
                self.peer_event(end, event);
            }
        }
    }

    /// SIGTERM.
    pub(super) fn peer_terminated(&mut self, end: usize) {
        let peer = &mut self.peers[end - BROWSERS];
        if peer.is_alive && !std::mem::replace(&mut peer.asked_to_end, true) {
            self.at(STOP_MS, Action::PeerStopBy(end));
            self.peer_event(end, Event::Stop);
        }
    }

    /// The process ends and leaves a note; the job is over, so its kernel ends too.
    pub(super) fn peer_exits(&mut self, end: usize, code: Option<i32>, why: &str, note: bool) {
        let peer = &mut self.peers[end - BROWSERS];
        if !peer.is_alive {
            return;
        }
        peer.is_alive = false;
        peer.exit = PeerExit {
            code,
            signal: code.is_none().then_some(9),
            detail: (!why.is_empty()).then(|| why.to_owned()),
            unseen: false,
        };
        let (station, job, exit) = (peer.station, peer.job.clone(), peer.exit.clone());
        if note {
            self.stations[station].notes.insert(job.clone(), exit);
            self.stop_kernel(&job);
        }
        self.links[end].over = true;
        self.cut(end, "");
        let delay = self.rng.random_range(0..300);
        self.at(delay, Action::PeerSeenGone(end));
    }

    /// SIGKILL out of nowhere: no note, and the keeper lives on.
    pub(super) fn crash_some_peer(&mut self, some: usize) {
        let alive: Vec<usize> = (0..self.peers.len())
            .filter(|at| self.peers[*at].is_alive)
            .collect();
        if !alive.is_empty() {
            let end = alive[some % alive.len()] + BROWSERS;
            self.peer_exits(end, None, "", false);
        }
    }
}
