//! A job from pending to its reported end.

use super::*;

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
        bench.send(polled(vec![], vec!["odd".into()]));
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
                    bench.send(polled(vec![order("j", "running")], vec![]));
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

// WS-224: the edge's news may overtake each other.
#[test]
fn a_peer_that_is_ready_before_its_start_was_told_is_ready() {
    let mut bench = Bench::working(defaults());
    bench.offer(vec![order("j", "pending"), order("k", "accepted")]);
    bench.reported("j", JobStatus::Accepted);
    bench.take();
    let ready = |id: &str| Event::PeerReady { job_id: id.into() };
    bench.send(ready("j"));
    bench.send(ready("k"));
    assert_eq!(bench.take(), []);
    bench.send(Event::Spawned {
        job_id: "j".into(),
        result: Ok(()),
    });
    assert_eq!(bench.take(), [report("j", JobStatus::Running)]);
    bench.send(Event::Inspected {
        job_id: "k".into(),
        found: LocalPeer::Alive { ready: false },
    });
    assert_eq!(bench.take(), [report("k", JobStatus::Running)]);
}
