//! Whatever goes wrong, and however long: no call is made again and again faster than once per second.

use std::collections::BTreeMap;

use super::*;

const HOUR: Millis = 3_600_000;
/// Longest time that an answer takes.
const SLOWEST: f64 = 3_000.0;
/// A window in which calls of one kind are counted, and how many there may be: one per second, and two that came for
/// another reason.
const WINDOW: Millis = 10_000;
const IN_WINDOW: usize = 12;

/// How one kind of call fails in one world: always alike, or each time differently.
#[derive(Debug, Clone)]
enum Fate {
    Works,
    Fails(CloudFailure),
    Changes,
}

/// A cloud, an event socket and a machine that fail as the seed says.
struct World {
    dice: Jitter,
    fates: BTreeMap<&'static str, Fate>,
    bench: Bench,
    /// What will be answered, and when.
    answers: Vec<(Millis, Event)>,
    calls: BTreeMap<String, Vec<Millis>>,
    ended: bool,
}

fn failure(dice: &mut Jitter) -> CloudFailure {
    let statuses = [0, 400, 403, 404, 409, 410, 429, 500, 502, 503];
    let status = statuses[(dice.unit() * statuses.len() as f64) as usize];
    let hints = [None, Some(0), Some(1), Some(30_000)];
    CloudFailure {
        status: (status > 0).then_some(status),
        retry_after_ms: hints[(dice.unit() * hints.len() as f64) as usize],
        job_status: [None, Some("running"), Some("failed")][(dice.unit() * 3.0) as usize]
            .map(str::to_owned),
        message: "as the seed says".to_owned(),
        ..CloudFailure::default()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Jitter::new(seed);
        let kinds = ["register", "poll", "report", "link", "spawn", "peer"];
        let fates = kinds.map(|kind| {
            let fate = match (dice.unit() * 3.0) as u32 {
                0 => Fate::Works,
                1 => Fate::Fails(failure(&mut dice)),
                _ => Fate::Changes,
            };
            (kind, fate)
        });
        let config = AgentConfig { seed, ..defaults() };
        Self {
            fates: fates.into_iter().collect(),
            bench: Bench::new(config),
            dice,
            answers: Vec::new(),
            calls: BTreeMap::new(),
            ended: false,
        }
    }

    fn fate(&mut self, kind: &'static str) -> Result<(), CloudFailure> {
        match self.fates[kind].clone() {
            Fate::Works => Ok(()),
            Fate::Fails(failure) => Err(failure),
            Fate::Changes if self.dice.unit() < 0.5 => Ok(()),
            Fate::Changes => Err(failure(&mut self.dice)),
        }
    }

    fn answer(&mut self, event: Event) {
        let wait = (self.dice.unit() * SLOWEST) as Millis;
        self.answers.push((self.bench.now + wait, event));
    }

    fn called(&mut self, what: String, at: Millis) {
        self.calls.entry(what).or_default().push(at);
    }

    fn take(&mut self, at: Millis, effect: Effect) {
        match effect {
            Effect::Register => {
                self.called("register".to_owned(), at);
                let result = self.fate("register");
                self.answer(Event::Registered(result));
            }
            Effect::Poll => {
                self.called("poll".to_owned(), at);
                let states = ["pending", "accepted", "running"];
                let jobs = states.map(|state| order(state, state)).to_vec();
                let answer = match self.fate("poll") {
                    Ok(()) => polled(jobs, vec!["unread".to_owned()]),
                    Err(failure) => Event::Polled(Err(failure)),
                };
                self.answer(answer);
            }
            Effect::Report { job_id, status, .. } => {
                self.called(format!("report {job_id}"), at);
                let result = self.fate("report");
                self.answer(Event::Reported {
                    job_id,
                    status,
                    result,
                });
            }
            Effect::OpenLink => {
                self.called("link".to_owned(), at);
                let event = match self.fate("link") {
                    Ok(()) => {
                        // It opens, wakes the agent, and is gone.
                        self.bench.send(Event::Link(LinkEvent::Opened));
                        self.answer(Event::Link(LinkEvent::WentOffline));
                        LinkEvent::Closed
                    }
                    Err(failure) => LinkEvent::Failed(failure),
                };
                self.answer(Event::Link(event));
            }
            Effect::Inspect { job } => {
                self.called(format!("inspect {}", job.job_id), at);
                let found = LocalPeer::Dead { exit: None };
                let job_id = job.job_id;
                self.answer(Event::Inspected { job_id, found });
            }
            Effect::Spawn { job } => {
                self.called(format!("spawn {}", job.job_id), at);
                let result = self.fate("spawn").map_err(|failure| failure.message);
                let job_id = job.job_id;
                if result.is_ok() && self.fate("peer").is_err() {
                    let exit = PeerExit {
                        signal: Some(11),
                        ..PeerExit::default()
                    };
                    let job_id = job_id.clone();
                    self.bench.send(Event::Spawned {
                        job_id: job_id.clone(),
                        result: Ok(()),
                    });
                    self.answer(Event::PeerExited { job_id, exit });
                } else {
                    self.answer(Event::Spawned { job_id, result });
                }
            }
            Effect::Exit { .. } => self.ended = true,
            _ => {}
        }
    }

    fn run(&mut self, end: Millis) {
        while self.bench.now < end && !self.ended {
            let seen = std::mem::take(&mut self.bench.seen);
            if !seen.is_empty() {
                for (at, effect) in seen {
                    self.take(at, effect);
                }
                continue;
            }
            self.answers.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            let answered = self.answers.last().map(|(at, _)| *at);
            let deadline = self.bench.agent.next_deadline();
            let next = crate::message::earlier(answered, deadline).unwrap_or(end);
            self.bench.now = self.bench.now.max(next.min(end));
            let due = answered.is_some_and(|at| at <= self.bench.now);
            let event = self.answers.pop_if(|_| due).map(|(_, event)| event);
            self.bench.send(event.unwrap_or(Event::Tick));
            // Only a call is something that happened: the agent's words are not.
            self.bench
                .seen
                .retain(|(_, effect)| !matches!(effect, Effect::Log { .. }));
            self.called("step".to_owned(), self.bench.now);
        }
    }
}

// WS-178: GAP-1, over an hour of each of many worlds.
#[test]
fn ws_178_nothing_loops_faster_than_once_per_second_whatever_fails() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        let end = world.bench.now + HOUR;
        world.run(end);
        let steps = world.calls.remove("step").unwrap_or_default();
        assert!(steps.len() < 60_000, "seed {seed}: {} steps", steps.len());
        for (what, times) in &world.calls {
            for window in times.windows(IN_WINDOW + 1) {
                let (first, last) = (window[0], window[IN_WINDOW]);
                assert!(
                    last - first >= WINDOW,
                    "seed {seed}, {what}: {window:?}\n{:?}",
                    world.fates
                );
            }
        }
    }
}
