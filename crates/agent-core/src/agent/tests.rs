use wire::http::JobStatus;

use super::*;
use crate::{JobOrder, PeerExit};

mod adoption;
mod jobs;
mod orders;
mod pace;
mod persistent;

/// The agent on a fake clock: advances to each deadline and notes when which call was made.
struct Bench {
    agent: Agent,
    now: Millis,
    /// Calls to the cloud and orders to the edge that wait for the test.
    seen: Vec<(Millis, Effect)>,
}

/// A whole list.
fn polled(jobs: Vec<JobOrder>, skipped: Vec<String>) -> Event {
    Event::Polled(Ok(JobList {
        jobs,
        skipped,
        is_whole: true,
    }))
}

impl Bench {
    fn new(config: AgentConfig) -> Self {
        let mut bench = Self {
            agent: Agent::new(config),
            now: 1_000,
            seen: Vec::new(),
        };
        bench.send(Event::Tick);
        bench
    }

    /// An agent that is registered, has polled once and has its event socket open.
    fn working(config: AgentConfig) -> Self {
        let mut bench = Self::new(config);
        bench.send(Event::Registered(Ok(())));
        bench.send(Event::Link(LinkEvent::Opened));
        bench.send(polled(vec![], vec![]));
        bench.run_for(POLL_SPACING_MS);
        bench.send(polled(vec![], vec![]));
        bench.seen.clear();
        bench
    }

    fn send(&mut self, event: Event) {
        let effects = self.agent.handle(self.now, event);
        self.seen
            .extend(effects.into_iter().map(|effect| (self.now, effect)));
    }

    /// Lets time pass, waking the agent when it asks for it; a deadline that does not move is a hot loop.
    fn run_for(&mut self, ms: Millis) {
        let end = self.now + ms;
        for _ in 0..10_000 {
            let Some(at) = self.agent.next_deadline().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            self.send(Event::Tick);
        }
        panic!("the agent spins at {}: {:?}", self.now, self.agent);
    }

    /// Takes what was seen since the last call, without log lines.
    fn take(&mut self) -> Vec<Effect> {
        let seen = std::mem::take(&mut self.seen);
        seen.into_iter()
            .map(|(_, e)| e)
            .filter(|e| !matches!(e, Effect::Log { .. }))
            .collect()
    }

    /// Lets time pass; every call of `which` fails with `failure`, other polls succeed. Returns when it was made.
    fn failing(&mut self, which: &Effect, failure: &CloudFailure, ms: Millis) -> Vec<Millis> {
        self.all_failing(std::slice::from_ref(which), failure, ms)
    }

    /// The same of several calls.
    fn all_failing(&mut self, which: &[Effect], failure: &CloudFailure, ms: Millis) -> Vec<Millis> {
        let (end, mut times) = (self.now + ms, Vec::new());
        while self.now < end {
            for (at, effect) in std::mem::take(&mut self.seen) {
                let failed = which.contains(&effect);
                if failed {
                    times.push(at);
                }
                match effect {
                    Effect::Register if failed => {
                        self.send(Event::Registered(Err(failure.clone())));
                    }
                    Effect::Register => self.send(Event::Registered(Ok(()))),
                    Effect::Poll if failed => self.send(Event::Polled(Err(failure.clone()))),
                    Effect::Poll => self.send(polled(vec![], vec![])),
                    Effect::OpenLink if failed => {
                        self.send(Event::Link(LinkEvent::Failed(failure.clone())));
                    }
                    Effect::OpenLink => self.send(Event::Link(LinkEvent::Opened)),
                    Effect::Exit { code, .. } => {
                        times.push(Millis::from(code) * 1_000_000_000);
                        return times;
                    }
                    _ => {}
                }
            }
            if !self.seen.is_empty() {
                continue;
            }
            let next = self.agent.next_deadline().unwrap_or(end).min(end);
            self.now = self.now.max(next);
            self.send(Event::Tick);
        }
        times
    }

    fn offer(&mut self, jobs: Vec<JobOrder>) {
        self.listed(polled(jobs, vec![]));
    }

    fn listed(&mut self, list: Event) {
        self.send(Event::Link(LinkEvent::AttachJobs));
        self.run_for(POLL_SPACING_MS);
        self.send(list);
    }

    fn reported(&mut self, id: &str, status: JobStatus) {
        self.send(Event::Reported {
            job_id: id.into(),
            status,
            result: Ok(()),
        });
    }

    fn report_failed(&mut self, id: &str, status: JobStatus, failure: CloudFailure) {
        self.send(Event::Reported {
            job_id: id.into(),
            status,
            result: Err(failure),
        });
    }

    /// Takes a pending job up to the wanted state.
    fn running(&mut self, id: &str) {
        self.offer(vec![order(id, "pending")]);
        self.reported(id, JobStatus::Accepted);
        self.send(Event::Spawned {
            job_id: id.into(),
            result: Ok(()),
        });
        self.send(Event::PeerReady { job_id: id.into() });
        self.reported(id, JobStatus::Running);
        self.seen.clear();
    }

    fn exited(&mut self, id: &str, exit: PeerExit) {
        self.send(Event::PeerExited {
            job_id: id.into(),
            exit,
        });
    }

    fn reports(&mut self) -> Vec<(String, JobStatus, Option<String>)> {
        let effects = self.take().into_iter();
        effects
            .filter_map(|e| match e {
                Effect::Report {
                    job_id,
                    status,
                    error_message,
                } => Some((job_id, status, error_message)),
                _ => None,
            })
            .collect()
    }
}

fn order(id: &str, status: &str) -> JobOrder {
    JobOrder {
        job_id: id.into(),
        notebook_id: "n".into(),
        status: status.into(),
        trigger: "user_attach".into(),
        ..JobOrder::default()
    }
}

fn status(status: u16) -> CloudFailure {
    CloudFailure {
        status: Some(status),
        ..CloudFailure::default()
    }
}

fn conflict(job_status: Option<&str>, error: &str) -> CloudFailure {
    CloudFailure {
        job_status: job_status.map(str::to_owned),
        error: error.into(),
        ..status(409)
    }
}

fn code(code: i32) -> PeerExit {
    PeerExit {
        code: Some(code),
        ..PeerExit::default()
    }
}

fn report(id: &str, status: JobStatus) -> Effect {
    Effect::Report {
        job_id: id.into(),
        status,
        error_message: None,
    }
}

/// Without the restart of crashed peers (D4), which has its own tests.
fn defaults() -> AgentConfig {
    AgentConfig {
        crash_restarts: 0,
        ..AgentConfig::default()
    }
}
