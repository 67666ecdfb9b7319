#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn what_is_not_strict_is_read_as_what_it_means() {
    let check = |document: &[u8], expected: Value| {
        let shown = String::from_utf8_lossy(document);
        assert!(
            serde_json::from_slice::<Value>(document).is_err(),
            "{shown}"
        );
        assert_eq!(parse(document).unwrap(), expected, "{shown}");
        if let Ok(text) = str::from_utf8(document) {
            assert!(parse_strict(text).is_err(), "{text}");
        }
    };
    // What Python's `surrogateescape` made of a file's name.
    check(
        b"{\"text\": \"caf\xe9\\n\"}",
        json!({"text": "caf\u{fffd}\n"}),
    );
    check(
        b"[\"\xff\xfe\", \"\xe4\xb8\"]",
        json!(["\u{fffd}\u{fffd}", "\u{fffd}"]),
    );
    check(b"{\"caf\xe9\": 1}", json!({"caf\u{fffd}": 1}));
    check(br#""a \ud83d b""#, json!("a \u{fffd} b"));
    check(br#""\ude00\ud83d""#, json!("\u{fffd}\u{fffd}"));
    check(br#""\ud83d\ud83d\ude00""#, json!("\u{fffd}\u{1f600}"));
    check(br#""\ud83d\n\u0041""#, json!("\u{fffd}\nA"));
    check(b"[NaN, Infinity, -Infinity]", json!([null, null, null]));
    check(
        b"{\"a\": 1e400, \"b\": -1E999, \"c\": 2}",
        json!({"a": null, "b": null, "c": 2}),
    );
    check(b"\"a\tb\nc\"", json!("a\tb\nc"));
}

#[test]
fn what_means_nothing_is_refused_with_the_strict_error() {
    let documents: [&[u8]; 16] = [
        b"",
        b"{\"name\":",
        b"[1,]",
        b"{,}",
        b"[1 2]",
        b"{\"a\" 1}",
        b"{\"a\"}",
        b"\"\\x\"",
        b"\"\\u12\"",
        b"\"\\u+123\"",
        b"\"open",
        b"nul",
        b"1 2",
        b"+1",
        b"--1e999",
        b"]",
    ];
    for document in documents {
        let strict = serde_json::from_slice::<Value>(document).unwrap_err();
        let error = parse(document).unwrap_err();
        assert_eq!(error.to_string(), strict.to_string());
    }
}

fn nested(depth: usize, begin: &str, end: &str) -> String {
    format!("{}1{}", begin.repeat(depth), end.repeat(depth))
}

#[test]
fn nesting_is_limited_by_depth_and_never_by_the_stack() {
    for (begin, end) in [("[", "]"), ("{\"layer\":", "}")] {
        for depth in [129, DEEPEST] {
            let document = nested(depth, begin, end);
            let value = parse(document.as_bytes()).unwrap();
            // What is done with it is recursive.
            assert_eq!(value.clone().to_string(), document);
            assert_eq!(parse_strict(&document).unwrap(), value);
        }
        for depth in [DEEPEST + 1, 1_000_000] {
            assert!(parse(nested(depth, begin, end).as_bytes()).is_err());
        }
        assert!(parse(begin.repeat(1_000_000).as_bytes()).is_err());
    }
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Text of the pieces that documents are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\u00e9", "\\ud83d", "\\ude00", "\\n", "\\",
        " ", "\n", "0", "-", "1.5", "e3", "E+400", "-0", "true", "null", "NaN", "Infinity", "é",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24)
        .prop_map(|parts| parts.concat())
}

/// Reads with the parser of this module alone.
fn read(text: &str, is_tolerant: bool) -> Option<Value> {
    Parser::new(text, is_tolerant).document()
}

proptest! {
    #[test]
    fn a_strict_document_is_read_as_by_everybody(value in documents(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let strict: Value = serde_json::from_str(&text).unwrap();
        for is_tolerant in [true, false] {
            prop_assert_eq!(read(&text, is_tolerant), Some(strict.clone()));
        }
    }

    #[test]
    fn the_strict_reading_takes_what_the_usual_one_takes_and_nothing_else(text in pieces()) {
        let usual = serde_json::from_str::<Value>(&text).ok();
        if usual.is_some() {
            prop_assert_eq!(read(&text, true), usual.clone());
        }
        prop_assert_eq!(read(&text, false), usual);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, begins in "[\\[{\"a:]{0,8}") {
        for document in [bytes.clone(), [begins.as_bytes(), &bytes].concat()] {
            let usual = serde_json::from_slice::<Value>(&document).ok();
            let read = parse(&document).ok();
            prop_assert!(usual.is_none() || usual == read);
        }
    }
}
