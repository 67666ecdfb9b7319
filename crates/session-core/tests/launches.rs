//! When a kernel is launched, and what becomes of executions while there is none.
#![allow(clippy::unwrap_used)]

mod support;

use automerge::transaction::Transactable as _;
use documents::value::Reader;
use serde_json::json;
use session_core::{Effect, Event, LaunchMode, Settings};
use support::{Sim, info, settings};

fn launches(sim: &Sim) -> (usize, usize) {
    let count = |wanted: &Effect| sim.log.iter().filter(|effect| *effect == wanted).count();
    (count(&Effect::LaunchKernel), count(&Effect::RestartKernel))
}

// WS-286
#[test]
fn a_kernel_that_somebody_asked_for_is_not_launched_a_second_time() {
    let mut sim = Sim::new(settings());
    // Sooner than the first sync, after which this session launches by itself.
    sim.request(&json!({"id": "r", "action": "restart_kernel"}));
    sim.link();
    sim.pass(1_000);
    assert_eq!(launches(&sim), (0, 1));
    assert_eq!(sim.kernel_field("lifecycle"), "Running");

    let mut sim = Sim::new(Settings::new("aaaaaaaa", LaunchMode::Execute));
    sim.link();
    sim.request(&json!({"id": "r", "action": "restart_kernel"}));
    sim.queue(&["a"]);
    assert_eq!(launches(&sim), (0, 1));
    assert_eq!(sim.sent("execute_request").len(), 1);
}

// WS-309 WS-291
#[test]
fn executions_without_a_kernel_stay_queued_in_the_document() {
    let mut sim = Sim::new(settings());
    sim.launch = false;
    sim.link();
    sim.queue(&["a", "b"]);
    sim.pass(60_000);
    assert_eq!(
        (sim.status("a"), sim.status("b")),
        ("queued".into(), "queued".into())
    );
    assert!(sim.to_kernel.is_empty());
    sim.event(Event::KernelReady(info()));
    assert_eq!(
        (sim.status("a"), sim.status("b")),
        ("running".into(), "queued".into())
    );
}

// WS-301
#[test]
fn an_execution_without_source_waits_for_a_later_sync() {
    let mut sim = Sim::ready();
    let state = sim.state.doc_mut();
    let executions = Reader::now(state).root_map("executions").unwrap();
    let bare = state
        .put_object(&executions, "bare", automerge::ObjType::Map)
        .unwrap();
    state.put(&bare, "status", "queued").unwrap();
    state.put(&bare, "seq", 0_u64).unwrap();
    state
        .put_object(&bare, "outputs", automerge::ObjType::Map)
        .unwrap();
    sim.room_speaks();
    sim.pass(1_000);
    assert!(sim.to_kernel.is_empty());
    assert_eq!(sim.status("bare"), "queued");
    sim.state.doc_mut().put(&bare, "source", "1 + 1").unwrap();
    sim.room_speaks();
    let sent = sim.sent("execute_request");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].content["code"], "1 + 1");
    // It is said with the first output, or a moment later without one.
    sim.pass(20);
    assert_eq!(sim.status("bare"), "running");
}

#[test]
fn an_environment_in_preparation_is_shown_until_its_kernel_is_there() {
    let mut sim = Sim::new(settings());
    sim.launch = false;
    sim.link();
    sim.queue(&["a"]);
    let preparing = |sim: &mut Sim, progress: &str| {
        let progress = progress.to_owned();
        sim.event(Event::KernelPreparing { progress });
    };
    preparing(&mut sim, "installing numpy");
    assert_eq!(sim.kernel_field("lifecycle"), "PreparingEnv");
    assert_eq!(sim.kernel_field("launch_progress"), "installing numpy");
    assert_eq!(sim.status("a"), "queued");
    sim.event(Event::KernelReady(info()));
    assert_eq!(sim.kernel_field("lifecycle"), "Running");
    assert_eq!(sim.kernel_field("launch_progress"), "");
    assert_eq!(sim.status("a"), "running");
    // Late news of a preparation that is over changes nothing.
    preparing(&mut sim, "installing pandas");
    assert_eq!(sim.kernel_field("lifecycle"), "Running");
}
