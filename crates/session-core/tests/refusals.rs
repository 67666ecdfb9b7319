//! Rooms that end executions by themselves, lose what they had taken, or take nothing: the kernel goes on, nothing is lost
//! and nothing runs twice (decision D3).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::{Value, json};
use session_core::{Effect, Event, Outcome};
use support::{Sim, info};
use wire::FrameType;

/// The next session in the same process.
fn begin_anew(sim: &mut Sim, journal: &[session_core::JournalEntry]) {
    assert!(matches!(sim.exit, Some(Outcome::Anew(_))), "{:?}", sim.exit);
    assert!(!sim.log.contains(&Effect::ShutdownKernel));
    let before = sim.session.hand_over();
    sim.replace_session_with(true, before);
    sim.event(Event::KernelReady(info()));
    sim.link();
    let read = sim.persisted.unwrap_or_default();
    let rest = journal.iter().filter(|entry| entry.position >= read);
    sim.event(Event::Journal(rest.cloned().collect()));
    sim.event(Event::JournalCaughtUp);
    sim.pass(100);
}

// WS-382 (D3 in place of WS-359): after an outage a refusal says what the room did meanwhile, not that the peer is wrong.
#[test]
fn a_refusal_after_an_outage_begins_anew_and_leaves_the_kernel_alone() {
    for (frame_type, reason) in [
        (5, "terminal execution result metadata is immutable for a"),
        (
            5,
            "invalid runtime-peer status transition for a: error -> done",
        ),
        (5, "actor label \"u\" is invalid"),
        (9, "actor principal p is not authorized"),
        (5, "decode runtime state sync: short"),
    ] {
        let mut sim = Sim::ready();
        sim.unlink("");
        sim.link();
        sim.rejects(frame_type, reason);
        begin_anew(&mut sim, &[]);
        // So it is for the one that took its place.
        sim.rejects(frame_type, reason);
        begin_anew(&mut sim, &[]);
    }
}

#[test]
fn an_execution_that_the_room_ended_is_no_reason_to_end_on_the_first_link_either() {
    let mut sim = Sim::ready();
    sim.rejects(
        5,
        "invalid runtime-peer status transition for a: error -> done",
    );
    begin_anew(&mut sim, &[]);
}

#[test]
fn what_ended_ends_again_in_a_room_that_fell_back_to_an_older_snapshot() {
    let mut sim = Sim::ready();
    sim.refuses = true;
    sim.queue_at_once(&["a", "b", "c"]);
    let older = sim.state.clone();
    sim.pass(100);
    sim.print("a", "1\n");
    sim.idle("a");
    sim.kernel(
        "b",
        "error",
        json!({"ename": "E", "evalue": "", "traceback": []}),
    );
    sim.idle("b");
    sim.pass(100);
    // What only the room may write is lost as well.
    sim.queue(&["d"]);
    sim.idle("d");
    sim.pass(100);
    let ended = ["a", "b", "c"].map(|id| sim.record(id));
    assert_eq!(sim.persisted, Some(sim.position));
    sim.unlink("");
    sim.state = older;
    sim.link();
    begin_anew(&mut sim, &[]);
    let text = |record: &Value| record["outputs"].as_object().unwrap().len();
    for (id, before) in ["a", "b", "c"].iter().zip(&ended) {
        let after = sim.record(id);
        assert_eq!(after["status"], before["status"], "{id}");
        assert_eq!(text(&after), text(before), "{id}");
    }
    assert_eq!(sim.text("a"), "1\n");
    assert!(sim.sent("execute_request").is_empty());
    sim.queue(&["e"]);
    assert_eq!(sim.sent("execute_request").len(), 1);
}

#[test]
fn what_runs_is_not_run_again_in_a_room_that_shows_it_as_waiting() {
    let mut sim = Sim::ready();
    sim.refuses = true;
    sim.queue_at_once(&["a"]);
    let older = sim.state.clone();
    sim.pass(100);
    // Of a cleared output the journal need not be read again.
    sim.print("a", "1\n");
    sim.kernel("a", "clear_output", json!({"wait": false}));
    sim.pass(100);
    assert_eq!(sim.persisted, Some(sim.position - 100));
    sim.queue(&["b"]);
    sim.unlink("");
    sim.state = older;
    sim.link();
    let last = sim.entry("a", "stream", json!({"name": "stdout", "text": "2\n"}));
    begin_anew(&mut sim, &[last]);
    assert_eq!(sim.status("a"), "running");
    sim.idle("a");
    sim.pass(100);
    assert_eq!(
        (sim.status("a"), sim.text("a")),
        ("done".into(), "2\n".into())
    );
    assert!(sim.sent("execute_request").is_empty());
}

// RP 3.6: what a room leaves out it gets once more.
#[test]
fn a_room_whose_disk_is_full_gets_all_once_it_has_room() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.is_full = true;
    sim.print("a", "1\n");
    sim.pass(100);
    sim.is_full = false;
    sim.print("a", "2\n");
    sim.idle("a");
    sim.pass(500);
    assert!(!sim.session.wants_journal() && sim.persisted.is_none());
    let mut waited = 600;
    for least in [1_000, 2_000, 4_000] {
        while !sim.log.contains(&Effect::Reconnect) {
            sim.pass(100);
            waited += 100;
        }
        assert!(waited >= least, "{waited} of {least}");
        sim.log.clear();
        sim.unlink("");
        sim.is_full = least < 4_000;
        sim.link();
        waited = 0;
    }
    sim.pass(100);
    assert_eq!(
        (sim.status("a"), sim.text("a")),
        ("done".into(), "1\n2\n".into())
    );
    assert_eq!(sim.persisted, Some(sim.position));
}

// WS-304: its clients cannot answer.
#[test]
fn a_kernel_may_ask_for_input_only_where_the_room_carries_prompts() {
    for is_ours in [true, false] {
        let mut sim = Sim::ready();
        sim.unlink("");
        sim.is_ours = is_ours;
        sim.link();
        sim.queue(&["a"]);
        let sent = sim.sent("execute_request")[0];
        assert_eq!(sent.content["allow_stdin"], is_ours);
    }
}

/// A widget in a room of the reference.
fn foreign_widget() -> Sim {
    let mut sim = Sim::ready();
    sim.unlink("");
    sim.is_ours = false;
    sim.link();
    sim.queue(&["a"]);
    let open =
        json!({"comm_id": "w", "target_name": "jupyter.widget", "data": {"state": {"value": 0}}});
    sim.kernel("a", "comm_open", open);
    sim.pass(100);
    sim
}

/// What everybody was told by broadcasts.
fn said(sim: &Sim) -> Vec<Value> {
    let frames = sim.log.iter().filter_map(|effect| match effect {
        Effect::SendFrame(bytes) if bytes[0] == FrameType::Broadcast.byte() => {
            serde_json::from_slice::<Value>(&bytes[1..]).ok()
        }
        _ => None,
    });
    frames
        .map(|said| said["content"]["data"]["content"].clone())
        .collect()
}

// WS-334, GAP-5: after eight refusals in a row a room ends the link.
#[test]
fn a_room_that_may_refuse_broadcasts_is_asked_once() {
    for is_accepted in [true, false] {
        let mut sim = foreign_widget();
        let custom = |n: u64| json!({"comm_id": "w", "data": {"method": "custom", "content": n}});
        for n in 0..10 {
            sim.kernel("a", "comm_msg", custom(n));
        }
        assert_eq!(said(&sim), [0]);
        if is_accepted {
            sim.accepts(3);
        } else {
            sim.rejects(3, "broadcast is server-originated");
        }
        sim.kernel("a", "comm_msg", custom(10));
        let wanted = if is_accepted { 0..=10 } else { 0..=0 };
        assert_eq!(said(&sim), wanted.map(Value::from).collect::<Vec<_>>());
    }
}

// WS-368, GAP-6: whoever asked may be gone.
#[test]
fn among_answers_that_a_room_may_refuse_goes_what_it_takes() {
    let mut sim = foreign_widget();
    for n in 0..20 {
        let id = format!("c{n}");
        sim.request(&json!({"id": id, "action": "complete", "code": "pri", "cursor_pos": 3}));
    }
    sim.log.clear();
    sim.pass(10_000);
    let mut responses = 0;
    let mut row = 0;
    for effect in &sim.log {
        let Effect::SendFrame(bytes) = effect else {
            continue;
        };
        let is_response = bytes[0] == FrameType::Response.byte();
        responses += u32::from(is_response);
        row = if is_response { row + 1 } else { 0 };
        assert!(row <= 4, "{row} in a row");
    }
    assert_eq!(responses, 20);
}

#[test]
fn a_room_that_falls_back_a_second_time_gets_its_outputs_back_again() {
    let mut sim = Sim::ready();
    sim.refuses = true;
    for id in ["a", "b"] {
        sim.queue_at_once(&[id]);
        let older = sim.state.clone();
        sim.pass(100);
        sim.print(id, "1\n");
        sim.idle(id);
        sim.pass(100);
        // What only the room may write is lost as well.
        let other = format!("other-{id}");
        sim.queue(&[&other]);
        sim.idle(&other);
        sim.pass(100);
        sim.unlink("");
        sim.state = older;
        sim.link();
        begin_anew(&mut sim, &[]);
        sim.pass(100);
        assert_eq!(
            (sim.status(id), sim.text(id)),
            ("done".into(), "1\n".into())
        );
    }
}

// A room that falls back to an older snapshot on a living socket is handed the changes of others back.
#[test]
fn a_change_of_somebody_else_that_is_refused_is_taken_up_anew_on_any_link() {
    for reason in [
        "runtime state auth preview failed: actor label \"system:room/room:n\" is invalid",
        "actor principal user:dev:bob is not authorized for authenticated principal user:dev:ada",
    ] {
        let mut sim = Sim::ready();
        sim.queue(&["a"]);
        sim.rejects(5, reason);
        assert_eq!(sim.exit, Some(Outcome::Anew(reason.to_owned())));
        assert!(!sim.log.contains(&Effect::ShutdownKernel));
    }
}

#[test]
fn a_room_that_falls_back_gets_the_widgets_of_the_living_kernel_back() {
    let mut sim = Sim::ready();
    sim.refuses = true;
    sim.queue_at_once(&["a"]);
    let older = (sim.state.clone(), sim.comms.clone());
    sim.pass(100);
    let state = json!({"_model_name": "IntSliderModel", "value": 4});
    let open = json!({"comm_id": "w", "target_name": "jupyter.widget", "data": {"state": state}});
    sim.kernel("a", "comm_open", open);
    sim.idle("a");
    sim.pass(100);
    let entry = sim.state.comm_entry("w");
    assert!(entry.is_some());
    // What only the room may write is lost as well.
    sim.queue(&["b"]);
    sim.idle("b");
    sim.pass(100);
    sim.unlink("");
    (sim.state, sim.comms) = older;
    sim.link();
    begin_anew(&mut sim, &[]);
    sim.pass(100);
    assert_eq!(sim.state.comm_entry("w"), entry);
    assert_eq!(sim.comms.value("w", "value"), Some(json!(4)));
}
