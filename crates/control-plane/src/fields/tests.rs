//! The vocabulary of 2.2, field by field.

use serde_json::json;

use super::{Fields, limit};

fn refused(
    value: serde_json::Value,
    read: impl Fn(Fields<'_>) -> Option<String>,
) -> Option<String> {
    let serde_json::Value::Object(members) = value else {
        panic!("not an object")
    };
    read(Fields::new(&members))
}

#[test]
fn strings_are_trimmed_and_bounded_in_utf16_units() {
    let error = |value| {
        refused(value, |f| {
            f.required("display_name", 3).err().map(|e| e.to_string())
        })
    };
    assert_eq!(error(json!({"display_name": " ab "})), None);
    assert_eq!(error(json!({"displayName": "abc"})), None);
    assert_eq!(
        error(json!({"display_name": null, "displayName": "abc"})),
        None
    );
    assert_eq!(error(json!({"display_name": "💻a"})), None);
    assert_eq!(
        error(json!({"display_name": "💻💻"})).unwrap(),
        "display_name is too long"
    );
    for blank in [
        json!({}),
        json!({"display_name": " "}),
        json!({"display_name": 4}),
    ] {
        assert_eq!(
            error(blank).unwrap(),
            "display_name must be a non-empty string"
        );
    }
}

// CP-128
#[test]
fn cp_128_an_optional_string_must_be_a_string() {
    let error = |value| {
        refused(value, |f| {
            f.optional("display_name", 160).err().map(|e| e.to_string())
        })
    };
    assert_eq!(
        error(json!({"display_name": 4})).unwrap(),
        "display_name must be a string"
    );
    assert_eq!(error(json!({"display_name": "  "})), None);
}

#[test]
fn a_nul_in_mere_words_is_replaced() {
    let members = json!({"error_message": " x\0y ", "long": "\0".repeat(4)});
    let members = members.as_object().unwrap();
    let fields = Fields::new(members);
    let words = fields.optional_words("error_message", 3).unwrap();
    assert_eq!(words.as_deref(), Some("x\u{FFFD}y"));
    let long = fields.optional_words("long", 3).unwrap_err();
    assert_eq!(long.to_string(), "long is too long");
    assert!(fields.optional("error_message", 3).is_err());
}

// CP-129
#[test]
fn cp_129_counts_take_zero_and_refuse_the_rest() {
    let error = |value| {
        refused(value, |f| {
            f.optional_count("cpu_count").err().map(|e| e.to_string())
        })
    };
    assert_eq!(error(json!({"cpu_count": 0})), None);
    assert_eq!(error(json!({"cpu_count": 8.0})), None);
    for bad in [
        json!({"cpu_count": -1}),
        json!({"cpu_count": 1.5}),
        json!({"cpu_count": "8"}),
    ] {
        assert_eq!(error(bad).unwrap(), "cpu_count must be a positive integer");
    }
}

// CP-199
#[test]
fn cp_199_limits_have_a_default_and_a_cap() {
    assert_eq!(limit(None, 10, 25).unwrap(), 10);
    assert_eq!(limit(Some(""), 10, 25).unwrap(), 10);
    assert_eq!(limit(Some("99"), 10, 25).unwrap(), 25);
    assert_eq!(limit(Some("99999999999999999999999"), 10, 25).unwrap(), 25);
    assert_eq!(limit(Some("3"), 10, 25).unwrap(), 3);
    for bad in ["0", "-1", "1.5", "abc"] {
        assert_eq!(
            limit(Some(bad), 10, 25).unwrap_err().to_string(),
            "limit must be a positive integer"
        );
    }
}
