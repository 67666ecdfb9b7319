//! Kernels that reply to a request and are idle after it, in either order or not at all.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use session_core::Event;
use support::{Sim, settings};

fn reply(sim: &mut Sim, id: &str) {
    sim.kernel(
        id,
        "execute_reply",
        json!({"status": "ok", "execution_count": 1}),
    );
}

// It ran for ever, and what waited behind it as well.
#[test]
fn a_reply_and_then_silence_is_an_end() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.print("a", "said");
    reply(&mut sim, "a");
    let wait = settings().idle_wait_ms;
    sim.pass(wait - 1);
    assert_eq!(sim.status("a"), "running");
    sim.pass(2);
    assert_eq!(
        (sim.status("a").as_str(), sim.text("a").as_str()),
        ("done", "said")
    );
    assert_eq!(sim.status("b"), "running");
    // Of `b` the kernel has not said anything yet.
    sim.pass(2 * wait);
    assert_eq!(sim.status("b"), "running");
}

#[test]
fn output_after_the_reply_is_waited_for() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    reply(&mut sim, "a");
    let wait = settings().idle_wait_ms;
    for _ in 0..3 {
        sim.pass(wait - 1);
        sim.print("a", "x");
    }
    assert_eq!(sim.status("a"), "running");
    sim.kernel(
        "a",
        "error",
        json!({"ename": "E", "evalue": "v", "traceback": []}),
    );
    sim.pass(wait + 1);
    assert_eq!(sim.status("a"), "error");
}

#[test]
fn silence_while_the_link_is_away_is_none() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    reply(&mut sim, "a");
    sim.unlink("lost");
    let wait = settings().idle_wait_ms;
    sim.pass(10 * wait);
    sim.link();
    sim.pass(wait / 2);
    assert_eq!(sim.status("a"), "running");
    sim.print("a", "late");
    sim.idle("a");
    sim.pass(100);
    assert_eq!(
        (sim.status("a").as_str(), sim.text("a").as_str()),
        ("done", "late")
    );
}

#[test]
fn after_an_interrupt_silence_frees_the_kernel_for_the_next() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    sim.queue(&["b"]);
    assert_eq!(sim.status("b"), "queued");
    reply(&mut sim, "a");
    sim.pass(settings().idle_wait_ms + 100);
    assert_eq!(sim.status("b"), "running");
}

// Its `idle` lay in the journal, behind an output that took long to go up.
#[test]
fn silence_while_the_journal_waits_is_none() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    reply(&mut sim, "a");
    let wait = settings().idle_wait_ms;
    sim.session.journal_waits(true);
    // Nothing wakes the session meanwhile.
    sim.now = sim.now.plus(1);
    sim.event(Event::Tick);
    sim.now = sim.now.plus(10 * wait);
    sim.session.journal_waits(false);
    sim.event(Event::Tick);
    assert_eq!(sim.status("a"), "running");
    sim.print("a", "more");
    sim.idle("a");
    assert_eq!(
        (sim.status("a").as_str(), sim.text("a").as_str()),
        ("done", "more")
    );
}

#[test]
fn an_idle_that_overtakes_the_reply_waits_for_what_it_tells() {
    let idle = json!({"execution_state": "idle"});
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.kernel(
        "a",
        "stream",
        json!({"name": "stderr", "text": "UsageError\n"}),
    );
    sim.kernel("a", "status", idle.clone());
    assert_eq!(sim.status("a"), "running");
    sim.kernel(
        "a",
        "execute_reply",
        json!({"status": "error", "ename": "UsageError"}),
    );
    assert_eq!(
        (sim.status("a").as_str(), sim.status("b").as_str()),
        ("error", "cancelled")
    );
    assert_eq!(sim.outputs("a").len(), 1);

    sim.queue(&["c", "d"]);
    sim.kernel("c", "status", idle.clone());
    sim.pass(settings().reply_wait_ms - 100);
    assert_eq!(sim.status("c"), "running");
    sim.pass(200);
    assert_eq!(
        (sim.status("c").as_str(), sim.status("d").as_str()),
        ("done", "running")
    );

    sim.kernel("d", "status", idle);
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    sim.queue(&["e"]);
    assert_eq!(
        (sim.status("d").as_str(), sim.status("e").as_str()),
        ("done", "running")
    );
}
