//! How much output goes where: long text, many displays, limits, what is cleared.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;

use serde_json::{Value, json};
use session_core::{Channel, Effect, Event, Settings};
use support::{Sim, settings};

#[test]
fn long_text_is_kept_whole_in_sealed_entries_written_once() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let mut whole = String::new();
    for block in 0..100 {
        let mut text = String::new();
        for line in 0..200 {
            let _ = writeln!(text, "{block} {line} some words to fill the line");
        }
        whole.push_str(&text);
        sim.print("a", &text);
        sim.pass(5);
    }
    sim.idle("a");
    assert_eq!(sim.text("a"), whole);
    assert!(sim.outputs("a").len() > 3);
    // Rewriting the tail costs little beside the text.
    let uploaded: usize = sim.uploads.iter().map(|(_, _, bytes)| bytes.len()).sum();
    assert!(uploaded < whole.len() * 3, "{uploaded} of {}", whole.len());
}

#[test]
fn output_beyond_the_cap_stays_away_with_one_notice() {
    let mut sim = Sim::new(Settings {
        output_cap_bytes: 1000,
        ..settings()
    });
    sim.link();
    sim.queue(&["a"]);
    let begins = sim.position;
    for _ in 0..50 {
        sim.print("a", &"x".repeat(100));
    }
    assert_eq!(sim.persisted, None);
    sim.idle("a");
    let text = sim.text("a");
    assert!(text.starts_with(&"x".repeat(1000)) && text.contains("runt workstation output a "));
    assert_eq!(sim.outputs("a").len(), 2);
    assert_eq!(sim.status("a"), "done");
    // The journal is free to go once all of it was kept elsewhere.
    let kept = |effect: &Effect| match effect {
        Effect::KeepOutput { from, to, .. } => Some((*from, *to)),
        _ => None,
    };
    let is_persisted =
        |effect: &Effect| matches!(effect, Effect::PersistPosition(at) if *at == sim.position);
    let persisted = sim.log.iter().position(is_persisted);
    let found: Vec<_> = sim.log[..persisted.unwrap()]
        .iter()
        .filter_map(kept)
        .collect();
    assert_eq!(found, [(begins, sim.position)]);
}

#[test]
fn cleared_output_counts_no_more_and_is_not_read_again() {
    let mut sim = Sim::new(Settings {
        output_cap_bytes: 1000,
        ..settings()
    });
    sim.link();
    sim.queue(&["a"]);
    let mut shown_from = 0;
    for round in 0..50 {
        sim.kernel("a", "clear_output", json!({"wait": true}));
        shown_from = sim.position;
        sim.print("a", &format!("{round} {}", "x".repeat(600)));
        sim.pass(100);
    }
    assert!(sim.text("a").starts_with("49 x"), "{}", sim.text("a"));
    assert_eq!(sim.outputs("a").len(), 1);
    // A cell that shows one thing after the other fills no journal, however long it runs.
    assert_eq!(sim.persisted, Some(shown_from));
    // A new peer begins there and knows the cell as running.
    sim.replace_session(true);
    sim.link();
    let entry = sim.entry("a", "stream", json!({"name": "stdout", "text": "on"}));
    sim.event(Event::KernelReady(support::info()));
    sim.event(Event::Journal(vec![entry]));
    sim.event(Event::JournalCaughtUp);
    assert_eq!(sim.status("a"), "running");
}

#[test]
fn of_one_text_that_is_too_long_the_beginning_is_shown() {
    let mut sim = Sim::new(Settings {
        output_cap_bytes: 1000,
        ..settings()
    });
    sim.link();
    sim.queue(&["a"]);
    sim.print("a", &"zwölf\n".repeat(1000));
    sim.idle("a");
    let text = sim.text("a");
    assert!(
        text.starts_with(&("zwölf\n".repeat(142) + "[the output")),
        "{text}"
    );
}

#[test]
fn output_that_nobody_kept_is_said_to_be_lost() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "one\n");
    let mut entry = sim.entry("a", "", json!(null));
    entry.channel = Channel::Cut;
    sim.event(Event::Journal(vec![entry]));
    sim.idle("a");
    let text = sim.text("a");
    assert!(
        text.starts_with("one\n[the workstation has no more room"),
        "{text}"
    );
    assert_eq!(sim.status("a"), "done");
}

#[test]
fn a_thousand_displays_go_in_few_frames_with_bounded_memory() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let frames = sim.frames;
    let entries = (0..1000)
        .map(|i| {
            let text = format!("{i}{}", "z".repeat(10_000));
            sim.entry(
                "a",
                "display_data",
                json!({"data": {"text/plain": text}, "metadata": {}}),
            )
        })
        .collect::<Vec<_>>();
    for batch in entries.chunks(50) {
        sim.event(Event::Journal(batch.to_vec()));
        sim.pass(1);
    }
    sim.idle("a");
    assert_eq!(sim.outputs("a").len(), 1000);
    assert!(sim.frames - frames < 60, "{} frames", sim.frames - frames);
}

/// What so many lines cost: frames, their bytes, and bytes of blobs.
fn cost_of(sim: &mut Sim, lines: std::ops::Range<usize>) -> [usize; 3] {
    let before = [sim.frames, sim.bytes, sim.uploads.len()];
    let numbers: Vec<usize> = lines.collect();
    for some in numbers.chunks(2_000) {
        let mut text = String::new();
        for number in some {
            let _ = writeln!(text, "{number:09}");
        }
        sim.print("a", &text);
        sim.pass(100);
    }
    let uploaded = sim.uploads[before[2]..]
        .iter()
        .map(|(_, _, bytes)| bytes.len())
        .sum();
    [sim.frames - before[0], sim.bytes - before[1], uploaded]
}

// What it costs in time is `cargo xtask bench`'s matter; here, that nothing of what is written grows.
#[test]
fn the_millionth_line_costs_what_the_first_did() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let first = cost_of(&mut sim, 0..100_000);
    for tenth in 1..9 {
        cost_of(&mut sim, tenth * 100_000..(tenth + 1) * 100_000);
        // The terminal and the blobs of the test itself are not to grow either.
        sim.uploads.clear();
    }
    let last = cost_of(&mut sim, 900_000..1_000_000);
    for (first, last) in first.into_iter().zip(last) {
        assert!(last * 20 <= first * 21, "{last} after {first}");
    }
    sim.idle("a");
    assert_eq!(sim.text("a").lines().count(), 1_000_000);
    assert_eq!(sim.status("a"), "done");
}

// RP-200: a small cell is shown by few frames, each of which is made durable before it is seen.
#[test]
fn that_a_cell_runs_its_count_and_its_output_go_together() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.idle("a");
    sim.pass(100);
    let frames = sim.frames;
    sim.queue_at_once(&["b"]);
    assert_eq!(sim.sent("execute_request").len(), 2);
    sim.kernel("b", "execute_input", json!({"execution_count": 2}));
    assert_eq!(sim.status("b"), "queued");
    sim.print("b", "x\n");
    assert_eq!(
        (sim.status("b"), sim.text("b")),
        ("running".into(), "x\n".into())
    );
    assert_eq!(sim.record("b")["execution_count"], 2);
    assert_eq!(sim.frames, frames + 1);
    // One that says nothing is soon seen to run.
    sim.idle("b");
    sim.queue_at_once(&["c"]);
    sim.pass(settings().start_wait_ms);
    assert_eq!(sim.status("c"), "running");
}

// WS-314 WS-315
#[test]
fn a_progress_bar_is_its_last_line_and_the_last_newline_stays() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    for percent in 0..=100 {
        sim.print("a", &format!("\r{percent:3} %"));
        sim.pass(10);
    }
    sim.idle("a");
    assert_eq!(sim.text("a"), "100 %");
    sim.queue(&["b"]);
    sim.print("b", "one\n");
    sim.idle("b");
    assert_eq!(sim.text("b"), "one\n");
}

// WS-319
#[test]
fn a_rich_traceback_is_an_error_and_cancels_what_waits() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    let rich = json!({"ename": "E", "evalue": "v", "frames": [], "text": "E: v"});
    let data = json!({"application/vnd.nteract.traceback+json": rich});
    sim.kernel("a", "display_data", json!({"data": data, "metadata": {}}));
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.outputs("a")[0]["output_type"], "error");
    assert_eq!(
        (sim.status("a").as_str(), sim.status("b").as_str()),
        ("error", "cancelled")
    );
}

// WS-326
#[test]
fn blobs_of_widgets_captured_outputs_and_pagers_go_up_too() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let long = |letter: &str| letter.repeat(70_000);
    let state = json!({"value": long("w")});
    let open = json!({"comm_id": "w", "target_name": "jupyter.widget", "data": {"state": state}});
    sim.kernel("a", "comm_open", open);
    let state = json!({"_model_name": "OutputModel", "msg_id": "a", "outputs": []});
    let open = json!({"comm_id": "o", "target_name": "jupyter.widget", "data": {"state": state}});
    sim.kernel("a", "comm_open", open);
    sim.print("a", &long("c"));
    let data = json!({"text/plain": long("p")});
    let payload = json!([{"source": "page", "data": data}]);
    sim.kernel(
        "a",
        "execute_reply",
        json!({"status": "ok", "payload": payload}),
    );
    sim.idle("a");
    sim.pass(100);
    for letter in ["w", "c", "p"] {
        let is_there = |(_, _, bytes): &(String, String, Vec<u8>)| {
            String::from_utf8_lossy(bytes).contains(&long(letter))
        };
        assert!(sim.uploads.iter().any(is_there), "{letter}");
    }
    assert_eq!(sim.status("a"), "done");
}

// WS-311 WS-312 WS-313
#[test]
fn text_is_inline_below_a_kibibyte_and_pictures_never_are() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let data = json!({
        "text/plain": "x".repeat(1023), "text/html": "x".repeat(1024),
        "image/png": "iVBORw==", "image/svg+xml": "<svg/>", "application/sql": "select 1",
        "application/vnd.x+json": {"a": 1}, "application/octet-stream": "AAE=",
    });
    sim.kernel("a", "display_data", json!({"data": data, "metadata": {}}));
    sim.idle("a");
    sim.pass(100);
    let shown = sim.outputs("a")[0]["data"].clone();
    let stored = |kind: &str| {
        shown[kind]["blob"]
            .as_str()
            .map(|sha| sim.blobs[sha].clone())
    };
    assert_eq!(shown["text/plain"]["inline"], "x".repeat(1023));
    assert_eq!(stored("text/html").unwrap().len(), 1024);
    assert_eq!(stored("image/png").unwrap(), b"\x89PNG");
    assert_eq!(shown["image/svg+xml"]["inline"], "<svg/>");
    assert_eq!(shown["application/sql"]["inline"], "select 1");
    assert_eq!(shown["application/vnd.x+json"]["inline"], "{\"a\":1}");
    assert_eq!(stored("application/octet-stream").unwrap(), [0, 1]);
}

// Each print makes the entry larger before what it was has gone up.
#[test]
fn text_that_grows_faster_than_it_goes_up_is_shown_all_the_same() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.upload = false;
    let mut done = 0;
    for n in 0..20 {
        sim.print("a", &format!("{n:02000}\n"));
        sim.pass(100);
        // One upload is always under way.
        while done + 1 < sim.uploads.len() {
            let (sha256, _, bytes) = sim.uploads[done].clone();
            sim.blobs.insert(sha256.clone(), bytes);
            sim.event(Event::BlobUploaded { sha256 });
            done += 1;
        }
    }
    assert!(
        sim.text("a").lines().count() > 10,
        "{}",
        sim.text("a").lines().count()
    );
}

#[test]
fn an_update_reaches_a_display_that_came_after_an_earlier_update() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let content = |text: &str| json!({"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "d"}});
    let kinds = [
        "display_data",
        "update_display_data",
        "display_data",
        "update_display_data",
    ];
    let entries = kinds
        .iter()
        .zip(["a", "b", "c", "d"])
        .map(|(kind, text)| sim.entry("a", kind, content(text)));
    let entries = entries.collect();
    sim.event(Event::Journal(entries));
    sim.pass(100);
    for output in sim.outputs("a") {
        assert_eq!(output["data"]["text/plain"]["inline"], "d");
    }
}

/// An array within an array, and so on.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, _| json!([value]))
}

// What nested deeper than 128 was lost.
#[test]
fn what_nests_as_deep_as_a_kernel_may_write_is_shown() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let deep = nested(wire::json::DEEPEST - 2);
    let data = json!({"application/json": deep, "text/plain": "deep"});
    sim.kernel(
        "a",
        "display_data",
        json!({"data": data, "metadata": {"deep": deep}}),
    );
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.status("a"), "done");
    let output = &sim.outputs("a")[0];
    assert_eq!(output["metadata"]["deep"], deep);
    assert!(output["data"]["application/json"]["blob"].is_string());
}

#[test]
fn an_error_is_one_whatever_its_message_holds() {
    for content in [
        json!(null),
        json!(7),
        json!({"ename": null, "traceback": "none"}),
    ] {
        let mut sim = Sim::ready();
        sim.queue(&["a", "b"]);
        sim.kernel("a", "error", content);
        sim.idle("a");
        sim.pass(100);
        assert_eq!(sim.outputs("a")[0]["output_type"], "error");
        assert_eq!(
            (sim.status("a").as_str(), sim.status("b").as_str()),
            ("error", "cancelled")
        );
    }
}
