//! Room protocol 2: frames, caps, scope gates, liveness, streaks.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Harness, Received, editor, owner, runtime, viewer};
use wire::FrameType;
use wire::close::TOO_MANY_REJECTED;
use wire::control::SessionControl;

fn rejection(harness: &mut Harness, peer: &str) -> (Option<u8>, String) {
    let controls = harness.controls(peer);
    controls
        .into_iter()
        .find_map(|control| match control {
            SessionControl::FrameRejected {
                frame_type, reason, ..
            } => Some((frame_type, reason)),
            _ => None,
        })
        .expect("no rejection")
}

fn with_everyone() -> Harness {
    let mut harness = Harness::new();
    for join in [owner(), editor(), viewer(), runtime("rt", "ws-1", None)] {
        harness.join(join);
    }
    harness.inboxes.clear();
    harness
}

#[test]
fn rp_041_rp_042_unreadable_messages_are_rejected_without_a_type() {
    let mut harness = with_everyone();
    harness.raw("owner", vec![]);
    let empty = (None, "Error: typed frame cannot be empty".to_owned());
    assert_eq!(rejection(&mut harness, "owner"), empty);
    harness.raw("owner", vec![0xff, 0]);
    assert_eq!(
        rejection(&mut harness, "owner"),
        (None, "Error: unknown frame type 255".to_owned())
    );
}

#[test]
fn rp_043_rp_044_caps_are_inclusive() {
    let mut harness = with_everyone();
    harness.binary("owner", FrameType::Presence, &vec![0; 4_097]);
    let text = "presence frame payload exceeds 4096 byte limit".to_owned();
    assert_eq!(rejection(&mut harness, "owner"), (Some(4), text));
    harness.binary("owner", FrameType::Request, &vec![b' '; 16_777_217]);
    let text = "request frame payload exceeds 16777216 byte limit".to_owned();
    assert_eq!(rejection(&mut harness, "owner"), (Some(1), text));
}

#[test]
fn rp_045_rp_046_rp_047_server_originated_types_are_refused_after_size_and_before_scope() {
    let mut harness = with_everyone();
    harness.binary("viewer", FrameType::Broadcast, b"{}");
    assert_eq!(
        rejection(&mut harness, "viewer").1,
        "broadcast is server-originated"
    );
    harness.binary("viewer", FrameType::SessionControl, b"{}");
    assert_eq!(
        rejection(&mut harness, "viewer").1,
        "session_control is server-originated"
    );
    harness.binary("viewer", FrameType::SessionControl, &vec![0; 1_048_577]);
    let text = "session_control frame payload exceeds 1048576 byte limit";
    assert_eq!(rejection(&mut harness, "viewer").1, text);
}

// CP-008 CP-237
#[test]
fn rp_048_rp_049_rp_050_rp_051_scopes_gate_types() {
    let mut harness = with_everyone();
    for (peer, scope) in [
        ("editor", "editor"),
        ("viewer", "viewer"),
        ("rt", "runtime_peer"),
    ] {
        harness.binary(peer, FrameType::Request, b"{}");
        let text = format!("{scope} cannot write request frames");
        assert_eq!(rejection(&mut harness, peer), (Some(1), text));
        harness.binary(peer, FrameType::PoolStateSync, b"");
        let text = format!("{scope} cannot write pool_state_sync frames");
        assert_eq!(rejection(&mut harness, peer).1, text);
    }
    harness.binary("owner", FrameType::Response, b"{}");
    assert_eq!(
        rejection(&mut harness, "owner").1,
        "owner cannot write response frames"
    );
    harness.binary("editor", FrameType::PutBlob, b"x");
    assert_eq!(
        rejection(&mut harness, "editor").1,
        "editor cannot write put_blob frames"
    );
}

// CP-258
#[test]
fn rp_052_rp_053_the_ping_is_answered_and_touches_no_streak() {
    let mut harness = with_everyone();
    for _ in 0..7 {
        harness.text("viewer", "hello");
    }
    harness.take("viewer");
    harness.text("viewer", "nteract-liveness-ping");
    assert_eq!(
        harness.take("viewer"),
        vec![Received::Text("nteract-liveness-pong".into())]
    );
    harness.text("viewer", "hello");
    assert_eq!(
        harness.take("viewer"),
        vec![Received::Closed(TOO_MANY_REJECTED)]
    );
}

#[test]
fn rp_054_other_texts_are_rejected() {
    let mut harness = with_everyone();
    harness.text("owner", "hello");
    let text = "typed-frame WebSocket messages must be binary".to_owned();
    assert_eq!(rejection(&mut harness, "owner"), (None, text));
}

// CP-258
#[test]
fn rp_075_rp_076_the_eighth_rejection_in_a_row_closes_without_a_word() {
    let mut harness = with_everyone();
    for _ in 0..2 {
        for _ in 0..7 {
            harness.raw("owner", vec![]);
        }
        harness.request(
            "owner",
            serde_json::json!({"id": "r", "action": "save_notebook"}),
        );
    }
    harness.take("owner");
    for _ in 0..7 {
        harness.raw("owner", vec![]);
    }
    assert_eq!(harness.take("owner").len(), 7);
    harness.raw("owner", vec![]);
    assert_eq!(
        harness.take("owner"),
        vec![Received::Closed(TOO_MANY_REJECTED)]
    );
    assert_eq!(harness.room.peer_count(), 3);
}

#[test]
fn rp_079_an_undecodable_presence_is_silent_but_counts() {
    let mut harness = with_everyone();
    for _ in 0..7 {
        harness.binary("owner", FrameType::Presence, b"\xff\xff");
    }
    assert_eq!(harness.take("owner"), vec![]);
    harness.binary("owner", FrameType::Presence, b"\xff\xff");
    assert_eq!(
        harness.take("owner"),
        vec![Received::Closed(TOO_MANY_REJECTED)]
    );
}

// WS-333 RP-045
#[test]
fn ws_333_what_a_kernel_says_to_everybody_reaches_everybody() {
    let mut harness = with_everyone();
    let payload =
        br#"{"event":"comm","msg_type":"comm_msg","content":{"comm_id":"k1"},"buffers":[]}"#;
    harness.binary("rt", FrameType::Broadcast, payload);
    let frame = Received::Frame(FrameType::Broadcast, payload.to_vec());
    for who in ["owner", "editor", "viewer"] {
        assert_eq!(harness.take(who), vec![frame.clone()], "{who}");
    }
    let control = &harness.controls("rt")[..];
    assert!(
        matches!(
            control,
            [SessionControl::FrameAccepted { frame_type: 3, .. }]
        ),
        "{control:?}"
    );
    for who in ["owner", "editor", "viewer"] {
        harness.binary(who, FrameType::Broadcast, payload);
        let refused = "broadcast is server-originated";
        assert_eq!(rejection(&mut harness, who).1, refused);
    }
    assert_eq!(harness.take("rt"), vec![]);
}

#[test]
fn rp_5_11_what_no_reader_could_parse_is_no_broadcast() {
    let mut harness = with_everyone();
    for payload in [&b""[..], b"not json", b"[]", b"{}", br#"{"event":1}"#] {
        for _ in 0..9 {
            harness.binary("rt", FrameType::Broadcast, payload);
            let (_, reason) = rejection(&mut harness, "rt");
            assert!(reason.starts_with("decode broadcast: "), "{reason}");
        }
    }
    assert_eq!(harness.take("viewer"), vec![]);
}

#[test]
fn d13_a_runtime_peer_survives_frames_the_room_does_not_want() {
    let mut harness = with_everyone();
    let large = vec![b' '; FrameType::Broadcast.cap() + 1];
    for _ in 0..20 {
        harness.binary("rt", FrameType::Broadcast, &large);
        harness.binary("rt", FrameType::Response, br#"{"id":"x","result":"ok"}"#);
    }
    assert!(harness.room.has_peer(&"rt".into()));
    let reasons: Vec<SessionControl> = harness.controls("rt");
    assert_eq!(reasons.len(), 40);
}

#[test]
fn q_11_blob_and_pool_frames_are_refused_and_not_relayed() {
    let mut harness = with_everyone();
    harness.binary("owner", FrameType::PutBlob, b"x");
    assert!(
        rejection(&mut harness, "owner")
            .1
            .starts_with("put_blob frames are not carried")
    );
    harness.binary("owner", FrameType::PoolStateSync, b"x");
    assert!(
        rejection(&mut harness, "owner")
            .1
            .starts_with("pool_state_sync frames are not")
    );
    assert_eq!(harness.take("viewer"), vec![]);
}

// RP-058
#[test]
fn rp_058_large_frames_up_to_the_cap_are_not_throttled() {
    let mut harness = with_everyone();
    let (head, tail) = (br#"{"action":"nothing","pad":""#, br#""}"#);
    let pad = FrameType::Request.cap() - head.len() - tail.len();
    let payload = [&head[..], &vec![b'x'; pad], tail].concat();
    for _ in 0..3 {
        harness.take("owner");
        harness.binary("owner", FrameType::Request, &payload);
        assert_eq!(harness.verdict("owner"), None);
    }
}
