//! Room protocol 5 and 6.2: requests, execution intent, queries.
#![allow(clippy::unwrap_used)]

mod common;

use automerge::transaction::Transactable as _;
use automerge::{ROOT, ReadDoc as _};
use common::{Harness, Received, attached, owner, runtime, starter_cell, uuid};
use documents::DocKind;
use room::{ComputeOutcome, Effect, Event, Join, Settings};
use serde_json::json;
use wire::request::Response;
use wire::{FrameType, WorkstationAttachment};

fn execute(harness: &mut Harness, id: &str) -> Option<String> {
    let cell = starter_cell();
    harness.ask(
        "owner",
        json!({"id": "r", "action": "execute_cell", "cell_id": cell, "execution_id": id}),
    )
}

// DOC-099
#[test]
fn rp_150_rp_151_rp_152_rp_154_rp_155_a_record_a_pointer_and_a_queue_entry() {
    let (mut harness, mut browser, _) = attached();
    assert_eq!(execute(&mut harness, &uuid(1)), None);
    let id = uuid(1);
    assert_eq!(harness.execution_ids(), std::slice::from_ref(&id));
    let read = |harness: &mut Harness, field| harness.execution(&id, field).unwrap();
    assert_eq!(read(&mut harness, "status"), "queued");
    assert_eq!(read(&mut harness, "success"), "null");
    assert_eq!(read(&mut harness, "execution_count"), "null");
    assert_eq!(read(&mut harness, "source"), "");
    assert_eq!(read(&mut harness, "cell_id"), starter_cell());
    assert_eq!(read(&mut harness, "seq"), "0");
    assert_eq!(
        read(&mut harness, "submitted_by_actor_label"),
        "user:oidc:alice/browser:a"
    );
    assert_eq!(harness.queued(), std::slice::from_ref(&id));
    harness.settle(&mut [&mut browser]);
    let cells = documents::notebook::NotebookDoc::from_doc(browser.doc(DocKind::Notebook).clone());
    assert_eq!(cells.execution_id(&starter_cell()), Some(id));
}

#[test]
fn rp_153_the_requester_gets_state_then_notebook_then_the_acknowledgement() {
    let (mut harness, ..) = attached();
    harness.request(
        "owner",
        json!({"id": "r", "action": "execute_cell", "cell_id": starter_cell()}),
    );
    let types: Vec<u8> = harness
        .take("owner")
        .iter()
        .map(|one| one.frame_type().unwrap().byte())
        .collect();
    assert_eq!(types, [0x05, 0x00, 0x07]);
    let types: Vec<u8> = harness
        .take("rt")
        .iter()
        .map(|one| one.frame_type().unwrap().byte())
        .collect();
    assert_eq!(types, [0x05, 0x00]);
}

// DOC-096 DOC-097
#[test]
fn rp_155_rp_158_bad_requests_are_refused_with_the_exact_text() {
    let (mut harness, mut browser, _) = attached();
    browser.add_cell("m1", "markdown", "90", "# hi");
    harness.settle(&mut [&mut browser]);
    let cases = [
        (
            json!({"id": "r", "action": "execute_cell"}),
            "ExecuteCell request missing cell_id",
        ),
        (
            json!({"action": "execute_cell", "cell_id": "nope"}),
            "cell not found: nope",
        ),
        (
            json!({"action": "execute_cell", "cell_id": "m1"}),
            "cannot execute non-code cell m1 (type markdown)",
        ),
        (
            json!({"action": "execute_cell", "cell_id": starter_cell(), "execution_id": "x"}),
            "execution_id is not a valid UUID: x",
        ),
    ];
    for (request, text) in cases {
        let reason = harness.ask("owner", request);
        assert_eq!(
            reason,
            Some(format!("room host rejected request frame: Error: {text}"))
        );
    }
    assert_eq!(harness.execution_ids(), Vec::<String>::new());
}

// DOC-095
#[test]
fn rp_156_rp_157_repeating_creates_nothing() {
    let (mut harness, mut browser, mut machine) = attached();
    for _ in 0..3 {
        assert_eq!(execute(&mut harness, &uuid(1)), None);
    }
    assert_eq!(execute(&mut harness, &uuid(2)), None);
    assert_eq!(harness.execution_ids(), [uuid(1)]);
    harness.settle(&mut [&mut browser, &mut machine]);
    machine.put(&uuid(1), "status", "running");
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(execute(&mut harness, &uuid(3)), None);
    assert_eq!(harness.execution_ids(), [uuid(1)]);
    machine.put(&uuid(1), "status", "done");
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(execute(&mut harness, &uuid(4)), None);
    assert_eq!(
        harness.execution_ids().len(),
        2,
        "what has ended may run again"
    );
}

#[test]
fn rp_159_the_source_is_copied_when_queued() {
    let (mut harness, mut browser, _) = attached();
    browser.add_cell("c1", "code", "90", "1+1");
    harness.settle(&mut [&mut browser]);
    harness.ask(
        "owner",
        json!({"action": "execute_cell", "cell_id": "c1", "execution_id": uuid(1)}),
    );
    browser.add_cell("c1", "code", "90", "2+2");
    harness.settle(&mut [&mut browser]);
    assert_eq!(harness.execution(&uuid(1), "source").unwrap(), "1+1");
}

// DOC-098
#[test]
fn rp_160_rp_161_rp_162_run_all_is_all_or_nothing() {
    let (mut harness, mut browser, _) = attached();
    for (id, kind, position) in [
        ("c3", "code", "A0"),
        ("m1", "markdown", "90"),
        ("c2", "code", "88"),
    ] {
        browser.add_cell(id, kind, position, id);
    }
    harness.settle(&mut [&mut browser]);
    let all =
        |ids: serde_json::Value| json!({"action": "run_all_cells", "cell_execution_ids": ids});
    let prefix = "room host rejected request frame: Error: ";
    let duplicate = harness.ask("owner", all(json!({"c2": uuid(1), "c3": uuid(1)})));
    assert_eq!(
        duplicate,
        Some(format!(
            "{prefix}duplicate execution_id in request: {}",
            uuid(1)
        ))
    );
    let malformed = harness.ask("owner", all(json!({"c2": "x"})));
    assert_eq!(
        malformed,
        Some(format!("{prefix}execution_id is not a valid UUID: x"))
    );
    let odd = harness.ask("owner", all(json!([1])));
    assert!(
        odd.unwrap()
            .starts_with(&format!("{prefix}decode cell_execution_ids: "))
    );
    assert_eq!(harness.execution_ids(), Vec::<String>::new());
    let ids = json!({"c2": uuid(2), "c3": uuid(3), "unknown": uuid(9)});
    assert_eq!(harness.ask("owner", all(ids)), None);
    assert_eq!(harness.execution_ids().len(), 3);
    assert_eq!(harness.execution(&uuid(2), "seq").unwrap(), "1");
    assert_eq!(harness.execution(&uuid(3), "seq").unwrap(), "2");
    let known = harness.ask("owner", all(json!({"c2": uuid(2)})));
    assert_eq!(
        known,
        Some(format!("{prefix}execution_id already exists: {}", uuid(2)))
    );
}

#[test]
fn rp_154_seq_goes_on_after_a_restart() {
    let (mut harness, ..) = attached();
    assert_eq!(execute(&mut harness, &uuid(1)), None);
    let mut harness = harness.restart();
    harness.join(owner());
    harness.join(runtime("rt", "ws-1", Some("job-1")));
    harness.ask(
        "owner",
        json!({"action": "run_all_cells", "cell_execution_ids": {starter_cell(): uuid(2)}}),
    );
    assert_eq!(harness.execution(&uuid(2), "seq").unwrap(), "1");
}

// D2, RP-165: while the peer is away or on its way, work is accepted and waits.
#[test]
fn rp_165_d2_running_while_the_peer_is_away_queues() {
    let (mut harness, ..) = attached();
    harness.leave("rt");
    assert_eq!(harness.status(), "disconnected");
    assert_eq!(execute(&mut harness, &uuid(1)), None);
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "queued");
    let resolve = |effect: &Effect| matches!(effect, Effect::ResolveCompute { .. });
    assert!(
        !harness.other.iter().any(resolve),
        "no second attachment by itself"
    );
}

// CP-258
#[test]
fn rp_164_rp_078_without_compute_it_is_refused_and_not_counted() {
    let mut harness = Harness::new();
    harness.join(owner());
    for _ in 0..20 {
        let reason = execute(&mut harness, &uuid(1)).unwrap();
        assert_eq!(reason, "no runtime peer is attached for execute_cell");
    }
    assert!(harness.room.has_peer(&"owner".into()));
}

#[test]
fn rp_166_idle_compute_is_resumed_and_later_frames_of_the_asker_wait() {
    let (mut harness, ..) = attached();
    harness.advance(Settings::default().idle_ttl_ms);
    assert_eq!(harness.status(), "idle");
    harness.take("owner");
    harness.other.clear();
    harness.request(
        "owner",
        json!({"action": "execute_cell", "cell_id": starter_cell(), "execution_id": uuid(1)}),
    );
    harness.request("owner", json!({"id": "later", "action": "nothing"}));
    assert_eq!(harness.take("owner"), vec![]);
    let asked = harness.other.iter().find_map(|effect| match effect {
        Effect::ResolveCompute {
            request,
            attachment,
        } => Some((*request, attachment.clone())),
        _ => None,
    });
    let (request, attachment) = asked.unwrap();
    let resumed = WorkstationAttachment {
        status: "connecting".into(),
        runtime_session_id: Some("job-2".into()),
        updated_at: Some(harness.now.to_iso()),
        ..*attachment
    };
    let outcome = ComputeOutcome::Resumed(Box::new(resumed));
    harness.event(Event::ComputeResolved { request, outcome });
    assert_eq!(harness.status(), "connecting");
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "queued");
    let accepted = harness.controls("owner").len();
    assert_eq!(accepted, 2, "the execution and the frame behind it");
}

#[test]
fn rp_166_compute_that_cannot_be_resumed_is_said_so() {
    let (mut harness, ..) = attached();
    harness.advance(Settings::default().idle_ttl_ms);
    harness.take("owner");
    harness.request("owner", json!({"action": "run_all_cells"}));
    harness.event(Event::ComputeResolved {
        request: 0,
        outcome: ComputeOutcome::Unavailable,
    });
    let reason = harness.verdict("owner").unwrap();
    assert_eq!(reason, "no runtime peer is attached for run_all_cells");
}

// CP-239
#[test]
fn rp_167_rp_168_rp_169_rp_170_commands_reach_the_newest_runtime_peer_verbatim() {
    let mut harness = Harness::new();
    harness.join(owner());
    for action in ["interrupt_execution", "send_comm"] {
        let reason = harness
            .ask("owner", json!({"id": "r", "action": action}))
            .unwrap();
        assert_eq!(reason, format!("no runtime peer is attached for {action}"));
    }
    harness.request("owner", json!({"id": "q", "action": "complete"}));
    let resumes = |effect: &Effect| matches!(effect, Effect::ResolveCompute { .. });
    assert!(!harness.other.iter().any(resumes));
    harness.take("owner");
    // No workstation id: nothing is selected, so two can coexist only under different ids.
    let old = Join {
        workstation: None,
        ..runtime("old", "x", None)
    };
    harness.join(old);
    let (mut harness, ..) = attached();
    harness.inboxes.clear();
    for action in ["interrupt_execution", "send_comm"] {
        let payload = json!({"id": "r", "action": action, "message": {"a": 1}}).to_string();
        harness.binary("owner", FrameType::Request, payload.as_bytes());
        assert_eq!(harness.verdict("owner"), None);
        let expected = Received::Frame(FrameType::Request, payload.into_bytes());
        assert_eq!(harness.take("rt"), [expected]);
    }
}

#[test]
fn rp_171_rp_172_rp_173_rp_074_queries_are_routed_back() {
    let (mut harness, ..) = attached();
    harness.inboxes.clear();
    let reason = harness.ask(
        "owner",
        json!({"action": "complete", "code": "pri", "cursor_pos": 3}),
    );
    assert_eq!(
        reason.unwrap(),
        "hosted runtime query complete is missing a request id"
    );
    let query = json!({"id": "q1", "action": "complete", "code": "pri", "cursor_pos": 3});
    assert_eq!(harness.ask("owner", query.clone()), None);
    let again = harness.ask("owner", query).unwrap();
    assert_eq!(
        again,
        "hosted runtime query complete request id is already pending"
    );
    harness.take("rt");
    let answer =
        br#"{"id":"q1","result":"completion_result","items":[],"cursor_start":0,"cursor_end":3}"#;
    harness.binary("rt", FrameType::Response, answer);
    assert_eq!(
        harness.take("owner"),
        [Received::Frame(FrameType::Response, answer.to_vec())]
    );
    assert_eq!(
        harness.take("rt"),
        vec![],
        "a routed response is not acknowledged"
    );
}

#[test]
fn rp_174_unmatched_responses_are_refused_with_the_text() {
    let (mut harness, ..) = attached();
    harness.take("rt");
    harness.binary("rt", FrameType::Response, br#"{"id":"zz","result":"ok"}"#);
    let reason = harness.verdict("rt").unwrap();
    assert_eq!(
        reason,
        "runtime peer response does not match an in-flight hosted request"
    );
}

fn error_of(received: &[Received]) -> Vec<(String, String)> {
    let parsed = received.iter().filter_map(|one| match one {
        Received::Frame(FrameType::Response, payload) => Response::parse(payload).ok(),
        _ => None,
    });
    parsed
        .map(|response| {
            (
                response.id.unwrap(),
                response.fields["error"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn rp_175_rp_176_and_expiry_give_the_requester_an_error() {
    let (mut harness, ..) = attached();
    let query =
        |n: u32| json!({"id": format!("q{n}"), "action": "complete", "code": "", "cursor_pos": 0});
    for n in 0..128 {
        assert_eq!(harness.ask("owner", query(n)), None);
    }
    harness.request("owner", query(128));
    let text = "runtime peer query complete was evicted because too many queries are pending";
    assert_eq!(
        error_of(&harness.take("owner")),
        [("q0".to_owned(), text.to_owned())]
    );
    harness.now = harness.now.plus(60_001);
    harness.request("owner", query(200));
    let errors = error_of(&harness.take("owner"));
    assert_eq!(errors.len(), 128);
    let text = "runtime peer query complete expired before the runtime peer responded";
    assert_eq!(errors[0], ("q1".to_owned(), text.to_owned()));
    harness.leave("rt");
    let text = "runtime_peer disconnected before runtime query completed";
    assert_eq!(
        error_of(&harness.take("owner")),
        [("q200".to_owned(), text.to_owned())]
    );
}

#[test]
fn q_02_the_answer_to_a_requester_who_left_is_swallowed() {
    let (mut harness, ..) = attached();
    harness.ask(
        "owner",
        json!({"id": "q1", "action": "complete", "code": "", "cursor_pos": 0}),
    );
    harness.leave("owner");
    harness.take("rt");
    harness.binary("rt", FrameType::Response, br#"{"id":"q1","result":"ok"}"#);
    assert_eq!(harness.take("rt"), vec![]);
}

#[test]
fn d12_additive_actions_are_forwarded_like_complete() {
    let (mut harness, ..) = attached();
    for action in [
        "input_reply",
        "inspect",
        "history",
        "is_complete",
        "restart_kernel",
        "shutdown_kernel",
    ] {
        harness.take("rt");
        assert_eq!(
            harness.ask("owner", json!({"id": action, "action": action})),
            None
        );
        assert_eq!(harness.take("rt").len(), 1, "{action}");
    }
}

#[test]
fn rp_177_rp_178_rp_179_unsupported_unknown_and_unreadable() {
    let (mut harness, ..) = attached();
    for action in ["launch_kernel", "sync_environment", "get_history"] {
        let reason = harness
            .ask("owner", json!({"id": "r", "action": action}))
            .unwrap();
        let text = "hosted cloud rooms do not yet support response-bearing runtime request";
        assert_eq!(reason, format!("{text} {action}"));
    }
    assert_eq!(
        harness.ask("owner", json!({"id": "r", "action": "save_notebook"})),
        None
    );
    assert_eq!(harness.ask("owner", json!([1, 2])), None);
    harness.take("owner");
    harness.binary("owner", FrameType::Request, b"{nope");
    let reason = harness.verdict("owner").unwrap();
    assert!(
        reason.starts_with("room host rejected request frame: Error: decode request: "),
        "{reason}"
    );
}

// 5.1, RP-163: heads are looked at where the notebook is read; nothing else waits for a keystroke.
#[test]
fn q_14_heads_the_room_lacks_hold_up_nothing_that_does_not_read_the_notebook() {
    let (mut harness, ..) = attached();
    let heads = ["ff".repeat(32)];
    for action in [
        "interrupt_execution",
        "send_comm",
        "complete",
        "inspect",
        "unheard_of",
    ] {
        let request = json!({
            "id": action, "action": action, "code": "x", "cursor_pos": 1, "message": {}, "required_heads": heads,
        });
        assert_eq!(harness.ask("owner", request), None, "{action}");
    }
}

// Documents 4.2: what is shown and exported as empty is not run.
#[test]
fn a_source_that_is_no_text_runs_as_empty() {
    let (mut harness, mut browser, _) = attached();
    let doc = browser.doc(DocKind::Notebook);
    let cells = doc.get(ROOT, "cells").unwrap().unwrap().1;
    let cell = doc.get(&cells, starter_cell()).unwrap().unwrap().1;
    doc.put(&cell, "source", "hidden()").unwrap();
    harness.settle(&mut [&mut browser]);
    let request =
        json!({"action": "execute_cell", "cell_id": starter_cell(), "execution_id": uuid(1)});
    assert_eq!(harness.ask("owner", request), None);
    assert_eq!(harness.execution(&uuid(1), "source").unwrap(), "");
}

#[test]
fn d14_an_editor_with_the_run_right_runs() {
    let (mut harness, ..) = attached();
    harness.join(Join {
        may_run: true,
        ..common::editor()
    });
    let request = json!({"id": "r", "action": "execute_cell", "cell_id": starter_cell(), "execution_id": uuid(5)});
    assert_eq!(harness.ask("editor", request), None);
    let by = harness
        .execution(&uuid(5), "submitted_by_actor_label")
        .unwrap();
    assert_eq!(by, "user:oidc:bob/browser:b");
}
