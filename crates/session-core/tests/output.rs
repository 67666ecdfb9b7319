//! How much output goes where: long text, many displays, limits, what is cleared.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;

use serde_json::json;
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
