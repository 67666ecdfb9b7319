//! What machines may do beyond the reference: rotation, expiry, binding, removal, history.

use control_plane::pairing::{self, RedeemEntropy};
use control_plane::{
    Caller, Effect, Refusal, credentials, jobs, leases, limits, machines, notebooks, registration,
    workstations,
};
use serde_json::{Value, json};
use store::AttachJobs;
use wire::http::JobStatus;

use crate::{START, World, attach_ok, caller, notified, object};

pub(crate) const JOB: &str = "254f71a2-4f9a-40c1-8b41-ac5e5c17855a";

/// Pairs a machine of ada at a time.
pub(crate) async fn pair(world: &World, id: &str, seed: u8, now: i64) -> String {
    let ada = caller("ada");
    let pairing_id = format!("p-{id}");
    let minted = pairing::mint(&world.catalog, &ada, None, now, pairing_id, [seed; 16])
        .await
        .unwrap();
    let input = pairing::redeem_input(&object(json!({"code": minted.code}))).unwrap();
    let entropy = RedeemEntropy {
        credential_id: id.to_owned(),
        token: [seed; 28],
    };
    pairing::redeem(&world.catalog, &input, "192.0.2.1", now, entropy)
        .await
        .unwrap()
        .token
}

/// The caller behind a token.
pub(crate) async fn by_token(
    world: &World,
    token: &str,
    now: i64,
) -> control_plane::Result<Caller> {
    let (row, _) = credentials::authenticate(&world.catalog, token, None, now).await?;
    Ok(Caller {
        credential: Some(credentials::caller_credential(&row, token)),
        actor_label: "user:dev:ada/workstation:agent".to_owned(),
        ..caller("ada")
    })
}

pub(crate) async fn register(
    world: &World,
    token: &str,
    body: Value,
    now: i64,
) -> control_plane::Result<workstations::WorkstationView> {
    let who = by_token(world, token, now).await?;
    let input = registration::parse(&object(body))?;
    registration::register(
        &world.catalog,
        &who,
        input,
        Some("192.0.2.1".to_owned()),
        now,
    )
    .await
}

pub(crate) fn ws(id: &str) -> Value {
    json!({"workstation_id": id})
}

// HAZ-4, CP-110
#[tokio::test]
async fn a_credential_serves_the_workstation_it_first_registers() {
    let world = World::new().await;
    let token = pair(&world, "c", 1, START).await;
    register(&world, &token, ws("one"), START).await.unwrap();
    let other = register(&world, &token, ws("two"), START).await;
    assert!(matches!(other, Err(Refusal::Unpaired(_))), "{other:?}");
    world.heartbeat(&caller("ada"), "two", START).await;
    let who = by_token(&world, &token, START).await.unwrap();
    let polled = jobs::poll(&world.catalog, &who, "two", jobs::Page::default(), START).await;
    assert!(matches!(polled, Err(Refusal::Forbidden(_))));
    let removed = workstations::deregister(&world.catalog, &who, "two", START).await;
    assert!(matches!(removed, Err(Refusal::Forbidden(_))));
    let reach = |several| {
        let catalog = world.catalog.clone();
        async move { credentials::set_reach(&catalog, &caller("ada"), "c", several, START).await }
    };
    reach(true).await.unwrap();
    register(&world, &token, ws("two"), START).await.unwrap();
    let (pairing, _) = pairing::poll(&world.catalog, &caller("ada"), "p-c", START)
        .await
        .unwrap();
    assert_eq!(pairing.workstation_id.as_deref(), Some("one"));
    reach(false).await.unwrap();
    assert!(register(&world, &token, ws("two"), START).await.is_err());
    let foreign = credentials::set_reach(&world.catalog, &caller("eve"), "c", true, START).await;
    assert!(matches!(foreign, Err(Refusal::Absent(_))));
}

// HAZ-12
#[tokio::test]
async fn a_removal_holds_until_the_machine_is_paired_again() {
    let world = World::new().await;
    let ada = caller("ada");
    let token = pair(&world, "c1", 1, START).await;
    register(&world, &token, ws("ws"), START).await.unwrap();
    let notebook = world.notebook(&ada).await;
    attach_ok(&world.catalog, &ada, &notebook, ws("ws"), START, JOB).await;
    let now = START + 1_000;
    let effects = workstations::deregister(&world.catalog, &ada, "ws", now)
        .await
        .unwrap();
    assert_eq!(notified(&effects), vec![(JOB.to_owned(), "failed")]);
    // The event goes out before its socket is closed.
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let told = place(|effect| matches!(effect, Effect::WentOffline { .. }));
    let closed = place(|effect| matches!(effect, Effect::CloseCredential { .. }));
    let repaired = place(|effect| matches!(effect, Effect::RepairRoom { .. }));
    assert!(told < closed && closed < repaired, "{effects:?}");
    let back = register(&world, &token, ws("ws"), now + 1).await;
    assert!(matches!(back, Err(Refusal::Unpaired(_))), "{back:?}");
    let list = workstations::list(&world.catalog, &ada, now, |_| {
        workstations::Presence::Unknown
    })
    .await
    .unwrap();
    assert!(list.workstations.is_empty());
    let again = pair(&world, "c2", 2, now + 2).await;
    register(&world, &again, ws("ws"), now + 3).await.unwrap();
    let history = machines::history(&world.catalog, &ada, "ws", None, None, None)
        .await
        .unwrap();
    let words: Vec<&str> = history.iter().rev().map(|e| e.event.as_str()).collect();
    assert_eq!(
        words,
        [
            "registered",
            "paired",
            "job_pending",
            "credential_revoked",
            "job_failed",
            "removed",
            "registered",
            "paired"
        ]
    );
}

// HAZ-12: what a removed machine has left opens nothing, and it still learns that it was removed.
#[tokio::test]
async fn a_removal_ends_the_credential_of_the_machine_alone() {
    let world = World::new().await;
    let ada = caller("ada");
    let own = pair(&world, "own", 1, START).await;
    let several = pair(&world, "several", 2, START).await;
    credentials::set_reach(&world.catalog, &ada, "several", true, START)
        .await
        .unwrap();
    register(&world, &several, ws("ws"), START).await.unwrap();
    register(&world, &own, ws("ws"), START).await.unwrap();
    let effects = workstations::deregister(&world.catalog, &ada, "ws", START)
        .await
        .unwrap();
    let closed = Effect::CloseCredential {
        credential_id: "own".to_owned(),
    };
    assert_eq!(effects.last(), Some(&closed));
    let refused = by_token(&world, &own, START).await.unwrap_err().to_string();
    assert!(refused.starts_with("this workstation was removed by its owner"));
    // By these words an agent knows that it is to end its kernels.
    assert!(refused.contains("workstation credential is not recognized"));
    by_token(&world, &several, START).await.unwrap();
}

// HAZ-10: nobody can renew the lease of a machine without a credential.
#[tokio::test]
async fn a_machine_whose_credential_was_revoked_is_offline() {
    let world = World::new().await;
    let ada = caller("ada");
    let token = pair(&world, "c", 1, START).await;
    register(&world, &token, ws("ws"), START).await.unwrap();
    credentials::revoke(&world.catalog, &ada, "c", START)
        .await
        .unwrap();
    let unknown = |_: &str| workstations::Presence::Unknown;
    let list = workstations::list(&world.catalog, &ada, START, unknown).await;
    assert_eq!(list.unwrap().workstations[0].status, "offline");
}

#[tokio::test]
async fn a_code_may_expect_a_machine_by_name() {
    let world = World::new().await;
    let expected = pairing::mint_input(br#"{"machine_name": "Lab-2"}"#).unwrap();
    for ignored in ["", "[]", "nonsense", "{}"] {
        assert_eq!(pairing::mint_input(ignored.as_bytes()).unwrap(), None);
    }
    let ada = caller("ada");
    let minted = pairing::mint(&world.catalog, &ada, expected, START, "p".into(), [1; 16])
        .await
        .unwrap();
    let redeem = |body: Value| {
        let catalog = world.catalog.clone();
        async move {
            let input = pairing::redeem_input(&object(body)).unwrap();
            let entropy = RedeemEntropy {
                credential_id: "c".to_owned(),
                token: [1; 28],
            };
            pairing::redeem(&catalog, &input, "192.0.2.1", START, entropy).await
        }
    };
    for wrong in [
        json!({"code": minted.code}),
        json!({"code": minted.code, "machine_name": "lab-3"}),
    ] {
        let refused = redeem(wrong).await.err().unwrap();
        assert!(matches!(refused, Refusal::Forbidden(text) if text.contains("Hint: ")));
    }
    let right = json!({"code": minted.code, "machine_name": "lab-2"});
    assert!(redeem(right).await.is_ok());
}

#[tokio::test]
async fn machines_of_one_name_are_told_apart() {
    let world = World::new().await;
    let one = pair(&world, "c1", 1, START).await;
    let two = pair(&world, "c2", 2, START).await;
    let body = |machine: &str| json!({"workstation_id": "ws-lab", "machine_id": machine, "hostname": "lab", "os": "Linux"});
    let view = register(&world, &one, body("m1"), START).await.unwrap();
    let wire = view.to_wire();
    let told = (
        wire.hostname.as_deref(),
        wire.os.as_deref(),
        wire.address.as_deref(),
    );
    assert_eq!(told, (Some("lab"), Some("Linux"), Some("192.0.2.1")));
    let twin = register(&world, &two, body("m2"), START + 1).await;
    assert!(matches!(twin, Err(Refusal::IdTaken(_))), "{twin:?}");
    register(&world, &one, body("m1"), START + 2).await.unwrap();
    // A machine that is away may be replaced by its successor.
    let later = START + 2 + limits::LEASE_MS;
    register(&world, &two, body("m2"), later).await.unwrap();
}

#[tokio::test]
async fn pairing_alone_brings_no_machine_online_and_takes_none_off() {
    let world = World::new().await;
    let one = pair(&world, "c1", 1, START).await;
    let two = pair(&world, "c2", 2, START).await;
    let body = |machine: &str, serving: bool| json!({"workstation_id": "ws-lab", "machine_id": machine, "serving": serving});
    let status = async |credential: &_, machine: &str, serving: bool, at: i64| {
        let view = register(&world, credential, body(machine, serving), at).await?;
        let wire = view.to_wire();
        Ok::<_, Refusal>((wire.status, wire.status_reason.unwrap_or_default()))
    };
    let is = |status: &str, reason: &str| (status.to_owned(), reason.to_owned());
    let paired = is("offline", "not_started");
    let online = is("online", "heartbeat");
    assert_eq!(status(&one, "m1", false, START).await.unwrap(), paired);
    let twin = status(&two, "m2", false, START + 1).await;
    assert!(matches!(twin, Err(Refusal::IdTaken(_))), "{twin:?}");
    assert_eq!(status(&one, "m1", true, START + 2).await.unwrap(), online);
    // Paired again beside its agent.
    assert_eq!(status(&one, "m1", false, START + 3).await.unwrap(), online);
    // Its agent was not heard for a lease, though nobody has noted that yet; then it starts again.
    let later = START + 3 + limits::LEASE_MS;
    assert_eq!(status(&one, "m1", false, later).await.unwrap(), paired);
    assert_eq!(status(&one, "m1", true, later + 1).await.unwrap(), online);
}

#[tokio::test]
async fn who_is_online_has_a_reason_and_a_beginning() {
    let world = World::new().await;
    let ada = caller("ada");
    world.heartbeat(&ada, "ws", START).await;
    world.heartbeat(&ada, "ws", START + 60_000).await;
    let shown = async |now: i64| {
        let list = workstations::list(&world.catalog, &ada, now, |_| {
            workstations::Presence::Unknown
        });
        let wire = list.await.unwrap().workstations[0].to_wire();
        (
            wire.status,
            wire.status_reason.unwrap(),
            wire.status_since.unwrap().0 - START,
        )
    };
    let online = |since| ("online".to_owned(), "heartbeat".to_owned(), since);
    assert_eq!(shown(START + 70_000).await, online(0));
    let end = START + 60_000 + limits::LEASE_MS;
    let offline = (
        "offline".to_owned(),
        "lease_expired".to_owned(),
        end - START,
    );
    assert_eq!(shown(end).await, offline);
    leases::sweep(&world.catalog, end, limits::SILENT_JOB_MS)
        .await
        .unwrap();
    assert_eq!(shown(end + 1).await, offline);
    world.heartbeat(&ada, "ws", end + 5).await;
    assert_eq!(shown(end + 6).await, online(end + 5 - START));
}

// HAZ-10
#[tokio::test]
async fn revoking_a_credential_of_several_machines_ends_the_work_of_each_that_has_no_other() {
    let world = World::new().await;
    let ada = caller("ada");
    let several = pair(&world, "several", 1, START).await;
    let own = pair(&world, "own", 2, START).await;
    credentials::set_reach(&world.catalog, &ada, "several", true, START)
        .await
        .unwrap();
    for (token, id) in [
        (&several, "first"),
        (&several, "second"),
        (&own, "with-own"),
    ] {
        register(&world, token, ws(id), START).await.unwrap();
    }
    for (at, id) in ["first", "second", "with-own"].into_iter().enumerate() {
        let entropy = [u8::try_from(at).unwrap(); 10];
        let notebook = notebooks::create(&world.catalog, &ada, None, START, || entropy)
            .await
            .unwrap();
        let job = format!("job-{id}");
        attach_ok(&world.catalog, &ada, &notebook.id, ws(id), START, &job).await;
    }
    let effects = credentials::revoke(&world.catalog, &ada, "several", START)
        .await
        .unwrap();
    let failed = |id: &str| (format!("job-{id}"), "failed");
    assert_eq!(notified(&effects), [failed("first"), failed("second")]);
    let kept = world.catalog.job_by_id("job-with-own").await.unwrap();
    assert_eq!(kept.unwrap().status, JobStatus::Pending);
}
