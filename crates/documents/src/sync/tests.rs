use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, PatchLog, ROOT};
use serde_json::Value;

use super::{PeerSync, apply};
use crate::NotebookDoc;
use crate::genesis::{DocKind, heads_hex};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

// DOC-025
#[test]
fn a_fresh_client_follows_the_recorded_transcript() {
    let text = std::fs::read(format!("{VECTORS}/sync_transcript_notebook.json")).unwrap();
    let steps: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let sample = std::fs::read(format!("{VECTORS}/sample_notebook.am")).unwrap();
    let mut server = NotebookDoc::load(&sample, "system:room/room:1").unwrap();
    let mut client = NotebookDoc::from_seed("user:x/browser:1").unwrap();
    let (mut to_client, mut to_server) = (PeerSync::new(false), PeerSync::new(false));
    for step in &steps {
        let recorded = hex::decode(step["hex"].as_str().unwrap()).unwrap();
        let changes = step["changes"].as_u64().unwrap() > 0;
        let message = Message::decode(&recorded).unwrap();
        assert_eq!(!message.changes.is_empty(), changes);
        if step["from"] == "server" {
            assert!(to_client.generate(server.doc_mut()).is_some());
            to_server.receive(client.doc_mut(), &recorded).unwrap();
        } else {
            assert!(to_server.generate(client.doc_mut()).is_some());
            to_client.receive(server.doc_mut(), &recorded).unwrap();
        }
    }
    assert_eq!(client.heads(), server.heads());
    assert_eq!(client.cells(), server.cells());
}

#[test]
fn first_messages_equal_the_worked_frames() {
    let cases = [
        (DocKind::Notebook, "07f0"),
        (DocKind::RuntimeState, "8074"),
        (DocKind::Comms, "c41b"),
        (DocKind::Comments, "8888"),
    ];
    for (kind, bloom) in cases {
        for (read_only, flags) in [(false, "84"), (true, "86")] {
            let mut doc = kind.fresh("t").unwrap();
            let message = PeerSync::new(read_only).generate(&mut doc).unwrap();
            let head = &heads_hex(&doc.get_heads())[0];
            let expected = format!("4201{head}00010005010a07{bloom}000202{flags}");
            assert_eq!(
                message,
                hex::decode(&expected).unwrap(),
                "{kind:?} {read_only}"
            );
        }
    }
}

#[test]
fn junk_is_an_error() {
    let mut doc = DocKind::Comms.fresh("t").unwrap();
    assert!(PeerSync::new(false).receive(&mut doc, b"junk").is_err());
}

/// Two documents and what each knows of the other.
struct Link {
    docs: [AutoCommit; 2],
    states: [State; 2],
}

impl Link {
    /// Lets one side say what it has to say; the library does the same to copies.
    fn speak(&mut self, from: usize, lose: bool) {
        let to = 1 - from;
        let message = self.docs[from]
            .sync()
            .generate_sync_message(&mut self.states[from]);
        let Some(message) = message.filter(|_| !lose) else {
            return;
        };
        let message = Message::decode(&message.encode()).unwrap();
        let (doc, state) = (&mut self.docs[to], &mut self.states[to]);
        let (mut copy, mut expected) = (doc.clone(), state.clone());
        copy.sync()
            .receive_sync_message(&mut expected, message.clone())
            .unwrap();
        let applied = apply(doc, state, message, &mut PatchLog::inactive()).unwrap();
        applied.settle(doc, state).unwrap();
        assert_eq!(*state, expected);
        assert_eq!(doc.get_heads(), copy.get_heads());
    }
}

proptest::proptest! {
    #[test]
    fn the_books_equal_the_librarys(
        steps in proptest::collection::vec((0..7_u8, 0..2_usize), 1..60),
        read_only in proptest::bool::ANY,
    ) {
        let fresh = |actor: &str| DocKind::RuntimeState.fresh(actor).unwrap();
        let state = if read_only { State::new_read_only() } else { State::new() };
        let mut link = Link {
            docs: [fresh("user:x/a:1"), fresh("user:x/b:1")],
            states: [state, State::new()],
        };
        for (step, (kind, side)) in steps.into_iter().enumerate() {
            match kind {
                0 | 1 => link.docs[side].put(ROOT, "path", step as u64).unwrap(),
                2 => link.speak(side, true),
                3 if step % 5 == 0 => link.states[side] = State::new(),
                4 if step % 5 == 0 => link.states[side].set_read_only(step % 2 == 0),
                _ => link.speak(side, false),
            }
        }
    }
}

#[test]
fn what_a_peer_has_is_forgotten() {
    let mut room = DocKind::RuntimeState.fresh("system:room/room:1").unwrap();
    let mut peer = DocKind::RuntimeState.fresh("user:x/browser:1").unwrap();
    let (mut at_room, mut at_peer) = (PeerSync::new(false), PeerSync::new(false));
    for step in 0..50_u64 {
        room.put(ROOT, "path", step).unwrap();
        while let Some(message) = at_room.generate(&mut room) {
            at_peer.receive(&mut peer, &message).unwrap();
            let Some(answer) = at_peer.generate(&mut peer) else {
                break;
            };
            at_room.receive(&mut room, &answer).unwrap();
        }
        assert!(at_room.state_mut().sent_hashes.is_empty());
    }
    assert_eq!(room.get_heads(), peer.get_heads());
}

#[test]
fn what_a_peer_lacks_is_in_the_next_message() {
    let mut room = DocKind::RuntimeState.fresh("system:room/room:1").unwrap();
    let mut peer = DocKind::RuntimeState.fresh("user:x/agent:1").unwrap();
    let (mut at_room, mut at_peer) = (PeerSync::new(false), PeerSync::new(false));
    let greeting = at_room.generate(&mut room).unwrap();
    at_peer.receive(&mut peer, &greeting).unwrap();
    for step in 0..2_000_u64 {
        // A change of the peer's own, which it lists in a filter, and one of the room's behind it.
        peer.put(ROOT, "status", step).unwrap();
        let report = at_peer.generate(&mut peer).unwrap();
        at_room.receive(&mut room, &report).unwrap();
        assert_eq!(room.get_heads(), peer.get_heads(), "report {step}");
        room.put(ROOT, "path", step).unwrap();
        let news = at_room.generate(&mut room).unwrap();
        at_peer.receive(&mut peer, &news).unwrap();
        assert_eq!(peer.get_heads(), room.get_heads(), "news {step}");
    }
}
