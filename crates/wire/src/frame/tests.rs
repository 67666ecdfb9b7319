use proptest::prelude::*;

use super::{Frame, FrameError, FrameType};
use crate::Scope;

#[test]
fn rp_040_a_message_is_a_type_byte_and_a_payload() {
    for frame_type in FrameType::ALL {
        let frame = Frame::new(frame_type, b"abc".to_vec());
        let message = frame.encode();
        assert_eq!(message, [&[frame_type.byte()][..], b"abc"].concat());
        assert_eq!(Frame::decode(&message), Ok(frame));
    }
    assert_eq!(
        Frame::decode(&[0x05]),
        Ok(Frame::new(FrameType::RuntimeStateSync, vec![]))
    );
}

#[test]
fn rp_041_rp_042_malformed_messages() {
    let error = Frame::decode(&[]).unwrap_err();
    assert_eq!(error.to_string(), "Error: typed frame cannot be empty");
    assert_eq!(error.frame_type(), None);
    let error = Frame::decode(&[0xff, 0]).unwrap_err();
    assert_eq!(error.to_string(), "Error: unknown frame type 255");
    assert_eq!(error.frame_type(), None);
}

#[test]
fn rp_043_rp_044_caps_are_inclusive() {
    assert_eq!(FrameType::Presence.check(4096, Scope::Viewer), Ok(()));
    let error = FrameType::Presence.check(4097, Scope::Viewer).unwrap_err();
    assert_eq!(
        error.to_string(),
        "presence frame payload exceeds 4096 byte limit"
    );
    assert_eq!(error.frame_type(), Some(FrameType::Presence));
    let error = FrameType::Request
        .check(16_777_217, Scope::Owner)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "request frame payload exceeds 16777216 byte limit"
    );
}

#[test]
fn rp_045_rp_046_rp_047_checks_come_in_order() {
    let check =
        |frame_type: FrameType, len| frame_type.check(len, Scope::Owner).unwrap_err().to_string();
    assert_eq!(
        check(FrameType::Broadcast, 2),
        "broadcast is server-originated"
    );
    assert_eq!(
        check(FrameType::SessionControl, 2),
        "session_control is server-originated"
    );
    assert_eq!(
        check(FrameType::Broadcast, 16_777_217),
        "broadcast frame payload exceeds 16777216 byte limit"
    );
}

#[test]
fn rp_048_rp_049_rp_050_rp_051_scope_gate() {
    let refused =
        |frame_type: FrameType, scope: Scope| frame_type.check(0, scope).unwrap_err().to_string();
    assert_eq!(
        refused(FrameType::Request, Scope::Editor),
        "editor cannot write request frames"
    );
    assert_eq!(
        refused(FrameType::Request, Scope::Viewer),
        "viewer cannot write request frames"
    );
    assert_eq!(
        refused(FrameType::Request, Scope::RuntimePeer),
        "runtime_peer cannot write request frames"
    );
    assert_eq!(
        refused(FrameType::Response, Scope::Owner),
        "owner cannot write response frames"
    );
    assert_eq!(
        refused(FrameType::PutBlob, Scope::Editor),
        "editor cannot write put_blob frames"
    );
    let allowed = |frame_type: FrameType| -> Vec<&str> {
        Scope::ALL
            .into_iter()
            .filter(|scope| frame_type.check(0, *scope).is_ok())
            .map(Scope::as_str)
            .collect()
    };
    assert_eq!(allowed(FrameType::PutBlob), ["runtime_peer", "owner"]);
    assert_eq!(allowed(FrameType::Broadcast), ["runtime_peer"]);
    assert_eq!(allowed(FrameType::PoolStateSync), ["owner"]);
    assert_eq!(allowed(FrameType::AutomergeSync).len(), 4);
}

// RP-054
#[test]
fn text_is_refused_with_its_reason() {
    assert_eq!(
        FrameError::NotBinary.to_string(),
        "typed-frame WebSocket messages must be binary"
    );
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(frame) = Frame::decode(&bytes) {
            prop_assert_eq!(frame.encode(), bytes);
        }
    }
}
