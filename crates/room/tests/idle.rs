//! Compute that nobody uses is stopped after half an hour without executions (control plane 2.23).
#![allow(clippy::unwrap_used)]

mod common;

use automerge::ReadDoc as _;
use automerge::transaction::Transactable as _;
use common::{
    Client, Harness, Received, attached, headers, owner, runtime, starter_cell, uuid, viewer,
};
use documents::DocKind;
use documents::runtime_state::RuntimeStateDoc;
use room::{AttachmentUpdate, Effect, Event};
use serde_json::json;
use wire::FrameType;
use wire::presence::{ChannelData, Presence};

const MINUTE: i64 = 60_000;
const HALF_AN_HOUR: i64 = 30 * MINUTE;

fn execute(harness: &mut Harness, id: &str) {
    let request = json!({"action": "execute_cell", "cell_id": starter_cell(), "execution_id": id});
    assert_eq!(harness.ask("owner", request), None);
}

/// The runtime peer takes an execution out of the queue and reports `status`.
fn report(
    harness: &mut Harness,
    browser: &mut Client,
    machine: &mut Client,
    id: &str,
    status: &str,
) {
    harness.settle(&mut [browser, machine]);
    let doc = machine.doc(DocKind::RuntimeState);
    let queue = doc.get(automerge::ROOT, "queue").unwrap().unwrap().1;
    let waiting = doc.get(&queue, "queued_execution_ids").unwrap().unwrap().1;
    while doc.length(&waiting) > 0 {
        doc.delete(&waiting, 0).unwrap();
    }
    machine.put(id, "status", status);
    harness.settle(&mut [browser, machine]);
    assert_eq!(harness.execution(id, "status").unwrap(), status);
}

/// What a client's replica says of the attachment.
fn shown(client: &mut Client) -> String {
    let doc = client.doc(DocKind::RuntimeState).clone();
    RuntimeStateDoc::from_doc(doc).workstation().unwrap().status
}

// WS-371
#[test]
fn cp_241_half_an_hour_without_execution_completes_the_job_and_closes_its_peer() {
    let (mut harness, ..) = attached();
    harness.other.clear();
    harness.advance(HALF_AN_HOUR - 1);
    assert_eq!(harness.status(), "ready");
    harness.advance(1);
    let attachment = harness.room.attachment().unwrap();
    assert_eq!(attachment.status, "idle");
    let message = "Compute stopped after 30 minutes without queued or active execution.";
    assert_eq!(attachment.status_message.as_deref(), Some(message));
    let ended: Vec<_> = harness
        .other
        .iter()
        .filter_map(|effect| match effect {
            Effect::FinishJob(job) => Some((job.job_id.as_str(), job.failed)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [("job-1", false)]);
    let Some(Received::Closed(close)) = harness.take("rt").pop() else {
        panic!("the runtime peer was not closed")
    };
    assert_eq!((close.code, close.reason), (1000, "runtime idle timeout"));
}

#[test]
fn cp_242_everybody_has_the_idle_state_before_the_close() {
    let (mut harness, mut browser, mut machine) = attached();
    harness.advance(HALF_AN_HOUR);
    let mut heard = harness.take("rt");
    assert!(matches!(heard.pop(), Some(Received::Closed(_))));
    for received in &heard {
        machine.receive(received);
    }
    assert_eq!(shown(&mut machine), "idle");
    harness.settle(&mut [&mut browser]);
    assert_eq!(shown(&mut browser), "idle");
}

#[test]
fn a_report_of_the_job_that_crosses_the_stop_does_not_take_it_back() {
    let (mut harness, mut browser, _) = attached();
    let mut ready = harness.room.attachment().unwrap().clone();
    harness.advance(HALF_AN_HOUR);
    assert_eq!(harness.status(), "idle");
    ready.updated_at = Some(harness.now.to_iso());
    let update = AttachmentUpdate {
        attachment: ready,
        close_runtime_peers: None,
    };
    harness.event(Event::AttachmentPublished(Box::new(update)));
    harness.settle(&mut [&mut browser]);
    assert_eq!(shown(&mut browser), "idle");
}

// DOC-123
#[test]
fn cp_243_viewers_edits_and_presence_do_not_keep_compute() {
    let (mut harness, mut browser, mut machine) = attached();
    harness.advance(HALF_AN_HOUR - 1);
    harness.join(viewer());
    browser.add_cell("c9", "code", "99", "x");
    harness.settle(&mut [&mut browser, &mut machine]);
    let focus = Presence::Update {
        peer_id: "owner".into(),
        peer_label: None,
        actor_label: None,
        data: ChannelData::Focus {
            cell_id: "c9".into(),
        },
    };
    harness.binary("owner", FrameType::Presence, &focus.encode());
    let comm = json!({"id": "r", "action": "send_comm", "message": {}});
    assert_eq!(harness.ask("owner", comm), None);
    assert_eq!(harness.status(), "ready");
    harness.advance(1);
    assert_eq!(harness.status(), "idle");
}

// DOC-121
#[test]
fn cp_244_work_at_the_deadline_keeps_compute_and_its_end_begins_a_full_half_hour() {
    let (mut harness, mut browser, mut machine) = attached();
    harness.advance(HALF_AN_HOUR - 1);
    execute(&mut harness, &uuid(1));
    harness.advance(HALF_AN_HOUR);
    assert_eq!(harness.status(), "ready", "something is queued");
    report(
        &mut harness,
        &mut browser,
        &mut machine,
        &uuid(1),
        "running",
    );
    harness.advance(HALF_AN_HOUR);
    assert_eq!(harness.status(), "ready", "something is running");
    report(&mut harness, &mut browser, &mut machine, &uuid(1), "done");
    harness.advance(HALF_AN_HOUR - 1);
    assert_eq!(harness.status(), "ready");
    harness.advance(1);
    assert_eq!(harness.status(), "idle");
}

#[test]
fn cp_245_a_peer_that_comes_back_in_time_does_not_win_time() {
    let (mut harness, ..) = attached();
    harness.advance(20 * MINUTE);
    harness.leave("rt");
    harness.advance(MINUTE);
    harness.join(runtime("rt2", "ws-1", Some("job-1")));
    harness.advance(9 * MINUTE - 1);
    assert_eq!(harness.status(), "ready");
    harness.advance(1);
    assert_eq!(harness.status(), "idle");
}

// Decision D1: the alarm that went by while the peer was away does not meet it at the door.
#[test]
fn d1_a_peer_that_comes_back_later_has_half_an_hour() {
    let (mut harness, ..) = attached();
    harness.advance(20 * MINUTE);
    harness.leave("rt");
    harness.advance(HALF_AN_HOUR);
    harness.join(runtime("rt2", "ws-1", Some("job-1")));
    harness.advance(HALF_AN_HOUR - 1);
    assert_eq!(harness.status(), "ready");
    harness.advance(1);
    assert_eq!(harness.status(), "idle");
}

// DOC-122
#[test]
fn cp_246_idle_compute_keeps_its_ids_and_is_not_called_disconnected() {
    let (mut harness, mut browser, mut machine) = attached();
    let doc = machine.doc(DocKind::RuntimeState);
    let kernel = doc.get(automerge::ROOT, "kernel").unwrap().unwrap().1;
    doc.put(&kernel, "lifecycle", "Running").unwrap();
    harness.settle(&mut [&mut browser, &mut machine]);
    let said = harness.room.attachment().unwrap().updated_at.clone();
    assert!(said.is_some());
    harness.advance(HALF_AN_HOUR);
    assert_eq!(harness.kernel("lifecycle").unwrap(), "Shutdown");
    assert_eq!(harness.room.attachment().unwrap().updated_at, said);
    harness.leave("rt");
    harness.advance(room::Settings::default().away_limit_ms);
    let mut harness = harness.restart();
    harness.join(owner());
    harness.advance(room::Settings::default().restart_grace_ms);
    let attachment = harness.room.attachment().unwrap();
    assert_eq!(attachment.status, "idle");
    assert_eq!(attachment.workstation_id, "ws-1");
    assert_eq!(attachment.runtime_session_id.as_deref(), Some("job-1"));
}

#[test]
fn cp_247_an_idle_session_admits_nobody() {
    let (mut harness, ..) = attached();
    harness.advance(HALF_AN_HOUR);
    for session in ["job-1", "job-2"] {
        let refused = harness.room.admit(&headers(Some("ws-1"), Some(session)));
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, "selected runtime session is idle");
    }
}

fn say(harness: &mut Harness, minutes: Option<u64>) {
    harness.event(room::Event::IdleMinutes(minutes));
}

#[test]
fn the_owners_word_for_a_notebook_counts_from_when_it_is_said_and_zero_is_never() {
    let (mut harness, ..) = attached();
    harness.advance(20 * MINUTE);
    say(&mut harness, Some(120));
    harness.advance(120 * MINUTE - 1);
    assert_eq!(harness.status(), "ready");
    say(&mut harness, Some(0));
    harness.advance(60 * 24 * HALF_AN_HOUR);
    assert_eq!(harness.status(), "ready", "kept for a month");
    say(&mut harness, Some(480));
    harness.advance(480 * MINUTE - 1);
    assert_eq!(harness.status(), "ready");
    harness.advance(1);
    let attachment = harness.room.attachment().unwrap();
    assert_eq!(attachment.status, "idle");
    let message = "Compute stopped after 480 minutes without queued or active execution.";
    assert_eq!(attachment.status_message.as_deref(), Some(message));
}

#[test]
fn a_machines_word_counts_while_the_owner_says_nothing() {
    let (mut harness, ..) = attached();
    harness.leave("rt");
    let mut join = runtime("rt2", "ws-1", Some("job-1"));
    join.workstation.as_mut().unwrap().idle_minutes = Some(5);
    harness.join(join);
    say(&mut harness, Some(60));
    harness.advance(HALF_AN_HOUR);
    assert_eq!(harness.status(), "ready", "the notebook's word comes first");
    say(&mut harness, None);
    harness.advance(5 * MINUTE - 1);
    assert_eq!(harness.status(), "ready");
    harness.advance(1);
    assert_eq!(harness.status(), "idle");
}

#[test]
fn saying_the_same_again_wins_no_time() {
    let (mut harness, ..) = attached();
    say(&mut harness, Some(10));
    harness.advance(10 * MINUTE - 1);
    say(&mut harness, Some(10));
    harness.advance(1);
    assert_eq!(harness.status(), "idle");
}

#[test]
fn a_running_cell_is_never_stopped_by_a_clock() {
    let (mut harness, mut browser, mut machine) = attached();
    say(&mut harness, Some(1));
    execute(&mut harness, &uuid(1));
    report(
        &mut harness,
        &mut browser,
        &mut machine,
        &uuid(1),
        "running",
    );
    harness.advance(30 * 24 * 60 * MINUTE);
    assert_eq!(harness.status(), "ready");
    report(&mut harness, &mut browser, &mut machine, &uuid(1), "done");
    harness.advance(MINUTE);
    assert_eq!(harness.status(), "idle");
}
