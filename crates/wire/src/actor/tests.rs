use proptest::prelude::*;
use serde_json::Value;

use super::{
    ActorError, ActorLabel, Operator, Principal, percent_encode, room_actor_label, room_key,
};

// CP-003 DOC-011 DOC-012 DOC-013
#[test]
fn labels_follow_the_vectors() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../../tests/vectors/actor_labels.json")).unwrap();
    for case in &cases {
        let text = case["label"].as_str().unwrap();
        match ActorLabel::parse(text) {
            Ok(label) => {
                assert_eq!(case["ok"], true, "{text}");
                assert_eq!(case["principal"], label.principal.as_str());
                assert_eq!(case["operator"], label.operator.as_str());
            }
            Err(error) => assert_eq!(case["error"], format!("{error:?}"), "{text}"),
        }
    }
}

#[test]
fn cp_001_principal_errors_have_their_texts() {
    let cases = [
        ("", "principal cannot be empty"),
        ("a/b", "principal cannot contain '/'"),
        ("alice", "principal must be 'system' or '<scheme>:<id>'"),
        (":x", "principal scheme cannot be empty"),
        ("user:", "principal id cannot be empty"),
    ];
    for (text, message) in cases {
        assert_eq!(Principal::parse(text).unwrap_err().to_string(), message);
    }
    assert!(Principal::parse("system").unwrap().is_system());
    assert!(Principal::parse("user:oidc:a:b").is_ok());
}

#[test]
fn cp_002_operator_errors_have_their_texts() {
    let cases = [
        ("", "operator cannot be empty"),
        ("a/b", "operator cannot contain '/'"),
        (":x", "operator kind cannot be empty"),
    ];
    for (text, message) in cases {
        assert_eq!(Operator::parse(text).unwrap_err().to_string(), message);
    }
    assert_eq!(
        ActorLabel::parse("x"),
        Err(ActorError::ActorLabelMissingDelimiter)
    );
}

#[test]
fn room_key_is_fnv_1a_64() {
    assert_eq!(room_key("demo"), "a5e41b674276d396");
    assert_eq!(
        room_actor_label("demo"),
        "system:notebook-cloud-room/room:a5e41b674276d396"
    );
}

#[test]
fn subjects_are_percent_encoded() {
    assert_eq!(percent_encode("a/b c@d!é"), "a%2Fb%20c%40d!%C3%A9");
    assert_eq!(
        Principal::with_subject("user:oidc", "a/b")
            .unwrap()
            .as_str(),
        "user:oidc:a%2Fb"
    );
}

proptest! {
    #[test]
    fn parsing_never_panics_and_round_trips(text in ".{0,40}") {
        if let Ok(label) = ActorLabel::parse(&text) {
            prop_assert_eq!(label.to_string(), text);
        }
    }
}
