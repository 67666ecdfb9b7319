//! What a session writes: by value or by reference, and as whom.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use session_core::Event;
use support::Sim;

// DOC-168
#[test]
fn a_long_trait_is_stored_by_reference_with_the_type_of_its_name() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let state = json!({"_esm": "x".repeat(1025), "_css": "y".repeat(1025),
        "label": "z".repeat(1025), "short": "s".repeat(1024)});
    let open = json!({"comm_id": "w", "target_name": "jupyter.widget", "data": {"state": state}});
    sim.kernel("a", "comm_open", open);
    sim.pass(100);
    for (key, media_type) in [
        ("_esm", "text/javascript"),
        ("_css", "text/css"),
        ("label", "text/plain"),
    ] {
        let stored = sim.comms.value("w", key).unwrap();
        assert_eq!(
            (&stored["size"], &stored["media_type"]),
            (&json!(1025), &json!(media_type))
        );
        let bytes = &sim.blobs[stored["blob"].as_str().unwrap()];
        assert_eq!(bytes.len(), 1025);
    }
    assert_eq!(sim.comms.value("w", "short"), Some(state["short"].clone()));
}

// DOC-169
#[test]
fn a_buffer_is_a_reference_at_its_path() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let data =
        json!({"state": {"views": [{"kind": "u1"}, {}]}, "buffer_paths": [["views", 1, "data"]]});
    let open = json!({"comm_id": "w", "target_name": "jupyter.widget", "data": data});
    let mut entry = sim.entry("a", "comm_open", open);
    entry.buffers = vec![vec![1, 2, 255]];
    sim.event(Event::Journal(vec![entry]));
    sim.pass(100);
    let views = sim.comms.value("w", "views").unwrap();
    assert_eq!(views[0], json!({"kind": "u1"}));
    let stored = &views[1]["data"];
    assert_eq!(stored["media_type"], "application/octet-stream");
    assert_eq!(sim.blobs[stored["blob"].as_str().unwrap()], [1, 2, 255]);
}

// RP-213
#[test]
fn values_are_inline_up_to_a_kibibyte_and_errors_up_to_sixteen() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    for length in [1023, 1025] {
        let data = json!({"data": {"text/plain": "x".repeat(length)}, "metadata": {}});
        sim.kernel("a", "display_data", data);
    }
    sim.pass(100);
    let shown: Vec<bool> = sim
        .outputs("a")
        .iter()
        .map(|m| m["data"]["text/plain"]["inline"].is_string())
        .collect();
    assert_eq!(shown, [true, false]);
    for (id, length, inline) in [("b", 16_000, true), ("c", 17_000, false)] {
        sim.queue(&[id]);
        sim.idle(if id == "b" { "a" } else { "b" });
        let error = json!({"ename": "E", "evalue": "v", "traceback": ["t".repeat(length)]});
        sim.kernel(id, "error", error);
        sim.pass(100);
        let traceback = sim.outputs(id)[0]["traceback"].clone();
        assert_eq!(
            traceback["inline"].is_string(),
            inline,
            "{length} {traceback}"
        );
    }
}

// RP-214 WS-276
#[test]
fn everything_a_peer_writes_is_its_principals() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "text");
    let open =
        json!({"comm_id": "w", "target_name": "jupyter.widget", "data": {"state": {"value": 3}}});
    sim.kernel("a", "comm_open", open);
    sim.idle("a");
    sim.pass(100);
    for doc in [sim.state.doc_mut(), sim.comms.doc_mut()] {
        let authors: std::collections::BTreeSet<String> = doc
            .get_changes(&[])
            .iter()
            .map(|change| wire::actor::actor_text(change.actor_id().to_bytes()))
            .filter(|actor| !actor.starts_with("nteract:") && !actor.starts_with("system:"))
            .collect();
        assert!(!authors.is_empty());
        assert!(
            authors
                .iter()
                .all(|actor| actor.starts_with("user:local:owner/")),
            "{authors:?}"
        );
        // The nonce tells this run from every other.
        assert!(
            authors.iter().all(|actor| actor.ends_with(":aaaaaaaa")),
            "{authors:?}"
        );
    }
}
