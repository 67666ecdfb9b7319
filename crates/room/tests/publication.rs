//! Room protocol 4.10: published documents and the rooms that they come to.
#![allow(clippy::unwrap_used)]

mod common;

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ObjType, ROOT};
use common::{Client, Harness, attached, owner, runtime, starter_cell, uuid};
use documents::DocKind;
use documents::notebook::NotebookDoc;
use documents::runtime_state::RuntimeStateDoc;
use room::{AttachmentUpdate, Event, JobEnd, JobOutcome, NextEpoch, Publication, StoredDocuments};
use serde_json::json;
use uuid::Uuid;
use wire::{UnixMs, WorkstationAttachment};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

fn sample() -> StoredDocuments {
    let mut published = StoredDocuments::default();
    for (kind, name) in [
        (DocKind::Notebook, "notebook"),
        (DocKind::RuntimeState, "runtime_state"),
        (DocKind::Comms, "comms"),
    ] {
        let bytes = std::fs::read(format!("{VECTORS}/sample_{name}.am")).unwrap();
        published.append(kind, &bytes);
    }
    published
}

fn published(harness: &mut Harness, documents: &StoredDocuments) -> Publication {
    let now = harness.now;
    let room = &mut harness.room;
    room.published(now, documents, Box::new(Uuid::new_v4))
        .unwrap()
}

/// The room as it is opened in its next epoch.
fn begin(next: &NextEpoch, now: UnixMs) -> Harness {
    let mut stored = StoredDocuments::of_epoch(1);
    for (kind, bytes) in &next.documents {
        stored.append(*kind, bytes);
    }
    for (kind, hashes) in &next.retired {
        stored.retire(*kind, hashes);
    }
    Harness::load(stored, now)
}

#[test]
fn an_untouched_room_takes_a_publication_up() {
    let mut harness = Harness::new();
    let Publication::Taken(next) = published(&mut harness, &sample()) else {
        panic!("not taken");
    };
    assert_eq!(next.retired, [], "nobody wrote what it begins with");
    let mut harness = begin(&next, harness.now);
    assert!(!harness.room.has_work());
    let shown = harness.room.attachment();
    let selected = shown.and_then(WorkstationAttachment::selected);
    assert_eq!(selected, None, "its machine is elsewhere");
    let cells = AutoCommit::load(&harness.room.snapshot(DocKind::Notebook)).unwrap();
    assert_eq!(NotebookDoc::from_doc(cells).cells().len(), 3);
    assert_eq!(published(&mut harness, &sample()), Publication::Shown);
}

// DOC-061 DOC-063 DOC-064 DOC-065
#[test]
fn a_notebook_of_another_version_is_brought_up_to_date_or_left_aside() {
    let of = |name: &str| {
        let mut documents = StoredDocuments::default();
        let bytes = std::fs::read(format!("{VECTORS}/{name}.am")).unwrap();
        documents.append(DocKind::Notebook, &bytes);
        documents
    };
    for (name, version) in [
        ("load_v3", Some(5)),
        ("load_v4", Some(5)),
        ("load_versionless_skeleton", None),
    ] {
        let mut harness = Harness::new();
        let Publication::Taken(next) = published(&mut harness, &of(name)) else {
            panic!("{name} is not taken");
        };
        let mut harness = begin(&next, harness.now);
        let cells = AutoCommit::load(&harness.room.snapshot(DocKind::Notebook)).unwrap();
        let notebook = NotebookDoc::from_doc(cells);
        assert_eq!(notebook.schema_version(), version, "{name}");
        let again = published(&mut harness, &of(name));
        assert_eq!(again, Publication::Shown, "{name}");
    }
    for name in [
        "load_v2_list_cells",
        "load_version_string",
        "load_versionless_no_skeleton",
    ] {
        let mut harness = Harness::new();
        let outcome = published(&mut harness, &of(name));
        assert_eq!(outcome, Publication::Kept, "{name}");
    }
}

/// The sample with an attachment of its author's words.
fn claiming(workstation: &str, status: &str) -> StoredDocuments {
    let mut runtime = RuntimeStateDoc::load(sample().bytes(DocKind::RuntimeState), "x").unwrap();
    let doc = runtime.doc_mut();
    let claimed = doc.put_object(ROOT, "workstation", ObjType::Map).unwrap();
    for (key, text) in [
        ("workstation_id", workstation),
        ("status", status),
        ("status_message", "mine"),
    ] {
        doc.put(&claimed, key, text).unwrap();
    }
    let mut documents = StoredDocuments::default();
    let cells = sample();
    documents.append(DocKind::Notebook, cells.bytes(DocKind::Notebook));
    documents.append(DocKind::RuntimeState, &runtime.save());
    documents
}

// HAZ-17: a run would look for the machine that the room names.
#[test]
fn a_publication_selects_no_machine() {
    for status in ["idle", "disconnected", "ready", "error"] {
        let mut harness = Harness::new();
        let documents = claiming("somebody-elses", status);
        let Publication::Taken(next) = published(&mut harness, &documents) else {
            panic!("not taken");
        };
        let mut harness = begin(&next, harness.now);
        harness.join(owner());
        let cells = AutoCommit::load(&harness.room.snapshot(DocKind::Notebook)).unwrap();
        let cells = NotebookDoc::from_doc(cells).cells();
        let cell = cells.iter().find(|cell| cell.cell_type == "code").unwrap();
        let run = json!({"id": "r", "action": "execute_cell", "cell_id": cell.id});
        let refused = harness.ask("owner", run);
        let text = "no runtime peer is attached for execute_cell";
        assert_eq!(refused.as_deref(), Some(text), "{status}");
    }
}

// What a room says of its own machine is the room's word.
#[test]
fn a_room_that_starts_over_with_a_publication_keeps_its_own_machine() {
    let mut harness = Harness::new();
    let idle = WorkstationAttachment {
        workstation_id: "ws-1".into(),
        status: "idle".into(),
        runtime_session_id: Some("job-1".into()),
        ..WorkstationAttachment::default()
    };
    harness.event(Event::AttachmentPublished(Box::new(AttachmentUpdate {
        attachment: idle.clone(),
        close_runtime_peers: None,
    })));
    let documents = claiming("somebody-elses", "idle");
    let Publication::Taken(next) = published(&mut harness, &documents) else {
        panic!("not taken");
    };
    let harness = begin(&next, harness.now);
    assert_eq!(harness.room.attachment(), Some(&idle));
}

// Whoever is there and takes up no fresh documents would go on in those of before.
#[test]
fn a_room_with_somebody_who_does_not_rejoin_keeps_its_documents() {
    let mut harness = Harness::new();
    harness.join(owner());
    assert_eq!(published(&mut harness, &sample()), Publication::Kept);
    harness.leave("owner");
    assert!(matches!(
        published(&mut harness, &sample()),
        Publication::Taken(_)
    ));
}

#[test]
fn a_room_that_somebody_wrote_into_keeps_its_documents() {
    let mut harness = Harness::new();
    let mut browser = Client::of(&owner());
    harness.join(owner());
    harness.settle(&mut [&mut browser]);
    browser.add_cell("mine", "code", "81", "x = 1");
    harness.settle(&mut [&mut browser]);
    harness.leave("owner");
    assert_eq!(published(&mut harness, &sample()), Publication::Kept);
}

// The client copied the room's documents while something ran, and publishes them with a run of its own.
#[test]
fn what_a_run_came_to_after_the_copy_is_not_lost() {
    let (mut harness, mut browser, mut machine) = attached();
    let run = json!({"action": "execute_cell", "cell_id": starter_cell(), "execution_id": uuid(1)});
    assert_eq!(harness.ask("owner", run), None);
    harness.settle(&mut [&mut browser, &mut machine]);
    machine.put(&uuid(1), "status", "running");
    harness.settle(&mut [&mut browser, &mut machine]);
    let early = with_a_run_of_its_own(&mut harness);
    machine.put(&uuid(1), "status", "done");
    harness.settle(&mut [&mut browser, &mut machine]);
    for peer in ["rt", "owner"] {
        harness.leave(peer);
    }
    harness.event(Event::JobEnded(JobEnd {
        runtime_session_id: "job-1".into(),
        outcome: JobOutcome::Completed,
        message: None,
    }));
    assert_eq!(published(&mut harness, &early), Publication::Kept);
    // What the room alone writes, such as that the session ended, is in its way to nobody.
    let late = with_a_run_of_its_own(&mut harness);
    harness.join(runtime("rt", "ws-1", Some("job-1")));
    harness.leave("rt");
    harness.event(Event::JobEnded(JobEnd {
        runtime_session_id: "job-1".into(),
        outcome: JobOutcome::Failed,
        message: None,
    }));
    let Publication::Taken(next) = published(&mut harness, &late) else {
        panic!("not taken");
    };
    let mut harness = begin(&next, harness.now);
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "done");
    assert_eq!(harness.execution_ids().len(), 2);
}

/// A copy of the room's documents in which somebody ran something elsewhere.
fn with_a_run_of_its_own(harness: &mut Harness) -> StoredDocuments {
    let mut documents = StoredDocuments::default();
    let cells = harness.room.snapshot(DocKind::Notebook);
    documents.append(DocKind::Notebook, &cells);
    let copied = harness.room.snapshot(DocKind::RuntimeState);
    let mut runtime = RuntimeStateDoc::load(&copied, "user:oidc:alice/cli:copy").unwrap();
    runtime
        .import_execution("elsewhere", Some(1), true, &[])
        .unwrap();
    documents.append(DocKind::RuntimeState, &runtime.save());
    documents
}

// Every dial would be closed for the room's old epoch, for ever.
#[test]
fn what_an_epoch_retired_does_not_come_back_by_a_publication() {
    let mut harness = Harness::new();
    let kind = DocKind::RuntimeState;
    let mut runtime = AutoCommit::load(sample().bytes(kind)).unwrap();
    let first = runtime.get_changes(&[])[1].hash();
    harness.stored.retire(kind, &first.0);
    let mut harness = harness.restart();
    assert_eq!(published(&mut harness, &sample()), Publication::Kept);
}

#[test]
fn a_publication_that_breaks_the_library_is_left_aside() {
    let mut harness = Harness::new();
    let now = harness.now;
    let breaks = Box::new(|| -> Uuid { panic!("a bug that foreign bytes hit") });
    let outcome = harness.room.published(now, &sample(), breaks).unwrap();
    assert_eq!(outcome, Publication::Kept);
    assert!(matches!(
        published(&mut harness, &sample()),
        Publication::Taken(_)
    ));
}
