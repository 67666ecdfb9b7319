//! D14: what waits to run of somebody whose run right is taken away.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Client, Harness, attached, editor, uuid};
use room::{AccessChange, Event, Join};
use serde_json::json;
use wire::Scope;

/// A room in which the owner's cell runs, one of the owner's and two of an editor's wait.
fn waiting() -> (Harness, Join) {
    let (mut harness, mut browser, mut machine) = attached();
    let ron = Join {
        may_run: true,
        ..editor()
    };
    harness.join(ron.clone());
    for (at, cell) in ["a", "b", "c", "d"].into_iter().enumerate() {
        browser.add_cell(cell, "code", &format!("9{at}"), "1");
    }
    let mut other = Client::of(&ron);
    harness.settle(&mut [&mut browser, &mut machine, &mut other]);
    for (at, (who, cell)) in (1..).zip([
        ("owner", "a"),
        ("editor", "b"),
        ("owner", "c"),
        ("editor", "d"),
    ]) {
        let run = json!({"action": "execute_cell", "cell_id": cell, "execution_id": uuid(at)});
        assert_eq!(harness.ask(who, run), None);
    }
    harness.settle(&mut [&mut browser, &mut machine, &mut other]);
    machine.put(&uuid(1), "status", "running");
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(machine.rejections(), Vec::<String>::new());
    (harness, ron)
}

fn change(of: &Join, allowed: Vec<Scope>, may_run: bool) -> Event {
    Event::AccessChanged(AccessChange {
        principal: of.actor.principal.clone(),
        allowed,
        may_run,
    })
}

fn statuses(harness: &mut Harness) -> Vec<String> {
    let status = |id| harness.execution(&uuid(id), "status").unwrap();
    (1..=4).map(status).collect()
}

#[test]
fn d14_what_somebody_asked_for_who_may_not_run_any_more_does_not_run() {
    for allowed in [
        vec![],
        vec![Scope::Viewer],
        vec![Scope::Editor, Scope::Viewer],
    ] {
        let (mut harness, ron) = waiting();
        harness.event(change(&ron, allowed, false));
        let ends = ["running", "cancelled", "queued", "cancelled"];
        assert_eq!(statuses(&mut harness), ends);
        assert_eq!(harness.queued(), [uuid(1), uuid(3)]);
        assert!(harness.room.has_work());
    }
}

#[test]
fn d14_who_may_still_run_keeps_what_waits() {
    for (allowed, may_run) in [(vec![Scope::Editor], true), (vec![Scope::Owner], false)] {
        let (mut harness, ron) = waiting();
        harness.event(change(&ron, allowed, may_run));
        assert_eq!(statuses(&mut harness)[1..], ["queued"; 3]);
    }
}

// The edge asks for their rights as it opens a room that was not live.
#[test]
fn a_room_knows_whose_cells_wait_also_after_a_load() {
    let (harness, ron) = waiting();
    let mut harness = harness.restart();
    let waiting = harness.room.waiting();
    assert!(
        waiting.contains(&ron.actor.principal) && waiting.len() == 2,
        "{waiting:?}"
    );
    harness.event(change(&ron, vec![], false));
    assert_eq!(harness.room.waiting().len(), 1);
    let mut again = harness.restart();
    assert_eq!(statuses(&mut again)[1], "cancelled", "it is kept");
}
