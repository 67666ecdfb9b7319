use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, PatchLog};
use serde_json::Value;
use wire::{Principal, Scope};

use super::{Refusal, Touched, Trial, check_runtime_projections, judge, may_write};
use crate::genesis::{DocKind, NOTEBOOK_SEED_ACTOR, actor_id};
use crate::runtime_state::{NewExecution, Queue, RuntimeStateDoc};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{VECTORS}/{name}")).unwrap()
}

/// Whether a frame changed a document, and what it touched.
type Received = (bool, Touched);

/// Takes a frame as a room does: on a copy, which becomes the document if it passes.
fn receive(
    kind: DocKind,
    doc: &mut AutoCommit,
    state: &mut State,
    scope: Scope,
    principal: &Principal,
    payload: &[u8],
) -> Result<Received, Refusal> {
    let refuse = |error: automerge::AutomergeError| Refusal::Preview {
        kind,
        error: error.to_string(),
    };
    let message = Message::decode(payload).map_err(|error| Refusal::Decode {
        kind,
        error: error.to_string(),
    })?;
    if !message.changes.is_empty() && !may_write(kind, scope) {
        return Err(Refusal::Scope(kind));
    }
    let (mut new, before) = (doc.fork(), doc.get_heads());
    new.set_actor(doc.get_actor().clone());
    let mut log = PatchLog::active();
    new.sync()
        .receive_sync_message_log_patches(state, message, &mut log)
        .map_err(refuse)?;
    let changes = new.get_changes(&before);
    let touched = Touched::from_patches(&new.make_patches(&mut log));
    let trial = Trial {
        old: doc,
        before: &before,
        new: &new,
        changes: &changes,
        touched: &touched,
    };
    judge(kind, scope, principal, &trial)?;
    *doc = new;
    Ok((!changes.is_empty(), touched))
}

/// Sends `peer`'s changes to `room` the way a socket would, under the rules.
fn send(
    kind: DocKind,
    room: &mut AutoCommit,
    peer: &mut AutoCommit,
    scope: Scope,
    principal: &Principal,
) -> Result<bool, Refusal> {
    let (mut room_state, mut peer_state) = (State::new(), State::new());
    let mut changed = false;
    for _ in 0..8 {
        let hello = room
            .sync()
            .generate_sync_message(&mut room_state)
            .map(Message::encode);
        if let Some(payload) = &hello {
            let message = Message::decode(payload).unwrap();
            peer.sync()
                .receive_sync_message(&mut peer_state, message)
                .unwrap();
        }
        let answer = peer
            .sync()
            .generate_sync_message(&mut peer_state)
            .map(Message::encode);
        if hello.is_none() && answer.is_none() {
            break;
        }
        if let Some(payload) = answer {
            changed |= receive(kind, room, &mut room_state, scope, principal, &payload)?.0;
        }
    }
    Ok(changed)
}

fn with_changes(base: &[u8], hex: &Value) -> AutoCommit {
    let mut doc = AutoCommit::load(base).unwrap();
    for change in hex.as_array().unwrap() {
        doc.load_incremental(&hex::decode(change.as_str().unwrap()).unwrap())
            .unwrap();
    }
    doc
}

// CP-008 RP-097 RP-098 RP-107 DOC-023 DOC-077 DOC-078 DOC-079
#[test]
fn notebook_changes_follow_the_vectors() {
    let vectors: Value = serde_json::from_slice(&file("policy_notebook.json")).unwrap();
    let base = file("sample_notebook.am");
    let principal = Principal::parse("user:x").unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        if case["changes_hex"].as_array().unwrap().is_empty() {
            continue;
        }
        for scope in Scope::ALL {
            let mut room = AutoCommit::load(&base).unwrap();
            let heads = room.get_heads();
            let mut peer = with_changes(&base, &case["changes_hex"]);
            let verdict = send(DocKind::Notebook, &mut room, &mut peer, scope, &principal);
            let expected = case[scope.as_str()] == "allow";
            assert_eq!(
                verdict.is_ok(),
                expected,
                "{} {scope}: {verdict:?}",
                case["case"]
            );
            assert_eq!(
                room.get_heads() == heads,
                !expected,
                "{} {scope}",
                case["case"]
            );
        }
    }
}

// CP-008 RP-130 RP-131 RP-132 RP-133 RP-134 RP-135 RP-136 RP-137 RP-138 RP-139 RP-140 RP-141
// DOC-127 DOC-128 DOC-129 DOC-130 DOC-131 DOC-132 DOC-133 DOC-134 DOC-135 DOC-136
#[test]
fn runtime_changes_follow_the_vectors_narrowly_and_in_full() {
    let vectors: Value = serde_json::from_slice(&file("policy_runtime.json")).unwrap();
    let base = file("policy_runtime_base.am");
    let principal = Principal::parse("user:x").unwrap();
    let mut failed = Vec::new();
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["case"].as_str().unwrap();
        let expected = case["projection_rule"]["runtime_peer"] == "allow";
        let mut room = AutoCommit::load(&base).unwrap();
        let before = RuntimeStateDoc::from_doc(room.clone()).projection();
        let heads = room.get_heads();
        let mut peer = with_changes(&base, &case["changes_hex"]);
        let after = RuntimeStateDoc::from_doc(peer.clone()).projection();
        let verdict = send(
            DocKind::RuntimeState,
            &mut room,
            &mut peer,
            Scope::RuntimePeer,
            &principal,
        );
        if verdict.is_ok() != expected {
            failed.push(format!("{name}: {verdict:?}"));
        }
        if let (Err(Refusal::Runtime(found)), Some(area)) = (&verdict, case["area"].as_str()) {
            assert_eq!(found.field, area, "{name}");
            if area != "schema" {
                let full = check_runtime_projections(&before, &after);
                assert_eq!(full.as_ref().err(), Some(found), "{name}");
            }
        }
        if verdict.is_err() {
            assert_eq!(
                room.get_heads(),
                heads,
                "{name}: a refused frame must leave no trace"
            );
        } else {
            assert_eq!(check_runtime_projections(&before, &after), Ok(()), "{name}");
        }
        for scope in [Scope::Viewer, Scope::Editor, Scope::Owner] {
            let mut room = AutoCommit::load(&base).unwrap();
            let verdict = send(
                DocKind::RuntimeState,
                &mut room,
                &mut peer,
                scope,
                &principal,
            );
            let empty = case["changes_hex"].as_array().unwrap().is_empty();
            assert_eq!(verdict.is_ok(), empty, "{name} {scope}");
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn runtime_room() -> RuntimeStateDoc {
    let mut room = RuntimeStateDoc::from_seed("system:room/room:1").unwrap();
    for (seq, id) in ["a", "b"].into_iter().enumerate() {
        let seq = seq as u64;
        let new = NewExecution {
            id,
            source: "1",
            cell_id: None,
            seq,
            submitted_by: None,
        };
        room.create_execution(&new).unwrap();
    }
    let queued = vec!["a".to_owned(), "b".to_owned()];
    let executing = None;
    room.set_queue(&Queue { executing, queued }).unwrap();
    room.heads();
    room
}

/// Writes an output after those that are there.
fn upsert(doc: &mut RuntimeStateDoc, execution: &str, manifest: &Value) {
    let seq = doc.next_output_seq(execution);
    doc.upsert_output_at(execution, manifest, seq).unwrap();
}

fn start_executing(doc: &mut RuntimeStateDoc, id: &str) {
    let mut queue = doc.stored_queue();
    queue.queued.retain(|queued| queued != id);
    queue.executing = Some(id.to_owned());
    doc.set_queue(&queue).unwrap();
}

/// Writes what a runtime peer of the reference writes as it beats.
fn beat(doc: &mut RuntimeStateDoc) {
    let kernel = doc.map("kernel").unwrap();
    doc.doc_mut().put(&kernel, "last_seen", "now").unwrap();
}

fn shown(text: &str, display: &str) -> Value {
    serde_json::json!({"output_type": "display_data", "output_id": "o", "data": {"text/plain": text},
        "transient": {"display_id": display}})
}

#[test]
fn an_ended_display_may_be_updated_and_nothing_else() {
    let principal = Principal::parse("user:x").unwrap();
    let mut room = runtime_room();
    let mut peer = RuntimeStateDoc::load(&room.save(), "user:x/runtime:kernel:1").unwrap();
    peer.set_running("a").unwrap();
    upsert(&mut peer, "a", &shown("1", "d"));
    peer.finish("a", true).unwrap();
    let mut push = |peer: &mut RuntimeStateDoc| {
        let scope = Scope::RuntimePeer;
        send(
            DocKind::RuntimeState,
            room.doc_mut(),
            peer.doc_mut(),
            scope,
            &principal,
        )
    };
    assert_eq!(push(&mut peer), Ok(true));
    upsert(&mut peer, "a", &shown("2", "d"));
    assert_eq!(push(&mut peer), Ok(true));
    upsert(&mut peer, "a", &shown("3", "other"));
    let error = push(&mut peer).unwrap_err().to_string();
    assert_eq!(
        error,
        "unauthorized actor: scope runtime_peer cannot write RuntimeStateDoc executions: \
         terminal execution outputs are append-only for a"
    );
    assert_eq!(room.output("a", "o").unwrap()["data"]["text/plain"], "2");
    assert_eq!(room.doc().get_actor(), &actor_id("system:room/room:1"));
}

// RP-101 RP-103 DOC-021
#[test]
fn foreign_and_malformed_authors_are_refused() {
    let principal = Principal::parse("user:x").unwrap();
    for (actor, expected) in [
        (
            "user:y/runtime:kernel:1",
            "actor principal user:y is not authorized for authenticated principal user:x",
        ),
        (
            "runtimed",
            "actor label \"runtimed\" is invalid: \
             actor label must be '<principal>/<operator>'",
        ),
    ] {
        let mut room = runtime_room();
        let heads = room.heads();
        let mut peer = RuntimeStateDoc::load(&room.save(), actor).unwrap();
        peer.set_running("a").unwrap();
        let scope = Scope::RuntimePeer;
        let refused = send(
            DocKind::RuntimeState,
            room.doc_mut(),
            peer.doc_mut(),
            scope,
            &principal,
        );
        assert_eq!(refused.unwrap_err().to_string(), expected);
        assert_eq!(room.heads(), heads);
    }
}

#[test]
fn junk_is_refused_with_its_reason() {
    let principal = Principal::parse("user:x").unwrap();
    let mut room = runtime_room();
    let mut state = State::new();
    let kind = DocKind::RuntimeState;
    let refused = receive(
        kind,
        room.doc_mut(),
        &mut state,
        Scope::RuntimePeer,
        &principal,
        b"junk",
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .starts_with("decode runtime state sync: ")
    );
}

fn long_room(executions: usize) -> RuntimeStateDoc {
    let mut room = RuntimeStateDoc::from_seed("system:room/room:1").unwrap();
    let mut peer = RuntimeStateDoc::from_seed("user:x/runtime:kernel:1").unwrap();
    for seq in 0..executions {
        let (id, seq) = (format!("e{seq:05}"), seq as u64);
        let new = NewExecution {
            id: &id,
            source: "1",
            cell_id: None,
            seq,
            submitted_by: None,
        };
        room.create_execution(&new).unwrap();
        peer.doc_mut().merge(room.doc_mut()).unwrap();
        peer.upsert_output_at(&id, &serde_json::json!({"output_id": id}), 0)
            .unwrap();
        peer.finish(&id, true).unwrap();
        room.doc_mut().merge(peer.doc_mut()).unwrap();
    }
    room
}

#[test]
fn a_frame_is_judged_by_what_it_touches() {
    let principal = Principal::parse("user:x").unwrap();
    let mut room = long_room(200);
    let new = NewExecution {
        id: "new",
        source: "1",
        cell_id: None,
        seq: 999,
        submitted_by: None,
    };
    room.create_execution(&new).unwrap();
    let mut peer = RuntimeStateDoc::load(&room.save(), "user:x/runtime:kernel:2").unwrap();
    peer.set_running("new").unwrap();
    peer.set_activity("Busy").unwrap();
    let mut from_peer = State::new();
    let mut from_room = State::new();
    let hello = room
        .doc_mut()
        .sync()
        .generate_sync_message(&mut from_peer)
        .unwrap()
        .encode();
    let hello = Message::decode(&hello).unwrap();
    peer.doc_mut()
        .sync()
        .receive_sync_message(&mut from_room, hello)
        .unwrap();
    let payload = peer
        .doc_mut()
        .sync()
        .generate_sync_message(&mut from_room)
        .unwrap()
        .encode();
    let (kind, scope) = (DocKind::RuntimeState, Scope::RuntimePeer);
    let (changed, touched) = receive(
        kind,
        room.doc_mut(),
        &mut from_peer,
        scope,
        &principal,
        &payload,
    )
    .unwrap();
    assert!(changed);
    let executions = touched.under("executions").unwrap();
    assert_eq!(executions.into_iter().collect::<Vec<_>>(), ["new"]);
    assert!(touched.has("kernel") && !touched.has("queue"));
}

proptest::proptest! {
    #[test]
    fn the_narrow_rule_equals_the_full_one(
        edits in proptest::collection::vec((0..9_u8, 0..4_usize), 1..5),
    ) {
        let base = file("policy_runtime_base.am");
        let principal = Principal::parse("user:x").unwrap();
        let mut room = AutoCommit::load(&base).unwrap();
        let before = RuntimeStateDoc::from_doc(room.clone()).projection();
        let mut peer = RuntimeStateDoc::load(&base, "user:x/runtime:kernel:9").unwrap();
        let ids = peer.all_execution_ids();
        for (kind, which) in edits {
            let id = ids[which % ids.len()].clone();
            match kind {
                0 => drop(peer.set_running(&id)),
                1 => drop(peer.finish(&id, which == 0)),
                2 => drop(peer.cancel(&id)),
                3 => upsert(&mut peer, &id, &shown("x", "d")),
                4 => drop(peer.set_execution_count(&id, 77)),
                5 => start_executing(&mut peer, &id),
                6 => drop(peer.remove_execution(&id)),
                7 => drop(peer.clear_outputs(&id)),
                _ => beat(&mut peer),
            }
        }
        let full = check_runtime_projections(&before, &peer.projection());
        let kind = DocKind::RuntimeState;
        let narrow = send(kind, &mut room, peer.doc_mut(), Scope::RuntimePeer, &principal);
        match (full, narrow) {
            (Ok(()), Ok(_)) => {}
            (Err(full), Err(Refusal::Runtime(narrow))) => {
                proptest::prop_assert_eq!(full.field, narrow.field);
            }
            (full, narrow) => proptest::prop_assert!(false, "{:?} but {:?}", full, narrow),
        }
    }

    #[test]
    fn receiving_never_panics(at in 0..4096_usize, byte in 0..=255_u8) {
        let principal = Principal::parse("user:x").unwrap();
        let mut peer = RuntimeStateDoc::from_seed("user:x/t:1").unwrap();
        peer.set_activity("Busy").unwrap();
        let mut payload = crate::PeerSync::new(false).generate(peer.doc_mut()).unwrap();
        let at = at % payload.len();
        payload[at] = byte;
        let mut room = runtime_room();
        let (kind, scope) = (DocKind::RuntimeState, Scope::RuntimePeer);
        let _ = receive(kind, room.doc_mut(), &mut State::new(), scope, &principal, &payload);
    }
}

// RP-104 DOC-019 DOC-020
#[test]
fn the_seed_itself_is_anybodys_and_nothing_else_by_its_author_is() {
    let principal = Principal::parse("user:x").unwrap();
    let kind = DocKind::Notebook;
    let mut peer = kind.fresh("user:x/browser:1").unwrap();
    let mut room = AutoCommit::new();
    assert_eq!(
        send(kind, &mut room, &mut peer, Scope::Owner, &principal),
        Ok(true)
    );
    assert_eq!(room.get_heads(), peer.get_heads());
    let mut forged = kind.fresh(NOTEBOOK_SEED_ACTOR).unwrap();
    let cells = automerge::ReadDoc::get(&forged, automerge::ROOT, "cells")
        .unwrap()
        .unwrap()
        .1;
    automerge::transaction::Transactable::put(&mut forged, &cells, "x", 1).unwrap();
    let refused = send(kind, &mut room, &mut forged, Scope::Owner, &principal).unwrap_err();
    assert!(matches!(refused, Refusal::BadLabel { .. }), "{refused}");
    assert_eq!(room.get_heads(), peer.get_heads());
    // Another stream's seed is exempt nowhere: a room has it already.
    let mut comms = DocKind::Comms.fresh("user:x/browser:1").unwrap();
    let mut empty = AutoCommit::new();
    let refused = send(
        DocKind::Comms,
        &mut empty,
        &mut comms,
        Scope::Owner,
        &principal,
    );
    assert!(
        matches!(refused, Err(Refusal::BadLabel { .. })),
        "{refused:?}"
    );
}

// DOC 5: a setter does not make the map it needs.
#[test]
fn the_map_that_everybodys_work_hangs_from_stays() {
    use automerge::{ObjType, ROOT, ReadDoc as _};
    let principal = Principal::parse("user:x").unwrap();
    for (kind, root) in [(DocKind::Comms, "comms"), (DocKind::Comments, "threads")] {
        let mut room = kind.fresh("system:room/room:1").unwrap();
        let mut peer = kind.fresh("user:x/browser:1").unwrap();
        let map = peer.get(ROOT, root).unwrap().unwrap().1;
        peer.put_object(&map, "k", ObjType::Map).unwrap();
        assert_eq!(
            send(kind, &mut room, &mut peer, Scope::Editor, &principal),
            Ok(true)
        );
        for replaced in [false, true] {
            let mut peer = room.fork();
            peer.set_actor(actor_id("user:x/browser:2"));
            if replaced {
                peer.put_object(ROOT, root, ObjType::Map).unwrap();
            } else {
                peer.delete(ROOT, root).unwrap();
            }
            let refused = send(kind, &mut room, &mut peer, Scope::Editor, &principal);
            assert_eq!(refused, Err(Refusal::Root { kind, root }));
        }
        // A room that lost it before there was this rule gets it back.
        room.delete(ROOT, root).unwrap();
        let mut peer = room.fork();
        peer.set_actor(actor_id("user:x/browser:3"));
        peer.put_object(ROOT, root, ObjType::Map).unwrap();
        assert_eq!(
            send(kind, &mut room, &mut peer, Scope::Editor, &principal),
            Ok(true)
        );
    }
}
