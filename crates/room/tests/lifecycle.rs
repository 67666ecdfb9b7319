//! Room protocol 7: admission, fencing, replacement, departure, idleness, repair, revocation.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    Client, Harness, Received, anonymous, attached, editor, headers, owner, runtime, starter_cell,
    uuid, viewer,
};
use documents::DocKind;
use room::{
    AccessChange, AttachmentUpdate, Effect, Event, JobEnd, JobOutcome, Join, Revocation, Settings,
};
use serde_json::json;
use wire::close::{
    ACCESS_REVOKED, ATTACHMENT_SWITCHED, IDLE_TIMEOUT, PUBLIC_LINK_REVOKED, REPLACED_BY_NEWER,
    RESTART_REQUESTED, STALE_SESSION, STATE_REPAIR,
};
use wire::control::SessionControl;
use wire::{FrameType, Scope, WorkstationAttachment};

fn publish(
    harness: &mut Harness,
    change: impl FnOnce(&mut WorkstationAttachment),
    close: Option<wire::close::Close>,
) {
    let mut attachment = harness.room.attachment().cloned().unwrap_or_default();
    change(&mut attachment);
    let update = AttachmentUpdate {
        attachment,
        close_runtime_peers: close,
    };
    harness.event(Event::AttachmentPublished(Box::new(update)));
}

fn admit(harness: &Harness, workstation: Option<&str>, session: Option<&str>) -> Option<String> {
    harness
        .room
        .admit(&headers(workstation, session))
        .err()
        .map(|error| error.to_string())
}

/// Queues two executions and lets the machine start the first.
fn busy() -> (Harness, Client, Client) {
    let (mut harness, mut browser, mut machine) = attached();
    browser.add_cell("c2", "code", "90", "2");
    harness.settle(&mut [&mut browser]);
    for (cell, id) in [(starter_cell(), uuid(1)), ("c2".into(), uuid(2))] {
        let request = json!({"action": "execute_cell", "cell_id": cell, "execution_id": id});
        assert_eq!(harness.ask("owner", request), None);
    }
    harness.settle(&mut [&mut browser, &mut machine]);
    machine.put(&uuid(1), "status", "running");
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "running");
    (harness, browser, machine)
}

// CP-247 CP-256
#[test]
fn rp_230_rp_231_rp_232_rp_233_rp_234_who_is_admitted() {
    let harness = Harness::new();
    assert_eq!(admit(&harness, Some("any"), None), None);
    let (mut harness, ..) = attached();
    assert_eq!(admit(&harness, Some("ws-1"), Some("job-1")), None);
    let text = "runtime peer workstation ws-2 does not match selected workstation ws-1";
    assert_eq!(admit(&harness, Some("ws-2"), Some("job-1")).unwrap(), text);
    let text = "runtime peer session job-2 does not match selected runtime session job-1";
    assert_eq!(admit(&harness, Some("ws-1"), Some("job-2")).unwrap(), text);
    let text = "runtime peer session unknown does not match selected runtime session job-1";
    assert_eq!(admit(&harness, Some("ws-1"), None).unwrap(), text);
    let text = "runtime peer workstation runtime-peer does not match selected workstation ws-1";
    assert_eq!(admit(&harness, None, None).unwrap(), text);
    harness.leave("rt");
    assert_eq!(admit(&harness, Some("ws-1"), Some("job-1")), None);
    assert!(admit(&harness, Some("ws-1"), Some("job-2")).is_some());
    harness.join(runtime("rt2", "ws-1", Some("job-1")));
    harness.advance(Settings::default().idle_ttl_ms);
    let idle = Some("selected runtime session is idle".to_owned());
    assert_eq!(admit(&harness, Some("ws-1"), Some("job-1")), idle);
}

#[test]
fn rp_235_a_frame_of_a_peer_no_longer_selected_closes_it() {
    let (mut harness, mut browser, mut machine) = busy();
    publish(
        &mut harness,
        |new| {
            new.status = "connecting".into();
            new.runtime_session_id = Some("job-2".into());
            new.updated_at = Some("2027-01-01T00:00:00.000Z".into());
        },
        None,
    );
    harness.settle(&mut [&mut browser]);
    harness.take("rt");
    machine.put(&uuid(1), "execution_count", 1);
    for (frame_type, payload) in machine.flush() {
        harness.binary("rt", frame_type, &payload);
    }
    assert_eq!(harness.take("rt"), [Received::Closed(STALE_SESSION)]);
    assert_eq!(harness.status(), "connecting");
}

// CP-257
#[test]
fn rp_236_rp_237_a_newer_peer_of_the_workstation_replaces_the_older() {
    let (mut harness, ..) = busy();
    harness.inboxes.clear();
    harness.join(runtime("rt2", "ws-1", Some("job-1")));
    assert_eq!(harness.take("rt"), [Received::Closed(REPLACED_BY_NEWER)]);
    let controls = harness.controls("owner");
    let kinds: Vec<&str> = controls
        .iter()
        .map(|control| match control {
            SessionControl::PeerLeft(_) => "left",
            SessionControl::PeerJoined(_) => "joined",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["left", "joined"]);
    assert_eq!(harness.status(), "ready");
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "running");
}

#[test]
fn rp_238_joining_publishes_ready() {
    let (harness, ..) = attached();
    let attachment = harness.room.attachment().unwrap();
    assert_eq!(attachment.status, "ready");
    assert_eq!(attachment.workstation_id, "ws-1");
    assert_eq!(attachment.runtime_session_id.as_deref(), Some("job-1"));
    assert_eq!(attachment.updated_at, Some(common::START.to_iso()));
    assert_eq!(attachment.display_name, "Attached workstation");
    assert_eq!(attachment.default_environment_label, "Current Python");
}

// CP-255 DOC-117
#[test]
fn rp_239_an_older_publication_of_another_session_is_ignored() {
    let (mut harness, ..) = attached();
    publish(
        &mut harness,
        |new| {
            new.runtime_session_id = Some("job-0".into());
            new.updated_at = Some("2020-01-01T00:00:00.000Z".into());
        },
        Some(ATTACHMENT_SWITCHED),
    );
    let session = harness
        .room
        .attachment()
        .unwrap()
        .runtime_session_id
        .clone();
    assert_eq!(session.as_deref(), Some("job-1"));
    assert_eq!(harness.room.runtime_peer_count(), 1);
}

// D1 instead of RP-240, RP-241: no short clock ends work.
#[test]
fn d1_a_peer_that_is_away_keeps_its_records_and_continues() {
    let (mut harness, mut browser, mut machine) = busy();
    harness.leave("rt");
    harness.advance(60_000);
    let message = harness
        .room
        .attachment()
        .unwrap()
        .status_message
        .clone()
        .unwrap();
    assert_eq!(message, format!("unreachable since {}", common::START));
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "running");
    assert_eq!(harness.execution(&uuid(2), "status").unwrap(), "queued");
    let mut harness = harness.restart();
    assert_eq!(harness.status(), "disconnected");
    harness.join(owner());
    harness.join(runtime("rt", "ws-1", Some("job-1")));
    browser.reset();
    machine.reset();
    machine.put(&uuid(1), "status", "done");
    harness.settle(&mut [&mut browser, &mut machine]);
    assert_eq!(machine.rejections(), Vec::<String>::new());
    assert_eq!(harness.status(), "ready");
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "done");
}

// DOC-101
#[test]
fn d1_work_ends_when_the_agent_reports_the_job_over() {
    let (mut harness, ..) = busy();
    harness.leave("rt");
    let other = JobEnd {
        runtime_session_id: "job-9".into(),
        outcome: JobOutcome::Completed,
        message: None,
    };
    harness.event(Event::JobEnded(other.clone()));
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "running");
    let end = JobEnd {
        runtime_session_id: "job-1".into(),
        message: Some("gone".into()),
        ..other
    };
    harness.event(Event::JobEnded(end));
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "error");
    assert_eq!(harness.execution(&uuid(1), "success").unwrap(), "false");
    assert_eq!(harness.execution(&uuid(2), "status").unwrap(), "cancelled");
    assert_eq!(harness.execution(&uuid(2), "success").unwrap(), "null");
    assert_eq!(harness.queued(), Vec::<String>::new());
    assert_eq!(harness.status(), "disconnected");
}

#[test]
fn d1_work_ends_after_the_configured_absence_also_across_a_restart() {
    let (mut harness, ..) = busy();
    harness.leave("rt");
    let mut harness = harness.restart();
    harness.advance(Settings::default().away_limit_ms - 1);
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "running");
    harness.advance(1);
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "error");
    let finished = harness.other.iter().any(|effect| {
        matches!(effect, Effect::FinishJob(job) if job.failed && job.job_id.as_str() == "job-1")
    });
    assert!(finished);
}

// DOC-118 DOC-119
#[test]
fn rp_242_a_live_lifecycle_becomes_error_and_a_returning_peer_clears_it() {
    let (mut harness, mut browser, mut machine) = busy();
    let doc = machine.doc(DocKind::RuntimeState);
    let kernel = automerge::ReadDoc::get(doc, automerge::ROOT, "kernel")
        .unwrap()
        .unwrap()
        .1;
    automerge::transaction::Transactable::put(doc, &kernel, "lifecycle", "Running").unwrap();
    harness.settle(&mut [&mut browser, &mut machine]);
    harness.leave("rt");
    let end = JobEnd {
        runtime_session_id: "job-1".into(),
        outcome: JobOutcome::Cancelled,
        message: Some("why".into()),
    };
    harness.event(Event::JobEnded(end.clone()));
    assert_eq!(harness.kernel("lifecycle").unwrap(), "Error");
    assert_eq!(
        harness.kernel("error_details").unwrap(),
        "runtime peer disconnected: why"
    );
    harness.join(runtime("rt", "ws-1", Some("job-1")));
    assert_eq!(harness.kernel("lifecycle").unwrap(), "NotStarted");
    assert_eq!(harness.kernel("error_details").unwrap(), "");
    harness.leave("rt");
    harness.event(Event::JobEnded(end));
    assert_eq!(harness.kernel("lifecycle").unwrap(), "NotStarted");
}

// CP-245
#[test]
fn cp_245_a_peer_that_blinks_does_not_postpone_the_idle_stop() {
    let (mut harness, ..) = attached();
    let ttl = Settings::default().idle_ttl_ms;
    harness.advance(ttl / 2);
    harness.leave("rt");
    harness.join(runtime("rt2", "ws-1", Some("job-1")));
    assert_eq!(harness.status(), "ready");
    harness.advance(ttl / 2);
    assert_eq!(harness.status(), "idle");
}

// CP-241 CP-242 CP-243 CP-244 CP-246
#[test]
fn rp_245_rp_246_idle_compute_is_stopped_and_only_executions_postpone_it() {
    let (mut harness, mut browser, mut machine) = attached();
    let ttl = Settings::default().idle_ttl_ms;
    harness.advance(ttl - 1);
    browser.add_cell("c9", "code", "99", "x");
    harness.settle(&mut [&mut browser, &mut machine]);
    harness.join(viewer());
    assert_eq!(harness.status(), "ready");
    let request =
        json!({"action": "execute_cell", "cell_id": starter_cell(), "execution_id": uuid(1)});
    assert_eq!(harness.ask("owner", request), None);
    harness.advance(ttl);
    assert_eq!(harness.status(), "ready", "an execution keeps it alive");
    harness.settle(&mut [&mut browser, &mut machine]);
    machine.put(&uuid(1), "status", "done");
    let doc = machine.doc(DocKind::RuntimeState);
    let mut state = documents_queue(doc);
    state.clear();
    harness.settle(&mut [&mut browser, &mut machine]);
    harness.take("rt");
    harness.other.clear();
    harness.advance(ttl);
    assert_eq!(harness.status(), "idle");
    let message = harness
        .room
        .attachment()
        .unwrap()
        .status_message
        .clone()
        .unwrap();
    assert_eq!(
        message,
        "Compute stopped after 30 minutes without queued or active execution."
    );
    assert_eq!(
        harness.take("rt").last(),
        Some(&Received::Closed(IDLE_TIMEOUT))
    );
    let finished = |effect: &Effect| matches!(effect, Effect::FinishJob(job) if !job.failed);
    assert!(harness.other.iter().any(finished));
    harness.advance(Settings::default().away_limit_ms);
    assert_eq!(harness.status(), "idle", "no later reconciliation");
    let kept = harness.room.attachment().unwrap();
    assert_eq!(kept.workstation_id, "ws-1");
    assert_eq!(kept.runtime_session_id.as_deref(), Some("job-1"));
}

struct QueueWriter<'a>(&'a mut automerge::AutoCommit);

fn documents_queue(doc: &mut automerge::AutoCommit) -> QueueWriter<'_> {
    QueueWriter(doc)
}

impl QueueWriter<'_> {
    fn clear(&mut self) {
        use automerge::ReadDoc as _;
        use automerge::transaction::Transactable as _;
        let queue = self.0.get(automerge::ROOT, "queue").unwrap().unwrap().1;
        let list = self
            .0
            .get(&queue, "queued_execution_ids")
            .unwrap()
            .unwrap()
            .1;
        while self.0.length(&list) > 0 {
            self.0.delete(&list, 0).unwrap();
        }
    }
}

#[test]
fn rp_247_rp_248_q_04_a_restart_ends_what_ran_and_keeps_what_waits() {
    for close in [RESTART_REQUESTED, ATTACHMENT_SWITCHED] {
        let (mut harness, ..) = busy();
        publish(
            &mut harness,
            |new| {
                new.status = "connecting".into();
                new.runtime_session_id = Some("job-2".into());
                new.updated_at = Some("2027-01-01T00:00:00.000Z".into());
            },
            Some(close),
        );
        assert_eq!(harness.take("rt").last(), Some(&Received::Closed(close)));
        assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "error");
        assert_eq!(harness.execution(&uuid(2), "status").unwrap(), "queued");
        assert_eq!(harness.status(), "connecting");
    }
}

#[test]
fn rp_249_repair_needs_force_while_a_peer_is_here() {
    let (mut harness, ..) = busy();
    let refused = harness
        .room
        .repair(harness.now, "stuck", false, None)
        .unwrap_err();
    let text = "runtime peer is connected; reconnecting compute should reconcile live state";
    assert_eq!(refused.to_string(), text);
    let other = "job-7".into();
    let (skipped, _) = harness
        .room
        .repair(harness.now, "stuck", true, Some(&other))
        .unwrap();
    assert!(skipped.skipped && !skipped.changed);
    let (outcome, effects) = harness
        .room
        .repair(harness.now, "stuck", true, None)
        .unwrap();
    harness.absorb(effects);
    assert!(outcome.changed && outcome.forced);
    assert_eq!(outcome.runtime_peer_count, 1);
    assert_eq!(
        harness.take("rt").last(),
        Some(&Received::Closed(STATE_REPAIR))
    );
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "error");
}

#[test]
fn rp_250_the_public_links_end_closes_anonymous_viewers_alone() {
    let mut harness = Harness::new();
    for join in [owner(), viewer(), anonymous("x1")] {
        harness.join(join);
    }
    harness.take("x1");
    harness.event(Event::PublicLinkRevoked);
    assert_eq!(harness.take("x1"), [Received::Closed(PUBLIC_LINK_REVOKED)]);
    assert_eq!(harness.room.peer_count(), 2);
}

#[test]
fn d7_q_16_lost_access_closes_at_once_and_later_frames_do_nothing() {
    let mut harness = Harness::new();
    harness.join(owner());
    harness.join(editor());
    harness.take("editor");
    let change = AccessChange {
        principal: editor().actor.principal,
        allowed: vec![Scope::Viewer],
        may_run: false,
    };
    harness.event(Event::AccessChanged(change));
    assert_eq!(harness.take("editor"), [Received::Closed(ACCESS_REVOKED)]);
    harness.binary("editor", FrameType::AutomergeSync, b"x");
    assert_eq!(harness.take("editor"), vec![]);
    let by_credential = Join {
        credential_id: Some("cred-1".into()),
        ..runtime("rt", "ws-1", None)
    };
    harness.join(by_credential);
    harness.take("rt");
    let revocation = Revocation {
        principal: None,
        credential_id: Some("cred-1".into()),
    };
    harness.event(Event::Revoked(revocation));
    assert_eq!(harness.take("rt"), [Received::Closed(ACCESS_REVOKED)]);
    assert_eq!(harness.room.peer_count(), 1);
}

#[test]
fn a_peer_that_was_here_at_a_crash_is_given_a_moment_then_reads_unreachable() {
    let (harness, ..) = busy();
    let mut harness = harness.restart();
    assert_eq!(harness.status(), "ready");
    harness.advance(Settings::default().restart_grace_ms);
    assert_eq!(harness.status(), "disconnected");
    assert_eq!(harness.execution(&uuid(1), "status").unwrap(), "running");
}
