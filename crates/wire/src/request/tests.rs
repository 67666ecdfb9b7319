use proptest::prelude::*;
use serde_json::json;

use super::{Action, Request, Response, parse_cell_execution_ids};

#[test]
fn worked_requests_round_trip() {
    let execute = br#"{"id":"r1","action":"execute_cell","cell_id":"c1"}"#;
    let complete = br#"{"id":"r2","action":"complete","code":"pri","cursor_pos":3}"#;
    for payload in [&execute[..], complete] {
        let request = Request::parse(payload).unwrap();
        assert_eq!(request.encode(), payload);
    }
    assert_eq!(
        Request::parse(execute).unwrap().action,
        Action::ExecuteCell {
            cell_id: Some("c1".into()),
            execution_id: None,
            observed_heads: None
        }
    );
}

#[test]
fn guarded_and_additive_actions_round_trip() {
    for payload in [
        r#"{"id":"a","action":"execute_cell_guarded","cell_id":"c","observed_heads":["ab"]}"#,
        r#"{"id":"a","action":"run_all_cells","cell_execution_ids":{"c":"u"}}"#,
        r#"{"id":"a","action":"interrupt_execution"}"#,
        r#"{"id":"a","action":"send_comm","message":{"content":{}}}"#,
        r#"{"id":"a","action":"input_reply","execution_id":"e","value":"x"}"#,
        r#"{"id":"a","action":"inspect","code":"x","cursor_pos":1,"detail_level":0}"#,
        r#"{"id":"a","action":"send_comm","message":{},"comms_heads":["00"]}"#,
        r#"{"id":"a","action":"debug","request":{"command":"debugInfo"}}"#,
        r#"{"id":"a","action":"history","n":3}"#,
        r#"{"id":"a","action":"is_complete","code":"x"}"#,
        r#"{"id":"a","action":"restart_kernel"}"#,
        r#"{"id":"a","action":"shutdown_kernel"}"#,
        r#"{"id":"a","action":"get_history"}"#,
    ] {
        let request = Request::parse(payload.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(request.encode()).unwrap(), payload);
    }
    assert!(
        Request::parse(br#"{"action":"get_history"}"#)
            .unwrap()
            .action
            .is_unsupported()
    );
}

// RP-179 RP-178
#[test]
fn odd_payloads() {
    let error = Request::parse(b"nope").unwrap_err();
    assert!(error.to_string().starts_with("decode request: "));
    assert_eq!(
        Request::parse(b"[1]").unwrap().action,
        Action::Other { action: None }
    );
    let request = Request::parse(br#"{"id":7,"action":"future"}"#).unwrap();
    assert_eq!(request.id, None);
    assert_eq!(
        request.action,
        Action::Other {
            action: Some("future".into())
        }
    );
}

#[test]
fn cell_execution_ids_must_be_a_map_of_strings() {
    let ids = parse_cell_execution_ids(&json!({"c1": "u1", "c2": "u2"})).unwrap();
    assert_eq!(ids.len(), 2);
    for bad in [json!([1]), json!({"c": 1})] {
        let error = parse_cell_execution_ids(&bad).unwrap_err().to_string();
        assert!(error.starts_with("decode cell_execution_ids: "), "{error}");
    }
}

#[test]
fn worked_responses_round_trip() {
    let error = br#"{"id":"r2","result":"error","error":"No kernel running"}"#;
    assert_eq!(Response::error("r2", "No kernel running").encode(), error);
    let completion = br#"{"id":"r2","result":"completion_result","items":[{"label":"print"}],"cursor_start":0,"cursor_end":3}"#;
    let response = Response::parse(completion).unwrap();
    assert_eq!(response.id.as_deref(), Some("r2"));
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&response.encode()).unwrap(),
        serde_json::from_slice::<serde_json::Value>(completion).unwrap()
    );
}

proptest! {
    #[test]
    fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Request::parse(&bytes);
        let _ = Response::parse(&bytes);
    }
}
