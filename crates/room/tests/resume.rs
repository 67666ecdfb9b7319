//! Who brings compute back by executing, and who does not (control plane 2.22).
#![allow(clippy::unwrap_used)]

mod common;

use common::{Harness, attached, editor, owner, starter_cell, uuid};
use room::{
    AccessChange, AttachmentUpdate, ComputeOutcome, Effect, Event, Join, Message, Settings,
};
use serde_json::{Value, json};
use wire::Scope;

fn execute() -> Value {
    json!({"id": "r", "action": "execute_cell", "cell_id": starter_cell(), "execution_id": uuid(1)})
}

/// A room whose compute was stopped for idleness: the owner's execution would bring it back.
fn idle() -> Harness {
    let (mut harness, ..) = attached();
    harness.advance(Settings::default().idle_ttl_ms);
    assert_eq!(harness.status(), "idle");
    harness.other.clear();
    harness
}

/// Whether a job was asked for since.
fn asked(harness: &Harness) -> bool {
    let resolve = |effect: &Effect| matches!(effect, Effect::ResolveCompute { .. });
    harness.other.iter().any(resolve)
}

#[test]
fn cp_237_an_editors_execution_is_refused_and_makes_no_job() {
    let mut harness = idle();
    harness.join(editor());
    let refused = harness.ask("editor", execute());
    assert_eq!(
        refused.as_deref(),
        Some("editor cannot write request frames")
    );
    assert!(!asked(&harness));
    assert_eq!(harness.execution_ids(), Vec::<String>::new());
    // The same request of the owner does ask.
    harness.request("owner", execute());
    assert!(asked(&harness));
}

// Decision D2: refused as CP-238 says; a request without compute ends nobody's records.
#[test]
fn cp_238_without_compute_that_could_come_back_an_execution_is_refused() {
    const REFUSED: Option<&str> = Some("no runtime peer is attached for execute_cell");
    let mut harness = Harness::new();
    harness.join(owner());
    assert_eq!(harness.ask("owner", execute()).as_deref(), REFUSED);
    assert!(!asked(&harness));

    let mut harness = idle();
    let mut attachment = harness.room.attachment().cloned().unwrap();
    attachment.status = "error".into();
    harness.event(Event::AttachmentPublished(Box::new(AttachmentUpdate {
        attachment,
        close_runtime_peers: None,
    })));
    // Idle says more than the error of the same session that follows it.
    assert_eq!(harness.status(), "idle");
    let mut attachment = harness.room.attachment().cloned().unwrap();
    attachment.status = "error".into();
    attachment.runtime_session_id = Some("job-2".into());
    attachment.updated_at = Some(harness.now.to_iso());
    harness.event(Event::AttachmentPublished(Box::new(AttachmentUpdate {
        attachment,
        close_runtime_peers: None,
    })));
    assert_eq!(harness.status(), "error");
    assert_eq!(harness.ask("owner", execute()).as_deref(), REFUSED);
    assert!(!asked(&harness));

    // The workstation is gone, or not alive.
    let mut harness = idle();
    harness.take("owner");
    harness.request("owner", execute());
    assert!(asked(&harness));
    harness.event(Event::ComputeResolved {
        request: 0,
        outcome: ComputeOutcome::Unavailable,
    });
    assert_eq!(harness.verdict("owner").as_deref(), REFUSED);
    assert_eq!(harness.execution_ids(), Vec::<String>::new());
}

#[test]
fn cp_239_what_is_not_an_execution_makes_no_job() {
    for action in ["interrupt_execution", "send_comm", "complete"] {
        let mut harness = idle();
        let refused = harness.ask("owner", json!({"id": "r", "action": action}));
        let text = format!("no runtime peer is attached for {action}");
        assert_eq!(refused, Some(text));
        assert!(!asked(&harness), "{action}");
        assert_eq!(harness.status(), "idle");
    }
}

// D7: a right that is taken away is gone at once, also for what waits for compute.
#[test]
fn a_run_that_waits_for_compute_is_refused_once_the_run_right_is_withdrawn() {
    let mut harness = idle();
    let bob = Join {
        may_run: true,
        ..editor()
    };
    harness.join(bob.clone());
    harness.take("editor");
    harness.request("editor", execute());
    assert!(asked(&harness));
    harness.event(Event::AccessChanged(AccessChange {
        principal: bob.actor.principal,
        allowed: vec![Scope::Editor],
        may_run: false,
    }));
    let mut attachment = harness.room.attachment().cloned().unwrap();
    attachment.status = "connecting".into();
    harness.event(Event::ComputeResolved {
        request: 0,
        outcome: ComputeOutcome::Resumed(Box::new(attachment)),
    });
    let refused = harness.verdict("editor");
    assert_eq!(
        refused.as_deref(),
        Some("editor cannot write request frames")
    );
    assert_eq!(harness.execution_ids(), Vec::<String>::new());
}

#[test]
fn who_sends_more_behind_a_question_for_compute_than_a_room_keeps_is_closed() {
    let mut harness = idle();
    harness.request("owner", json!({"action": "run_all_cells"}));
    let frame = vec![0; 8 * 1024 * 1024];
    for sent in 1..=5 {
        assert!(harness.room.has_peer(&"owner".into()), "{sent}");
        let message = Message::Binary(frame.clone());
        harness.event(Event::Message {
            peer_id: "owner".into(),
            message,
        });
    }
    assert!(!harness.room.has_peer(&"owner".into()));
}
