//! The operator's orders.

use super::*;
use crate::{Admission, Answer, Order};

fn obey(bench: &mut Bench, order: &Order) -> Answer {
    let (answer, effects) = bench.agent.obey(bench.now, order);
    let now = bench.now;
    bench
        .seen
        .extend(effects.into_iter().map(|effect| (now, effect)));
    answer
}

fn phases(bench: &Bench) -> Vec<(String, String)> {
    let lines = bench.agent.status().jobs.into_iter();
    lines.map(|line| (line.job_id, line.phase)).collect()
}

fn failed(bench: &mut Bench) -> Vec<(String, String)> {
    let reports = bench.take().into_iter();
    let failed = reports.filter_map(|effect| match effect {
        Effect::Report {
            job_id,
            status: JobStatus::Failed,
            error_message,
        } => Some((job_id, error_message.unwrap_or_default())),
        _ => None,
    });
    failed.collect()
}

#[test]
fn a_job_that_the_operator_stops_is_completed_and_the_others_go_on() {
    let mut bench = Bench::working(defaults());
    bench.running("a");
    bench.running("b");
    // It was asked about, since the list had only the other one.
    bench.reported("a", JobStatus::Running);
    bench.take();
    let stop = Order::Stop { job_id: "a".into() };
    assert!(matches!(obey(&mut bench, &stop), Answer::Ok(_)));
    assert_eq!(bench.take(), [Effect::Terminate { job_id: "a".into() }]);
    assert_eq!(phases(&bench)[0], ("a".into(), "stopping".into()));
    bench.send(Event::PeerExited {
        job_id: "a".into(),
        exit: code(0),
    });
    assert!(bench.take().contains(&report("a", JobStatus::Completed)));
    assert_eq!(phases(&bench)[0].1, "ended");
    bench.reported("a", JobStatus::Completed);
    assert_eq!(phases(&bench), [("b".into(), "running".into())]);
    let gone = obey(&mut bench, &stop);
    assert!(matches!(gone, Answer::Refused(_)), "{gone:?}");
}

#[test]
fn a_drained_machine_finishes_what_runs_and_tells_the_owners_of_what_it_does_not_take() {
    let mut bench = Bench::working(defaults());
    bench.running("a");
    bench.take();
    obey(&mut bench, &Order::Drain);
    assert_eq!(
        bench.take(),
        [Effect::Draining { on: true }, Effect::Register]
    );
    bench.send(Event::Registered(Ok(())));
    bench.offer(vec![order("a", "running"), order("b", "pending")]);
    let refused = failed(&mut bench);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].0 == "b" && refused[0].1.contains("draining"));
    assert_eq!(phases(&bench)[0], ("a".into(), "running".into()));
    obey(&mut bench, &Order::Undrain);
    bench.offer(vec![order("c", "pending")]);
    let effects = bench.take();
    assert!(effects.contains(&report("c", JobStatus::Accepted)));
}

#[test]
fn notebooks_that_are_not_allowed_and_too_many_are_refused_with_the_reason() {
    let admission = Admission {
        allow: vec!["n".into()],
        max_jobs: Some(1),
        ..crate::Admission::default()
    };
    let mut bench = Bench::working(AgentConfig {
        admission,
        ..defaults()
    });
    bench.running("a");
    bench.take();
    let stranger = JobOrder {
        notebook_id: "other".into(),
        ..order("x", "pending")
    };
    bench.offer(vec![order("a", "running"), stranger, order("b", "pending")]);
    let refused = failed(&mut bench);
    let [(b, full), (x, stranger)] = &refused[..] else {
        panic!("{refused:?}");
    };
    assert!(b == "b" && full.contains("as many"), "{full}");
    assert!(x == "x" && stranger.contains("allows only"), "{stranger}");
}

// D4: `stop --all` ends everything, whatever the agent was told to do at its end.
#[test]
fn stop_all_ends_peers_and_agent_also_where_they_would_be_detached() {
    let mut bench = Bench::working(AgentConfig {
        on_stop: StopPolicy::Detach,
        ..defaults()
    });
    bench.running("a");
    bench.take();
    obey(&mut bench, &Order::StopAll);
    assert!(
        bench
            .take()
            .contains(&Effect::Terminate { job_id: "a".into() })
    );
    assert!(matches!(
        obey(&mut bench, &Order::Drain),
        Answer::Refused(_)
    ));
    bench.send(Event::PeerExited {
        job_id: "a".into(),
        exit: code(0),
    });
    bench.reported("a", JobStatus::Completed);
    assert!(bench.take().contains(&Effect::Exit {
        code: 0,
        message: None
    }));
}

#[test]
fn a_hand_over_leaves_peers_alone_whatever_the_agent_was_told_to_do_at_its_end() {
    let mut bench = Bench::working(defaults());
    bench.running("a");
    bench.take();
    assert!(matches!(
        obey(&mut bench, &Order::HandOver),
        Answer::Ok(status) if status.stopping && status.jobs.len() == 1
    ));
    let exit = Effect::Exit {
        code: 0,
        message: None,
    };
    assert_eq!(bench.take(), [Effect::CloseLink, exit]);
    assert_eq!(bench.agent.next_deadline(), None);
}

#[test]
fn the_first_process_of_a_container_does_not_hand_over_and_ends_its_peers() {
    let mut bench = Bench::working(AgentConfig {
        on_stop: StopPolicy::Detach,
        is_first: true,
        ..defaults()
    });
    bench.running("a");
    bench.take();
    let Answer::Refused(reason) = obey(&mut bench, &Order::HandOver) else {
        panic!("it ends, and its kernels with it");
    };
    assert!(reason.contains("container") && reason.contains("Hint: "));
    assert_eq!(bench.take(), []);
    bench.send(Event::StopRequested);
    let end = Effect::Terminate { job_id: "a".into() };
    assert!(bench.take().contains(&end));
}

#[test]
fn a_machine_that_cannot_store_anything_goes_on_with_what_lives_and_refuses_the_rest() {
    let mut bench = Bench::working(defaults());
    bench.running("old");
    let full = || Event::Storage(Some("the disk is full".to_owned()));
    bench.send(full());
    assert_eq!(bench.take(), [Effect::Register]);
    bench.send(Event::Registered(Ok(())));
    bench.send(full());
    assert_eq!(bench.take(), [], "told once");
    assert_eq!(
        bench.agent.status().storage.as_deref(),
        Some("the disk is full")
    );
    bench.offer(vec![order("old", "running"), order("new", "pending")]);
    let reports = bench.reports();
    let [(id, JobStatus::Failed, Some(reason))] = reports.as_slice() else {
        panic!("{reports:?}")
    };
    assert!(
        id == "new" && reason.contains("the disk is full"),
        "{reason}"
    );
    bench.send(Event::Storage(None));
    assert_eq!(bench.take(), [Effect::Register]);
    bench.send(Event::Registered(Ok(())));
    bench.offer(vec![order("old", "running"), order("newer", "pending")]);
    assert_eq!(
        bench.reports(),
        [("newer".into(), JobStatus::Accepted, None)]
    );
}
