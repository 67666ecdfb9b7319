use super::*;
use crate::{JobStatus, PeerExit};

/// The agent on a fake clock: advances to each deadline and notes when which call was made.
struct Bench {
    agent: Agent,
    now: Millis,
    /// Calls to the cloud and orders to the edge that wait for the test.
    seen: Vec<(Millis, Effect)>,
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
        bench.send(Event::Polled(Ok((vec![], vec![]))));
        bench.run_for(POLL_SPACING_MS);
        bench.send(Event::Polled(Ok((vec![], vec![]))));
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
        let (end, mut times) = (self.now + ms, Vec::new());
        while self.now < end {
            for (at, effect) in std::mem::take(&mut self.seen) {
                if effect == *which {
                    times.push(at);
                }
                let failed = effect == *which;
                match effect {
                    Effect::Register if failed => {
                        self.send(Event::Registered(Err(failure.clone())));
                    }
                    Effect::Register => self.send(Event::Registered(Ok(()))),
                    Effect::Poll if failed => self.send(Event::Polled(Err(failure.clone()))),
                    Effect::Poll => self.send(Event::Polled(Ok((vec![], vec![])))),
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
        self.send(Event::Link(LinkEvent::AttachJobs));
        self.run_for(POLL_SPACING_MS);
        self.send(Event::Polled(Ok((jobs, vec![]))));
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

// WS-146 WS-173
#[test]
fn ws_146_173_registers_then_polls_and_opens_the_socket_at_once() {
    let mut bench = Bench::new(defaults());
    assert_eq!(bench.take(), [Effect::Register]);
    bench.send(Event::Registered(Ok(())));
    assert_eq!(bench.take(), [Effect::OpenLink, Effect::Poll]);
    assert_eq!(bench.now, 1_000);
    bench.send(Event::Polled(Ok((vec![], vec![]))));
    bench.send(Event::Link(LinkEvent::Opened));
    let times = bench.failing(&Effect::PingLink, &status(0), 600_000);
    assert!(times.len() >= 4, "an idle socket is probed: {times:?}");
}

// WS-146
#[test]
fn ws_146_registers_once_per_interval_idle_or_busy() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    let mut registrations = 0;
    for _ in 0..10 {
        bench.run_for(60_000);
        for effect in bench.take() {
            match effect {
                Effect::Register => {
                    registrations += 1;
                    bench.send(Event::Registered(Ok(())));
                }
                Effect::Poll => bench.send(Event::Polled(Ok((vec![], vec![])))),
                Effect::Report { status, .. } => bench.reported("j", status),
                _ => {}
            }
        }
    }
    assert!((9..=10).contains(&registrations), "{registrations}");
}

// WS-178: GAP-1, no loop faster than once per second, back off to a minute.
#[test]
fn ws_178_failing_calls_back_off_to_a_minute() {
    for failure in [
        CloudFailure::default(),
        status(500),
        status(502),
        status(403),
    ] {
        for call in [Effect::Register, Effect::Poll, Effect::OpenLink] {
            let mut bench = Bench::new(defaults());
            let times = bench.failing(&call, &failure, 3_600_000);
            let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(
                gaps.iter().all(|gap| *gap >= 1_000),
                "{call:?} {failure:?}: {gaps:?}"
            );
            assert!(
                gaps.iter().all(|gap| *gap <= 72_000),
                "{call:?} {failure:?}: {gaps:?}"
            );
            assert!(
                gaps.last().unwrap() >= &60_000,
                "{call:?} {failure:?}: {gaps:?}"
            );
        }
    }
}

// WS-179
#[test]
fn ws_179_a_failed_poll_comes_again_before_the_interval() {
    let mut bench = Bench::working(defaults());
    bench.send(Event::Link(LinkEvent::AttachJobs));
    bench.run_for(POLL_SPACING_MS);
    bench.take();
    bench.send(Event::Polled(Err(status(500))));
    bench.run_for(1_200);
    assert_eq!(bench.take(), [Effect::Poll]);
}

// WS-174 WS-256 WS-257
#[test]
fn ws_174_256_257_a_cooldown_silences_all_steps() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.send(Event::Link(LinkEvent::AttachJobs));
    bench.run_for(POLL_SPACING_MS);
    bench.send(Event::Polled(Err(CloudFailure {
        retry_after_ms: Some(300_000),
        ..status(429)
    })));
    bench.take();
    bench.run_for(299_000);
    let calls = bench.take();
    assert!(
        calls
            .iter()
            .all(|e| matches!(e, Effect::PingLink | Effect::CloseLink | Effect::OpenLink)),
        "{calls:?}"
    );
    bench.run_for(62_000);
    let calls = bench.take();
    assert!(
        calls.contains(&Effect::Register) && calls.contains(&Effect::Poll),
        "{calls:?}"
    );
    assert!(
        calls.contains(&report("j", JobStatus::Running)),
        "{calls:?}"
    );
}

// WS-177: a cooldown holds back no news of a job.
#[test]
fn ws_177_jobs_are_supervised_during_a_cooldown() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.send(Event::Link(LinkEvent::AttachJobs));
    bench.run_for(POLL_SPACING_MS);
    bench.send(Event::Polled(Err(CloudFailure {
        retry_after_ms: Some(300_000),
        ..status(429)
    })));
    bench.take();
    bench.exited("j", code(0));
    assert_eq!(bench.reports(), [("j".into(), JobStatus::Completed, None)]);
}

// WS-180
#[test]
fn ws_180_ten_minutes_of_401_end_the_agent() {
    let mut bench = Bench::new(defaults());
    let times = bench.failing(&Effect::Register, &status(401), 3_600_000);
    assert_eq!(times.last(), Some(&77_000_000_000));
    assert!((601_000..720_000).contains(&bench.now), "{}", bench.now);
}

#[test]
fn a_credential_that_is_not_recognized_twice_ends_the_agent_soon() {
    let mut bench = Bench::working(defaults());
    let failure = CloudFailure {
        error: "workstation credential is not recognized".into(),
        ..status(401)
    };
    bench.send(Event::Link(LinkEvent::Failed(failure.clone())));
    assert!(bench.take().is_empty(), "one answer alone ends nothing");
    bench.run_for(2_500);
    assert_eq!(
        bench.take(),
        [Effect::Register, Effect::Poll, Effect::OpenLink]
    );
    bench.send(Event::Registered(Err(failure)));
    let effects = bench.take();
    assert!(
        matches!(effects.as_slice(), [Effect::Exit { code: 77, message: Some(text) }] if text.contains("connect")),
        "{effects:?}"
    );
}

#[test]
fn a_revoked_machine_ends_its_peers_before_it_exits() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    let failure = CloudFailure {
        error: "workstation credential is not recognized".into(),
        ..status(401)
    };
    bench.send(Event::Link(LinkEvent::Failed(failure.clone())));
    bench.run_for(2_500);
    bench.take();
    bench.send(Event::Polled(Err(failure)));
    assert_eq!(bench.take(), [Effect::Terminate { job_id: "j".into() }]);
    bench.exited("j", code(0));
    assert!(matches!(
        bench.take().last(),
        Some(Effect::Exit { code: 77, .. })
    ));
}

#[test]
fn one_odd_401_ends_nothing() {
    let mut bench = Bench::new(defaults());
    bench.send(Event::Registered(Err(status(401))));
    bench.run_for(75_000);
    assert!(bench.take().contains(&Effect::Register));
    bench.send(Event::Registered(Ok(())));
    assert!(bench.take().contains(&Effect::Poll));
}

// WS-175 WS-160 WS-170
#[test]
fn ws_160_170_175_wake_ups_poll_once() {
    let mut bench = Bench::working(defaults());
    for _ in 0..5 {
        bench.send(Event::Link(LinkEvent::AttachJobs));
    }
    bench.run_for(1_000);
    assert_eq!(bench.take(), [Effect::Poll]);
    bench.send(Event::Polled(Ok((vec![], vec![]))));
    bench.send(Event::Link(LinkEvent::Closed));
    bench.run_for(1_200);
    assert_eq!(bench.take(), [Effect::OpenLink]);
    bench.send(Event::Link(LinkEvent::Opened));
    bench.run_for(1_000);
    assert_eq!(bench.take(), [Effect::Poll]);
}

// WS-163 WS-164 WS-165
#[test]
fn ws_163_164_165_a_silent_socket_is_probed_and_closed() {
    let quiet = AgentConfig {
        poll_ms: 9_000_000,
        heartbeat_ms: 9_000_000,
        ..defaults()
    };
    let mut bench = Bench::working(quiet);
    bench.send(Event::Link(LinkEvent::Traffic));
    bench.run_for(89_999);
    assert_eq!(bench.take(), []);
    bench.run_for(1);
    assert_eq!(bench.take(), [Effect::PingLink]);
    bench.run_for(9_000);
    bench.send(Event::Link(LinkEvent::Traffic));
    bench.run_for(90_000);
    assert_eq!(bench.take(), [Effect::PingLink]);
    bench.run_for(10_000);
    assert_eq!(bench.take(), [Effect::CloseLink]);
}

// WS-167 WS-168 WS-169 WS-172
#[test]
fn ws_167_168_169_172_the_socket_reconnects_with_growing_waits() {
    let mut bench = Bench::working(defaults());
    let times = bench.failing(&Effect::OpenLink, &CloudFailure::default(), 1);
    assert!(times.is_empty());
    bench.send(Event::Link(LinkEvent::Failed(CloudFailure::default())));
    let times = bench.failing(&Effect::OpenLink, &CloudFailure::default(), 400_000);
    for (gap, wanted) in times
        .windows(2)
        .map(|p| p[1] - p[0])
        .zip([4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    {
        assert!(
            (wanted..=wanted * 12 / 10 + 1).contains(&gap),
            "{gap} {wanted}"
        );
    }
    // The poll went on meanwhile: the bench answers every poll, so the agent still works.
    assert!(bench.agent.poll.due > bench.now);
    let gone = CloudFailure {
        retry_after_ms: Some(7_200_000),
        ..status(404)
    };
    bench.send(Event::Link(LinkEvent::Failed(gone)));
    assert!(bench.agent.link.deadline().unwrap() - bench.now <= 900_000 * 12 / 10);
}

// WS-188 WS-191 WS-185
#[test]
fn ws_185_188_191_a_pending_job_is_accepted_then_spawned_then_running() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "pending")]);
    assert_eq!(
        bench.take(),
        [Effect::Poll, report("j", JobStatus::Accepted)]
    );
    bench.reported("j", JobStatus::Accepted);
    assert_eq!(
        bench.take(),
        [Effect::Spawn {
            job: order("j", "pending")
        }]
    );
    bench.send(Event::Spawned {
        job_id: "j".into(),
        result: Ok(()),
    });
    assert_eq!(bench.take(), []);
    bench.send(Event::PeerReady { job_id: "j".into() });
    bench.send(Event::PeerReady { job_id: "j".into() });
    assert_eq!(bench.take(), [report("j", JobStatus::Running)]);
}

// WS-184
#[test]
fn ws_184_an_active_job_is_not_started_again() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.offer(vec![order("j", "pending"), order("j", "running")]);
    assert_eq!(bench.take(), [Effect::Poll]);
}

// WS-186 WS-189
#[test]
fn ws_186_189_a_job_that_cannot_be_accepted_is_not_spawned_and_harms_no_other() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("a", "pending"), order("b", "pending")]);
    bench.report_failed("a", JobStatus::Accepted, status(500));
    bench.reported("b", JobStatus::Accepted);
    let effects = bench.take();
    assert!(
        effects.contains(&Effect::Spawn {
            job: order("b", "pending")
        }),
        "{effects:?}"
    );
    assert!(
        !effects.contains(&Effect::Spawn {
            job: order("a", "pending")
        }),
        "{effects:?}"
    );
    bench.run_for(1_300);
    assert_eq!(bench.take(), [report("a", JobStatus::Accepted)]);
}

// WS-187
#[test]
fn ws_187_a_skipped_job_is_logged_once() {
    let mut bench = Bench::working(defaults());
    let mut lines = 0;
    for _ in 0..3 {
        bench.send(Event::Link(LinkEvent::AttachJobs));
        bench.run_for(POLL_SPACING_MS);
        bench.send(Event::Polled(Ok((vec![], vec!["odd".into()]))));
        let seen = std::mem::take(&mut bench.seen);
        lines += seen
            .iter()
            .filter(|(_, e)| matches!(e, Effect::Log { text, .. } if text.contains("odd")))
            .count();
    }
    assert_eq!(lines, 1);
}

// WS-190
#[test]
fn ws_190_a_spawn_failure_is_reported_with_its_reason() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "pending")]);
    bench.reported("j", JobStatus::Accepted);
    bench.take();
    bench.send(Event::Spawned {
        job_id: "j".into(),
        result: Err("no such folder".into()),
    });
    let (_, status, message) = bench.reports().remove(0);
    assert_eq!(status, JobStatus::Failed);
    assert!(message.unwrap().contains("no such folder"));
}

// WS-192 WS-193 WS-202
#[test]
fn ws_192_193_202_states_are_repeated_and_heal() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.run_for(30_000);
    assert_eq!(bench.reports(), [("j".into(), JobStatus::Running, None)]);
    bench.report_failed("j", JobStatus::Running, status(500));
    bench.run_for(1_300);
    assert_eq!(bench.reports(), [("j".into(), JobStatus::Running, None)]);
}

// WS-194 WS-195 WS-196 WS-197 WS-198 WS-200
#[test]
fn ws_194_195_196_197_198_200_ends_are_reported_in_exact_words() {
    let signal = PeerExit {
        signal: Some(9),
        ..PeerExit::default()
    };
    let both = PeerExit {
        code: Some(1),
        signal: Some(9),
        ..PeerExit::default()
    };
    for (exit, status, text) in [
        (code(0), JobStatus::Completed, None),
        (
            code(3),
            JobStatus::Failed,
            Some("Runtime peer exited with code=3"),
        ),
        (
            signal,
            JobStatus::Failed,
            Some("Runtime peer exited with signal=9"),
        ),
        (
            both,
            JobStatus::Failed,
            Some("Runtime peer exited with code=1, signal=9"),
        ),
        (
            PeerExit::default(),
            JobStatus::Failed,
            Some("Runtime peer exited"),
        ),
    ] {
        let mut bench = Bench::working(defaults());
        bench.running("j");
        bench.exited("j", exit);
        assert!(
            bench
                .seen
                .iter()
                .any(|(_, e)| *e == Effect::ForgetPeer { job_id: "j".into() })
        );
        assert_eq!(
            bench.reports(),
            [("j".into(), status, text.map(str::to_owned))]
        );
    }
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.exited(
        "j",
        PeerExit {
            detail: Some("x".repeat(900)),
            ..code(1)
        },
    );
    assert!(bench.reports()[0].2.as_ref().unwrap().len() <= 500);
}

// WS-199: the end is reported until the cloud has it, for a day (D1).
#[test]
fn ws_199_the_end_is_reported_until_the_cloud_has_it() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.exited("j", code(0));
    let mut attempts = 0;
    for _ in 0..100 {
        for effect in bench.take() {
            match effect {
                Effect::Report { status, .. } => {
                    attempts += 1;
                    bench.report_failed("j", status, CloudFailure::default());
                }
                Effect::Register => bench.send(Event::Registered(Ok(()))),
                Effect::Poll => {
                    bench.send(Event::Polled(Ok((vec![order("j", "running")], vec![]))));
                }
                _ => {}
            }
        }
        bench.run_for(20_000);
    }
    assert!((20..60).contains(&attempts), "{attempts}");
    bench.reported("j", JobStatus::Completed);
    assert_eq!(bench.agent.job_count(), 0);
    for failure in [status(404), conflict(Some("completed"), "")] {
        bench.running("k");
        bench.exited("k", code(1));
        bench.report_failed("k", JobStatus::Failed, failure);
        assert_eq!(bench.agent.job_count(), 0);
    }
}

// WS-201
#[test]
fn ws_201_a_peer_that_never_becomes_ready_is_ended() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "pending")]);
    bench.reported("j", JobStatus::Accepted);
    bench.send(Event::Spawned {
        job_id: "j".into(),
        result: Ok(()),
    });
    bench.run_for(120_000);
    assert!(
        bench
            .take()
            .contains(&Effect::Terminate { job_id: "j".into() })
    );
    bench.run_for(15_000);
    assert!(bench.take().contains(&Effect::Kill { job_id: "j".into() }));
    bench.reported("j", JobStatus::Accepted);
    bench.exited(
        "j",
        PeerExit {
            signal: Some(9),
            ..PeerExit::default()
        },
    );
    assert!(
        bench
            .reports()
            .iter()
            .any(|(_, s, m)| *s == JobStatus::Failed && m.as_ref().unwrap().contains("ready"))
    );
}

// WS-229 WS-230 WS-231 WS-234
#[test]
fn ws_229_230_231_234_a_living_peer_is_adopted() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "running")]);
    assert_eq!(
        bench.take(),
        [
            Effect::Poll,
            Effect::Inspect {
                job: order("j", "running")
            }
        ]
    );
    bench.send(Event::Inspected {
        job_id: "j".into(),
        found: LocalPeer::Alive { ready: false },
    });
    assert_eq!(bench.take(), [report("j", JobStatus::Running)]);
    bench.reported("j", JobStatus::Running);
    bench.exited(
        "j",
        PeerExit {
            unseen: true,
            ..PeerExit::default()
        },
    );
    let (_, status, message) = bench.reports().remove(0);
    assert_eq!(status, JobStatus::Failed);
    assert!(message.unwrap().contains("could not observe"));
}

// WS-232 WS-233
#[test]
fn ws_232_233_a_dead_peer_fails_its_job() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "accepted")]);
    bench.take();
    bench.send(Event::Inspected {
        job_id: "j".into(),
        found: LocalPeer::Dead { exit: None },
    });
    let effects = bench.take();
    assert!(
        effects.contains(&Effect::ForgetPeer { job_id: "j".into() }),
        "{effects:?}"
    );
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Report { status: JobStatus::Failed, error_message: Some(text), .. }
            if text.contains("restarted"))),
        "{effects:?}"
    );
}

// WS-237
#[test]
fn ws_237_a_job_of_another_machine_is_left_alone() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "running")]);
    bench.take();
    bench.send(Event::Inspected {
        job_id: "j".into(),
        found: LocalPeer::Foreign,
    });
    assert_eq!(bench.take(), []);
    assert_eq!(bench.agent.job_count(), 0);
}

// WS-238 WS-239 WS-242 WS-243 WS-244 WS-246 WS-247
#[test]
fn ws_238_239_242_243_244_247_a_job_the_cloud_ended_ends_here() {
    let text = "workstation attach job is no longer active";
    for failure in [
        conflict(None, text),
        conflict(Some("cancelled"), ""),
        conflict(Some("completed"), text),
        conflict(Some("failed"), ""),
    ] {
        let mut bench = Bench::working(defaults());
        bench.running("j");
        bench.running("other");
        bench.run_for(30_000);
        bench.take();
        bench.report_failed("j", JobStatus::Running, failure);
        bench.reported("other", JobStatus::Running);
        assert_eq!(bench.take(), [Effect::Terminate { job_id: "j".into() }]);
        // The other job is looked after meanwhile, and nothing more is said about this one.
        bench.exited("other", code(0));
        assert_eq!(
            bench.reports(),
            [("other".into(), JobStatus::Completed, None)]
        );
        bench.run_for(14_999);
        assert!(!bench.take().contains(&Effect::Kill { job_id: "j".into() }));
        bench.run_for(1);
        assert!(bench.take().contains(&Effect::Kill { job_id: "j".into() }));
        bench.exited(
            "j",
            PeerExit {
                signal: Some(9),
                ..PeerExit::default()
            },
        );
        assert_eq!(
            bench.take(),
            [
                Effect::ForgetPeer { job_id: "j".into() },
                Effect::EndKernel { job_id: "j".into() }
            ]
        );
        bench.run_for(300_000);
        assert!(bench.reports().iter().all(|(id, ..)| id != "j"));
    }
}

// WS-240 WS-241 WS-245
#[test]
fn ws_240_241_245_other_refusals_keep_the_job() {
    let text = "workstation attach job is no longer active";
    let same_text = CloudFailure {
        error: text.into(),
        ..status(500)
    };
    for failure in [
        conflict(None, "busy"),
        same_text,
        conflict(Some("running"), text),
        status(404),
    ] {
        let mut bench = Bench::working(defaults());
        bench.running("j");
        bench.run_for(30_000);
        bench.take();
        bench.report_failed("j", JobStatus::Running, failure);
        assert!(
            !bench
                .take()
                .contains(&Effect::Terminate { job_id: "j".into() })
        );
        assert_eq!(bench.agent.job_count(), 1);
    }
    // A stale "accepted" raises the local state.
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "accepted")]);
    bench.send(Event::Inspected {
        job_id: "j".into(),
        found: LocalPeer::Alive { ready: false },
    });
    bench.take();
    bench.report_failed("j", JobStatus::Accepted, conflict(Some("running"), text));
    assert_eq!(bench.reports(), [("j".into(), JobStatus::Running, None)]);
}

#[test]
fn a_job_that_left_the_list_is_asked_about_at_once() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.offer(vec![order("j", "running")]);
    assert_eq!(bench.reports(), []);
    bench.offer(vec![]);
    assert_eq!(bench.reports(), [("j".into(), JobStatus::Running, None)]);
    bench.report_failed("j", JobStatus::Running, conflict(Some("cancelled"), ""));
    assert_eq!(bench.take(), [Effect::Terminate { job_id: "j".into() }]);
}

#[test]
fn a_job_unknown_to_the_cloud_three_times_is_dropped() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.run_for(30_000);
    for _ in 0..3 {
        bench.report_failed("j", JobStatus::Running, status(404));
        bench.run_for(5_000);
    }
    assert!(
        bench
            .take()
            .contains(&Effect::Terminate { job_id: "j".into() })
    );
}

#[test]
fn d4_a_crashed_peer_is_followed_by_another_until_it_crashes_too_often() {
    assert_eq!(AgentConfig::default().crash_restarts, 5);
    let mut bench = Bench::working(AgentConfig {
        crash_restarts: 2,
        ..defaults()
    });
    bench.running("j");
    let killed = PeerExit {
        signal: Some(9),
        ..PeerExit::default()
    };
    for _ in 0..2 {
        bench.exited("j", killed.clone());
        bench.run_for(2_500);
        let effects = bench.take();
        assert!(
            effects.iter().any(|e| matches!(e, Effect::Spawn { .. })),
            "{effects:?}"
        );
        bench.send(Event::Spawned {
            job_id: "j".into(),
            result: Ok(()),
        });
        bench.send(Event::PeerReady { job_id: "j".into() });
        bench.reported("j", JobStatus::Running);
    }
    bench.take();
    bench.exited("j", killed);
    assert!(
        bench
            .reports()
            .iter()
            .any(|(_, status, _)| *status == JobStatus::Failed)
    );
    // A requested end is no crash.
    bench.running("k");
    bench.exited(
        "k",
        PeerExit {
            signal: Some(15),
            ..PeerExit::default()
        },
    );
    assert!(
        bench
            .reports()
            .iter()
            .any(|(id, status, _)| id == "k" && *status == JobStatus::Failed)
    );
}

// WS-260
#[test]
fn ws_260_stopping_ends_peers_reports_them_and_exits() {
    let mut bench = Bench::working(defaults());
    bench.running("a");
    bench.running("b");
    bench.reported("a", JobStatus::Running);
    bench.offer(vec![
        order("a", "running"),
        order("b", "running"),
        order("c", "pending"),
    ]);
    bench.take();
    bench.send(Event::StopRequested);
    let effects = bench.take();
    for id in ["a", "b"] {
        assert!(
            effects.contains(&Effect::Terminate { job_id: id.into() }),
            "{effects:?}"
        );
    }
    bench.exited("a", code(0));
    assert_eq!(bench.reports(), [("a".into(), JobStatus::Completed, None)]);
    bench.reported("a", JobStatus::Completed);
    bench.reported("c", JobStatus::Accepted);
    assert_eq!(bench.reports()[0].1, JobStatus::Failed);
    bench.reported("c", JobStatus::Failed);
    let started = bench.now;
    bench.run_for(30_000);
    let effects = bench.take();
    assert!(
        effects.contains(&Effect::Kill { job_id: "b".into() }),
        "{effects:?}"
    );
    assert!(
        !effects.contains(&Effect::Poll) && !effects.contains(&Effect::Register),
        "{effects:?}"
    );
    assert!(
        matches!(effects.last(), Some(Effect::Exit { code: 0, .. })),
        "{effects:?}"
    );
    assert!(bench.now - started <= 30_000);
}

// WS-261 WS-262
#[test]
fn ws_261_262_a_second_signal_and_detach_exit_at_once() {
    let mut bench = Bench::working(defaults());
    bench.running("a");
    bench.send(Event::StopRequested);
    bench.take();
    bench.send(Event::StopRequested);
    assert!(matches!(
        bench.take().as_slice(),
        [Effect::Exit { code: 130, .. }]
    ));

    let mut bench = Bench::working(AgentConfig {
        on_stop: StopPolicy::Detach,
        ..defaults()
    });
    bench.running("a");
    bench.send(Event::StopRequested);
    assert_eq!(
        bench.take(),
        [
            Effect::CloseLink,
            Effect::Exit {
                code: 0,
                message: None
            }
        ]
    );
}
