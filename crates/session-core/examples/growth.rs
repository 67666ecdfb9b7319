//! Measures what an execution costs a room, a runtime session and a reading client as executions
//! pile up in one room, and what long streams and many displays cost a session.
//!
//! `cargo run --release -p session-core --example growth [-- EXECUTIONS]`; times are of this
//! process alone, without sockets, disks and uploads.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use documents::runtime_state::{NewExecution, RETAINED_EXECUTIONS};
use documents::{CommsDoc, DocKind, PeerSync, RuntimeStateDoc, policy};
use serde_json::{Value, json};
use session_core::{Channel, Effect, Event, JournalEntry, KernelInfo};
use session_core::{LaunchMode, Session, Settings};
use wire::{FrameType, Principal, Scope, UnixMs};

/// Executions over which a median is taken.
const WINDOW: usize = 50;
/// A clock of the simulation's own ticks this much with each execution.
const PACE_MS: i64 = 200;

/// Someone who reads along.
struct Client {
    doc: RuntimeStateDoc,
    sync: PeerSync,
    at_room: PeerSync,
}

/// A room in memory with a session and two readers.
struct Sim {
    session: Session,
    state: RuntimeStateDoc,
    comms: CommsDoc,
    state_sync: PeerSync,
    comms_sync: PeerSync,
    clients: Vec<Client>,
    principal: Principal,
    now: UnixMs,
    position: u64,
    seq: u64,
    spent: BTreeMap<&'static str, Duration>,
    frames: usize,
}

fn timed<T>(
    spent: &mut BTreeMap<&'static str, Duration>,
    what: &'static str,
    work: impl FnOnce() -> T,
) -> T {
    let start = Instant::now();
    let result = work();
    *spent.entry(what).or_default() += start.elapsed();
    result
}

impl Sim {
    fn new(readers: usize) -> Self {
        let client = |at| Client {
            doc: RuntimeStateDoc::from_seed(&format!("user:local:reader/browser:{at}")).unwrap(),
            sync: PeerSync::new(false),
            at_room: PeerSync::new(false),
        };
        let mut sim = Self {
            session: Session::new(Settings::new("aaaaaaaa", LaunchMode::Attach)),
            state: RuntimeStateDoc::from_seed("system:room/room:test").unwrap(),
            comms: CommsDoc::from_seed("system:room/room:test").unwrap(),
            state_sync: PeerSync::new(false),
            comms_sync: PeerSync::new(false),
            clients: (0..readers).map(client).collect(),
            principal: "user:local:owner".parse().unwrap(),
            now: UnixMs(1_000_000),
            position: 8,
            seq: 0,
            spent: BTreeMap::new(),
            frames: 0,
        };
        sim.event(Event::LinkUp {
            principal: "user:local:owner".into(),
        });
        sim.room_speaks();
        sim
    }

    fn event(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let what = match event {
                Event::Frame(_) => "session frame",
                Event::Journal(_) => "session journal",
                _ => "session other",
            };
            let (session, now) = (&mut self.session, self.now);
            let effects = timed(&mut self.spent, what, || session.handle(now, event));
            for effect in effects {
                match effect {
                    Effect::SendFrame(bytes) => self.room_receives(&bytes, &mut events),
                    Effect::LaunchKernel => events.push_back(Event::KernelReady(KernelInfo {
                        name: "python3".into(),
                        language: "python".into(),
                        env_source: "system".into(),
                    })),
                    Effect::UploadBlob(blob) => events.push_back(Event::BlobUploaded {
                        sha256: blob.sha256,
                    }),
                    Effect::Exit(outcome) => panic!("{outcome:?}"),
                    _ => {}
                }
            }
        }
    }

    fn room_receives(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) {
        self.frames += 1;
        let (frame_type, payload) = wire::frame::split(bytes).unwrap();
        let runtime = frame_type == FrameType::RuntimeStateSync;
        let (kind, doc, sync) = if runtime {
            let kind = DocKind::RuntimeState;
            (kind, self.state.doc_mut(), &mut self.state_sync)
        } else {
            (DocKind::Comms, self.comms.doc_mut(), &mut self.comms_sync)
        };
        let principal = &self.principal;
        timed(&mut self.spent, "room receive", || {
            policy::receive(
                kind,
                doc,
                sync.state_mut(),
                Scope::RuntimePeer,
                principal,
                payload,
            )
        })
        .unwrap();
        let reply = timed(&mut self.spent, "room generate", || sync.generate(doc));
        if let Some(reply) = reply {
            events.push_back(Event::Frame(wire::frame::encode(frame_type, &reply)));
        }
        let control = json!({"type": "cloud_frame_accepted", "notebook_id": "n", "peer_id": "p",
            "frame_type": frame_type.byte(), "byte_length": payload.len(),
            "timestamp": "2026-11-20T00:00:00.000Z"});
        let control = serde_json::to_vec(&control).unwrap();
        let control = wire::frame::encode(FrameType::SessionControl, &control);
        events.push_back(Event::Frame(control));
        self.tell_clients();
    }

    /// Sends the readers what is new; they say what they have until nobody has more to say.
    fn tell_clients(&mut self) {
        let (doc, principal) = (&mut self.state, &self.principal);
        for client in &mut self.clients {
            while let Some(message) = timed(&mut self.spent, "room generate", || {
                client.at_room.generate(doc.doc_mut())
            }) {
                timed(&mut self.spent, "client receive", || {
                    client.sync.receive(client.doc.doc_mut(), &message).unwrap();
                });
                let answer = timed(&mut self.spent, "client generate", || {
                    client.sync.generate(client.doc.doc_mut())
                });
                let Some(answer) = answer else { break };
                timed(&mut self.spent, "room receive", || {
                    let (kind, scope) = (DocKind::RuntimeState, Scope::Editor);
                    let state = client.at_room.state_mut();
                    policy::receive(kind, doc.doc_mut(), state, scope, principal, &answer).unwrap();
                });
            }
        }
    }

    fn room_speaks(&mut self) {
        self.tell_clients();
        let (doc, sync) = (&mut self.state, &mut self.state_sync);
        let message = timed(&mut self.spent, "room generate", || {
            sync.generate(doc.doc_mut())
        });
        if let Some(message) = message {
            let frame = wire::frame::encode(FrameType::RuntimeStateSync, &message);
            self.event(Event::Frame(frame));
        }
    }

    fn execute(&mut self, id: &str) {
        let (doc, seq) = (&mut self.state, self.seq);
        timed(&mut self.spent, "room create", || {
            let new = NewExecution {
                id,
                source: "print('hello')",
                cell_id: Some("cell-1"),
                seq,
                submitted_by: Some("user:local:owner/browser:1"),
            };
            doc.create_execution(&new).unwrap();
            doc.heads();
        });
        self.seq += 1;
        if self.seq.is_multiple_of(RETAINED_EXECUTIONS as u64) {
            timed(&mut self.spent, "room trim", || {
                doc.trim(RETAINED_EXECUTIONS, &[]).unwrap();
                doc.heads();
            });
        }
        self.room_speaks();
    }

    fn entry(&mut self, parent: &str, msg_type: &str, content: Value) -> JournalEntry {
        let position = self.position;
        self.position += 100;
        JournalEntry {
            position,
            end: self.position,
            channel: if msg_type == "execute_reply" {
                Channel::Shell
            } else {
                Channel::Iopub
            },
            msg_type: msg_type.into(),
            parent_msg_id: Some(parent.into()),
            header: json!({"msg_id": format!("k{position}")}),
            content,
            buffers: Vec::new(),
        }
    }

    fn kernel(&mut self, parent: &str, msg_type: &str, content: Value) {
        let entry = self.entry(parent, msg_type, content);
        self.event(Event::Journal(vec![entry]));
    }

    fn pass(&mut self, ms: i64) {
        self.now = self.now.plus(ms);
        self.event(Event::Tick);
    }

    /// One cell that prints a line.
    fn run_cell(&mut self, id: &str) {
        self.execute(id);
        self.kernel(id, "status", json!({"execution_state": "busy"}));
        let count = self.seq;
        self.kernel(
            id,
            "execute_input",
            json!({"code": "print('hello')", "execution_count": count}),
        );
        self.kernel(id, "stream", json!({"name": "stdout", "text": "hello\n"}));
        self.kernel(id, "execute_reply", json!({"status": "ok", "payload": []}));
        self.kernel(id, "status", json!({"execution_state": "idle"}));
        self.pass(PACE_MS);
    }
}

fn uuid_of(at: usize) -> String {
    uuid::Uuid::from_u128((at as u128 + 1) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_string()
}

fn growth(most: usize) {
    let mut sim = Sim::new(2);
    let names = [
        "room create",
        "room trim",
        "room receive",
        "room generate",
        "session frame",
        "session journal",
        "session other",
        "client receive",
        "client generate",
    ];
    println!("microseconds of work per execution; 2 readers; a cell that prints a line");
    println!("{:>10} {}", "executions", names.join(" | "));
    let mut window: Vec<BTreeMap<&str, Duration>> = Vec::new();
    for at in 1..=most {
        sim.spent.clear();
        sim.run_cell(&uuid_of(at));
        window.push(std::mem::take(&mut sim.spent));
        if [100, 1_000, 2_500, 5_000, 10_000].contains(&at) {
            let recent = &window[at - WINDOW..];
            let row: Vec<String> = names
                .iter()
                .map(|name| format!("{:>w$}", median(recent, name), w = name.len()))
                .collect();
            println!("{at:>10} {}", row.join(" | "));
        }
    }
    let heads = sim.state.heads();
    assert!(
        sim.clients
            .iter_mut()
            .all(|client| client.doc.heads() == heads)
    );
}

/// The median over executions of the microseconds spent on something, since other processes
/// disturb a mean.
fn median(window: &[BTreeMap<&str, Duration>], name: &str) -> u128 {
    let spent = |each: &BTreeMap<&str, Duration>| each.get(name).copied().unwrap_or_default();
    let mut all: Vec<Duration> = window.iter().map(spent).collect();
    all.sort();
    all[all.len() / 2].as_micros()
}

/// The session's own time for what a kernel says in one execution.
fn session_time(messages: &[(&str, Value)]) -> (Duration, usize, Duration) {
    let mut sim = Sim::new(0);
    sim.execute("e");
    sim.spent.clear();
    sim.frames = 0;
    for batch in messages.chunks(64) {
        let entries = batch
            .iter()
            .map(|(kind, content)| sim.entry("e", kind, content.clone()))
            .collect();
        sim.event(Event::Journal(entries));
        sim.pass(5);
    }
    sim.kernel("e", "status", json!({"execution_state": "idle"}));
    sim.pass(PACE_MS);
    assert_eq!(sim.state.status("e").as_deref(), Some("done"));
    let of = |name: &str| sim.spent.get(name).copied().unwrap_or_default();
    let session = of("session frame") + of("session journal") + of("session other");
    (session, sim.frames, of("room receive"))
}

fn streams() {
    for lines_each in [1, 10, 100] {
        let messages: Vec<_> = (0..100_000 / lines_each)
            .map(|at| {
                let mut text = String::new();
                for line in 0..lines_each {
                    let _ = writeln!(text, "line {} of the output", at * lines_each + line);
                }
                ("stream", json!({"name": "stdout", "text": text}))
            })
            .collect();
        let (session, frames, room) = session_time(&messages);
        println!(
            "100,000 lines, {lines_each:>3} a message: session {:.0} ms, {frames} frames, room {:.0} ms",
            session.as_secs_f64() * 1e3,
            room.as_secs_f64() * 1e3
        );
    }
    let messages: Vec<_> = (0..1_000)
        .map(|at| {
            let html = format!("<p>{at}</p>{}", "x".repeat(10 * 1024));
            (
                "display_data",
                json!({"data": {"text/html": html, "text/plain": "<HTML>"}, "metadata": {}}),
            )
        })
        .collect();
    let (session, frames, room) = session_time(&messages);
    println!(
        "1,000 displays of 10 KB: session {:.0} ms, {frames} frames, room {:.0} ms",
        session.as_secs_f64() * 1e3,
        room.as_secs_f64() * 1e3
    );
}

fn main() {
    let argument = std::env::args().nth(1);
    let most = argument
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000);
    streams();
    growth(most);
}
