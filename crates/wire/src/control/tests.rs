use serde_json::{Value, json};

use super::SessionControl;
use crate::UnixMs;
use crate::frame::{FrameType, encode};

fn ready() -> Value {
    json!({
      "type": "cloud_room_ready", "protocol": "v4", "notebook_id": "nb1",
      "comments_doc_id": "comments:nb1", "peer_id": "p1",
      "actor_label": "user:oidc:alice/browser:3f7a", "connection_scope": "owner",
      "identity_provider": "oidc", "principal_namespace": "user:oidc",
      "display_name": "Alice", "email": "alice@example.org",
      "room_peer_count": 2, "runtime_peer_count": 1,
      "peers": [{
        "peer_id": "p1", "actor_label": "user:oidc:alice/browser:3f7a",
        "connection_scope": "owner", "participant_key": "user:oidc:alice",
        "identity_provider": "oidc", "principal_namespace": "user:oidc",
        "display_name": "Alice", "connected_at": "2026-01-02T03:04:05.678Z"
      }],
      "timestamp": "2026-01-02T03:04:05.678Z"
    })
}

#[test]
fn ready_round_trips() {
    let message: SessionControl = serde_json::from_value(ready()).unwrap();
    assert_eq!(serde_json::to_value(&message).unwrap(), ready());
    assert_eq!(SessionControl::decode(&message.encode()).unwrap(), message);
}

// RP-064 RP-083
#[test]
fn absent_values_are_omitted_and_unknown_ones_ignored() {
    let mut value = ready();
    let object = value.as_object_mut().unwrap();
    for key in ["display_name", "email", "comments_doc_id"] {
        object.remove(key);
    }
    let message: SessionControl = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&message).unwrap(), value);
    value["some_future_field"] = json!({"a": 1});
    assert_eq!(
        serde_json::from_value::<SessionControl>(value).unwrap(),
        message
    );
    let other = SessionControl::decode(br#"{"type":"sync_status","x":[1]}"#).unwrap();
    assert_eq!(other, SessionControl::Unknown);
}

// RP-070 RP-071
#[test]
fn accepted_equals_the_worked_frame() {
    let time = UnixMs::parse("2026-01-02T03:04:05.678Z").unwrap();
    let message = SessionControl::accepted(
        "nb1".into(),
        "p1".into(),
        FrameType::AutomergeSync,
        46,
        time,
    );
    let expected = br#"{"type":"cloud_frame_accepted","notebook_id":"nb1","peer_id":"p1","frame_type":0,"byte_length":46,"timestamp":"2026-01-02T03:04:05.678Z"}"#;
    assert_eq!(message.encode(), expected);
    assert_eq!(
        encode(FrameType::SessionControl, &message.encode()).len(),
        138
    );
}

#[test]
fn rejected_without_type_omits_it() {
    let message = SessionControl::rejected("nb1".into(), "p1".into(), None, "no", UnixMs(0));
    assert!(
        serde_json::to_value(&message)
            .unwrap()
            .get("frame_type")
            .is_none()
    );
}
