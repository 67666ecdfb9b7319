//! Room protocol 3: ready, joined, left, acknowledgements and their order.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    Client, Harness, Received, START, anonymous, editor, owner, raw_control, runtime, viewer,
};
use documents::DocKind;
use room::{Event, Join};
use serde_json::json;
use wire::control::SessionControl;
use wire::{FrameType, Scope};

#[test]
fn rp_060_rp_061_rp_062_rp_063_rp_064_ready_comes_first_and_says_all() {
    let mut harness = Harness::new();
    harness.join(editor());
    let alice = Join {
        display_name: Some("Alice".into()),
        email: Some("alice@example.org".into()),
        ..owner()
    };
    harness.join(alice);
    let received = harness.take("owner");
    let ready = raw_control(&received[0]);
    let at = START.to_iso();
    let expected = json!({
        "type": "cloud_room_ready", "protocol": "v4", "notebook_id": "nb1",
        "comments_doc_id": "comments:nb1", "peer_id": "owner",
        "actor_label": "user:oidc:alice/browser:a", "connection_scope": "owner",
        "identity_provider": "oidc", "principal_namespace": "user:oidc",
        "display_name": "Alice", "email": "alice@example.org",
        "room_peer_count": 2, "runtime_peer_count": 0,
        "peers": [
            {"peer_id": "editor", "actor_label": "user:oidc:bob/browser:b",
             "connection_scope": "editor", "participant_key": "user:oidc:bob",
             "identity_provider": "oidc", "principal_namespace": "user:oidc", "connected_at": at},
            {"peer_id": "owner", "actor_label": "user:oidc:alice/browser:a",
             "connection_scope": "owner", "participant_key": "user:oidc:alice",
             "identity_provider": "oidc", "principal_namespace": "user:oidc",
             "display_name": "Alice", "connected_at": at},
        ],
        "timestamp": at,
    });
    assert_eq!(ready, expected);
}

#[test]
fn rp_065_rp_067_others_hear_of_coming_and_going() {
    let mut harness = Harness::new();
    harness.join(owner());
    harness.take("owner");
    harness.join(Join {
        display_name: Some("Bob".into()),
        ..editor()
    });
    let joined = raw_control(&harness.take("owner")[0]);
    let at = START.to_iso();
    let expected = json!({
        "type": "cloud_peer_joined", "notebook_id": "nb1", "peer_id": "editor",
        "actor_label": "user:oidc:bob/browser:b", "connection_scope": "editor",
        "participant_key": "user:oidc:bob", "display_name": "Bob",
        "room_peer_count": 2, "runtime_peer_count": 0, "timestamp": at,
    });
    assert_eq!(joined, expected);
    let own = harness.controls("editor");
    assert!(
        !own.iter()
            .any(|control| matches!(control, SessionControl::PeerJoined(_)))
    );
    harness.leave("editor");
    let left = raw_control(&harness.take("owner")[0]);
    let expected = json!({
        "type": "cloud_peer_left", "notebook_id": "nb1", "peer_id": "editor",
        "actor_label": "user:oidc:bob/browser:b", "connection_scope": "editor",
        "participant_key": "user:oidc:bob",
        "room_peer_count": 1, "runtime_peer_count": 0, "timestamp": at,
    });
    assert_eq!(left, expected);
}

#[test]
fn rp_068_rp_069_tabs_share_a_participant_unless_anonymous() {
    let mut harness = Harness::new();
    harness.join(owner());
    let second = Join {
        peer_id: "owner2".into(),
        ..owner()
    };
    harness.join(second);
    harness.join(anonymous("x1"));
    harness.join(anonymous("x2"));
    let controls = harness.controls("x2");
    let SessionControl::RoomReady(ready) = &controls[0] else {
        panic!("no ready")
    };
    let keys: Vec<&str> = ready
        .peers
        .iter()
        .map(|peer| peer.participant_key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "user:oidc:alice",
            "user:oidc:alice",
            "anonymous:x1",
            "anonymous:x2"
        ]
    );
}

#[test]
fn rp_257_runtime_peers_are_counted() {
    let mut harness = Harness::new();
    harness.join(viewer());
    harness.take("viewer");
    harness.join(runtime("rt", "ws-1", None));
    harness.leave("rt");
    let counts: Vec<u64> = harness
        .controls("viewer")
        .iter()
        .filter_map(|control| match control {
            SessionControl::PeerJoined(change) | SessionControl::PeerLeft(change) => {
                Some(change.runtime_peer_count)
            }
            _ => None,
        })
        .collect();
    assert_eq!(counts, [1, 0]);
    assert_eq!(harness.room.runtime_peer_count(), 0);
}

#[test]
fn rp_070_rp_071_rp_073_the_reply_precedes_the_acknowledgement_which_is_the_senders_alone() {
    let mut harness = Harness::new();
    harness.join(owner());
    harness.join(editor());
    harness.inboxes.clear();
    let mut client = Client::of(&owner());
    let frames = client.flush();
    let (frame_type, payload) = &frames[0];
    harness.binary("owner", *frame_type, payload);
    let received = harness.take("owner");
    assert_eq!(received[0].frame_type(), Some(FrameType::AutomergeSync));
    let accepted = raw_control(&received[1]);
    assert_eq!(accepted["frame_type"], 0);
    assert_eq!(accepted["byte_length"], payload.len());
    assert_eq!(accepted["peer_id"], "owner");
    assert_eq!(received.len(), 2);
    assert_eq!(harness.take("editor"), vec![]);
}

#[test]
fn rp_090_rp_091_rp_092_first_sync_frames_come_in_order_with_the_right_flags() {
    let cases = [
        (Scope::Viewer, [true, true, true, true]),
        (Scope::Editor, [false, true, false, false]),
        (Scope::Owner, [false, true, false, false]),
        (Scope::RuntimePeer, [true, false, false, true]),
    ];
    for (scope, read_only) in cases {
        let mut harness = Harness::new();
        harness.join(Join { scope, ..owner() });
        let received = harness.take("owner");
        let types: Vec<u8> = received[1..5]
            .iter()
            .map(|one| one.frame_type().unwrap().byte())
            .collect();
        assert_eq!(types, [0x00, 0x05, 0x09, 0x0a]);
        for (one, read_only) in received[1..5].iter().zip(read_only) {
            let Received::Frame(_, payload) = one else {
                panic!("no frame")
            };
            let message = automerge::sync::Message::decode(payload).unwrap();
            assert!(message.changes.is_empty());
            let flags = if read_only { 0x86 } else { 0x84 };
            assert_eq!(payload.last(), Some(&flags), "{scope}");
        }
    }
}

#[test]
fn appendix_a_first_frames_of_the_genesis_documents() {
    let mut harness = Harness::new();
    harness.join(Join {
        scope: Scope::RuntimePeer,
        ..owner()
    });
    let received = harness.take("owner");
    let hex = |at: usize| match &received[at] {
        Received::Frame(frame_type, payload) => {
            hex::encode(wire::frame::encode(*frame_type, payload))
        }
        other => panic!("{other:?}"),
    };
    let runtime = "0542014aa226b3047f50f85b5b74ab8f395220bacea6cec9d8a1ed9a5649f15edc264900010005010a07807400020284";
    let comms = "09420159e6107683328412635b4c868124e9c4014704de086aef822a58c07d85153a5700010005010a07c41b00020284";
    assert_eq!(hex(2), runtime);
    assert_eq!(hex(3), comms);
}

#[test]
fn rp_080_storage_pressure_degrades_and_keeps_the_socket() {
    let mut harness = Harness::new();
    harness.join(owner());
    harness.take("owner");
    let reason = "database or disk is full".to_owned();
    harness.event(Event::Degraded {
        peer_id: "owner".into(),
        reason,
    });
    let control = raw_control(&harness.take("owner")[0]);
    assert_eq!(control["type"], "cloud_room_degraded");
    assert_eq!(control["reason"], "database or disk is full");
    assert!(harness.room.has_peer(&"owner".into()));
}

#[test]
fn rp_066_joined_precedes_the_newcomers_changes_and_rp_082_a_gone_peer_is_announced() {
    let mut harness = Harness::new();
    harness.join(owner());
    harness.take("owner");
    harness.join(runtime("rt", "ws-1", Some("job-1")));
    let received = harness.take("owner");
    assert!(matches!(
        received[0].control(),
        Some(SessionControl::PeerJoined(_))
    ));
    assert_eq!(
        received[1].frame_type(),
        Some(DocKind::RuntimeState.frame_type())
    );
    harness.leave("rt");
    let received = harness.take("owner");
    assert!(matches!(
        received[0].control(),
        Some(SessionControl::PeerLeft(_))
    ));
}
