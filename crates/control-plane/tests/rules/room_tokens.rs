//! What a job is exchanged for, and whom an owner lets into rooms.

use control_plane::{
    Caller, CallerCredential, Refusal, credentials, jobs, leases, machines, room_tokens,
};
use serde_json::json;
use store::AttachJobs;
use wire::http::JobStatus;

use crate::machines::{JOB, by_token, pair, register, ws};
use crate::{START, World, attach_ok, caller, notified, object};

/// A machine of ada with an accepted job.
async fn accepted(world: &World) -> (Caller, String) {
    let ada = caller("ada");
    let token = pair(world, "c", 1, START).await;
    register(world, &token, ws("ws"), START).await.unwrap();
    let notebook = world.notebook(&ada).await;
    attach_ok(&world.catalog, &ada, &notebook, ws("ws"), START, JOB).await;
    let machine = by_token(world, &token, START).await.unwrap();
    let early = room_tokens::issue(&world.catalog, &machine, "ws", JOB, [1; 24], START).await;
    assert!(matches!(early, Err(Refusal::Conflict(_))));
    report(world, "accepted").await;
    (machine, notebook)
}

async fn report(world: &World, status: &str) {
    let report = jobs::parse_report(&object(json!({"status": status}))).unwrap();
    jobs::report(&world.catalog, &caller("ada"), "ws", JOB, &report, START)
        .await
        .unwrap();
}

// D16
#[tokio::test]
async fn an_accepted_job_is_exchanged_for_a_token_of_its_room() {
    let world = World::new().await;
    let (machine, notebook) = accepted(&world).await;
    let issue = |seed: u8, now: i64| {
        let (catalog, machine) = (world.catalog.clone(), machine.clone());
        async move { room_tokens::issue(&catalog, &machine, "ws", JOB, [seed; 24], now).await }
    };
    let first = issue(1, START).await.unwrap();
    assert!(first.token.starts_with("nwr_") && wire::token::checksum_holds(&first.token));
    assert_eq!(
        (first.lifetime_ms, &first.notebook_id),
        (600_000, &notebook)
    );
    let check = async |token: &str, scope: &'static str, now: i64| {
        room_tokens::authenticate(&world.catalog, token, Some(scope), now).await
    };
    let found = check(&first.token, "runtime_peer", START).await.unwrap();
    assert_eq!(
        (found.job_id.as_str(), &found.notebook_id),
        (JOB, &notebook)
    );
    let viewer = check(&first.token, "viewer", START).await;
    assert!(matches!(viewer, Err(Refusal::Forbidden(_))));
    let late = START + 600_000;
    let expired = check(&first.token, "runtime_peer", late).await;
    assert!(matches!(expired, Err(Refusal::RoomTokenExpired)));
    // Renewed while the job is active; the one before lives on to its own end.
    let second = issue(2, START + 300_000).await.unwrap();
    check(&first.token, "runtime_peer", late - 1).await.unwrap();
    check(&second.token, "runtime_peer", late).await.unwrap();
    // Also when it was forgotten, an old token is told from an unknown one.
    leases::tidy(&world.catalog, late).await.unwrap();
    let forgotten = check(&first.token, "runtime_peer", late).await;
    assert!(matches!(forgotten, Err(Refusal::RoomTokenExpired)));
    let unknown = check("nwr_x", "runtime_peer", late).await;
    assert!(matches!(
        unknown,
        Err(Refusal::SignIn("room token is not recognized"))
    ));
    report(&world, "completed").await;
    for token in [&first.token, &second.token] {
        let over = check(token, "runtime_peer", late).await;
        assert!(matches!(over, Err(Refusal::JobOver(_))), "{over:?}");
    }
    assert!(matches!(issue(3, late).await, Err(Refusal::JobOver(_))));
}

#[tokio::test]
async fn a_revoked_credential_takes_its_room_tokens_along() {
    let world = World::new().await;
    let (machine, _) = accepted(&world).await;
    let issued = room_tokens::issue(&world.catalog, &machine, "ws", JOB, [1; 24], START)
        .await
        .unwrap();
    let ada = caller("ada");
    let effects = credentials::revoke(&world.catalog, &ada, "c", START)
        .await
        .unwrap();
    assert_eq!(notified(&effects), vec![(JOB.to_owned(), "failed")]);
    let job = world.catalog.job_by_id(JOB).await.unwrap().unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let scope = Some("runtime_peer");
    let refused = room_tokens::authenticate(&world.catalog, &issued.token, scope, START).await;
    assert!(matches!(refused, Err(Refusal::SignIn(_))));
    let person = room_tokens::issue(&world.catalog, &ada, "ws", JOB, [1; 24], START).await;
    assert!(matches!(person, Err(Refusal::Forbidden(_))));
}

#[tokio::test]
async fn an_owner_may_let_only_room_tokens_into_rooms() {
    let world = World::new().await;
    let (machine, notebook) = accepted(&world).await;
    let enter =
        async |who: &Caller, id: &str| room_tokens::may_enter(&world.catalog, who, id).await;
    enter(&machine, &notebook).await.unwrap();
    let body = object(json!({"room_tokens_only": true, "room_token_s": 30}));
    let settings = machines::change_settings(&world.catalog, &caller("ada"), &body, START)
        .await
        .unwrap();
    assert_eq!(
        (settings.room_tokens_only, settings.room_token_s),
        (true, 30)
    );
    assert!(matches!(
        enter(&machine, &notebook).await,
        Err(Refusal::Forbidden(_))
    ));
    enter(&caller("ada"), &notebook).await.unwrap();
    let room = Some(control_plane::RoomGrant {
        notebook_id: notebook.clone(),
        job_id: JOB.to_owned(),
        workstation_id: "ws".to_owned(),
    });
    let peer = Caller {
        credential: Some(CallerCredential {
            room,
            ..CallerCredential::default()
        }),
        ..machine
    };
    enter(&peer, &notebook).await.unwrap();
    assert!(matches!(
        enter(&peer, "another").await,
        Err(Refusal::Forbidden(_))
    ));
    for bad in [
        json!({"room_token_s": 1}),
        json!({"credential_days": 4_000}),
    ] {
        let refused =
            machines::change_settings(&world.catalog, &caller("ada"), &object(bad), START).await;
        assert!(matches!(refused, Err(Refusal::Invalid(_))));
    }
}
