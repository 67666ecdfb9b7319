//! What Output widgets take: manifests in the comm's entry, mirrored in its state (documents 5.11, 9).

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use session_core::Event;
use support::Sim;

fn open(sim: &mut Sim, outputs: &Value) {
    let state = json!({"_model_name": "OutputModel", "msg_id": "", "outputs": outputs});
    let open = json!({"comm_id": "o", "target_name": "jupyter.widget", "data": {"state": state}});
    sim.kernel("a", "comm_open", open);
}

fn takes(msg_id: &str) -> Value {
    json!({"comm_id": "o", "data": {"method": "update", "state": {"msg_id": msg_id}}})
}

fn shown(sim: &Sim) -> Vec<Value> {
    let outputs = sim.state.comm_field("o", "outputs").unwrap();
    outputs.as_array().unwrap().clone()
}

fn ready() -> Sim {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    open(&mut sim, &json!([]));
    sim.kernel("a", "comm_msg", takes("a"));
    sim.pass(100);
    sim
}

#[test]
fn captured_outputs_are_manifests_in_the_entry_and_in_the_state() {
    let mut sim = ready();
    assert_eq!(
        sim.state.comm_field("o", "capture_msg_id"),
        Some(json!("a"))
    );
    sim.print("a", "one\n");
    sim.print("a", "two\n");
    let data = json!({"image/png": "iVBORw==", "text/plain": "<Figure>"});
    sim.kernel(
        "a",
        "display_data",
        json!({"data": data, "metadata": {"image/png": {"width": 5}}}),
    );
    sim.pass(100);
    let outputs = shown(&sim);
    assert_eq!(outputs[0]["text"], json!({"inline": "one\ntwo\n"}));
    let picture = outputs[1]["data"]["image/png"]["blob"].as_str().unwrap();
    assert_eq!(sim.blobs[picture], b"\x89PNG");
    assert_eq!(outputs[1]["metadata"], json!({"image/png": {"width": 5}}));
    assert!(outputs.iter().all(|output| output["output_id"].is_string()));
    assert_eq!(sim.comms.value("o", "outputs"), Some(outputs.into()));
    // The kernel is told of them as it knows them.
    let told = &sim.to_kernel.last().unwrap().content["data"]["state"]["outputs"];
    assert_eq!(told[0]["text"], "one\ntwo\n");
    assert_eq!(told[1]["data"]["image/png"], "iVBORw==");
}

#[test]
fn what_the_kernel_itself_puts_in_is_shown_and_not_said_back() {
    let mut sim = ready();
    let said = sim.to_kernel.len();
    let one = json!({"output_type": "stream", "name": "stdout", "text": "mine\n"});
    let data = json!({"method": "update", "state": {"outputs": [one]}});
    sim.kernel("a", "comm_msg", json!({"comm_id": "o", "data": data}));
    sim.pass(100);
    assert_eq!(shown(&sim)[0]["text"], json!({"inline": "mine\n"}));
    assert_eq!(sim.to_kernel.len(), said);
    let data = json!({"method": "update", "state": {"outputs": []}});
    sim.kernel("a", "comm_msg", json!({"comm_id": "o", "data": data}));
    sim.pass(100);
    assert_eq!(shown(&sim), Vec::<Value>::new());
    assert_eq!(sim.comms.value("o", "outputs"), Some(json!([])));
}

#[test]
fn a_peer_after_a_crash_keeps_what_was_captured_and_doubles_nothing() {
    let mut sim = ready();
    let line = |n: usize| json!({"name": "stdout", "text": format!("{n:01500}\n")});
    let journal: Vec<_> = (0..3).map(|n| sim.entry("a", "stream", line(n))).collect();
    sim.event(Event::Journal(journal.clone()));
    sim.kernel("a", "comm_msg", takes(""));
    sim.idle("a");
    sim.pass(100);
    let before = shown(&sim);
    sim.queue(&["b"]);
    sim.crash(Vec::new());
    sim.kernel("b", "comm_msg", takes("b"));
    sim.print("b", "more\n");
    sim.pass(100);
    let outputs = shown(&sim);
    assert_eq!(outputs[..1], before[..]);
    assert_eq!(outputs[1]["text"], json!({"inline": "more\n"}));
    assert_eq!(outputs.len(), 2);
}

#[test]
fn what_runs_while_the_peer_crashes_is_captured_once() {
    let mut sim = ready();
    let line = |n: usize| json!({"name": "stdout", "text": format!("{n:01500}\n")});
    let mut journal = vec![sim.entry("a", "comm_msg", takes("a"))];
    journal.extend((0..3).map(|n| sim.entry("a", "stream", line(n))));
    sim.event(Event::Journal(journal.clone()));
    sim.pass(100);
    let before = shown(&sim);
    sim.crash(journal);
    sim.pass(100);
    assert_eq!(shown(&sim), before);
}

#[test]
fn an_output_whose_blob_is_refused_leaves_the_others() {
    let mut sim = ready();
    sim.print("a", "before\n");
    sim.pass(100);
    sim.upload = false;
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"image/png": "iVBORw=="}, "metadata": {}}),
    );
    sim.print("a", "after\n");
    sim.pass(100);
    assert_eq!(shown(&sim).len(), 1);
    let refused = sim.uploads.iter().find(|(_, _, bytes)| bytes == b"\x89PNG");
    let sha256 = refused.unwrap().0.clone();
    let reason = "it is too large".to_owned();
    sim.event(Event::BlobFailed { sha256, reason });
    sim.pass(100);
    sim.finish_uploads();
    sim.pass(100);
    let texts: Vec<_> = shown(&sim)
        .iter()
        .map(|output| output["text"]["inline"].clone())
        .collect();
    let note = "[an output could not be stored in the cloud: it is too large]\n";
    assert_eq!(texts, ["before\n", note, "after\n"]);
}

// The journal is read again from before the request; the state of widgets comes later than their entries.
#[test]
fn a_peer_after_a_crash_captures_before_it_knows_the_state_of_widgets() {
    let mut sim = ready();
    let line = |n: usize| json!({"name": "stdout", "text": format!("{n}\n")});
    let mut journal = vec![sim.entry("a", "comm_msg", takes("a"))];
    journal.extend((0..3).map(|n| sim.entry("a", "stream", line(n))));
    sim.event(Event::Journal(journal[..3].to_vec()));
    sim.pass(100);
    journal.push(sim.entry("a", "comm_msg", takes("")));
    journal.push(sim.entry("a", "stream", json!({"name": "stdout", "text": "end\n"})));
    sim.late_comms = true;
    sim.crash(journal);
    sim.late_comms = false;
    sim.room_speaks();
    sim.pass(100);
    sim.idle("a");
    sim.pass(100);
    assert_eq!(shown(&sim)[0]["text"], json!({"inline": "0\n1\n2\n"}));
    assert_eq!(sim.text("a"), "end\n");
    assert_eq!(sim.state.comm_field("o", "capture_msg_id"), Some(json!("")));
    assert_eq!(sim.comms.value("o", "outputs"), Some(shown(&sim).into()));
}
