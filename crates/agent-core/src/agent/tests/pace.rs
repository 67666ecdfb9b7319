//! Heartbeat, polling, event socket, cooldowns, refused credentials.

use super::*;

// WS-146 WS-173
#[test]
fn ws_146_173_registers_then_polls_and_opens_the_socket_at_once() {
    let mut bench = Bench::new(defaults());
    assert_eq!(bench.take(), [Effect::LookAtDevices, Effect::Register]);
    bench.send(Event::Registered(Ok(())));
    assert_eq!(bench.take(), [Effect::OpenLink, Effect::Poll]);
    assert_eq!(bench.now, 1_000);
    bench.send(polled(vec![], vec![]));
    bench.send(Event::Link(LinkEvent::Opened));
    let times = bench.failing(&Effect::PingLink, &status(0), 600_000);
    assert!(times.len() >= 4, "an idle socket is probed: {times:?}");
}

// WS-173, 3.8: the machine's row may be there while its renewal fails; jobs do not wait for that.
#[test]
fn ws_173_a_registration_that_fails_from_the_start_holds_up_no_job() {
    let mut bench = Bench::new(defaults());
    bench.take();
    bench.send(Event::Registered(Err(status(500))));
    assert_eq!(bench.take(), [Effect::OpenLink, Effect::Poll]);
    bench.send(polled(vec![order("j", "pending")], vec![]));
    assert_eq!(bench.reports().len(), 1);
}

// WS-215: an id that no address can hold is told once and left alone.
#[test]
fn ws_215_a_job_that_no_address_names_is_skipped() {
    let mut bench = Bench::working(defaults());
    for id in [".", "..", ".", ".."] {
        bench.offer(vec![order(id, "pending"), order("j", "pending")]);
    }
    let warned = bench.seen.iter().filter(|(_, effect)| {
        matches!(effect, Effect::Log { text, .. } if text.contains("cannot be read: ."))
    });
    assert_eq!(warned.count(), 2);
    let told: Vec<String> = bench.reports().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(told, ["j"]);
}

#[test]
fn ws_158_devices_are_looked_at_with_the_first_heartbeat_after_five_minutes() {
    let mut bench = Bench::new(AgentConfig {
        heartbeat_ms: 45_000,
        ..defaults()
    });
    let (mut looks, mut registered) = (Vec::new(), Vec::new());
    while bench.now < 1_000_000 {
        for (at, effect) in std::mem::take(&mut bench.seen) {
            match effect {
                Effect::LookAtDevices => looks.push(at),
                Effect::Register => {
                    registered.push(at);
                    // A refused heartbeat does not make the next one look again.
                    let failed = registered.len() % 3 == 0;
                    let result = if failed { Err(status(500)) } else { Ok(()) };
                    bench.send(Event::Registered(result));
                }
                Effect::Poll => bench.send(polled(vec![], vec![])),
                Effect::OpenLink => bench.send(Event::Link(LinkEvent::Opened)),
                _ => {}
            }
        }
        bench.run_for(1_000);
    }
    let mut due = vec![registered[0]];
    for at in &registered {
        if *at >= due.last().unwrap() + 300_000 {
            due.push(*at);
        }
    }
    assert_eq!(looks, due, "{registered:?}");
    assert_eq!(looks.len(), 4);
    assert!(looks.iter().all(|at| registered.contains(at)));
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
                Effect::Poll => bench.send(polled(vec![], vec![])),
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
    let all = [Effect::Register, Effect::Poll, Effect::OpenLink];
    let times = bench.all_failing(&all, &status(401), 3_600_000);
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
    assert_eq!(bench.take()[..2], [Effect::Register, Effect::Poll]);
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
    bench.send(Event::Polled(Err(status(401))));
    bench.take();
    bench.run_for(75_000);
    let tried = bench.take();
    assert!(tried.contains(&Effect::Register) && tried.contains(&Effect::Poll));
    bench.send(Event::Registered(Ok(())));
    bench.send(polled(vec![order("j", "pending")], vec![]));
    assert_eq!(bench.reports().len(), 1);
}

// WS-175 WS-160 WS-166 WS-170
#[test]
fn ws_160_170_175_wake_ups_poll_once() {
    let mut bench = Bench::working(defaults());
    for _ in 0..5 {
        bench.send(Event::Link(LinkEvent::AttachJobs));
    }
    bench.run_for(1_000);
    assert_eq!(bench.take(), [Effect::Poll]);
    bench.send(polled(vec![], vec![]));
    bench.send(Event::Link(LinkEvent::Closed));
    bench.run_for(999);
    assert_eq!(bench.take(), []);
    bench.run_for(4_001);
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
    bench.run_for(24_999);
    assert_eq!(bench.take(), []);
    bench.run_for(1);
    assert_eq!(bench.take(), [Effect::PingLink]);
    bench.run_for(9_000);
    bench.send(Event::Link(LinkEvent::Traffic));
    bench.run_for(25_000);
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
        let most = (wanted / 5).max(4_000);
        assert!(
            (wanted..=wanted + most + 1).contains(&gap),
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

#[test]
fn new_facts_are_registered_soon_and_no_faster_than_once_a_second() {
    let mut bench = Bench::working(defaults());
    bench.take();
    let mut times = Vec::new();
    // Facts that never settle, and arrive while a registration is under way.
    for _ in 0..50 {
        bench.send(Event::FactsChanged);
        bench.run_for(100);
        if bench.take().contains(&Effect::Register) {
            times.push(bench.now);
            bench.send(Event::FactsChanged);
            bench.send(Event::Registered(Ok(())));
        }
    }
    assert!((4..=5).contains(&times.len()), "{times:?}");
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] >= 1_000),
        "{times:?}"
    );
    // A registration that failed is not hurried by them.
    bench.run_for(2_000);
    bench.take();
    bench.send(Event::Registered(Err(status(503))));
    bench.send(Event::FactsChanged);
    bench.run_for(900);
    assert!(!bench.take().contains(&Effect::Register));
}

/// Lets time pass in half seconds; everything that is asked of the cloud works, or reaches nobody. Returns what was asked.
fn passes(bench: &mut Bench, ms: Millis, works: bool) -> Vec<(Millis, &'static str)> {
    let mut asked = Vec::new();
    for _ in 0..ms / 500 {
        bench.run_for(500);
        let now = bench.now;
        for effect in bench.take() {
            let answer = |ok: ()| {
                if works {
                    Ok(ok)
                } else {
                    Err(CloudFailure::default())
                }
            };
            let (what, event) = match effect {
                Effect::Register => ("register", Event::Registered(answer(()))),
                Effect::Poll if works => ("poll", polled(vec![order("j", "running")], vec![])),
                Effect::Poll => ("poll", Event::Polled(Err(CloudFailure::default()))),
                Effect::OpenLink if !works => (
                    "link",
                    Event::Link(LinkEvent::Failed(CloudFailure::default())),
                ),
                Effect::Report { job_id, status, .. } => {
                    let result = answer(());
                    (
                        "report",
                        Event::Reported {
                            job_id,
                            status,
                            result,
                        },
                    )
                }
                _ => continue,
            };
            asked.push((now, what));
            bench.send(event);
        }
    }
    asked
}

// WS-160 WS-170 WS-382: a cloud that hears nothing for three minutes ends the jobs, and at a poll those it has not heard of.
#[test]
fn after_an_outage_the_cloud_hears_of_the_machine_and_its_jobs_at_once() {
    for seed in 0..20 {
        let mut bench = Bench::working(AgentConfig { seed, ..defaults() });
        bench.running("j");
        bench.send(Event::Link(LinkEvent::Failed(CloudFailure::default())));
        let asked = passes(&mut bench, 130_000, false);
        let times: Vec<Millis> = asked
            .iter()
            .filter(|(_, what)| *what == "register")
            .map(|(at, _)| *at)
            .collect();
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] <= 13_000),
            "{asked:?}"
        );
        let back = bench.now;
        let asked = passes(&mut bench, 30_000, true);
        let first = |wanted: &str| {
            let found = asked.iter().position(|(_, what)| *what == wanted);
            found.map(|at| (at, asked[at].0 - back))
        };
        let (_, registered) = first("register").expect("a registration");
        let (told, reported) = first("report").expect("a report");
        let (list, polled) = first("poll").expect("a poll");
        assert!(
            registered <= 13_000 && reported <= 14_000 && polled <= 15_000,
            "{asked:?}"
        );
        assert!(told < list, "{asked:?}");
    }
}

// What the cloud itself asked to wait for stays.
#[test]
fn a_cooldown_outlasts_what_succeeds_meanwhile() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.send(Event::Link(LinkEvent::AttachJobs));
    bench.run_for(POLL_SPACING_MS);
    bench.send(Event::Polled(Err(status(429))));
    bench.report_failed("j", JobStatus::Running, CloudFailure::default());
    bench.take();
    bench.send(Event::Link(LinkEvent::Opened));
    bench.run_for(55_000);
    assert!(!bench.take().contains(&Effect::Poll));
}

#[test]
fn a_workstation_that_a_poll_does_not_find_registers_instead_of_being_silent() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    bench.send(Event::Link(LinkEvent::AttachJobs));
    bench.run_for(POLL_SPACING_MS);
    bench.take();
    bench.send(Event::Polled(Err(CloudFailure {
        retry_after_ms: Some(900_000),
        ..status(404)
    })));
    assert!(bench.take().contains(&Effect::Register));
    bench.send(Event::Registered(Ok(())));
    assert!(bench.take().contains(&Effect::Poll));
    bench.send(polled(vec![order("j", "running")], vec![]));
    bench.run_for(60_000);
    assert!(bench.take().contains(&report("j", JobStatus::Running)));
}

// WS 5.3: the cloud gives a job up after 120 s without a word, a machine after 180.
#[test]
fn a_cloud_that_is_busy_without_saying_how_long_is_not_left_alone_while_kernels_run() {
    let mut bench = Bench::working(defaults());
    bench.running("j");
    let (mut last, mut longest) = (bench.now, 0);
    for _ in 0..400 {
        bench.run_for(1_000);
        for effect in bench.take() {
            match effect {
                Effect::Register => bench.send(Event::Registered(Err(status(503)))),
                Effect::Report { .. } => {
                    longest = longest.max(bench.now - last);
                    last = bench.now;
                }
                _ => {}
            }
        }
    }
    assert!(longest < 100_000, "{longest} ms without a report");
}
