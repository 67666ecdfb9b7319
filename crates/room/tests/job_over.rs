//! A job that is over ends its peer, and what agents repeat changes nothing (decisions D1, D11).
#![allow(clippy::unwrap_used)]

mod common;

use common::{Harness, Received, attached, headers, owner, runtime, starter_cell, uuid};
use documents::DocKind;
use room::{AttachmentUpdate, Effect, Event, Settings};
use serde_json::json;
use wire::WorkstationAttachment;
use wire::close::STALE_SESSION;

fn publish(harness: &mut Harness, change: impl FnOnce(&mut WorkstationAttachment)) {
    let mut attachment = harness.room.attachment().cloned().unwrap();
    change(&mut attachment);
    harness.event(Event::AttachmentPublished(Box::new(AttachmentUpdate {
        attachment,
        close_runtime_peers: None,
    })));
}

fn called_off(attachment: &mut WorkstationAttachment) {
    attachment.status = "disconnected".into();
    attachment.status_message = Some("Lab cancelled the compute request.".into());
}

#[test]
fn a_job_that_is_over_closes_its_peer_and_admits_it_no_more() {
    let (mut harness, _browser, _machine) = attached();
    publish(&mut harness, called_off);
    assert!(
        harness
            .take("rt")
            .contains(&Received::Closed(STALE_SESSION))
    );
    assert_eq!(harness.room.runtime_peer_count(), 0);
    let refused = harness
        .room
        .admit(&headers(Some("ws-1"), Some("job-1")))
        .unwrap_err();
    assert_eq!(refused.to_string(), "selected runtime session has ended");
    // What is executed now asks for new compute instead of waiting for the old.
    let request =
        json!({"action": "execute_cell", "cell_id": starter_cell(), "execution_id": uuid(1)});
    harness.request("owner", request);
    assert!(
        harness
            .other
            .iter()
            .any(|effect| matches!(effect, Effect::ResolveCompute { .. }))
    );
}

// DOC-083
#[test]
fn repeated_reports_of_a_job_change_nothing() {
    let (mut harness, _browser, _machine) = attached();
    let heads = harness.room.heads(DocKind::RuntimeState);
    publish(&mut harness, |attachment| {
        attachment.updated_at = Some("2030-01-01T00:00:00.000Z".into());
    });
    assert_eq!(harness.room.heads(DocKind::RuntimeState), heads);
    // The job runs on while its peer is away; that does not bring the peer back.
    harness.leave("rt");
    let away = harness.room.attachment().cloned().unwrap();
    assert_eq!(away.status, "disconnected");
    publish(&mut harness, |attachment| {
        attachment.status = "ready".into();
        attachment.status_message = None;
    });
    assert_eq!(harness.room.attachment(), Some(&away));
    harness.join(runtime("machine-2", "ws-1", Some("job-1")));
    assert_eq!(harness.status(), "ready");
}

#[test]
fn a_peer_stopped_for_idleness_stays_idle_when_its_job_completes() {
    let (mut harness, _browser, _machine) = attached();
    harness.advance(Settings::default().idle_ttl_ms);
    let idle = harness.room.attachment().cloned().unwrap();
    assert_eq!(idle.status, "idle");
    publish(&mut harness, called_off);
    assert_eq!(harness.room.attachment(), Some(&idle));
}

// RP-243 DOC-120
// CP-249
#[test]
fn rp_243_idle_is_left_alone_and_error_keeps_its_status() {
    let (mut harness, _browser, _machine) = attached();
    harness.advance(Settings::default().idle_ttl_ms);
    let before = harness.room.heads(DocKind::RuntimeState);
    let (outcome, effects) = harness
        .room
        .repair(harness.now, "gone", false, None)
        .unwrap();
    harness.absorb(effects);
    assert!(!outcome.changed);
    assert_eq!(harness.status(), "idle");
    assert_eq!(harness.room.heads(DocKind::RuntimeState), before);

    let (mut harness, _browser, _machine) = attached();
    publish(&mut harness, |attachment| {
        attachment.status = "error".into();
        attachment.status_message = Some("Lab could not start compute.".into());
    });
    let failed = harness.room.attachment().cloned();
    let (_, effects) = harness
        .room
        .repair(harness.now, "gone", false, None)
        .unwrap();
    harness.absorb(effects);
    assert_eq!(harness.room.attachment().cloned(), failed);
}

// RP-027
#[test]
fn rp_027_only_a_runtime_peer_speaks_for_a_machine() {
    let mut harness = Harness::new();
    let before = harness.room.heads(DocKind::RuntimeState);
    let mut join = owner();
    join.workstation = Some(headers(Some("ws-9"), Some("job-9")));
    harness.join(join);
    assert_eq!(harness.room.runtime_peer_count(), 0);
    assert_eq!(harness.room.attachment(), None);
    assert_eq!(harness.room.heads(DocKind::RuntimeState), before);
}
