//! The machine: a runtime session that may die, beside a keeper that does not.

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;
use room::{Join, WorkstationHeaders};
use session_core::{Effect, Event, KernelInfo, LaunchMode, Session, Settings};
use wire::Scope;
use wire::control::SessionControl;

use super::kernel::Kernel;
use super::world::{Action, World, join};

const PRINCIPAL: &str = "user:oidc:alice";

pub(super) struct Machine {
    session: Session,
    pub(super) kernel: Kernel,
    started: bool,
    pulled: usize,
    caught_up: bool,
    persisted: u64,
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
}

impl Machine {
    pub(super) fn new(nonce: u32) -> Self {
        Self {
            session: session(nonce, false),
            kernel: Kernel::default(),
            started: false,
            pulled: 0,
            caught_up: false,
            persisted: 0,
            blobs: BTreeMap::new(),
        }
    }

    pub(super) fn join() -> Join {
        let workstation = WorkstationHeaders {
            workstation_id: Some("ws-1".into()),
            runtime_session_id: Some("job-1".into()),
            ..WorkstationHeaders::default()
        };
        let join = join(
            &format!("{PRINCIPAL}/workstation:agent"),
            Scope::RuntimePeer,
        );
        Join {
            workstation: Some(workstation),
            ..join
        }
    }
}

fn session(nonce: u32, adopted: bool) -> Session {
    let settings = Settings::new(format!("{nonce:08x}"), LaunchMode::Attach);
    Session::new(Settings {
        adopted,
        ..settings
    })
}

fn info() -> KernelInfo {
    KernelInfo {
        name: "python3".into(),
        language: "python".into(),
        env_source: "current".into(),
    }
}

impl World {
    pub(super) fn machine_receives(&mut self, bytes: &[u8]) {
        if let Ok((wire::FrameType::SessionControl, payload)) = wire::frame::split(bytes) {
            match SessionControl::decode(payload) {
                Ok(SessionControl::RoomReady(_)) => {
                    let principal = PRINCIPAL.to_owned();
                    return self.machine_event(Event::LinkUp { principal });
                }
                Ok(SessionControl::FrameRejected { reason, .. }) => {
                    self.broken = Some(format!("the machine was refused: {reason}"));
                    return;
                }
                _ => {}
            }
        }
        self.machine_event(Event::Frame(bytes.to_vec()));
    }

    pub(super) fn machine_event(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let effects = self.machine.session.handle(self.now, event);
            for effect in effects {
                self.machine_does(effect, &mut events);
            }
            if events.is_empty() {
                events.extend(self.pull_journal());
            }
        }
    }

    fn machine_does(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::SendFrame(bytes) => self.send_up(0, bytes),
            Effect::LaunchKernel | Effect::RestartKernel => {
                self.machine.started = true;
                events.push_back(Event::KernelReady(info()));
            }
            Effect::SendToKernel(message) => {
                if self.machine.kernel.take(&message) {
                    let delay = self.rng.random_range(1..60);
                    self.at(delay, Action::KernelStep);
                }
            }
            Effect::UploadBlob(blob) => {
                self.machine.blobs.insert(blob.sha256.clone(), blob.bytes);
                events.push_back(Event::BlobUploaded {
                    sha256: blob.sha256,
                });
            }
            Effect::PersistPosition(position) => {
                self.machine.persisted = position;
            }
            Effect::Reconnect => {
                if self.is_linked(0) {
                    self.cut_machine();
                }
            }
            Effect::WakeAt(at) => {
                let delay = at.since(self.now);
                self.at(delay, Action::MachineTick);
            }
            Effect::Exit(outcome) => {
                self.broken = Some(format!("the session ended by itself: {outcome:?}"));
            }
            Effect::ShutdownKernel | Effect::InterruptKernel { .. } => {}
        }
    }

    /// Hands over what the journal holds, and says once when that was all.
    fn pull_journal(&mut self) -> Option<Event> {
        let machine = &mut self.machine;
        let journal = &machine.kernel.journal;
        if !machine.session.wants_journal() {
            return None;
        }
        if machine.pulled >= journal.len() {
            return (!std::mem::replace(&mut machine.caught_up, true))
                .then_some(Event::JournalCaughtUp);
        }
        let end = (machine.pulled + self.rng.random_range(1..4)).min(journal.len());
        let entries = journal[machine.pulled..end].to_vec();
        machine.pulled = end;
        machine.caught_up = false;
        Some(Event::Journal(entries))
    }

    pub(super) fn kernel_step(&mut self) {
        if self.machine.kernel.step() {
            let delay = self.rng.random_range(1..60);
            self.at(delay, Action::KernelStep);
        }
        if let Some(event) = self.pull_journal() {
            self.machine_event(event);
        }
    }

    /// The runtime peer dies; another adopts the keeper and reads on from the persisted position.
    pub(super) fn crash_machine(&mut self) {
        let adopted = self.machine.started;
        self.machine.session = session(self.rng.random(), adopted);
        self.machine.caught_up = false;
        let persisted = self.machine.persisted;
        let journal = &self.machine.kernel.journal;
        self.machine.pulled = journal.partition_point(|entry| entry.position < persisted);
        if self.is_linked(0) {
            self.cut_machine();
        }
        if adopted {
            self.machine_event(Event::KernelReady(info()));
        }
    }
}
