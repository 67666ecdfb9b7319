//! Q-14: requests wait for the changes that their sender has seen, for a while.
#![allow(clippy::unwrap_used)]

mod common;

use automerge::sync::Message as SyncMessage;
use common::{Client, Harness, attached, owner, starter_cell, uuid};
use documents::DocKind;
use room::{AccessChange, Event, Join};
use serde_json::{Value, json};
use wire::control::SessionControl;
use wire::{FrameType, Scope};

/// Writes a new cell, and shows the room the heads with it, without the change: as a Bloom filter hides one.
fn hide_a_change(harness: &mut Harness, browser: &mut Client) -> Vec<String> {
    browser.add_cell("new", "code", "90", "x = 1");
    let heads = browser.doc(DocKind::Notebook).get_heads();
    let shown = heads.iter().map(ToString::to_string).collect();
    let mut sent = 0;
    for (frame_type, payload) in browser.flush() {
        if frame_type == FrameType::AutomergeSync {
            let mut message = SyncMessage::decode(&payload).unwrap();
            message.changes = automerge::sync::ChunkList::empty();
            assert_eq!(message.heads, heads);
            harness.binary("owner", frame_type, &message.encode());
            sent += 1;
        }
    }
    assert_eq!(sent, 1);
    shown
}

fn run(cell: &str, id: u32) -> Value {
    json!({"action": "execute_cell", "cell_id": cell, "execution_id": uuid(id)})
}

/// What the room has said about requests: accepted, or why not.
fn answers(harness: &mut Harness) -> Vec<Option<String>> {
    let request = FrameType::Request.byte();
    let answer = |control| match control {
        SessionControl::FrameAccepted { frame_type, .. } if frame_type == request => Some(None),
        SessionControl::FrameRejected {
            frame_type, reason, ..
        } if frame_type == Some(request) => Some(Some(reason)),
        _ => None,
    };
    let said = harness.controls("owner");
    said.into_iter().filter_map(answer).collect()
}

#[test]
fn q_14_a_run_waits_for_the_change_that_its_sender_has_shown() {
    let (mut harness, mut browser, _) = attached();
    let heads = hide_a_change(&mut harness, &mut browser);
    harness.take("owner");
    harness.request("owner", run("new", 1));
    let mut named = run(&starter_cell(), 2);
    named["required_heads"] = json!(heads);
    harness.request("owner", named);
    harness.request("owner", json!({"id": "i", "action": "interrupt_execution"}));
    assert_eq!(answers(&mut harness), [], "judged too early");
    browser.reset();
    harness.settle(&mut [&mut browser]);
    assert_eq!(browser.rejections(), Vec::<String>::new());
    assert_eq!(harness.execution(&uuid(1), "source").unwrap(), "x = 1");
    assert_eq!(harness.execution_ids(), [uuid(1), uuid(2)]);
}

#[test]
fn q_14_heads_that_never_come_refuse_the_run_in_the_end() {
    let (mut harness, mut browser, _) = attached();
    let heads = hide_a_change(&mut harness, &mut browser);
    let mut named = run(&starter_cell(), 1);
    named["required_heads"] = json!(heads);
    harness.request("owner", named);
    harness.request("owner", json!({"id": "r", "action": "restart_kernel"}));
    harness.take("owner");
    harness.advance(1_999);
    assert_eq!(answers(&mut harness), []);
    harness.advance(1);
    let said = answers(&mut harness);
    assert!(
        said[0]
            .as_ref()
            .unwrap()
            .contains("has not reached the room"),
        "{said:?}"
    );
    // What was merely shown is no promise: what the room has counts.
    assert_eq!(said[1..], [None]);
}

// D7: a right that is taken away is gone at once, also for what waits.
#[test]
fn a_run_that_waits_is_refused_once_the_run_right_is_withdrawn() {
    let (mut harness, ..) = attached();
    harness.leave("owner");
    let editor = Join {
        may_run: true,
        scope: Scope::Editor,
        ..owner()
    };
    let mut browser = Client::of(&editor);
    harness.join(editor.clone());
    harness.settle(&mut [&mut browser]);
    hide_a_change(&mut harness, &mut browser);
    harness.take("owner");
    harness.request("owner", run("new", 1));
    harness.event(Event::AccessChanged(AccessChange {
        principal: editor.actor.principal,
        allowed: vec![Scope::Editor, Scope::RuntimePeer],
        may_run: false,
    }));
    browser.reset();
    for (frame_type, payload) in browser.flush() {
        harness.binary("owner", frame_type, &payload);
    }
    harness.advance(2_000);
    let refused = Some("editor cannot write request frames".to_owned());
    assert_eq!(answers(&mut harness), [refused]);
    assert_eq!(harness.execution_ids(), Vec::<String>::new());
}

// What waits is memory of the room's.
#[test]
fn a_megabyte_of_requests_waits_at_most_and_all_are_judged_in_their_order() {
    let (mut harness, mut browser, _) = attached();
    hide_a_change(&mut harness, &mut browser);
    harness.take("owner");
    let padded = |id: u32, bytes: usize| {
        let mut request = run(&starter_cell(), id);
        request["padding"] = Value::from("x".repeat(bytes));
        request
    };
    harness.request("owner", run("new", 1));
    harness.request("owner", padded(2, 900_000));
    assert_eq!(answers(&mut harness), []);
    harness.request("owner", padded(3, 200_000));
    let said = answers(&mut harness);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].as_ref().unwrap().contains("cell not found: new"));
    assert_eq!(said[1..], [None, None]);
    // Alone, it is as well.
    harness.request("owner", padded(4, 2_000_000));
    assert_eq!(answers(&mut harness), [None]);
}

// A peer whose change was refused never brings what it has shown.
#[test]
fn a_run_goes_on_when_the_change_that_it_waits_for_is_refused() {
    let (mut harness, mut browser, _) = attached();
    hide_a_change(&mut harness, &mut browser);
    harness.request("owner", run(&starter_cell(), 1));
    harness.take("owner");
    browser.set_actor(DocKind::Notebook, "user:oidc:mallory/browser:m");
    browser.add_cell("forged", "code", "91", "x = 2");
    browser.reset();
    for _ in 0..3 {
        for (frame_type, payload) in browser.flush() {
            harness.binary("owner", frame_type, &payload);
        }
        for received in harness.take("owner") {
            browser.receive(&received);
        }
    }
    assert_eq!(harness.execution_ids(), [uuid(1)]);
}
