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

/// The cloud does not take the blobs that wait.
fn refuse_uploads(sim: &mut Sim) {
    for (sha256, _, _) in sim.uploads.clone() {
        let reason = "storing a blob failed: the cloud answered 413: too large".to_owned();
        sim.event(Event::BlobFailed { sha256, reason });
    }
}

// WS-323, GAP-36: 4.15.
#[test]
fn of_an_output_only_what_the_cloud_does_not_take_is_left_out() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a"]);
    let data = json!({"image/png": "x".repeat(4000), "text/plain": "<Figure>"});
    sim.kernel("a", "display_data", json!({"data": data, "metadata": {}}));
    refuse_uploads(&mut sim);
    sim.idle("a");
    sim.pass(100);
    let outputs = sim.outputs("a");
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    assert_eq!(
        outputs[0]["data"],
        json!({"text/plain": {"inline": "<Figure>"}})
    );
    let note = outputs[1]["text"]["inline"].as_str().unwrap();
    assert!(note.contains("image/png") && note.contains("413"), "{note}");
    assert_eq!(sim.status("a"), "done");
}

#[test]
fn of_a_text_that_the_cloud_does_not_take_both_ends_are_shown() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a"]);
    let lines: Vec<String> = (0..500).map(|n| format!("é {n}")).collect();
    let text = lines.join("\n") + "\n";
    sim.print("a", &text);
    refuse_uploads(&mut sim);
    sim.idle("a");
    sim.pass(100);
    let shown = sim.outputs("a")[0]["text"]["inline"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        shown.starts_with("é 0\n") && shown.ends_with("é 499\n"),
        "{shown}"
    );
    assert!(shown.contains("413"), "{shown}");
}

// WS-337
#[test]
fn an_interrupt_is_seen_at_once_though_an_output_waits_for_its_blob() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a", "b"]);
    let image = |byte: &str| json!({"data": {"image/png": byte.repeat(4000)}, "metadata": {}});
    sim.kernel("a", "display_data", image("w"));
    sim.kernel("a", "execute_input", json!({"execution_count": 7}));
    let cleared = sim.position;
    sim.kernel("a", "clear_output", json!({"wait": false}));
    sim.kernel("a", "display_data", image("x"));
    sim.print("a", "text\n");
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    sim.pass(100);
    assert_eq!(
        (sim.status("a"), sim.status("b")),
        ("error".into(), "cancelled".into())
    );
    assert_eq!(sim.record("a")["execution_count"], 7);
    assert_eq!(sim.persisted, Some(cleared));
    sim.upload = true;
    sim.finish_uploads();
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.outputs("a").len(), 2, "what was cleared is not shown");
    assert_eq!(sim.text("a"), "text\n");
    assert_eq!(sim.persisted, Some(sim.position));
}

#[test]
fn what_was_done_before_an_interrupt_stays_done_though_an_output_waits_for_its_blob() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a", "b"]);
    let image = json!({"data": {"image/png": "w".repeat(4000)}, "metadata": {}});
    sim.kernel("a", "display_data", image);
    sim.idle("a");
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    sim.pass(100);
    assert_eq!(
        (sim.status("a"), sim.status("b")),
        ("running".into(), "cancelled".into())
    );
    sim.upload = true;
    sim.finish_uploads();
    sim.pass(100);
    assert_eq!(sim.status("a"), "done");
}

#[test]
fn a_second_interrupt_cancels_at_once_and_what_starts_is_seen_at_once() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a"]);
    let image = json!({"data": {"image/png": "w".repeat(4000)}, "metadata": {}});
    sim.kernel("a", "display_data", image);
    let interrupt = json!({"id": "r", "action": "interrupt_execution"});
    sim.request(&interrupt);
    sim.queue(&["b"]);
    sim.request(&interrupt);
    sim.pass(100);
    assert_eq!(sim.status("b"), "cancelled");
    sim.idle("a");
    sim.queue(&["c"]);
    sim.pass(100);
    assert_eq!(sim.status("c"), "running");
}

#[test]
fn an_error_keeps_its_name_and_traceback_where_its_rich_form_is_not_taken() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a"]);
    let line = format!("Cell In[1], line 1\n{}", "x".repeat(9_000));
    let lines = vec![format!("{}\u{1b}[31mValueError\u{1b}[39m", line), line];
    let error = json!({"ename": "ValueError", "evalue": "v", "traceback": lines});
    sim.kernel("a", "error", error);
    assert!(!sim.uploads.is_empty());
    refuse_uploads(&mut sim);
    sim.idle("a");
    sim.pass(100);
    let outputs = sim.outputs("a");
    assert_eq!(outputs.len(), 1);
    assert_eq!(
        (&outputs[0]["ename"], &outputs[0]["evalue"]),
        (&json!("ValueError"), &json!("v"))
    );
    let traceback = outputs[0]["traceback"]["inline"].as_str().unwrap();
    assert!(traceback.contains("could not be stored"), "{traceback}");
    assert!(outputs[0].get("rich").is_none(), "{outputs:?}");
}

#[test]
fn late_text_that_the_cloud_does_not_take_is_no_error() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a"]);
    sim.print("a", "begin\n");
    sim.pass(100);
    sim.print("a", &"long\n".repeat(1_000));
    sim.pass(100);
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    sim.pass(100);
    assert_eq!(sim.status("a"), "error");
    for _ in 0..3 {
        refuse_uploads(&mut sim);
        sim.pass(100);
    }
    let outputs = sim.outputs("a");
    assert!(outputs.len() > 1, "{outputs:?}");
    for output in &outputs {
        assert_eq!(output["output_type"], "stream", "{outputs:?}");
    }
    let shown = outputs[1]["text"]["inline"].as_str().unwrap();
    assert!(shown.contains("could not be stored"), "{shown}");
}
