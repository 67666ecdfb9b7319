//! Attach requests, polls, reports and resumes.

use control_plane::attach::{self, RESTART_REASON, SWITCHED_REASON};
use control_plane::workstations::{self, Presence};
use control_plane::{Refusal, jobs, leases, limits};
use serde_json::{Value, json};
use store::{AttachJobs, Notebooks};
use wire::http::{JobStatus, JobTrigger};

use crate::{START, World, anonymous, attach_ok, caller, notified, object, published, repairs};

pub(crate) async fn ready() -> (World, String) {
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    world.heartbeat(&ada, "ws1", START).await;
    world.heartbeat(&ada, "ws2", START).await;
    (world, notebook)
}

pub(crate) async fn attach(
    world: &World,
    notebook: &str,
    body: Value,
    now: i64,
    id: &str,
) -> attach::Attached {
    attach_ok(&world.catalog, &caller("ada"), notebook, body, now, id).await
}

async fn report(
    world: &World,
    job: &str,
    body: Value,
    now: i64,
) -> control_plane::Result<(store::AttachJob, Vec<control_plane::Effect>)> {
    let report = jobs::parse_report(&object(body))?;
    jobs::report(&world.catalog, &caller("ada"), "ws1", job, &report, now).await
}

/// Ada attaches `ws1`, and that job ends.
async fn attached_before(world: &World, notebook: &str) {
    attach(world, notebook, body("ws1"), START, "before").await;
    report(world, "before", json!({"status": "completed"}), START)
        .await
        .unwrap();
}

pub(crate) fn body(workstation: &str) -> Value {
    json!({"workstation_id": workstation})
}

// CP-176
#[tokio::test]
async fn cp_176_only_owners_attach() {
    let (world, notebook) = ready().await;
    let may = |who| attach_gate(&world, who, &notebook);
    assert_eq!(may("ada").await, None);
    assert_eq!(
        may("eve").await.unwrap(),
        format!("user:dev:eve cannot access {notebook}")
    );
    let nobody = attach::may_attach(&world.catalog, &anonymous(), &notebook)
        .await
        .unwrap_err();
    assert_eq!(
        nobody.to_string(),
        "anonymous viewers may only request viewer scope"
    );
    let missing = attach::may_attach(&world.catalog, &caller("ada"), "none")
        .await
        .unwrap_err();
    assert!(matches!(missing, Refusal::Absent("notebook not found")));
}

async fn attach_gate(world: &World, who: &str, notebook: &str) -> Option<String> {
    attach::may_attach(&world.catalog, &caller(who), notebook)
        .await
        .err()
        .map(|e| e.to_string())
}

// CP-177 CP-190
#[test]
fn cp_190_only_literal_words_replace() {
    let parse = |value| attach::parse(&object(value));
    assert_eq!(
        parse(json!({})).unwrap_err().to_string(),
        "workstation_id must be a non-empty string"
    );
    let plain = parse(body("ws")).unwrap();
    let ignored = json!({"workstation_id": "ws", "replace_existing": "yes", "intent": "x"});
    assert_eq!(parse(ignored).unwrap(), plain);
    for replacing in [
        json!({"workstation_id": "ws", "replace_existing": true}),
        json!({"workstationId": "ws", "replaceExisting": true}),
        json!({"workstation_id": "ws", "intent": "restart"}),
    ] {
        assert_ne!(parse(replacing).unwrap(), plain);
    }
}

// CP-182 CP-183 CP-184 CP-185
#[tokio::test]
async fn cp_184_an_attach_makes_a_pending_job_and_publishes_it() {
    let (world, notebook) = ready().await;
    let attached = attach(&world, &notebook, body("ws1"), START + 5, "j").await;
    assert_eq!(attached.job.status, JobStatus::Pending);
    assert_eq!(attached.job.trigger, JobTrigger::UserAttach);
    let shown = published(&attached.effects);
    assert_eq!(
        shown,
        vec![("connecting".to_owned(), Some("j".to_owned()), None)]
    );
    assert_eq!(
        notified(&attached.effects),
        vec![("j".to_owned(), "pending")]
    );
    attach(&world, &notebook, body("ws1"), START + 6, "k").await;
    let rows = world.catalog.acl(&notebook).await.unwrap();
    let peers = rows
        .iter()
        .filter(|row| row.scope == "runtime_peer")
        .count();
    assert_eq!((rows.len(), peers), (2, 1));
    let wire = serde_json::to_value(jobs::to_wire(&attached.job, "http://c")).unwrap();
    assert_eq!(wire["runtime_peer"]["scope"], "runtime_peer");
    assert_eq!(wire["runtime_peer"]["cloud_url"], "http://c");
}

// CP-186
#[tokio::test]
async fn cp_186_repeating_an_attach_joins_the_job_and_wakes_again() {
    let (world, notebook) = ready().await;
    let first = attach(&world, &notebook, body("ws1"), START, "j").await;
    let again = attach(&world, &notebook, body("ws1"), START + 50, "k").await;
    assert_eq!(first.job, again.job);
    assert_eq!(notified(&again.effects), vec![("j".to_owned(), "pending")]);
}

// CP-178 CP-179 CP-181
#[tokio::test]
async fn cp_179_an_offline_workstation_is_refused_with_itself() {
    let (world, notebook) = ready().await;
    world.heartbeat(&caller("eve"), "hers", START).await;
    let input = attach::parse(&object(body("hers"))).unwrap();
    let ada = caller("ada");
    let gone = attach::attach(
        &world.catalog,
        &ada,
        &notebook,
        &input,
        Presence::Connected,
        START,
        "j".into(),
    )
    .await
    .unwrap_err();
    assert!(matches!(
        gone.refusal,
        Refusal::Absent("workstation not found")
    ));
    let input = attach::parse(&object(body("ws1"))).unwrap();
    let late = START + 180_000;
    let offline = attach::attach(
        &world.catalog,
        &ada,
        &notebook,
        &input,
        Presence::Disconnected,
        late,
        "j".into(),
    )
    .await
    .unwrap_err();
    let Refusal::WorkstationOffline(view) = offline.refusal else {
        panic!("not offline")
    };
    assert_eq!(
        view.status_message.as_deref(),
        Some("Workstation event socket is not connected.")
    );
    assert_eq!(
        repairs(&offline.effects)[0].0,
        "workstation ws1 is not online while attaching compute"
    );
    let made = world.catalog.latest_job(&notebook, "ws1").await.unwrap();
    assert_eq!(made, None);
    assert_eq!(world.catalog.acl(&notebook).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_records_of_a_peer_that_is_away_are_left_alone() {
    let (world, notebook) = ready().await;
    attach(&world, &notebook, body("ws1"), START, "j").await;
    report(&world, "j", json!({"status": "running"}), START)
        .await
        .unwrap();
    let input = attach::parse(&object(body("ws1"))).unwrap();
    let ada = caller("ada");
    let late = START + 900_000;
    let offline = attach::attach(
        &world.catalog,
        &ada,
        &notebook,
        &input,
        Presence::Disconnected,
        late,
        "k".into(),
    )
    .await
    .unwrap_err();
    assert!(repairs(&offline.effects).is_empty());
    let back = report(&world, "j", json!({"status": "running"}), late + 1)
        .await
        .unwrap()
        .0;
    assert_eq!(back.status, JobStatus::Running);
}

// CP-188 CP-189 CP-212
#[tokio::test]
async fn cp_188_another_workstation_or_a_restart_displaces_the_job() {
    let (world, notebook) = ready().await;
    attach(&world, &notebook, body("ws1"), START, "j1").await;
    let switched = attach(&world, &notebook, body("ws2"), START + 1, "j2").await;
    assert_eq!(published(&switched.effects)[0].2, Some(SWITCHED_REASON));
    assert_eq!(
        notified(&switched.effects),
        vec![("j1".to_owned(), "cancelled"), ("j2".to_owned(), "pending")]
    );
    let old = world.catalog.job_by_id("j1").await.unwrap().unwrap();
    assert_eq!(old.error_message.as_deref(), Some(attach::REPLACED_MESSAGE));
    let restart = json!({"workstation_id": "ws2", "intent": "restart"});
    let restarted = attach(&world, &notebook, restart, START + 2, "j3").await;
    assert_eq!(restarted.job.id, "j3");
    assert_eq!(published(&restarted.effects)[0].2, Some(RESTART_REASON));
    let late = report(&world, "j1", json!({"status": "running"}), START + 3).await;
    assert!(matches!(late, Err(Refusal::JobOver(job)) if job.status == JobStatus::Cancelled));
}

// CP-197 CP-198 CP-201 CP-204
#[tokio::test]
async fn cp_201_a_request_nobody_accepts_is_failed_by_the_poll() {
    let (world, notebook) = ready().await;
    attach(&world, &notebook, body("ws1"), START, "j").await;
    let ada = caller("ada");
    let poll = |now| jobs::poll(&world.catalog, &ada, "ws1", jobs::Page::default(), now);
    assert_eq!(poll(START + 180_000).await.unwrap().jobs.len(), 1);
    let swept = poll(START + 180_001).await.unwrap();
    assert!(swept.jobs.is_empty());
    assert_eq!(
        repairs(&swept.effects),
        vec![(jobs::STALE_PENDING_MESSAGE.to_owned(), Some("j".to_owned()))]
    );
    let bad = jobs::Page {
        limit: Some("abc"),
        after: None,
    };
    let missing = jobs::poll(&world.catalog, &ada, "none", bad, START).await;
    assert!(matches!(missing, Err(Refusal::WorkstationGone)));
    let nobody = jobs::poll(
        &world.catalog,
        &anonymous(),
        "ws1",
        jobs::Page::default(),
        START,
    )
    .await;
    assert!(matches!(
        nobody,
        Err(Refusal::SignIn("sign in to poll workstation jobs"))
    ));
}

#[tokio::test]
async fn an_accepted_job_outlives_any_silence_short_of_the_long_limit() {
    let (world, notebook) = ready().await;
    attach(&world, &notebook, body("ws1"), START, "j").await;
    report(&world, "j", json!({"status": "accepted"}), START)
        .await
        .unwrap();
    let hour = START + 3_600_000;
    leases::sweep(&world.catalog, hour, limits::SILENT_JOB_MS)
        .await
        .unwrap();
    let polled = jobs::poll(
        &world.catalog,
        &caller("ada"),
        "ws1",
        jobs::Page::default(),
        hour,
    )
    .await
    .unwrap();
    assert_eq!(polled.jobs.len(), 1);
}

// CP-205 CP-206 CP-209 CP-213 CP-218 CP-219
#[tokio::test]
async fn cp_218_reports_publish_what_they_mean() {
    let cases = [
        ("accepted", "connecting", false),
        ("running", "ready", false),
        ("failed", "error", true),
        ("completed", "disconnected", false),
        ("cancelled", "disconnected", true),
    ];
    for (status, shown, repaired) in cases {
        let (world, notebook) = ready().await;
        attach(&world, &notebook, body("ws1"), START, "j").await;
        let (job, effects) = report(&world, "j", json!({"status": status}), START + 1)
            .await
            .unwrap();
        assert_eq!(published(&effects)[0].0, shown);
        assert_eq!(repairs(&effects).len(), usize::from(repaired), "{status}");
        assert_eq!(
            job.finished_ms.is_some(),
            !job.status.is_active(),
            "{status}"
        );
    }
}

// CP-214 CP-215 CP-216 CP-221
#[tokio::test]
async fn cp_214_bad_reports_are_refused_before_the_job_is_looked_up() {
    let (world, notebook) = ready().await;
    attach(&world, &notebook, body("ws1"), START, "j").await;
    let error = |body: Value| async {
        report(&world, "none", body, START)
            .await
            .unwrap_err()
            .to_string()
    };
    let list = "status must be accepted, running, failed, completed, or cancelled";
    assert_eq!(error(json!({"status": "pending"})).await, list);
    assert_eq!(error(json!({"status": "over"})).await, list);
    assert_eq!(
        error(json!({"status": "x".repeat(25)})).await,
        "status is too long"
    );
    let long = json!({"status": "failed", "error_message": "x".repeat(513)});
    assert_eq!(error(long).await, "error_message is too long");
    assert_eq!(
        error(json!({"status": "running"})).await,
        "workstation attach job not found"
    );
    // CP-221 as it is here: its end may still be reported, and nothing is published any more.
    let removed = workstations::deregister(&world.catalog, &caller("ada"), "ws1", START)
        .await
        .unwrap();
    assert_eq!(notified(&removed), vec![("j".to_owned(), "failed")]);
    let (_, effects) = report(&world, "j", json!({"status": "failed"}), START)
        .await
        .unwrap();
    assert!(published(&effects).is_empty());
    let running = report(&world, "j", json!({"status": "running"}), START).await;
    assert!(matches!(running, Err(Refusal::JobOver(_))));
}

// CP-187 CP-235 CP-236 CP-240 WS-373
#[tokio::test]
async fn cp_235_an_execution_resumes_on_a_living_workstation() {
    let (world, notebook) = ready().await;
    attached_before(&world, &notebook).await;
    let resume = |now: i64, id: &'static str| {
        attach::resume(&world.catalog, &notebook, "ws1", None, now, id.to_owned())
    };
    let resumed = resume(START, "j").await.unwrap().unwrap();
    assert_eq!(resumed.job.trigger, JobTrigger::Resume);
    assert_eq!(published(&resumed.effects)[0].0, "connecting");
    assert_eq!(resume(START + 1, "k").await.unwrap().unwrap().job.id, "j");
    let promoted = attach(&world, &notebook, body("ws1"), START + 2, "l").await;
    assert_eq!(
        (promoted.job.id.as_str(), promoted.job.trigger),
        ("j", JobTrigger::UserAttach)
    );
    assert!(resume(START + 180_000, "m").await.unwrap().is_none());
    let missing = attach::resume(
        &world.catalog,
        &notebook,
        "gone",
        None,
        START,
        "n".to_owned(),
    )
    .await;
    assert!(missing.unwrap().is_none());
}

// A queued execution must not be lost because its machine was away for a while (decision D2).
#[tokio::test]
async fn a_resume_waits_for_its_workstation() {
    let (world, notebook) = ready().await;
    attached_before(&world, &notebook).await;
    let resumed = attach::resume(
        &world.catalog,
        &notebook,
        "ws1",
        None,
        START,
        "j".to_owned(),
    )
    .await
    .unwrap();
    assert!(resumed.is_some());
    let hour = START + 3_600_000;
    let polled = jobs::poll(
        &world.catalog,
        &caller("ada"),
        "ws1",
        jobs::Page::default(),
        hour,
    )
    .await
    .unwrap();
    assert_eq!(polled.jobs.len(), 1);
}
