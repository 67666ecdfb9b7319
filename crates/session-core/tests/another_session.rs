//! What a session must know again that reads the journal of one before it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use serde_json::{Value, json};
use session_core::{Event, JournalEntry};
use support::{Sim, info};

fn begin_anew(sim: &mut Sim, journal: Vec<JournalEntry>) {
    sim.crash(journal);
}

// WS-339: the kernel would abort what it is given while it comes back from an interrupt.
#[test]
fn an_interrupted_execution_that_the_kernel_is_still_at_holds_back_the_next() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let journal = vec![
        sim.entry("a", "execute_request", Value::Null),
        sim.entry("a", "stream", json!({"name": "stdout", "text": "1\n"})),
    ];
    sim.event(Event::Journal(journal.clone()));
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    sim.pass(100);
    assert_eq!(sim.status("a"), "error");
    begin_anew(&mut sim, journal);
    sim.queue(&["b"]);
    sim.pass(100);
    assert!(sim.sent("execute_request").is_empty());
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.sent("execute_request").len(), 1);
    assert_eq!(sim.text("a"), "1\n");
}

#[test]
fn an_execution_that_the_kernel_aborted_did_not_succeed() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.kernel("a", "execute_reply", json!({"status": "aborted"}));
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.status("a"), "error");
}

// D12
#[test]
fn an_answered_prompt_is_not_shown_again() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let journal = vec![
        sim.entry(
            "a",
            "input_request",
            json!({"prompt": "name", "password": false}),
        ),
        sim.entry("a", "input_reply", Value::Null),
    ];
    sim.event(Event::Journal(journal[..1].to_vec()));
    sim.pass(100);
    assert!(!sim.record("a")["pending_input"].is_null());
    sim.request(&json!({"id": "r", "action": "input_reply", "value": "Ada"}));
    sim.event(Event::Journal(journal[1..].to_vec()));
    sim.pass(100);
    assert!(sim.record("a")["pending_input"].is_null());
    begin_anew(&mut sim, journal);
    sim.pass(100);
    assert!(sim.record("a")["pending_input"].is_null());
}

#[test]
fn a_position_waits_until_the_room_has_the_widgets_too() {
    let mut sim = Sim::ready();
    let state =
        json!({"data": {"state": {"value": 1}}, "comm_id": "w", "target_name": "jupyter.widget"});
    sim.kernel("", "comm_open", state);
    sim.pass(100);
    let before = sim.persisted;
    sim.takes_comms = false;
    let change = json!({"data": {"method": "update", "state": {"value": 2}}, "comm_id": "w"});
    sim.kernel("", "comm_msg", change);
    sim.pass(100);
    assert_eq!(sim.comms.value("w", "value"), Some(json!(2)));
    assert_eq!(sim.persisted, before);
}

// ipywidgets' Output: what it shows is one value of the document, by reference once it is large.
#[test]
fn an_output_widget_keeps_what_it_showed_and_shows_nothing_twice() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let state = json!({"_model_name": "OutputModel", "msg_id": "", "outputs": []});
    let open = json!({"comm_id": "o", "target_name": "jupyter.widget", "data": {"state": state}});
    sim.kernel("a", "comm_open", open);
    sim.idle("a");
    sim.pass(100);
    sim.queue(&["b"]);
    let takes = |msg_id: &str| json!({"comm_id": "o", "data": {"method": "update", "state": {"msg_id": msg_id}}});
    let text = |n: usize| format!("{n:01000}\n");
    let line = |n: usize| json!({"name": "stdout", "text": text(n)});
    let mut journal = vec![sim.entry("b", "comm_msg", takes("b"))];
    for n in 0..3 {
        journal.push(sim.entry("b", "stream", line(n)));
    }
    sim.event(Event::Journal(journal.clone()));
    sim.pass(100);
    let before = sim.session.hand_over();
    sim.replace_session_with(true, before);
    sim.event(Event::KernelReady(info()));
    sim.link();
    // The kernel went on meanwhile.
    journal.push(sim.entry("b", "stream", line(3)));
    sim.event(Event::Journal(journal));
    sim.event(Event::JournalCaughtUp);
    sim.pass(100);
    sim.kernel("b", "stream", line(4));
    sim.pass(100);
    sim.kernel("b", "comm_msg", takes(""));
    sim.print("b", "not captured\n");
    sim.pass(100);
    let outputs = sim.comms.value("o", "outputs").unwrap();
    let bytes = &sim.blobs[outputs["blob"].as_str().expect("it is large")];
    let outputs: Value = serde_json::from_slice(bytes).unwrap();
    let wanted: String = (0..5).map(text).collect();
    let shown = &sim.blobs[outputs[0]["text"]["blob"].as_str().unwrap()];
    assert_eq!(String::from_utf8_lossy(shown), wanted);
    assert_eq!(sim.state.comm_field("o", "outputs"), Some(outputs));
    assert_eq!(sim.state.comm_field("o", "capture_msg_id"), Some(json!("")));
    assert_eq!(sim.text("b"), "not captured\n");
}

#[test]
fn what_people_changed_while_a_peer_was_replaced_reaches_the_kernel() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let state = json!({"_model_name": "IntSliderModel", "value": 4, "max": 100});
    let open = json!({"comm_id": "w", "target_name": "jupyter.widget", "data": {"state": state}});
    sim.kernel("a", "comm_open", open);
    sim.idle("a");
    sim.pass(100);
    sim.replace_session(true);
    let delta = json!({"value": 9});
    let comms = sim.comms.doc_mut();
    comms.set_actor(b"user:local:owner/browser:1".to_vec().into());
    sim.comms
        .merge_state("w", delta.as_object().unwrap())
        .unwrap();
    sim.event(Event::KernelReady(info()));
    sim.link();
    sim.event(Event::JournalCaughtUp);
    sim.pass(100);
    let told: Vec<_> = sim
        .sent("comm_msg")
        .iter()
        .map(|message| &message.content["data"]["state"])
        .collect();
    assert_eq!(told, [&json!({"value": 9})]);
}
