use proptest::prelude::*;
use serde_json::Value;

use super::{after, before, between, position_for};

// DOC-045 DOC-046 DOC-047
#[test]
fn results_equal_the_vectors() {
    let cases: Vec<Value> = serde_json::from_str(include_str!(
        "../../../../tests/vectors/fractional_index.json"
    ))
    .unwrap();
    for case in &cases {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let values: Vec<&str> = case["values"]
            .as_array()
            .map(|values| values.iter().map(|value| value.as_str().unwrap()).collect())
            .unwrap_or_default();
        match text("op") {
            "between" => {
                assert_eq!(
                    between(text("left"), text("right")).as_deref(),
                    case["result"].as_str()
                );
            }
            op if op.starts_with("append") => {
                for pair in values.windows(2) {
                    assert_eq!(after(pair[0]).as_deref(), Some(pair[1]));
                }
            }
            op if op.starts_with("prepend") => {
                for pair in values.windows(2) {
                    assert_eq!(before(pair[0]).as_deref(), Some(pair[1]));
                }
            }
            "between_repeated_left_of_8180_from_80" => {
                let mut left = "80".to_owned();
                for value in values {
                    left = between(&left, "8180").unwrap();
                    assert_eq!(left, value);
                }
            }
            "between_repeated_right_of_80_from_8180" => {
                let mut right = "8180".to_owned();
                for value in values {
                    right = between("80", &right).unwrap();
                    assert_eq!(right, value);
                }
            }
            op => panic!("unknown case {op}"),
        }
    }
}

#[test]
fn odd_positions_fall_back() {
    for odd in ["", "8", "zz", "é0", "ff"] {
        let _ = position_for(&[odd], Some(0));
        assert!(between(odd, odd).is_none());
    }
    assert_eq!(position_for(&[], None), "80");
    assert_eq!(position_for(&["80", "8180"], Some(9)), "8280");
}

proptest! {
    #[test]
    fn between_lies_between_and_nothing_panics(left in "[0-9A-F]{0,8}", right in "[0-9A-F]{0,8}") {
        let _ = (after(&left), before(&left));
        if let Some(middle) = between(&left, &right) {
            let ends = |text: &str| text.ends_with("80");
            if ends(&left) && ends(&right) && left < right {
                prop_assert!(left < middle && middle < right, "{} {} {}", left, middle, right);
            }
        }
    }
}
