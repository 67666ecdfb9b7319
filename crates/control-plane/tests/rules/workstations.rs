//! Registration, default, removal and the end of leases.

use control_plane::workstations::{self, Presence};
use control_plane::{Effect, Refusal, jobs, leases, limits};
use serde_json::json;
use store::AttachJobs;
use wire::http::JobStatus;

use crate::{START, World, anonymous, attach_ok, caller, notified, object, repairs};

async fn listed(world: &World, now: i64) -> Vec<(String, String, bool)> {
    workstations::list(&world.catalog, &caller("ada"), now, |_| Presence::Unknown)
        .await
        .unwrap()
        .workstations
        .into_iter()
        .map(|view| {
            (
                view.row.workstation_id.clone(),
                view.status,
                view.is_default,
            )
        })
        .collect()
}

// CP-137 CP-140 CP-142 CP-143
#[tokio::test]
async fn cp_140_the_list_is_by_id_and_only_the_callers() {
    let world = World::new().await;
    for (owner, id) in [("ada", "ws-b"), ("ada", "ws-a"), ("eve", "ws-c")] {
        world.heartbeat(&caller(owner), id, START).await;
    }
    let expected = |default: &str| {
        ["ws-a", "ws-b"]
            .map(|id| (id.to_owned(), "online".to_owned(), id == default))
            .to_vec()
    };
    assert_eq!(listed(&world, START).await, expected("ws-b"));
    let ada = caller("ada");
    workstations::select_default(&world.catalog, &ada, "ws-a", START)
        .await
        .unwrap();
    assert_eq!(listed(&world, START).await, expected("ws-a"));
    let foreign = workstations::select_default(&world.catalog, &ada, "ws-c", START).await;
    assert!(matches!(
        foreign,
        Err(Refusal::Absent("workstation not found"))
    ));
    let nobody =
        workstations::list(&world.catalog, &anonymous(), START, |_| Presence::Unknown).await;
    assert!(matches!(
        nobody,
        Err(Refusal::SignIn("sign in to manage workstations"))
    ));
}

// CP-145 CP-146 CP-147 CP-148 CP-149 CP-152
#[tokio::test]
async fn cp_148_removing_an_online_workstation_is_announced_once() {
    let world = World::new().await;
    let ada = caller("ada");
    world.heartbeat(&ada, "ws", START).await;
    let foreign = workstations::deregister(&world.catalog, &caller("eve"), "ws", START).await;
    assert!(matches!(foreign, Err(Refusal::WorkstationGone)));
    let effects = workstations::deregister(&world.catalog, &ada, "ws", START)
        .await
        .unwrap();
    assert!(matches!(
        effects.as_slice(),
        [Effect::WentOffline {
            reason: "workstation deregistered",
            ..
        }]
    ));
    let again = workstations::deregister(&world.catalog, &ada, "ws", START).await;
    assert!(matches!(again, Err(Refusal::WorkstationGone)));
    world.heartbeat(&ada, "ws", START).await;
    assert_eq!(
        listed(&world, START).await,
        vec![("ws".to_owned(), "online".to_owned(), true)]
    );
    leases::sweep(&world.catalog, START + 180_000, limits::SILENT_JOB_MS)
        .await
        .unwrap();
    let quiet = workstations::deregister(&world.catalog, &ada, "ws", START)
        .await
        .unwrap();
    assert_eq!(quiet, Vec::new());
}

// CP-167 CP-168 CP-172 CP-174; what a lease does not end is decision D1's
#[tokio::test]
async fn cp_168_an_ended_lease_makes_offline_and_nothing_else() {
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    world.heartbeat(&ada, "ws", START).await;
    attach_ok(
        &world.catalog,
        &ada,
        &notebook,
        json!({"workstation_id": "ws"}),
        START,
        "j",
    )
    .await;
    let accepted = jobs::parse_report(&object(json!({"status": "accepted"}))).unwrap();
    jobs::report(&world.catalog, &ada, "ws", "j", &accepted, START)
        .await
        .unwrap();
    let long = limits::SILENT_JOB_MS;
    let early = leases::sweep(&world.catalog, START + 179_999, long)
        .await
        .unwrap();
    assert_eq!(
        (early.effects, early.next_ms),
        (Vec::new(), Some(START + 180_000))
    );
    let ended = leases::sweep(&world.catalog, START + 180_000, long)
        .await
        .unwrap();
    assert!(matches!(
        ended.effects.as_slice(),
        [Effect::WentOffline {
            reason: leases::EXPIRED_REASON,
            ..
        }]
    ));
    assert_eq!(listed(&world, START + 180_000).await[0].1, "offline");
    let job = world.catalog.job_by_id("j").await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Accepted);
    let silent = leases::sweep(&world.catalog, START + 180_001, long)
        .await
        .unwrap();
    assert_eq!(silent.effects, Vec::new());
    world.heartbeat(&ada, "ws", START + 200_000).await;
    assert_eq!(listed(&world, START + 200_000).await[0].1, "online");
}

#[tokio::test]
async fn a_job_without_reports_ends_after_the_configured_long_time() {
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    world.heartbeat(&ada, "ws", START).await;
    attach_ok(
        &world.catalog,
        &ada,
        &notebook,
        json!({"workstation_id": "ws"}),
        START,
        "j",
    )
    .await;
    let at_limit = leases::sweep(&world.catalog, START + 5_000, 5_000)
        .await
        .unwrap();
    assert_eq!(at_limit.effects, Vec::new());
    let over = leases::sweep(&world.catalog, START + 5_001, 5_000)
        .await
        .unwrap();
    assert_eq!(notified(&over.effects), vec![("j".to_owned(), "failed")]);
    assert_eq!(repairs(&over.effects)[0].1.as_deref(), Some("j"));
}
