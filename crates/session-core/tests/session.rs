//! The session against a tiny room: executions, outputs, interrupts, links, restarts.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use session_core::{Effect, Event, LaunchMode, Settings};
use support::{Sim, json_at, settings};

// WS-283 WS-284 WS-290
#[test]
fn the_kernel_is_launched_once_after_the_first_sync() {
    let mut sim = Sim::new(settings());
    sim.event(Event::Tick);
    assert!(!sim.log.contains(&Effect::LaunchKernel));
    sim.link();
    let launches = sim
        .log
        .iter()
        .filter(|e| **e == Effect::LaunchKernel)
        .count();
    assert_eq!(launches, 1);
    assert_eq!(sim.kernel_field("lifecycle"), "Running");
    assert_eq!(sim.kernel_field("activity"), "Idle");
    assert_eq!(sim.kernel_field("name"), "python3");
    assert_eq!(
        sim.kernel_field("runtime_agent_id"),
        "user:local:owner/agent:runt:aaaaaaaa"
    );
}

// RP-184
#[test]
fn a_request_without_an_id_is_dropped() {
    let mut sim = Sim::ready();
    let frames = sim.frames;
    for id in [serde_json::Value::Null, json!(7)] {
        for action in [
            "complete",
            "interrupt_execution",
            "restart_kernel",
            "unknown",
        ] {
            sim.request(&json!({"id": id, "action": action, "code": "a", "cursor_pos": 1}));
        }
    }
    sim.request(&json!({"action": "complete", "code": "a", "cursor_pos": 1}));
    assert_eq!((sim.to_kernel.len(), sim.frames), (0, frames));
    sim.request(&json!({"id": "r", "action": "complete", "code": "a", "cursor_pos": 1}));
    assert_eq!(sim.sent("complete_request").len(), 1);
}

// WS-285
#[test]
fn on_execute_the_kernel_waits_for_an_execution() {
    let mut sim = Sim::new(Settings::new("aaaaaaaa", LaunchMode::Execute));
    sim.link();
    assert!(!sim.log.contains(&Effect::LaunchKernel));
    sim.queue(&["a"]);
    assert!(sim.log.contains(&Effect::LaunchKernel));
    assert_eq!(sim.sent("execute_request").len(), 1);
}

// WS-300 WS-302 WS-303 WS-306 WS-307 DOC-162 WS-291 RP-200 RP-202 RP-203 RP-204
#[test]
fn executions_run_one_at_a_time_in_order_and_end_after_their_outputs() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    assert_eq!(sim.status("a"), "running");
    assert_eq!(sim.status("b"), "queued");
    let first = sim.sent("execute_request")[0].clone();
    assert_eq!(
        (first.msg_id.as_str(), first.content["code"].as_str()),
        ("a", Some("run a"))
    );
    sim.kernel(
        "a",
        "execute_input",
        json!({"execution_count": 4, "code": ""}),
    );
    sim.print("a", "hello\n");
    assert_eq!(sim.text("a"), "hello\n");
    sim.idle("a");
    assert_eq!(sim.status("a"), "done");
    assert_eq!(sim.record("a")["execution_count"], 4);
    assert_eq!(sim.record("a")["success"], true);
    assert_eq!(sim.status("b"), "running");
    sim.idle("b");
    assert_eq!(sim.sent("execute_request").len(), 2);
    assert_eq!(sim.kernel_field("activity"), "Idle");
}

// WS-308
#[test]
fn messages_of_an_unknown_parent_make_no_output() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("stranger", "x");
    assert!(sim.outputs("a").is_empty());
}

// WS-305 DOC-100 DOC-102 RP-205 RP-206
#[test]
fn an_error_cancels_what_waits_and_not_what_comes_later() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.kernel(
        "a",
        "error",
        json!({"ename": "E", "evalue": "v", "traceback": ["t"]}),
    );
    assert_eq!(sim.status("b"), "cancelled");
    assert!(sim.record("b")["success"].is_null());
    sim.queue(&["c"]);
    sim.idle("a");
    assert_eq!(sim.status("a"), "error");
    assert_eq!(sim.record("a")["success"], false);
    assert_eq!(sim.status("c"), "running");
}

// DOC-161 WS-316 DOC-159 WS-317
#[test]
fn the_first_chunk_is_written_at_once_and_later_ones_by_a_timer() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "one ");
    assert_eq!(sim.text("a"), "one");
    sim.print("a", "two ");
    sim.print("a", "three");
    assert_eq!(sim.text("a"), "one");
    sim.pass(100);
    assert_eq!(sim.text("a"), "one two three");
    assert_eq!(sim.outputs("a").len(), 1);
}

// DOC-160
#[test]
fn another_output_ends_the_stream_entry() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "before");
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"text/plain": "x"}, "metadata": {}}),
    );
    sim.print("a", "\rafter");
    sim.kernel("a", "stream", json!({"name": "stderr", "text": "err"}));
    sim.print("a", "out");
    sim.idle("a");
    let kinds: Vec<String> = sim
        .outputs("a")
        .iter()
        .map(|m| {
            m.get("name")
                .unwrap_or(&m["output_type"])
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        ["stdout", "display_data", "stdout", "stderr", "stdout"]
    );
    assert_eq!(sim.text("a"), "beforeaftererrout");
}

// WS-320 WS-324 RP-212
#[test]
fn a_manifest_waits_for_its_blob_and_what_follows_waits_too() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a"]);
    let big = "y".repeat(5000);
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"text/plain": big}, "metadata": {}}),
    );
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"text/plain": "small"}, "metadata": {}}),
    );
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"text/plain": big}, "metadata": {}}),
    );
    sim.idle("a");
    sim.pass(100);
    assert!(sim.outputs("a").is_empty());
    assert_eq!(sim.status("a"), "running");
    assert_eq!(sim.uploads.len(), 1);
    sim.finish_uploads();
    sim.pass(100);
    assert_eq!(sim.outputs("a").len(), 3);
    assert_eq!(sim.outputs("a")[0]["data"]["text/plain"]["size"], 5000);
    assert_eq!(sim.status("a"), "done");
}

// WS-323
#[test]
fn a_blob_that_cannot_be_stored_becomes_an_error_output() {
    let mut sim = Sim::ready();
    sim.upload = false;
    sim.queue(&["a"]);
    let big = "y".repeat(5000);
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"text/plain": big}, "metadata": {}}),
    );
    let sha256 = sim.uploads[0].0.clone();
    sim.event(Event::BlobFailed {
        sha256,
        reason: "507".into(),
    });
    sim.idle("a");
    assert_eq!(sim.outputs("a")[0]["ename"], "OutputBlobPublishError");
    assert_eq!(sim.status("a"), "done");
}

// WS-327
#[test]
fn an_unlisted_media_type_is_uploaded_as_bytes() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let xml = "<a/>".repeat(1000);
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"application/xml": xml}, "metadata": {}}),
    );
    sim.pass(100);
    assert_eq!(sim.uploads[0].1, "application/octet-stream");
    assert!(sim.outputs("a")[0]["data"]["application/xml"]["blob"].is_string());
}

// WS-318 DOC-110
#[test]
fn display_updates_reach_every_output_with_the_id_in_every_execution() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let shown = json!({"data": {"text/plain": "0 %"}, "metadata": {},
        "transient": {"display_id": "bar"}});
    sim.kernel("a", "display_data", shown.clone());
    sim.kernel("a", "display_data", shown);
    let id = sim.outputs("a")[0]["output_id"].clone();
    sim.kernel(
        "a",
        "update_display_data",
        json!({"data": {"text/plain": "9 %"}, "metadata": {},
        "transient": {"display_id": "bar"}}),
    );
    sim.pass(100);
    let outputs = sim.outputs("a");
    assert!(
        outputs
            .iter()
            .all(|m| m["data"]["text/plain"]["inline"] == "9 %")
    );
    assert_eq!(outputs[0]["output_id"], id);
    assert_eq!(outputs[0]["transient"]["display_id"], "bar");
}

// D13, Q-03: a room of the reference ends the session of a peer that changes an output of an ended execution.
#[test]
fn a_room_that_takes_no_amendments_is_sent_none() {
    for is_ours in [true, false] {
        let mut sim = Sim::new(support::settings());
        sim.is_ours = is_ours;
        sim.link();
        sim.queue(&["a"]);
        let display = |text: &str| json!({"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "bar"}});
        sim.kernel("a", "display_data", display("0 %"));
        sim.idle("a");
        sim.queue(&["b"]);
        sim.kernel("b", "display_data", display("1 %"));
        sim.kernel("b", "update_display_data", display("9 %"));
        sim.pass(100);
        let shown = |id: &str| sim.outputs(id)[0]["data"]["text/plain"]["inline"].clone();
        assert_eq!(shown("a"), if is_ours { "9 %" } else { "0 %" });
        assert_eq!(shown("b"), "9 %");
    }
}

#[test]
fn clear_output_removes_the_entries_now_or_with_the_next_output() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "one");
    sim.kernel("a", "clear_output", json!({"wait": true}));
    sim.pass(100);
    assert_eq!(sim.text("a"), "one");
    sim.print("a", "two");
    sim.pass(100);
    assert_eq!(sim.text("a"), "two");
    sim.kernel("a", "clear_output", json!({"wait": false}));
    sim.pass(100);
    assert!(sim.outputs("a").is_empty());
}

// WS-337 WS-339 WS-340 WS-342 DOC-101 RP-207 RP-208
#[test]
fn an_interrupt_ends_what_runs_and_holds_what_comes_until_idle() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.print("a", "text");
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    assert!(sim.log.contains(&Effect::InterruptKernel {
        force_signal: false
    }));
    assert_eq!(
        (sim.status("a"), sim.status("b")),
        ("error".into(), "cancelled".into())
    );
    assert_eq!(sim.kernel_field("activity"), "Idle");
    sim.queue(&["c"]);
    assert_eq!(sim.status("c"), "queued");
    sim.pass(6000);
    assert!(
        sim.log
            .contains(&Effect::InterruptKernel { force_signal: true })
    );
    let content = json!({"ename": "KeyboardInterrupt", "evalue": "", "traceback": []});
    sim.kernel("a", "error", content);
    assert_eq!(sim.status("c"), "queued");
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.outputs("a").len(), 2);
    assert_eq!(sim.status("c"), "running");
}

// WS-341
#[test]
fn an_interrupt_without_a_kernel_is_harmless() {
    let mut sim = Sim::new(Settings::new("aaaaaaaa", LaunchMode::Execute));
    sim.link();
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
    assert!(sim.exit.is_none());
}

// WS-343 WS-344 WS-349 RP-209
#[test]
fn a_dead_kernel_ends_its_work_once_and_the_next_execution_launches_again() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.launch = false;
    sim.event(Event::KernelDied {
        details: "signal 9".into(),
    });
    sim.event(Event::KernelDied {
        details: "again".into(),
    });
    assert_eq!(
        (sim.status("a"), sim.status("b")),
        ("error".into(), "cancelled".into())
    );
    assert_eq!(sim.kernel_field("lifecycle"), "Error");
    assert_eq!(sim.kernel_field("error_details"), "signal 9");
    sim.launch = true;
    sim.queue(&["c"]);
    assert_eq!(sim.status("c"), "running");
}

// WS-294 WS-295 WS-296
#[test]
fn a_failed_launch_is_written_and_tried_again_at_most_three_times() {
    let mut sim = Sim::new(settings());
    sim.launch = false;
    sim.link();
    for attempt in 1..=5 {
        let name = format!("x{attempt}");
        sim.queue(&[&name]);
        if attempt <= 3 {
            sim.event(Event::KernelLaunchFailed {
                reason: "missing_ipykernel".into(),
                details: "no ipykernel".into(),
            });
            assert_eq!(sim.status(&name), "cancelled");
            assert_eq!(sim.kernel_field("error_reason"), "missing_ipykernel");
        }
    }
    let launches = sim
        .log
        .iter()
        .filter(|e| **e == Effect::LaunchKernel)
        .count();
    assert_eq!(launches, 3);
}

// WS-335 WS-336 RP-185
#[test]
fn a_completion_is_answered_by_the_kernel_or_in_five_seconds() {
    let mut sim = Sim::ready();
    sim.request(&json!({"id": "q1", "action": "complete", "code": "pri", "cursor_pos": 3}));
    let msg_id = sim.sent("complete_request")[0].msg_id.clone();
    let content = json!({"status": "ok", "matches": ["print"], "cursor_start": 0, "cursor_end": 3});
    sim.kernel(&msg_id, "complete_reply", content);
    sim.request(&json!({"id": "q2", "action": "complete", "code": "x", "cursor_pos": 1}));
    sim.pass(5001);
    let responses: Vec<serde_json::Value> = sim
        .log
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendFrame(bytes) if bytes[0] == 2 => serde_json::from_slice(&bytes[1..]).ok(),
            _ => None,
        })
        .collect();
    assert_eq!(responses[0]["items"][0]["label"], "print");
    assert_eq!(responses[1]["error"], "Completion request timed out");
}

#[test]
fn an_input_request_is_shown_and_answered() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.kernel(
        "a",
        "input_request",
        json!({"prompt": "name? ", "password": false}),
    );
    assert_eq!(sim.record("a")["pending_input"]["prompt"], "name? ");
    sim.request(&json!({"id": "q", "action": "input_reply", "execution_id": "a", "value": "Ada"}));
    let reply = sim.sent("input_reply")[0].clone();
    assert_eq!(reply.content["value"], "Ada");
    assert!(reply.parent_header["msg_id"].is_string());
    assert!(sim.record("a").get("pending_input").is_none());
}

// WS-328 WS-329 WS-330 WS-332 DOC-125 DOC-126 DOC-170
#[test]
fn widget_values_go_to_the_comms_document_and_foreign_changes_to_the_kernel() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let open = json!({"comm_id": "w", "target_name": "jupyter.widget",
        "data": {"state": {"value": 3, "_model_name": "IntSliderModel"}}});
    sim.kernel("a", "comm_open", open);
    sim.kernel(
        "a",
        "comm_open",
        json!({"comm_id": "p", "target_name": "nteract.dx.x", "data": {}}),
    );
    let update = json!({"comm_id": "w", "data": {"method": "update", "state": {"value": 4}}});
    sim.kernel("a", "comm_msg", update);
    sim.pass(100);
    let topology = |id: &str| json_at(sim.state.doc(), "comms", id);
    let entry = topology("w").unwrap();
    assert_eq!(
        (entry["state"].clone(), entry["model_name"].clone()),
        (json!({}), json!("IntSliderModel"))
    );
    assert!(topology("p").is_none());
    assert_eq!(sim.comms.value("w", "value"), Some(json!(4)));
    assert!(sim.sent("comm_msg").is_empty());
    let state = json!({"value": 9, "_model_name": "IntSliderModel"});
    sim.comms
        .merge_state("w", state.as_object().unwrap())
        .unwrap();
    sim.room_speaks();
    let sent = sim.sent("comm_msg");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].content["data"]["state"], json!({"value": 9}));
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let mut sim = Sim::ready();
    sim.pass(100);
    let frames = sim.frames;
    sim.pass(3_600_000);
    assert_eq!(sim.frames, frames);
    assert_eq!(sim.wake, None);
}

// What it costs in time is `cargo xtask bench`'s matter; here, that it says no more than the first did.
#[test]
fn what_an_execution_sends_does_not_depend_on_those_before() {
    let mut sim = Sim::ready();
    let mut sent = Vec::new();
    for round in 0..10 {
        let (frames, bytes) = (sim.frames, sim.bytes);
        for i in 0..30 {
            let id = format!("e{round}-{i:02}");
            sim.queue(&[&id]);
            sim.print(&id, "hello\n");
            sim.idle(&id);
        }
        sent.push((sim.frames - frames, sim.bytes - bytes));
    }
    assert_eq!(sim.status("e9-29"), "done");
    let (first, last) = (sent[0], sent[9]);
    // Numbers grow longer, and the clock decides what goes together.
    assert!(last.0 * 10 <= first.0 * 11, "{sent:?}");
    assert!(last.1 * 10 <= first.1 * 11, "{sent:?}");
}
