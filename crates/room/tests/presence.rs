//! Room protocol 8: presence.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Harness, Received, anonymous, editor, owner, runtime, viewer};
use room::Join;
use wire::FrameType;
use wire::control::SessionControl;
use wire::presence::{ChannelData, Presence};

fn everyone() -> Harness {
    let mut harness = Harness::new();
    let bob = Join {
        display_name: Some("Bob".into()),
        ..editor()
    };
    for join in [
        owner(),
        bob,
        viewer(),
        anonymous("x1"),
        runtime("rt", "ws-1", None),
    ] {
        harness.join(join);
    }
    harness.inboxes.clear();
    harness
}

fn focus(label: Option<&str>) -> Presence {
    Presence::Update {
        peer_id: "forged".into(),
        peer_label: Some("The Boss".into()),
        actor_label: label.map(str::to_owned),
        data: ChannelData::Focus {
            cell_id: "c1".into(),
        },
    }
}

fn relayed(harness: &mut Harness, peer: &str) -> Option<Presence> {
    harness.take(peer).iter().find_map(|one| match one {
        Received::Frame(FrameType::Presence, payload) => Presence::decode(payload).ok(),
        _ => None,
    })
}

// CP-010
#[test]
fn rp_270_rp_271_rp_276_rp_072_updates_are_rewritten_and_relayed_to_all_others() {
    let mut harness = everyone();
    let sent = focus(Some("user:oidc:mallory/browser:tab7")).encode();
    harness.binary("editor", FrameType::Presence, &sent);
    let expected = Presence::Update {
        peer_id: "editor".into(),
        peer_label: Some("Bob".into()),
        actor_label: Some("user:oidc:bob/browser:tab7".into()),
        data: ChannelData::Focus {
            cell_id: "c1".into(),
        },
    };
    for peer in ["owner", "viewer", "x1", "rt"] {
        assert_eq!(
            relayed(&mut harness, peer),
            Some(expected.clone()),
            "{peer}"
        );
    }
    let own = harness.controls("editor");
    let SessionControl::FrameAccepted { byte_length, .. } = own[0] else {
        panic!("not accepted")
    };
    assert_eq!(byte_length, expected.encode().len() as u64);
}

#[test]
fn rp_272_small_messages_are_relayed_with_the_senders_id() {
    let mut harness = everyone();
    for presence in [
        Presence::Heartbeat {
            peer_id: "x".into(),
        },
        Presence::Left {
            peer_id: "x".into(),
        },
    ] {
        harness.binary("owner", FrameType::Presence, &presence.encode());
        assert_eq!(relayed(&mut harness, "viewer").unwrap().peer_id(), "owner");
    }
}

#[test]
fn rp_273_what_only_servers_send_is_refused_silently() {
    let mut harness = everyone();
    let snapshot = Presence::Snapshot {
        peer_id: "x".into(),
        peers: vec![],
    };
    harness.binary("owner", FrameType::Presence, &snapshot.encode());
    assert_eq!(harness.take("owner"), vec![]);
    assert_eq!(harness.take("viewer"), vec![]);
}

#[test]
fn rp_274_rp_275_anonymous_presence_is_acknowledged_only() {
    let mut harness = everyone();
    harness.binary("x1", FrameType::Presence, &focus(None).encode());
    assert_eq!(harness.controls("x1").len(), 1);
    assert_eq!(relayed(&mut harness, "owner"), None);
    harness.binary("viewer", FrameType::Presence, &focus(None).encode());
    assert!(relayed(&mut harness, "owner").is_some());
}

#[test]
fn rp_277_a_late_joiner_gets_no_presence() {
    let mut harness = everyone();
    harness.binary("owner", FrameType::Presence, &focus(None).encode());
    harness.join(anonymous("late"));
    assert_eq!(relayed(&mut harness, "late"), None);
}

// RP-281
#[test]
fn a_peer_that_came_back_is_known_by_its_new_id() {
    let mut harness = everyone();
    let update = focus(None).encode();
    harness.binary("editor", FrameType::Presence, &update);
    assert_eq!(relayed(&mut harness, "owner").unwrap().peer_id(), "editor");
    harness.leave("editor");
    harness.join(Join {
        peer_id: "editor-again".into(),
        ..editor()
    });
    harness.take("owner");
    harness.binary("editor-again", FrameType::Presence, &update);
    let presence = relayed(&mut harness, "owner").unwrap();
    assert_eq!(presence.peer_id(), "editor-again");
}
