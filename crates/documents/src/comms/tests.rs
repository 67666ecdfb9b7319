use serde_json::{Value, json};

use super::CommsDoc;
use crate::genesis::heads_hex;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

// DOC-165 DOC-171
#[test]
fn the_sample_reads_as_recorded() {
    let bytes = std::fs::read(format!("{VECTORS}/sample_comms.am")).unwrap();
    let mut comms = CommsDoc::load(&bytes, "t").unwrap();
    let head = "ee9d4b54d908a443043715abc7a790c511b7b0362855d510cd05b367a35e6256";
    assert_eq!(heads_hex(&comms.heads()), [head]);
    let text = std::fs::read(format!("{VECTORS}/sample_comms.json")).unwrap();
    let expected: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(comms.comm_ids(), ["comm-1"]);
    assert_eq!(
        Value::Object(comms.state("comm-1").unwrap()),
        expected["comms"]["comm-1"]
    );
}

// DOC-166 DOC-167
#[test]
fn equal_scalars_write_nothing_and_closed_comms_are_pruned() {
    let mut comms = CommsDoc::from_seed("user:x/browser:1").unwrap();
    let state = json!({"value": 3, "items": [1, 2]});
    comms
        .replace_state("c", state.as_object().unwrap())
        .unwrap();
    let heads = comms.heads();
    comms
        .merge_state("c", json!({"value": 3}).as_object().unwrap())
        .unwrap();
    assert_eq!(comms.heads(), heads);
    comms
        .merge_state("c", json!({"value": 4}).as_object().unwrap())
        .unwrap();
    assert_eq!(comms.state("c").unwrap()["value"], 4);
    assert_eq!(comms.prune(&[]).unwrap(), ["c"]);
    assert!(!comms.remove("c").unwrap());
}
