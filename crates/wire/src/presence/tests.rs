use proptest::prelude::*;

use super::{Channel, ChannelData, KernelUse, Presence, Sender};
use crate::{Operator, Principal};

const GOLDEN: [&str; 9] = [
    "a264747970656968656172746265617467706565725f6964627031",
    "a26474797065646c65667467706565725f6964627031",
    "a364747970656d636c6561725f6368616e6e656c67706565725f6964627031676368616e6e656c66637572736f72",
    "bf64747970656675706461746567706565725f69646270316a706565725f6c6162656c634164616b6163746f725f6c6162656c77757365723a6465763a6164612f62726f777365723a7331676368616e6e656c66637572736f726464617461a36763656c6c5f6964626331646c696e650366636f6c756d6e07ff",
    "bf64747970656675706461746567706565725f6964627031676368616e6e656c6973656c656374696f6e6464617461a56763656c6c5f69646263316b616e63686f725f6c696e65006a616e63686f725f636f6c0069686561645f6c696e650168686561645f636f6c04ff",
    "bf64747970656675706461746567706565725f6964627031676368616e6e656c65666f6375736464617461a16763656c6c5f6964626331ff",
    "bf64747970656675706461746567706565725f6964627031676368616e6e656c6b696e746572616374696f6e6464617461a3646b696e64666f75747075746763656c6c5f6964626331696f75747075745f6964626f31ff",
    "bf64747970656675706461746567706565725f6964627031676368616e6e656c66637573746f6d646461746183010218ffff",
    "a3647479706568736e617073686f7467706565725f6964666461656d6f6e65706565727381a367706565725f69646270316a706565725f6c6162656c63416461686368616e6e656c7381a2676368616e6e656c65666f6375736464617461a16763656c6c5f6964626331",
];

fn sender<'a>(principal: &'a Principal, operator: &'a Operator) -> Sender<'a> {
    Sender {
        peer_id: "real",
        display_name: Some("Ada L."),
        email: None,
        principal,
        operator,
    }
}

fn alice() -> (Principal, Operator) {
    (
        Principal::parse("user:dev:alice").unwrap(),
        Operator::parse("browser:c").unwrap(),
    )
}

#[test]
fn rp_279_worked_frames_round_trip() {
    for hex in GOLDEN {
        let payload = hex::decode(hex).unwrap();
        let presence = Presence::decode(&payload).unwrap_or_else(|error| panic!("{hex}: {error}"));
        assert_eq!(presence.encode(), payload, "{presence:?}");
    }
}

// RP-270 RP-271
#[test]
fn an_update_is_rewritten_to_its_true_sender() {
    let (principal, operator) = alice();
    let forged = Presence::decode(&hex::decode(GOLDEN[3]).unwrap()).unwrap();
    let Presence::Update {
        peer_id,
        peer_label,
        actor_label,
        data,
    } = forged.rewritten(sender(&principal, &operator)).unwrap()
    else {
        panic!("not an update")
    };
    assert_eq!(peer_id, "real");
    assert_eq!(peer_label.as_deref(), Some("Ada L."));
    assert_eq!(actor_label.as_deref(), Some("user:dev:alice/browser:s1"));
    assert_eq!(
        data,
        ChannelData::Cursor {
            cell_id: "c1".into(),
            line: 3,
            column: 7
        }
    );
}

#[test]
fn rp_272_other_messages_get_the_real_peer_id() {
    let (principal, operator) = alice();
    for hex in &GOLDEN[..3] {
        let presence = Presence::decode(&hex::decode(hex).unwrap()).unwrap();
        assert_eq!(
            presence
                .rewritten(sender(&principal, &operator))
                .unwrap()
                .peer_id(),
            "real"
        );
    }
}

#[test]
fn rp_273_snapshot_and_kernel_state_are_refused() {
    let (principal, operator) = alice();
    let kernel = ChannelData::KernelState {
        status: "idle".into(),
        env_source: String::new(),
    };
    let update = Presence::Update {
        peer_id: "p".into(),
        peer_label: None,
        actor_label: None,
        data: kernel,
    };
    for refused in [
        Presence::decode(&hex::decode(GOLDEN[8]).unwrap()).unwrap(),
        Presence::decode(&update.encode()).unwrap(),
        Presence::ClearChannel {
            peer_id: "p".into(),
            channel: Channel::KernelState,
        },
    ] {
        assert!(refused.rewritten(sender(&principal, &operator)).is_err());
    }
}

#[test]
fn rp_278_custom_data_is_an_integer_array() {
    let mut as_bytes = hex::decode(GOLDEN[7]).unwrap();
    // 83 01 02 18ff (array) becomes 43 01 02 ff (byte string).
    let at = as_bytes.len() - 6;
    assert_eq!(as_bytes[at], 0x83);
    as_bytes.splice(at.., [0x43, 1, 2, 0xff, 0xff]);
    assert!(Presence::decode(&as_bytes).is_err());
}

#[test]
fn key_order_unknown_keys_and_trailing_bytes_do_not_matter() {
    let map = serde_json::json!({
        "data": { "column": 1, "x": 2, "line": 0, "cell_id": "c" },
        "channel": "cursor", "future": [1, 2], "peer_id": "", "type": "update"
    });
    let mut payload = Vec::new();
    ciborium::into_writer(&map, &mut payload).unwrap();
    payload.extend([1, 2, 3]);
    assert!(matches!(
        Presence::decode(&payload),
        Ok(Presence::Update {
            data: ChannelData::Cursor { column: 1, .. },
            ..
        })
    ));
    assert!(
        Presence::decode(&hex::decode("a1647479706569686561727462656174").unwrap()).is_err(),
        "no peer_id"
    );
    assert!(Presence::decode(&vec![0; 4097]).is_err());
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
        let _ = Presence::decode(&bytes);
    }
}

#[test]
fn what_a_kernel_uses_travels_as_presence_and_says_nothing_it_does_not_know() {
    let told = KernelUse {
        cpu_percent: Some(101.5),
        memory_bytes: 7,
        gpu_memory_bytes: None,
        unresponsive_since: Some(crate::UnixMs(1_000)),
    };
    let bytes = told.to_presence().encode();
    assert!(bytes.len() < 512, "{}", bytes.len());
    let heard = Presence::decode(&bytes).unwrap();
    assert_eq!(KernelUse::of_presence(&heard), Some(told));
    let Presence::Update {
        data: ChannelData::Custom(json),
        ..
    } = KernelUse::default().to_presence()
    else {
        panic!("not on the channel custom")
    };
    assert_eq!(json, br#"{"kernel":{"memory_bytes":0}}"#);
    let other = Presence::Update {
        peer_id: "p".into(),
        peer_label: None,
        actor_label: None,
        data: ChannelData::Custom(b"something else".to_vec()),
    };
    assert_eq!(KernelUse::of_presence(&other), None);
}
