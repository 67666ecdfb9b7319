//! Room protocol 4.10: published documents and the rooms that they come to.
#![allow(clippy::unwrap_used)]

mod common;

use automerge::AutoCommit;
use common::{Client, Harness, owner};
use documents::DocKind;
use documents::notebook::NotebookDoc;
use room::{Publication, StoredDocuments};
use uuid::Uuid;

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

#[test]
fn an_untouched_room_takes_a_publication_up() {
    let mut harness = Harness::new();
    let Publication::Taken(next) = published(&mut harness, &sample()) else {
        panic!("not taken");
    };
    assert_eq!(next.retired, [], "nobody wrote what it begins with");
    let mut stored = StoredDocuments::of_epoch(harness.stored.epoch() + 1);
    for (kind, bytes) in &next.documents {
        stored.append(*kind, bytes);
    }
    let mut harness = Harness::load(stored, harness.now);
    assert!(!harness.room.has_work());
    assert_ne!(harness.status(), "ready", "its machine is elsewhere");
    let cells = AutoCommit::load(&harness.room.snapshot(DocKind::Notebook)).unwrap();
    assert_eq!(NotebookDoc::from_doc(cells).cells().len(), 3);
    assert_eq!(published(&mut harness, &sample()), Publication::Shown);
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
