//! Text that comes after its execution ended: none is lost, none is shown twice (decision D3, documents 5.5).
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use serde_json::json;
use session_core::{Event, JournalEntry, Settings};
use support::{Sim, info, settings};

fn interrupt(sim: &mut Sim) {
    sim.request(&json!({"id": "r", "action": "interrupt_execution"}));
}

fn stream(sim: &mut Sim, text: &str) -> JournalEntry {
    sim.entry("a", "stream", json!({"name": "stdout", "text": text}))
}

#[test]
fn what_a_cell_prints_while_it_cleans_up_after_an_interrupt_is_all_there() {
    for width in [1, 2000] {
        let mut sim = Sim::ready();
        sim.queue(&["a"]);
        sim.print("a", ".\n");
        sim.pass(100);
        interrupt(&mut sim);
        assert_eq!(sim.status("a"), "error");
        let mut wanted = ".\n".to_owned();
        for n in 0..5 {
            let line = format!("cleanup {n:>width$}\n");
            sim.print("a", &line);
            sim.pass(100);
            wanted.push_str(&line);
            assert_eq!(sim.text("a"), wanted);
        }
        sim.idle("a");
        sim.pass(100);
        assert_eq!(sim.text("a"), wanted);
        assert_eq!(sim.status("a"), "error");
    }
}

#[test]
fn line_ends_that_come_alone_are_kept() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "in");
    sim.pass(100);
    interrupt(&mut sim);
    for part in ["\n", "0", "\n", "1\n\n", "2\n", "\n", "3\n"] {
        sim.print("a", part);
        sim.pass(100);
    }
    assert_eq!(sim.text("a"), "in\n0\n1\n\n2\n\n3\n");
}

#[test]
fn text_of_an_outage_in_which_the_room_ended_the_execution_follows_what_is_there() {
    for width in [1, 2000] {
        let line = |n: usize| format!("{n:>width$}\n");
        let mut sim = Sim::ready();
        sim.queue(&["a"]);
        for n in 0..3 {
            sim.print("a", &line(n));
            sim.pass(100);
        }
        sim.unlink("");
        for n in 3..8 {
            sim.print("a", &line(n));
            sim.pass(100);
        }
        sim.room_ends("a");
        sim.link();
        sim.print("a", &line(8));
        sim.pass(100);
        sim.idle("a");
        sim.pass(100);
        assert_eq!(sim.text("a"), (0..9).map(line).collect::<String>());
        assert_eq!(sim.status("a"), "error");
    }
}

#[test]
fn a_progress_bar_goes_on_in_lines_of_its_own() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "first\n10 %");
    sim.pass(100);
    sim.unlink("");
    sim.room_ends("a");
    sim.print("a", "\r20 %");
    sim.link();
    sim.pass(100);
    assert_eq!(sim.text("a"), "first\n10 %20 %");
}

/// Small numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Another session in the place of the one before: it reads the journal from where that one's was confirmed.
fn begin_anew(sim: &mut Sim, journal: &[JournalEntry]) {
    sim.replace_session(true);
    sim.event(Event::KernelReady(info()));
    sim.link();
    let read = sim.persisted.unwrap_or_default();
    let rest = journal.iter().filter(|entry| entry.position >= read);
    sim.event(Event::Journal(rest.cloned().collect()));
    sim.event(Event::JournalCaughtUp);
}

// Interrupts, outages, ends by the room and new peers that read the journal again, in any order.
#[test]
fn whatever_comes_between_all_text_is_there_once() {
    let mut refused = 0;
    for seed in 0..150 {
        let mut dice = Dice(seed);
        // Some streams are sealed again and again.
        let mut sim = Sim::new(Settings {
            seal_bytes: if seed % 2 == 0 { 3_000 } else { 64 * 1024 },
            ..settings()
        });
        sim.refuses = true;
        sim.link();
        sim.queue(&["a"]);
        let mut journal = Vec::new();
        let mut wanted = String::new();
        let mut linked = true;
        for n in 0..30 {
            match dice.roll(12) {
                0 if linked => interrupt(&mut sim),
                1 if linked => {
                    sim.unlink("");
                    linked = false;
                }
                2 if sim.status("a") == "running" => sim.room_ends("a"),
                2 | 3 if !linked => {
                    sim.link();
                    linked = true;
                }
                4 if linked && n > 3 => begin_anew(&mut sim, &journal),
                _ => {
                    let width = if dice.roll(4) == 0 { 700 } else { 1 };
                    let count = 1 + if dice.roll(4) == 0 { 60 } else { dice.roll(3) };
                    // A line and its end may be two writes, and the first may be shown alone.
                    let apart = dice.roll(3) == 0;
                    let mut entries = Vec::new();
                    for part in 0..count {
                        let line = format!("{n}.{part:>width$}\n");
                        wanted.push_str(&line);
                        let (text, end) = line.split_at(line.len() - usize::from(apart));
                        let parts = [text, end].into_iter().filter(|part| !part.is_empty());
                        entries.extend(parts.map(|part| stream(&mut sim, part)));
                    }
                    journal.extend(entries.iter().cloned());
                    if apart {
                        let rest = entries.split_off(1);
                        sim.event(Event::Journal(std::mem::replace(&mut entries, rest)));
                        sim.pass(60);
                    }
                    sim.event(Event::Journal(entries));
                }
            }
            if dice.roll(2) == 0 {
                sim.pass(60);
            }
            if sim.exit.is_some() {
                begin_anew(&mut sim, &journal);
                refused += 1;
            }
        }
        if !linked {
            sim.link();
        }
        if sim.exit.is_some() {
            begin_anew(&mut sim, &journal);
            refused += 1;
        }
        sim.idle("a");
        sim.pass(100);
        assert_eq!(sim.text("a"), wanted, "seed {seed}");
    }
    assert!(refused > 0, "no room refused anything");
}

#[test]
fn frames_that_a_late_clear_takes_away_are_not_shown() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "in\n");
    sim.pass(100);
    interrupt(&mut sim);
    let mut entries = Vec::new();
    for n in 0..20 {
        entries.push(sim.entry("a", "clear_output", json!({"wait": true})));
        let frame = json!({"data": {"text/plain": format!("frame {n}")}, "metadata": {}});
        entries.push(sim.entry("a", "display_data", frame));
    }
    sim.event(Event::Journal(entries));
    sim.idle("a");
    sim.pass(100);
    let outputs = sim.outputs("a");
    let last = &outputs.last().unwrap()["data"]["text/plain"]["inline"];
    assert_eq!(
        (outputs.len(), last),
        (3, &json!("frame 19")),
        "{outputs:?}"
    );
}
