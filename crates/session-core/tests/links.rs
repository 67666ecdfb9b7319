//! The session against a tiny room: outages, restarts of the peer, rejections, closes, the end.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use session_core::{Effect, Event, Outcome};
use support::{Sim, info};

// WS-382
#[test]
fn thirty_minutes_without_the_room_cost_a_busy_kernel_nothing() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "1\n");
    sim.pass(100);
    sim.log.clear();
    sim.unlink("");
    for _ in 0..30 {
        sim.pass(60_000);
    }
    assert_eq!(sim.log, [], "nothing is done to the kernel");
    assert!(!sim.session.wants_journal() && sim.exit.is_none());
    sim.link();
    sim.print("a", "2\n");
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.text("a"), "1\n2\n");
    assert_eq!(sim.status("a"), "done");
}

// WS-350 WS-351 WS-352 WS-310
#[test]
fn output_of_an_outage_arrives_after_it_and_nothing_runs_twice() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.print("a", "1\n");
    sim.unlink("");
    assert!(!sim.session.wants_journal());
    let entries = vec![
        sim.entry("a", "stream", json!({"name": "stdout", "text": "2\n"})),
        sim.entry("a", "execute_reply", json!({"status": "ok"})),
        sim.entry("a", "status", json!({"execution_state": "idle"})),
    ];
    let mut room_before = sim.state.save();
    sim.event(Event::Journal(entries));
    sim.pass(10_000);
    assert_eq!(sim.state.save(), room_before);
    room_before.clear();
    sim.link();
    sim.pass(100);
    assert!(sim.session.wants_journal());
    assert_eq!(sim.text("a"), "1\n2\n");
    assert_eq!(sim.status("a"), "done");
    assert_eq!(sim.status("b"), "running");
    assert_eq!(sim.sent("execute_request").len(), 2);
}

#[test]
fn after_the_room_ended_an_execution_late_output_is_appended_and_status_dropped() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "1\n");
    sim.unlink("");
    sim.room_ends("a");
    sim.link();
    sim.kernel(
        "a",
        "display_data",
        json!({"data": {"text/plain": "late"}, "metadata": {}}),
    );
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.status("a"), "error");
    assert_eq!(sim.outputs("a").len(), 2);
    sim.queue(&["b"]);
    assert_eq!(sim.status("b"), "running");
}

#[test]
fn a_new_peer_adopts_the_kernel_and_writes_nothing_twice() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    let journal = vec![
        sim.entry("a", "execute_input", json!({"execution_count": 1})),
        sim.entry("a", "stream", json!({"name": "stdout", "text": "1\n"})),
        sim.entry(
            "a",
            "display_data",
            json!({"data": {"text/plain": "x"}, "metadata": {}}),
        ),
    ];
    sim.event(Event::Journal(journal.clone()));
    sim.pass(100);
    let before = sim.outputs("a");
    assert_eq!(before.len(), 2);
    assert_eq!(sim.persisted, None);
    sim.crash(journal);
    sim.pass(100);
    assert_eq!(sim.outputs("a"), before);
    assert_eq!(sim.status("a"), "running");
    assert!(sim.sent("execute_request").is_empty());
    sim.print("a", "2\n");
    sim.idle("a");
    assert_eq!(sim.text("a"), "1\n2\n");
    assert_eq!(sim.status("a"), "done");
    assert_eq!(sim.sent("execute_request").len(), 1);
    assert_eq!(sim.sent("execute_request")[0].msg_id, "b");
    assert_eq!(
        sim.kernel_field("runtime_agent_id"),
        "user:local:owner/agent:runt:bbbbbbbb"
    );
}

#[test]
fn reading_the_journal_again_never_shows_less_than_was_shown() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    let journal = vec![
        sim.entry("a", "stream", json!({"name": "stdout", "text": "1\n"})),
        sim.entry("a", "stream", json!({"name": "stdout", "text": "2\n"})),
    ];
    sim.event(Event::Journal(journal.clone()));
    sim.pass(100);
    assert_eq!(sim.text("a"), "1\n2\n");
    sim.replace_session(true);
    sim.event(Event::KernelReady(info()));
    sim.link();
    for entry in journal {
        sim.event(Event::Journal(vec![entry]));
        sim.pass(100);
        assert_eq!(sim.text("a"), "1\n2\n");
    }
    sim.event(Event::JournalCaughtUp);
    sim.print("a", "3\n");
    sim.pass(100);
    assert_eq!(sim.text("a"), "1\n2\n3\n");
    assert_eq!(sim.outputs("a").len(), 1);
}

#[test]
fn a_new_peer_without_a_kernel_marks_what_ran_as_error_and_never_runs_it() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.replace_session(false);
    sim.link();
    assert_eq!(sim.status("a"), "error");
    assert_eq!(sim.status("b"), "running");
    assert_eq!(sim.sent("execute_request").len(), 1);
}

#[test]
fn an_adopted_execution_the_kernel_never_got_is_lost() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.replace_session(true);
    sim.event(Event::KernelReady(info()));
    sim.link();
    assert_eq!(sim.status("a"), "running");
    sim.event(Event::JournalCaughtUp);
    assert_eq!(sim.status("a"), "error");
}

#[test]
fn the_journal_position_is_persisted_once_the_room_accepted_all_before_it() {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.print("a", "1\n");
    assert_eq!(sim.persisted, None);
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.persisted, Some(sim.position));
}

// WS-360 WS-361
#[test]
fn a_living_kernel_is_written_again_over_older_words() {
    let mut sim = Sim::ready();
    let details = "runtime peer disconnected: 30 s";
    let error = documents::runtime_state::Lifecycle::new("Error");
    sim.state
        .set_lifecycle_with_error(&error, None, Some(details))
        .unwrap();
    sim.room_speaks();
    assert_eq!(sim.kernel_field("lifecycle"), "Running");
    assert_eq!(sim.kernel_field("error_details"), "");
}

// RP-216
#[test]
fn after_a_long_absence_the_kernel_is_published_and_ended_records_stay() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.unlink("");
    sim.pass(60_000);
    sim.reference_ends_the_work("30 s");
    let ended = [sim.record("a"), sim.record("b")];
    assert_eq!(sim.kernel_field("lifecycle"), "Error");
    sim.link();
    sim.idle("a");
    sim.pass(100);
    assert_eq!(sim.kernel_field("lifecycle"), "Running");
    assert_eq!(sim.kernel_field("error_details"), "");
    assert_eq!([sim.record("a"), sim.record("b")], ended);
}

// WS-334 WS-368 WS-359 RP-256
#[test]
fn only_a_refused_change_ends_the_session() {
    let reject = |sim: &mut Sim, frame_type: u8, reason: &str| {
        let control = json!({"type": "cloud_frame_rejected", "notebook_id": "n", "peer_id": "p",
            "frame_type": frame_type, "reason": reason, "timestamp": "2026-11-20T00:00:00.000Z"});
        let payload = serde_json::to_vec(&control).unwrap();
        sim.event(Event::Frame(wire::frame::encode(
            wire::FrameType::SessionControl,
            &payload,
        )));
    };
    let mut sim = Sim::ready();
    reject(
        &mut sim,
        2,
        "runtime peer response does not match an in-flight hosted request",
    );
    reject(&mut sim, 3, "no");
    assert!(sim.exit.is_none());
    reject(&mut sim, 5, "cloud-room-x-receive-sync: PatchLogMismatch");
    assert!(sim.exit.is_none() && sim.log.contains(&Effect::Reconnect));
    reject(&mut sim, 5, "unauthorized actor");
    assert!(matches!(sim.exit, Some(Outcome::Failed(_))));
}

// WS-356 WS-357 WS-358 WS-367
#[test]
fn closes_are_told_apart_by_their_reason() {
    for (reason, ends) in [
        ("", None),
        ("runtime state repair", None),
        ("runtime idle timeout", Some(true)),
        ("replaced by newer runtime peer", Some(false)),
        ("stale runtime session", Some(false)),
        ("workstation attachment switched", Some(false)),
    ] {
        let mut sim = Sim::ready();
        sim.unlink(reason);
        let outcome = sim.exit.clone().map(|exit| exit == Outcome::Completed);
        assert_eq!(outcome, ends, "{reason}");
    }
}

// WS-370
#[test]
fn a_stop_writes_the_end_before_it_exits() {
    let mut sim = Sim::ready();
    sim.queue(&["a", "b"]);
    sim.event(Event::Stop);
    sim.pass(3000);
    assert_eq!(sim.exit, Some(Outcome::Completed));
    assert_eq!(sim.kernel_field("lifecycle"), "Shutdown");
    assert_eq!(
        (sim.status("a"), sim.status("b")),
        ("error".into(), "cancelled".into())
    );
}

#[test]
fn an_execution_the_kernel_got_before_the_room_knew_runs_once() {
    let mut sim = Sim::ready();
    sim.replace_session(true);
    sim.event(Event::KernelReady(info()));
    sim.queue(&["a"]);
    sim.link();
    let journal = vec![
        sim.entry("a", "stream", json!({"name": "stdout", "text": "1\n"})),
        sim.entry("a", "execute_reply", json!({"status": "ok"})),
        sim.entry("a", "status", json!({"execution_state": "idle"})),
    ];
    sim.event(Event::Journal(journal));
    sim.event(Event::JournalCaughtUp);
    sim.pass(100);
    assert_eq!(sim.status("a"), "done");
    assert_eq!(sim.text("a"), "1\n");
    assert!(sim.sent("execute_request").is_empty());
}

// RP-210
#[test]
fn the_kernel_is_owned_by_the_label_that_authors() {
    let mut sim = Sim::ready();
    let owner = sim.kernel_field("runtime_agent_id");
    let actors: Vec<String> = sim
        .state
        .doc_mut()
        .get_changes(&[])
        .iter()
        .map(|change| String::from_utf8_lossy(change.actor_id().to_bytes()).into_owned())
        .collect();
    assert!(actors.contains(&owner), "{owner}: {actors:?}");
}
