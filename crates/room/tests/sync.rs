//! Room protocol 4: document synchronisation and who may author.
#![allow(clippy::unwrap_used)]

mod common;

use automerge::transaction::Transactable;
use automerge::{ObjType, ROOT, ReadDoc};
use common::{Client, Harness, NOTEBOOK, Received, attached, editor, owner, starter_cell, viewer};
use documents::DocKind;
use room::{Effect, Event, Join, Message};
use wire::FrameType;

fn synced(joins: &[Join]) -> (Harness, Vec<Client>) {
    let mut harness = Harness::new();
    let mut clients: Vec<Client> = joins.iter().map(Client::of).collect();
    for join in joins {
        harness.join(join.clone());
    }
    harness.settle(&mut clients.iter_mut().collect::<Vec<_>>());
    (harness, clients)
}

fn edit(client: &mut Client, text: &str) {
    let doc = client.doc(DocKind::Notebook);
    let cells = doc.get(ROOT, "cells").unwrap().unwrap().1;
    let cell = doc.get(&cells, starter_cell()).unwrap().unwrap().1;
    let source = doc.get(&cell, "source").unwrap().unwrap().1;
    let at = doc.length(&source);
    doc.splice_text(&source, at, 0, text).unwrap();
}

/// Sends a client's pending change of one document and returns the refusal, if any.
fn push(harness: &mut Harness, client: &mut Client, kind: DocKind) -> Option<String> {
    let peer = client.peer.clone();
    harness.take(&peer);
    let frames = client.flush();
    let wanted = kind.frame_type();
    let (_, payload) = frames
        .iter()
        .find(|(frame_type, _)| *frame_type == wanted)
        .unwrap();
    harness.binary(&peer, wanted, payload);
    harness.verdict(&peer)
}

#[test]
fn new_room_has_the_heads_of_the_vectors() {
    let demo = include_bytes!("../../../tests/vectors/hosted_room_new_demo.am");
    let mut expected = automerge::AutoCommit::load(demo).unwrap();
    let ids = Box::new(|| uuid::Uuid::from_u128(7));
    let stored = room::StoredDocuments::default();
    let settings = room::Settings::default();
    let (mut room, _) =
        room::Room::open("demo".into(), &stored, settings, common::START, ids).unwrap();
    let heads: Vec<String> = expected
        .get_heads()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(room.heads(DocKind::Notebook), heads);
}

#[test]
fn rp_093_rp_094_rp_095_clients_converge_from_the_seed_and_from_nothing() {
    let second = Join {
        peer_id: "owner2".into(),
        ..owner()
    };
    let (mut harness, mut clients) = synced(&[owner(), second, editor()]);
    let mut empty = Client::of(&viewer());
    for (doc, _) in empty.docs.values_mut() {
        *doc = automerge::AutoCommit::new();
    }
    harness.join(viewer());
    edit(&mut clients[0], "1+1");
    clients.push(empty);
    harness.settle(&mut clients.iter_mut().collect::<Vec<_>>());
    for kind in DocKind::ALL {
        let expected = harness.room.heads(kind);
        for client in &mut clients {
            let heads = client.doc(kind).get_heads();
            let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
            assert_eq!(heads, expected, "{kind:?} {}", client.peer);
        }
    }
}

#[test]
fn rp_096_rp_097_a_viewer_may_talk_but_not_write() {
    let (mut harness, mut clients) = synced(&[viewer(), owner()]);
    let before = harness.room.heads(DocKind::Notebook);
    edit(&mut clients[0], "x");
    // A client that ignores READ_ONLY: a fresh state without the room's flags.
    let (doc, state) = clients[0].docs.get_mut(&0).unwrap();
    let mut stripped = automerge::sync::State::new();
    stripped.their_heads = state.their_heads.clone();
    stripped.their_have = state.their_have.clone();
    stripped.their_need = state.their_need.clone();
    stripped.shared_heads = state.shared_heads.clone();
    *state = stripped;
    doc.commit();
    let refusal = push(&mut harness, &mut clients[0], DocKind::Notebook).unwrap();
    assert_eq!(
        refusal,
        "room host rejected automerge_sync frame: Error: connection scope cannot write NotebookDoc changes"
    );
    assert_eq!(harness.room.heads(DocKind::Notebook), before);
    assert!(harness.room.has_peer(&"viewer".into()));
}

// CP-010
#[test]
fn rp_101_rp_102_rp_103_authors_are_checked_by_principal() {
    let (mut harness, mut clients) = synced(&[owner()]);
    clients[0].set_actor(DocKind::Notebook, "user:oidc:alice/agent:claude:7");
    edit(&mut clients[0], "a");
    assert_eq!(push(&mut harness, &mut clients[0], DocKind::Notebook), None);
    clients[0].set_actor(DocKind::Notebook, "user:oidc:mallory/browser:m");
    edit(&mut clients[0], "b");
    let refusal = push(&mut harness, &mut clients[0], DocKind::Notebook).unwrap();
    assert!(
        refusal.ends_with("Error: actor principal user:oidc:mallory is not authorized for authenticated principal user:oidc:alice"),
        "{refusal}"
    );
    let (mut harness, mut clients) = synced(&[owner()]);
    clients[0].set_actor(DocKind::Notebook, "runtimed");
    edit(&mut clients[0], "c");
    let refusal = push(&mut harness, &mut clients[0], DocKind::Notebook).unwrap();
    assert!(
        refusal.ends_with("Error: actor label \"runtimed\" is invalid: actor label must be '<principal>/<operator>'"),
        "{refusal}"
    );
}

#[test]
fn rp_105_rp_107_an_editor_writes_cells_and_nothing_else_of_the_frame_is_kept() {
    let (mut harness, mut clients) = synced(&[editor(), owner()]);
    let before = harness.room.heads(DocKind::Notebook);
    edit(&mut clients[0], "fine");
    clients[0].doc(DocKind::Notebook).commit();
    let doc = clients[0].doc(DocKind::Notebook);
    let metadata = doc.get(ROOT, "metadata").unwrap().unwrap().1;
    doc.put(&metadata, "x", "y").unwrap();
    let refusal = push(&mut harness, &mut clients[0], DocKind::Notebook).unwrap();
    assert!(
        refusal
            .ends_with("editor scope may only edit cells; change touched notebook root 'metadata'"),
        "{refusal}"
    );
    assert_eq!(harness.room.heads(DocKind::Notebook), before);
    let doc = clients[1].doc(DocKind::Notebook);
    let metadata = doc.get(ROOT, "metadata").unwrap().unwrap().1;
    doc.put(&metadata, "x", "y").unwrap();
    assert_eq!(push(&mut harness, &mut clients[1], DocKind::Notebook), None);
}

#[test]
fn rp_106_after_a_refusal_a_corrected_frame_is_accepted() {
    let (mut harness, mut clients) = synced(&[editor()]);
    clients[0].set_actor(DocKind::Notebook, "user:oidc:mallory/browser:m");
    edit(&mut clients[0], "b");
    assert!(push(&mut harness, &mut clients[0], DocKind::Notebook).is_some());
    // The client drops its document and starts again.
    clients[0] = Client::new("editor", "user:oidc:bob/browser:b2", &DocKind::ALL);
    harness.take("editor");
    harness.settle(&mut [&mut clients[0]]);
    edit(&mut clients[0], "good");
    assert_eq!(push(&mut harness, &mut clients[0], DocKind::Notebook), None);
}

#[test]
fn rp_098_rp_099_rp_100_each_scope_has_its_documents() {
    let (mut harness, mut clients) = synced(&[editor(), owner()]);
    let comms = clients[0].doc(DocKind::Comms);
    comms.put(ROOT, "x", 1).unwrap();
    assert_eq!(push(&mut harness, &mut clients[0], DocKind::Comms), None);
    clients[1]
        .doc(DocKind::RuntimeState)
        .put(ROOT, "path", "x")
        .unwrap();
    clients[1].docs.get_mut(&5).unwrap().1 = automerge::sync::State::new();
    harness.settle(&mut [&mut clients[1]]);
    // The room's READ_ONLY flag keeps a well-behaved client from sending at all.
    assert_eq!(clients[1].rejections(), Vec::<String>::new());
    let (mut harness, _, mut machine) = attached();
    machine.doc(DocKind::Comms).put(ROOT, "x", 1).unwrap();
    assert_eq!(push(&mut harness, &mut machine, DocKind::Comms), None);
}

#[test]
fn rp_108_rp_109_changes_reach_others_and_the_sender_gets_a_reply() {
    let (mut harness, mut clients) = synced(&[editor(), owner()]);
    edit(&mut clients[0], "x");
    let frames = clients[0].flush();
    harness.binary("editor", frames[0].0, &frames[0].1);
    let types = |received: &[Received]| -> Vec<_> {
        received.iter().filter_map(Received::frame_type).collect()
    };
    let own = harness.take("editor");
    assert_eq!(
        types(&own),
        [FrameType::AutomergeSync, FrameType::SessionControl]
    );
    let other = harness.take("owner");
    assert_eq!(types(&other), [FrameType::AutomergeSync]);
    clients[1].receive(&other[0]);
    assert_eq!(clients[1].doc(DocKind::Notebook).get_heads(), {
        clients[0].doc(DocKind::Notebook).get_heads()
    });
}

#[test]
fn an_event_appends_before_it_sends_and_sends_nothing_once_its_append_has_failed() {
    let (mut harness, mut clients) = synced(&[owner(), editor()]);
    let mut change = |text: &str| {
        edit(&mut clients[0], text);
        let (frame_type, payload) = clients[0].flush().remove(0);
        Event::Message {
            peer_id: clients[0].peer.as_str().into(),
            message: Message::Binary(wire::frame::encode(frame_type, &payload)),
        }
    };
    let is_append = |effect: &Effect| matches!(effect, Effect::Append { .. });
    let is_send = |effect: &Effect| matches!(effect, Effect::Send { .. });
    let appends = harness.room.begin(harness.now, change("a"));
    assert!(!appends.is_empty() && appends.iter().all(is_append));
    let rest = harness.room.rest();
    assert!(rest.iter().any(is_send) && !rest.iter().any(is_append));
    assert_eq!(harness.room.rest(), []);
    assert!(!harness.room.begin(harness.now, change("b")).is_empty());
    let effects = harness.room.handle(harness.now, Event::Tick);
    assert!(!effects.iter().any(is_send), "{effects:?}");
}

#[test]
fn rp_077_rp_110_undecodable_sync_is_refused_and_never_closes() {
    let (mut harness, _) = synced(&[owner()]);
    for (frame_type, label) in [
        (FrameType::AutomergeSync, "decode notebook sync: "),
        (FrameType::RuntimeStateSync, "decode runtime state sync: "),
        (FrameType::CommsDocSync, "decode comms doc sync: "),
        (FrameType::CommentsDocSync, "decode comments doc sync: "),
    ] {
        for _ in 0..20 {
            harness.take("owner");
            harness.binary("owner", frame_type, b"nonsense");
            let reason = harness.verdict("owner").unwrap();
            let start = format!("room host rejected {frame_type} frame: Error: {label}");
            assert!(reason.starts_with(&start), "{reason}");
        }
    }
}

// What the library leaves out must not read as taken.
#[test]
fn rp_110_a_message_whose_changes_are_broken_is_refused_whole() {
    use automerge::sync::{ChunkList, Message};
    let (mut harness, mut clients) = synced(&[owner()]);
    let browser = &mut clients[0];
    browser.add_cell("new", "code", "90", "x = 1");
    let before = harness.room.heads(DocKind::Notebook);
    let frames = browser.flush();
    let (frame_type, payload) = &frames[0];
    assert_eq!(*frame_type, FrameType::AutomergeSync);
    let whole = Message::decode(payload).unwrap();
    let change = whole.changes.iter().next().unwrap().to_vec();
    let mut flipped = change.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let broken: [&[&[u8]]; 5] = [
        &[b"\x01\x02\x03\x04", &change],
        &[&change, b"\x01\x02\x03\x04"],
        &[&change[..change.len() - 3]],
        &[&flipped],
        &[&flipped, &change],
    ];
    for pieces in broken {
        let mut message = whole.clone();
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        message.changes = ChunkList::from(pieces);
        harness.take("owner");
        harness.binary("owner", *frame_type, &message.encode());
        let reason = harness.verdict("owner").unwrap();
        assert!(
            reason.contains("decode notebook sync: the changes cannot be read"),
            "{reason}"
        );
        assert_eq!(harness.room.heads(DocKind::Notebook), before);
    }
    harness.binary("owner", *frame_type, payload);
    assert_ne!(harness.room.heads(DocKind::Notebook), before);
}

// DOC-178
#[test]
fn doc_178_a_comment_on_a_range_that_runs_backwards_is_refused() {
    let quote = |bytes: usize| serde_json::json!("q".repeat(bytes));
    for (thread, end, quote, why) in [
        ("fits", 3, quote(4096), None),
        ("back", 0, quote(1), Some("starts after its end")),
        ("long", 3, quote(4097), Some("longer than 4096 bytes")),
    ] {
        let (mut harness, mut clients) = synced(&[editor()]);
        let doc = clients[0].doc(DocKind::Comments);
        let threads = doc.get(ROOT, "threads").unwrap().unwrap().1;
        let object = doc.put_object(&threads, thread, ObjType::Map).unwrap();
        let anchor = serde_json::json!({"kind": "source_range", "cell_id": "c", "start_line": 1,
            "start_column": 0, "end_line": end, "end_column": 0, "exact_quote": quote});
        documents::value::put_json(doc, &object, "anchor", &anchor).unwrap();
        let refusal = push(&mut harness, &mut clients[0], DocKind::Comments);
        assert_eq!(refusal.is_some(), why.is_some(), "{refusal:?}");
        assert!(refusal.is_none_or(|text| text.contains(why.unwrap())));
    }
}

#[test]
fn rp_119_a_restart_loses_nothing_that_was_acknowledged() {
    let (mut harness, mut clients) = synced(&[owner()]);
    edit(&mut clients[0], "kept");
    harness.settle(&mut [&mut clients[0]]);
    let before = harness.room.heads(DocKind::Notebook);
    let mut harness = harness.restart();
    assert_eq!(harness.room.heads(DocKind::Notebook), before);
    harness.join(owner());
    clients[0].reset();
    edit(&mut clients[0], " and more");
    harness.settle(&mut [&mut clients[0]]);
    let heads = clients[0].doc(DocKind::Notebook).get_heads();
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    assert_eq!(harness.room.heads(DocKind::Notebook), heads);
}

#[test]
fn q_15_changes_whose_ground_is_missing_wait_and_block_nobody() {
    let (mut harness, mut clients) = synced(&[owner(), editor()]);
    // The owner makes two changes; only the second is sent, as after a Bloom false positive.
    let doc = clients[0].doc(DocKind::Notebook);
    let before = doc.get_heads();
    edit(&mut clients[0], "one");
    clients[0].doc(DocKind::Notebook).commit();
    edit(&mut clients[0], "two");
    let doc = clients[0].doc(DocKind::Notebook);
    doc.commit();
    let changes = doc.get_changes(&before);
    let frames = clients[0].flush();
    let mut message = automerge::sync::Message::decode(&frames[0].1).unwrap();
    message.version = automerge::sync::MessageVersion::V1;
    message.changes = vec![changes[1].raw_bytes().to_vec()].into();
    harness.take("owner");
    harness.binary("owner", FrameType::AutomergeSync, &message.clone().encode());
    let received = harness.take("owner");
    let Received::Frame(_, reply) = &received[0] else {
        panic!("no reply")
    };
    let reply = automerge::sync::Message::decode(reply).unwrap();
    assert!(
        reply.need.contains(&changes[0].hash()),
        "the room asks for what is missing"
    );
    // Somebody else's change goes through meanwhile.
    edit(&mut clients[1], "three");
    assert_eq!(push(&mut harness, &mut clients[1], DocKind::Notebook), None);
    // The missing change arrives and both are there.
    message.changes = vec![changes[0].raw_bytes().to_vec()].into();
    harness.binary("owner", FrameType::AutomergeSync, &message.clone().encode());
    let bytes = harness.room.snapshot(DocKind::Notebook);
    let stored = automerge::AutoCommit::load(&bytes).unwrap();
    assert!(stored.get_change_by_hash(&changes[1].hash()).is_some());
}

#[test]
fn comments_keep_their_identity() {
    let (mut harness, mut clients) = synced(&[editor()]);
    clients[0]
        .doc(DocKind::Comments)
        .put(ROOT, "comments_doc_id", "comments:evil")
        .unwrap();
    harness.settle(&mut [&mut clients[0]]);
    let id = clients[0]
        .doc(DocKind::Comments)
        .get(ROOT, "comments_doc_id")
        .unwrap()
        .unwrap()
        .0;
    assert_eq!(common::show(&id), format!("comments:{NOTEBOOK}"));
}

// RP-142
#[test]
fn rp_142_widget_values_live_in_the_comms_document_alone() {
    let (mut harness, _browser, mut machine) = attached();
    let comms = machine.doc(DocKind::Comms);
    let root = comms.get(ROOT, "comms").unwrap().unwrap().1;
    let widget = comms
        .put_object(&root, "w1", automerge::ObjType::Map)
        .unwrap();
    comms.put(&widget, "value", 3_i64).unwrap();
    assert_eq!(push(&mut harness, &mut machine, DocKind::Comms), None);
    let state = machine.doc(DocKind::RuntimeState);
    let root = state.get(ROOT, "comms").unwrap().unwrap().1;
    let widget = state
        .put_object(&root, "w1", automerge::ObjType::Map)
        .unwrap();
    let values = state
        .put_object(&widget, "state", automerge::ObjType::Map)
        .unwrap();
    state.put(&values, "value", 3_i64).unwrap();
    let before = harness.room.heads(DocKind::RuntimeState);
    let refusal = push(&mut harness, &mut machine, DocKind::RuntimeState).unwrap();
    assert!(
        refusal.contains("comm state must be empty for w1"),
        "{refusal}"
    );
    assert_eq!(harness.room.heads(DocKind::RuntimeState), before);
}

// DOC-036
#[test]
fn a_new_room_has_one_empty_code_cell_and_an_emptied_one_has_none() {
    let (mut harness, mut clients) = synced(&[owner()]);
    let cells = |harness: &mut Harness| {
        let bytes = harness.room.snapshot(DocKind::Notebook);
        let notebook = documents::notebook::NotebookDoc::load(&bytes, "user:t/t:1").unwrap();
        notebook.cells()
    };
    let first = cells(&mut harness);
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].cell_type.as_str(), first[0].source.as_str()),
        ("code", "")
    );
    let mut harness = harness.restart();
    assert_eq!(cells(&mut harness), first);
    harness.join(owner());
    clients[0].reset();
    let doc = clients[0].doc(DocKind::Notebook);
    let map = doc.get(ROOT, "cells").unwrap().unwrap().1;
    doc.delete(&map, starter_cell()).unwrap();
    harness.settle(&mut [&mut clients[0]]);
    assert_eq!(cells(&mut harness), []);
    let mut harness = harness.restart();
    assert_eq!(cells(&mut harness), []);
}

/// Seventy megabytes that travel as some hundred kilobytes.
#[test]
fn a_frame_that_inflates_to_too_much_is_refused_before_it_is_tried() {
    for (mebibytes, fits) in [(70, false), (1, true)] {
        let (mut harness, mut clients) = synced(&[owner()]);
        let doc = clients[0].doc(DocKind::Notebook);
        let heads = doc.get_heads();
        doc.put(ROOT, "text", "a".repeat(mebibytes << 20)).unwrap();
        doc.commit();
        let mut change = doc.get_changes(&heads).remove(0);
        let message = automerge::sync::Message {
            heads: doc.get_heads(),
            need: Vec::new(),
            have: Vec::new(),
            changes: vec![change.bytes().into_owned()].into(),
            flags: None,
            version: automerge::sync::MessageVersion::V1,
        };
        let payload = message.encode();
        assert!(payload.len() < 1 << 20);
        harness.take("owner");
        harness.binary("owner", DocKind::Notebook.frame_type(), &payload);
        let refused = harness.verdict("owner");
        let too_large = refused
            .as_ref()
            .is_some_and(|refused| refused.contains("inflates to more than"));
        assert_eq!(too_large, !fits, "{refused:?}");
    }
}
