//! Decision D11: documents that start over, and peers that come back with those of before.
#![allow(clippy::unwrap_used)]

mod common;

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ObjType, ROOT, ReadDoc as _};
use common::{
    Client, Harness, NOTEBOOK, Received, START, attached_to, owner, raw_control, runtime,
    starter_cell, uuid, viewer,
};
use documents::DocKind;
use documents::notebook::NotebookDoc;
use room::{
    Effect, Event, JobEnd, JobOutcome, Join, NextEpoch, Publication, Settings, StoredDocuments,
};
use serde_json::json;
use uuid::Uuid;
use wire::close::{Close, EPOCH_CHANGED};

const CELLS: u32 = 10;

/// A new room with limits of its own.
fn room(settings: Settings) -> Harness {
    Harness::load_with(StoredDocuments::default(), START, settings)
}

/// The room in its next epoch, as storage would give it back.
fn reopen(harness: &Harness, next: &NextEpoch) -> Harness {
    let mut stored = StoredDocuments::of_epoch(harness.stored.epoch() + 1);
    for (kind, bytes) in &next.documents {
        stored.append(*kind, bytes);
    }
    for (kind, hashes) in &next.retired {
        stored.retire(*kind, hashes);
    }
    Harness::load(stored, harness.now)
}

fn next_epoch(harness: &mut Harness) -> Option<NextEpoch> {
    harness.room.next_epoch(|_| usize::MAX).unwrap()
}

fn cell_of(run: u32) -> String {
    match run % CELLS {
        0 => starter_cell(),
        n => format!("cell-{n}"),
    }
}

/// Runs every cell once to its end, with one output each; the machine hears of them together.
fn round(harness: &mut Harness, machine: &mut Client, first: u32) {
    for run in first..first + CELLS {
        let (cell_id, id) = (cell_of(run), uuid(run));
        let request = json!({"action": "execute_cell", "cell_id": cell_id, "execution_id": id});
        harness.request("owner", request);
    }
    harness.settle(&mut [machine]);
    for run in first..first + CELLS {
        let record = machine.record(&uuid(run));
        let doc = machine.doc(DocKind::RuntimeState);
        let outputs = doc.get(&record, "outputs").unwrap().unwrap().1;
        let output = doc.put_object(&outputs, "o1", ObjType::Map).unwrap();
        doc.put(&output, "text", format!("result of run {run}"))
            .unwrap();
        doc.put(&record, "success", true).unwrap();
        doc.put(&record, "status", "done").unwrap();
        doc.commit();
    }
    harness.settle(&mut [machine]);
}

/// Cells in order: their ids, sources, and the text of the output they show.
fn shown(harness: &mut Harness) -> Vec<(String, String, String)> {
    let notebook = AutoCommit::load(&harness.room.snapshot(DocKind::Notebook)).unwrap();
    let state = harness.runtime_state();
    let text = |id: &str| -> Option<String> {
        let mut at = ROOT;
        for key in ["executions", id, "outputs", "o1"] {
            at = state.get(&at, key).unwrap()?.1;
        }
        Some(common::show(&state.get(&at, "text").unwrap()?.0))
    };
    let cells = NotebookDoc::from_doc(notebook).cells();
    let row = |cell: documents::notebook::Cell| {
        let output = cell.execution_id.as_deref().and_then(text);
        (cell.id, cell.source, output.unwrap_or_default())
    };
    cells.into_iter().map(row).collect()
}

fn end_session(harness: &mut Harness) {
    harness.leave("rt");
    harness.event(Event::JobEnded(JobEnd {
        runtime_session_id: "job-1".into(),
        outcome: JobOutcome::Completed,
        message: None,
    }));
}

fn closes(client: &Client) -> Vec<Close> {
    let close = |received: &Received| match received {
        Received::Closed(close) => Some(*close),
        _ => None,
    };
    client.received.iter().filter_map(close).collect()
}

fn save(harness: &mut Harness) -> [Vec<u8>; 4] {
    DocKind::ALL.map(|kind| harness.room.snapshot(kind))
}

#[test]
fn a_room_that_ran_much_starts_over_with_what_it_shows() {
    let settings = Settings {
        epoch_changes: 300,
        ..Settings::default()
    };
    starts_over(settings, 200);
}

fn starts_over(settings: Settings, runs: u32) {
    let (mut harness, mut browser, mut machine) = attached_to(room(settings));
    for n in 1..CELLS {
        browser.add_cell(
            &format!("cell-{n}"),
            "code",
            &format!("9{n}"),
            &n.to_string(),
        );
    }
    harness.settle(&mut [&mut browser, &mut machine]);
    let mut early = None;
    for first in (0..runs).step_by(CELLS as usize) {
        round(&mut harness, &mut machine, first);
        if first == runs / 2 {
            early = Some(harness.runtime_state());
        }
    }
    harness.settle(&mut [&mut browser]);
    let before = shown(&mut harness);
    assert_eq!(before.len(), CELLS as usize);
    let last = |run: u32| {
        before
            .iter()
            .any(|row| row.2 == format!("result of run {run}"))
    };
    assert!((runs - CELLS..runs).all(last), "{before:?}");

    // Not while somebody is here, nor while the session may come back (D1).
    assert_eq!(next_epoch(&mut harness), None);
    harness.leave("owner");
    assert_eq!(next_epoch(&mut harness), None);
    harness.leave("rt");
    assert_eq!(harness.status(), "disconnected");
    assert_eq!(next_epoch(&mut harness), None);
    end_session(&mut harness);
    let next = next_epoch(&mut harness).unwrap();
    assert!(
        next.retired
            .iter()
            .all(|(kind, _)| *kind == DocKind::RuntimeState)
    );
    let old = harness.room.snapshot(DocKind::RuntimeState).len();
    let mut harness = reopen(&harness, &next);
    assert_eq!(shown(&mut harness), before);
    let new = harness.room.snapshot(DocKind::RuntimeState).len();
    assert!(new * 3 < old, "{new} of {old} bytes");
    assert_eq!(harness.execution_ids().len(), CELLS as usize);
    assert_eq!(next_epoch(&mut harness), None, "one epoch is enough");

    // A fresh page sees all of it, and numbers go on.
    let mut fresh = Client::of(&owner());
    harness.join(owner());
    harness.settle(&mut [&mut fresh]);
    let heads = fresh.doc(DocKind::RuntimeState).get_heads();
    assert_eq!(heads, harness.runtime_state().get_heads());
    harness.leave("owner");

    // Whoever comes back with the old documents is sent away, and nothing of them comes in.
    let kept = save(&mut harness);
    let mut stale = Client::new("viewer", &viewer().actor.to_string(), &DocKind::ALL);
    *stale.doc(DocKind::RuntimeState) = early.unwrap();
    browser.reset();
    machine.reset();
    let peer = runtime("rt", "ws-1", Some("job-1"));
    for (join, client) in [
        (owner(), &mut browser),
        (peer, &mut machine),
        (viewer(), &mut stale),
    ] {
        client.received.clear();
        harness.join(join);
        harness.settle(&mut [&mut *client]);
        let said = client.rejections();
        assert_eq!(closes(client), [EPOCH_CHANGED], "{}: {said:?}", client.peer);
        assert!(!harness.room.has_peer(&client.peer.as_str().into()));
    }
    let executions = harness.execution_ids().len();
    assert_eq!(executions, CELLS as usize);
    assert_eq!(shown(&mut harness), before);
    assert_eq!(save(&mut harness)[0], kept[0], "the notebook moved");
}

// The offline edit of an old document must not bring its history along, whatever it depends on.
#[test]
fn an_edit_of_an_old_notebook_document_stays_out() {
    let mut harness = room(Settings {
        epoch_bytes: 64 * 1024,
        ..Settings::default()
    });
    let mut browser = Client::of(&owner());
    harness.join(owner());
    harness.settle(&mut [&mut browser]);
    let doc = browser.doc(DocKind::Notebook);
    let metadata = doc.get(ROOT, "metadata").unwrap().unwrap().1;
    let mut seed = 1_u64;
    let noise = std::iter::repeat_with(|| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[0]
    });
    let noise: Vec<u8> = noise.take(100 * 1024).collect();
    doc.put(&metadata, "ballast", noise).unwrap();
    doc.commit();
    doc.delete(&metadata, "ballast").unwrap();
    browser.add_cell("c2", "markdown", "90", "text");
    harness.settle(&mut [&mut browser]);
    harness.leave("owner");
    let before = shown(&mut harness);
    assert!(harness.room.next_epoch(|_| 100).unwrap().is_none());
    let next = next_epoch(&mut harness).unwrap();
    assert_eq!(next.retired[0].0, DocKind::Notebook);
    let mut harness = reopen(&harness, &next);
    assert_eq!(shown(&mut harness), before);
    assert!(harness.room.snapshot(DocKind::Notebook).len() < 10_000);
    assert_eq!(harness.room.notebook_id().as_str(), NOTEBOOK);
    // Its head is none that the room remembers.
    browser.add_cell("offline", "code", "95", "1");
    browser.reset();
    browser.received.clear();
    harness.join(owner());
    harness.settle(&mut [&mut browser]);
    assert_eq!(closes(&browser), [EPOCH_CHANGED]);
    assert_eq!(shown(&mut harness), before);
    // With a fresh document the same edit is as welcome as any.
    let mut fresh = Client::of(&owner());
    harness.join(owner());
    harness.settle(&mut [&mut fresh]);
    fresh.add_cell("online", "code", "96", "1");
    harness.settle(&mut [&mut fresh]);
    assert_eq!(closes(&fresh), []);
    assert_eq!(shown(&mut harness).len(), before.len() + 1);
}

fn all_rejoin(harness: &mut Harness) {
    for join in [owner(), runtime("rt", "ws-1", Some("job-1"))] {
        harness.leave(join.peer_id.as_ref());
        harness.join(Join {
            rejoins: true,
            ..join
        });
    }
}

/// The machine says that a run is done.
fn done(machine: &mut Client, run: u32) {
    let record = machine.record(&uuid(run));
    let doc = machine.doc(DocKind::RuntimeState);
    doc.put(&record, "status", "done").unwrap();
    doc.commit();
}

/// The machine has taken all that waited.
fn empty_queue(harness: &mut Harness, machine: &mut Client) {
    let doc = machine.doc(DocKind::RuntimeState);
    let queue = doc.get(ROOT, "queue").unwrap().unwrap().1;
    doc.put_object(&queue, "queued_execution_ids", ObjType::List)
        .unwrap();
    doc.put(&queue, "executing_execution_id", ()).unwrap();
    doc.commit();
    harness.settle(&mut [machine]);
}

fn asked_to_start_over(harness: &mut Harness) -> bool {
    let asked = harness.other.contains(&Effect::StartOver);
    harness.other.clear();
    asked
}

/// A room with a kernel at work and everybody ready for another epoch, `changes` before it is due.
fn busy(changes: u64) -> (Harness, Client) {
    let settings = Settings {
        live_epoch_changes: changes,
        ..Settings::default()
    };
    let (mut harness, mut browser, mut machine) = attached_to(room(settings));
    all_rejoin(&mut harness);
    for client in [&mut browser, &mut machine] {
        client.reset();
        client.received.clear();
    }
    for n in 1..=CELLS {
        browser.add_cell(&format!("cell-{n}"), "code", &format!("9{n}"), "1");
    }
    harness.settle(&mut [&mut browser, &mut machine]);
    let state = machine.doc(DocKind::RuntimeState);
    let kernel = state.get(ROOT, "kernel").unwrap().unwrap().1;
    state.put(&kernel, "lifecycle", "Running").unwrap();
    state.commit();
    harness.settle(&mut [&mut browser, &mut machine]);
    harness.other.clear();
    (harness, machine)
}

#[test]
fn with_everybody_there_a_room_starts_over_once_nothing_has_run_for_a_moment() {
    let (mut harness, mut machine) = busy(35);
    round(&mut harness, &mut machine, 0);
    assert!(!asked_to_start_over(&mut harness), "it has not outgrown");
    round(&mut harness, &mut machine, 10);
    empty_queue(&mut harness, &mut machine);
    let changes = harness.runtime_state().get_changes(&[]).len();
    assert!((36..53).contains(&changes), "{changes} changes");
    assert!(!asked_to_start_over(&mut harness), "something just ran");
    harness.advance(1_999);
    assert!(!asked_to_start_over(&mut harness));
    harness.advance(1);
    assert!(asked_to_start_over(&mut harness));
    harness.advance(1);
    assert!(!asked_to_start_over(&mut harness), "it is asked once");
    let before = shown(&mut harness);
    let next = next_epoch(&mut harness).unwrap();
    harness.advance(10_000);
    assert!(
        !asked_to_start_over(&mut harness),
        "what led nowhere is not tried at once again"
    );
    let retired: Vec<DocKind> = next.retired.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(retired, [DocKind::RuntimeState]);
    let mut harness = reopen(&harness, &next);
    assert_eq!(shown(&mut harness), before);
    // A peer with what it had is closed without a word; with fresh documents it goes on.
    machine.reset();
    let peer = || Join {
        rejoins: true,
        ..runtime("rt", "ws-1", Some("job-1"))
    };
    harness.join(peer());
    harness.settle(&mut [&mut machine]);
    assert_eq!(closes(&machine), [EPOCH_CHANGED]);
    assert!(machine.rejections().is_empty());
    let mut fresh = Client::of(&peer());
    harness.join(peer());
    harness.settle(&mut [&mut fresh]);
    assert_eq!(harness.status(), "ready");
    harness.join(owner());
    round(&mut harness, &mut fresh, 20);
    assert_eq!(shown(&mut harness)[1].2, "result of run 21");
}

#[test]
fn what_a_cleared_or_deleted_cell_showed_can_be_shown_again_while_people_are_there() {
    let (mut harness, mut machine) = busy(35);
    round(&mut harness, &mut machine, 0);
    round(&mut harness, &mut machine, 10);
    empty_queue(&mut harness, &mut machine);
    let mut browser = Client::of(&owner());
    harness.join(Join {
        rejoins: true,
        ..owner()
    });
    harness.settle(&mut [&mut browser]);
    let doc = browser.doc(DocKind::Notebook);
    let cells = doc.get(ROOT, "cells").unwrap().unwrap().1;
    let cleared = doc.get(&cells, cell_of(13)).unwrap().unwrap().1;
    doc.put(&cleared, "execution_id", ()).unwrap();
    doc.delete(&cells, cell_of(14)).unwrap();
    doc.commit();
    harness.settle(&mut [&mut browser]);
    harness.advance(2_000);
    let next = next_epoch(&mut harness).unwrap();
    let mut harness = reopen(&harness, &next);
    let mut expected: Vec<String> = (10..20).map(uuid).collect();
    expected.sort();
    assert_eq!(harness.execution_ids(), expected);
}

// Both are waited for in one place, so that the question may be answered by the publication.
#[test]
fn a_publication_that_is_not_taken_leaves_the_room_free_to_start_over() {
    let (mut harness, mut machine) = busy(35);
    round(&mut harness, &mut machine, 0);
    round(&mut harness, &mut machine, 10);
    empty_queue(&mut harness, &mut machine);
    harness.advance(2_000);
    assert!(asked_to_start_over(&mut harness));
    let mut documents = StoredDocuments::default();
    let foreign = NotebookDoc::hosted_bootstrap("elsewhere").unwrap().save();
    documents.append(DocKind::Notebook, &foreign);
    let now = harness.now;
    let room = &mut harness.room;
    let outcome = room.published(now, &documents, Box::new(Uuid::new_v4));
    assert_eq!(outcome.unwrap(), Publication::Kept);
    harness.advance(1);
    assert!(asked_to_start_over(&mut harness));
}

/// Somebody draws a slider: a change each time.
fn draw(harness: &mut Harness, browser: &mut Client, times: u64) {
    for value in 0..times {
        let doc = browser.doc(DocKind::Comms);
        let comms = doc.get(ROOT, "comms").unwrap().unwrap().1;
        let widget = match doc.get(&comms, "w").unwrap() {
            Some((_, widget)) => widget,
            None => doc.put_object(&comms, "w", ObjType::Map).unwrap(),
        };
        doc.put(&widget, "value", value as i64).unwrap();
        doc.commit();
        harness.settle(&mut [browser]);
    }
}

#[test]
fn a_slider_that_is_drawn_does_not_have_the_room_start_over_under_the_hand() {
    for lets_go in [true, false] {
        let (mut harness, _machine) = busy(30);
        let hand = || Join {
            rejoins: true,
            ..owner()
        };
        harness.leave("owner");
        harness.join(hand());
        let mut browser = Client::of(&hand());
        harness.settle(&mut [&mut browser]);
        for _ in 0..44 {
            draw(&mut harness, &mut browser, 10);
            harness.advance(1_000);
            assert!(!asked_to_start_over(&mut harness));
        }
        if lets_go {
            harness.advance(1_000);
        } else {
            draw(&mut harness, &mut browser, 20);
        }
        assert!(asked_to_start_over(&mut harness));
    }
}

#[test]
fn much_outgrown_a_room_starts_over_between_two_runs_but_never_during_one() {
    let (mut harness, mut machine) = busy(20);
    let request = |cell: &str, run| json!({"action": "execute_cell", "cell_id": cell, "execution_id": uuid(run)});
    harness.request("owner", request("cell-10", 100));
    for first in [0, 10, 20] {
        round(&mut harness, &mut machine, first);
    }
    harness.advance(10_000);
    assert!(!asked_to_start_over(&mut harness), "one still waits");
    assert_eq!(next_epoch(&mut harness), None);
    done(&mut machine, 100);
    empty_queue(&mut harness, &mut machine);
    assert!(asked_to_start_over(&mut harness));
    // Somebody was quicker: it is asked again when that is over.
    harness.request("owner", request("cell-10", 101));
    assert_eq!(next_epoch(&mut harness), None);
    harness.settle(&mut [&mut machine]);
    done(&mut machine, 101);
    empty_queue(&mut harness, &mut machine);
    assert!(asked_to_start_over(&mut harness));
    // Every run leaves a change in the notebook as well, which starts over with what the machine wrote.
    let before = shown(&mut harness);
    let next = next_epoch(&mut harness).unwrap();
    let retired: Vec<DocKind> = next.retired.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(retired, [DocKind::Notebook, DocKind::RuntimeState]);
    let mut harness = reopen(&harness, &next);
    assert_eq!(shown(&mut harness), before);
    // By this a page knows old documents; who does not rejoin gets no word that it does not know.
    for (rejoins, told) in [(true, json!(1)), (false, json!(null))] {
        harness.join(Join { rejoins, ..owner() });
        let ready = raw_control(&harness.take("owner")[0]);
        assert_eq!(ready["room_epoch"], told);
        harness.leave("owner");
    }
}

#[test]
fn a_client_that_does_not_know_epochs_keeps_the_room_in_its_own() {
    let (mut harness, mut machine) = busy(20);
    harness.join(viewer());
    for first in [0, 10, 20] {
        round(&mut harness, &mut machine, first);
    }
    empty_queue(&mut harness, &mut machine);
    harness.advance(10_000);
    assert!(!asked_to_start_over(&mut harness));
    assert_eq!(next_epoch(&mut harness), None);
    harness.leave("viewer");
    assert!(asked_to_start_over(&mut harness));
    // Nor does it while the runtime peer is away: what it holds is not here yet.
    harness.leave("rt");
    assert_eq!(next_epoch(&mut harness), None);
}
