//! Peers found alive or dead, jobs that the cloud ended, crashes, stopping.

use super::*;

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
fn d4_a_peer_that_follows_a_crashed_one_may_wait_for_the_cloud() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    let killed = PeerExit {
        signal: Some(9),
        ..PeerExit::default()
    };
    bench.exited("j", killed);
    bench.run_for(2_500);
    bench.send(Event::Spawned {
        job_id: "j".into(),
        result: Ok(()),
    });
    bench.take();
    // The cloud is away, and a kernel is at work.
    bench.run_for(3_600_000);
    let ends = Effect::Terminate { job_id: "j".into() };
    assert!(!bench.take().contains(&ends));
    bench.send(Event::PeerReady { job_id: "j".into() });
    bench.reported("j", JobStatus::Running);
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

fn left_behind(job_ids: &[&str]) -> Event {
    Event::LeftBehind {
        job_ids: job_ids.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// An agent that finds jobs of an earlier one, registered, with its first poll under way.
fn finding(job_ids: &[&str]) -> Bench {
    let mut bench = Bench::new(defaults());
    bench.send(left_behind(job_ids));
    bench.send(Event::Registered(Ok(())));
    bench.take();
    bench
}

fn inspect(id: &str) -> Effect {
    let job = JobOrder {
        job_id: id.into(),
        ..JobOrder::default()
    };
    Effect::Inspect { job }
}

fn inspected(id: &str, found: LocalPeer) -> Event {
    Event::Inspected {
        job_id: id.into(),
        found,
    }
}

#[test]
fn what_an_earlier_agent_left_of_a_job_that_is_over_ends() {
    let mut bench = finding(&["listed", "over"]);
    bench.send(polled(vec![order("listed", "running")], vec![]));
    let effects = bench.take();
    assert!(effects.contains(&inspect("over")), "{effects:?}");
    assert!(!effects.contains(&inspect("listed")), "{effects:?}");
    // Not even its note counts: nobody asks any more.
    let exit = Some(code(1));
    bench.send(inspected("over", LocalPeer::Dead { exit }));
    assert_eq!(
        bench.take(),
        [
            Effect::ForgetPeer {
                job_id: "over".into()
            },
            Effect::EndKernel {
                job_id: "over".into()
            }
        ]
    );
    // Once: a later list is about later jobs.
    bench.offer(vec![order("listed", "running")]);
    assert!(!bench.take().contains(&inspect("over")));
}

#[test]
fn a_living_peer_of_a_job_that_is_over_is_adopted_and_told() {
    let mut bench = finding(&["j"]);
    bench.send(polled(vec![], vec![]));
    bench.take();
    bench.send(inspected("j", LocalPeer::Alive { ready: true }));
    assert_eq!(bench.take(), [report("j", JobStatus::Running)]);
    bench.report_failed("j", JobStatus::Running, conflict(Some("cancelled"), ""));
    assert_eq!(bench.take(), [Effect::Terminate { job_id: "j".into() }]);
    bench.exited("j", code(0));
    assert_eq!(
        bench.take(),
        [
            Effect::ForgetPeer { job_id: "j".into() },
            Effect::EndKernel { job_id: "j".into() }
        ]
    );
}

#[test]
fn nothing_that_was_left_ends_before_a_complete_list_says_so() {
    let mut bench = finding(&["j", "unreadable"]);
    bench.send(Event::Polled(Err(status(500))));
    bench.run_for(5_000);
    assert!(bench.take().contains(&Effect::Poll));
    let jobs = (0..10).map(|n| order(&format!("other-{n}"), "running"));
    let list = JobList {
        jobs: jobs.collect(),
        skipped: vec!["unreadable".to_owned()],
        is_whole: false,
    };
    bench.send(Event::Polled(Ok(list.clone())));
    assert!(!bench.take().contains(&inspect("j")));
    bench.listed(polled(list.jobs, list.skipped));
    let effects = bench.take();
    assert!(effects.contains(&inspect("j")), "{effects:?}");
    assert!(!effects.contains(&inspect("unreadable")), "{effects:?}");
}

#[test]
fn of_thirty_jobs_all_are_accepted_and_the_list_is_complete() {
    let mut bench = finding(&["j"]);
    let all = (0..30).map(|n| {
        order(
            &format!("job-{n}"),
            if n < 12 { "running" } else { "pending" },
        )
    });
    bench.send(polled(all.collect(), vec![]));
    let effects = bench.take();
    for n in 12..30 {
        let accepted = report(&format!("job-{n}"), JobStatus::Accepted);
        assert!(effects.contains(&accepted), "{n}: {effects:?}");
    }
    assert!(effects.contains(&inspect("j")), "{effects:?}");
}
