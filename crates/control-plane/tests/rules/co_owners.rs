//! Machines of co-owners, and what becomes of them when their right to attach goes.

use control_plane::attach::{self, SWITCHED_REASON};
use control_plane::people::{self, Profile};
use control_plane::workstations::Presence;
use control_plane::{Caller, Effect, Refusal, jobs, notebooks, sharing};
use serde_json::json;
use store::{AttachJobs, Notebooks};
use wire::http::JobStatus;

use crate::attaching::{attach, body, ready};
use crate::{START, World, attach_ok, caller, notified, object, published};

/// Takes a row of somebody's away; what follows.
async fn revoke(world: &World, notebook: &str, who: &str, scope: &str) -> Vec<Effect> {
    revoke_of(world, notebook, &format!("user:dev:{who}"), scope).await
}

async fn revoke_of(world: &World, notebook: &str, subject: &str, scope: &str) -> Vec<Effect> {
    let row = json!({"subject_kind": "principal", "subject": subject, "scope": scope});
    let mutation = sharing::parse(&object(row)).unwrap();
    let ada = caller("ada");
    let revoked = sharing::revoke(&world.catalog, &ada, notebook, &mutation, START).await;
    revoked.unwrap().1
}

/// A notebook of ada's with a co-owner, grace, whose machine `hers` serves it; the job's id is `j`.
async fn served_by_a_co_owner() -> (World, String) {
    let (world, notebook) = ready().await;
    let grace = caller("grace");
    share_with_grace(&world, &notebook).await;
    world.heartbeat(&grace, "hers", START).await;
    attach_ok(&world.catalog, &grace, &notebook, body("hers"), START, "j").await;
    (world, notebook)
}

/// Makes grace a co-owner.
async fn share_with_grace(world: &World, notebook: &str) {
    let row = json!({"subject_kind": "principal", "subject": "user:dev:grace", "scope": "owner"});
    let row = sharing::parse(&object(row)).unwrap();
    sharing::grant(&world.catalog, &caller("ada"), notebook, &row, START)
        .await
        .unwrap();
}

async fn scopes_of(world: &World, notebook: &str, who: &str) -> Vec<String> {
    let subject = format!("user:dev:{who}");
    let rows = world.catalog.acl(notebook).await.unwrap();
    let own = rows.into_iter().filter(|row| row.subject == subject);
    own.map(|row| row.scope).collect()
}

// HAZ-17, HAZ-29, D14: a co-owner's machine may be resumed, and not once they are none any more: the cell that
// somebody runs must not let them in again.
#[tokio::test]
async fn a_removed_co_owners_machine_is_not_resumed() {
    let (world, notebook) = served_by_a_co_owner().await;
    let completed = jobs::parse_report(&object(json!({"status": "completed"}))).unwrap();
    jobs::report(
        &world.catalog,
        &caller("grace"),
        "hers",
        "j",
        &completed,
        START,
    )
    .await
    .unwrap();
    let resume = async |id: &str| {
        let session = Some("j");
        let (catalog, id) = (&world.catalog, id.to_owned());
        attach::resume(catalog, &notebook, "hers", session, START, id)
            .await
            .unwrap()
    };
    assert!(resume("k").await.is_some());
    for scope in ["owner", "runtime_peer"] {
        revoke(&world, &notebook, "grace", scope).await;
    }
    assert!(resume("l").await.is_none());
    assert!(scopes_of(&world, &notebook, "grace").await.is_empty());
}

// HAZ-17: what a room says of its compute may come from a co-owner, by a publication or a dial; it must not reach a
// machine that was never attached here.
#[tokio::test]
async fn an_execution_resumes_nothing_that_was_not_attached_to_the_notebook() {
    let (world, notebook) = served_by_a_co_owner().await;
    let other = notebooks::create(&world.catalog, &caller("ada"), None, START, || [8; 10])
        .await
        .unwrap()
        .id;
    attach(&world, &other, body("ws1"), START, "elsewhere").await;
    let resume = async |workstation: &str, session: Option<&str>| {
        let (catalog, id) = (&world.catalog, "k".to_owned());
        attach::resume(catalog, &notebook, workstation, session, START, id)
            .await
            .unwrap()
    };
    for session in [None, Some("elsewhere"), Some("j"), Some("none")] {
        assert_eq!(resume("ws1", session).await, None, "{session:?}");
    }
    for session in [None, Some("elsewhere"), Some("j")] {
        let resumed = resume("hers", session).await.unwrap();
        assert_eq!(resumed.job.owner_principal, "user:dev:grace");
    }
}

// HAZ-29: with the right to attach goes the row that the attach left, and the job: nobody is told that a peer serves
// them which is not let in.
#[tokio::test]
async fn who_is_no_owner_any_more_gives_no_compute() {
    let (world, notebook) = served_by_a_co_owner().await;
    let viewer =
        json!({"subject_kind": "principal", "subject": "user:dev:grace", "scope": "viewer"});
    let viewer = sharing::parse(&object(viewer)).unwrap();
    sharing::grant(&world.catalog, &caller("ada"), &notebook, &viewer, START)
        .await
        .unwrap();
    let effects = revoke(&world, &notebook, "grace", "owner").await;
    assert!(matches!(effects[0], Effect::AccessChanged { .. }));
    assert_eq!(published(&effects)[0].0, "error");
    assert_eq!(notified(&effects), [("j".to_owned(), "failed")]);
    assert_eq!(scopes_of(&world, &notebook, "grace").await, ["viewer"]);
    assert_eq!(scopes_of(&world, &notebook, "ada").await, ["owner"]);
}

/// Grace signs in with an address; the account that this makes hers.
async fn grace_signs_in_as(world: &World, email: &str) -> String {
    let profile = Profile {
        principal: "user:dev:grace".to_owned(),
        namespace: "user:dev".to_owned(),
        provider: people::OIDC,
        display_name: None,
        email: Some(email.to_owned()),
    };
    let signed_in = people::signed_in(&world.catalog, &profile, START).await;
    signed_in.unwrap().0
}

// HAZ-29: the row that an attach left is hers also under the names that she had by then.
#[tokio::test]
async fn who_attached_under_a_former_name_keeps_no_way_in_either() {
    for by_account in [false, true] {
        let (world, notebook) = served_by_a_co_owner().await;
        let mut account = grace_signs_in_as(&world, "grace@example.org").await;
        if by_account {
            revoke_of(&world, &notebook, &account, "runtime_peer").await;
            let signed_in = Caller {
                actor_label: format!("{account}/browser:tab"),
                principal: account,
                ..caller("grace")
            };
            attach_ok(
                &world.catalog,
                &signed_in,
                &notebook,
                body("hers"),
                START,
                "k",
            )
            .await;
            account = grace_signs_in_as(&world, "hopper@example.org").await;
        }
        revoke_of(&world, &notebook, &account, "owner").await;
        let rows = world.catalog.acl(&notebook).await.unwrap();
        let subjects: Vec<&str> = rows.iter().map(|row| row.subject.as_str()).collect();
        assert_eq!(subjects, ["user:dev:ada"], "{by_account}");
    }
}

// HAZ-29: whoever loses the right while their attach is under way leaves neither a row nor a job.
#[tokio::test]
async fn an_attach_that_crosses_a_revocation_leaves_nothing() {
    let (world, notebook) = served_by_a_co_owner().await;
    let grace = caller("grace");
    attach::may_attach(&world.catalog, &grace, &notebook)
        .await
        .unwrap();
    revoke(&world, &notebook, "grace", "owner").await;
    attach(&world, &notebook, body("ws1"), START, "k").await;
    let input = attach::parse(&object(body("hers"))).unwrap();
    let refused = attach::attach(
        &world.catalog,
        &grace,
        &notebook,
        &input,
        Presence::Connected,
        START,
        "l".to_owned(),
    )
    .await
    .unwrap_err();
    let text = format!("user:dev:grace cannot access {notebook}");
    assert_eq!(refused.refusal.to_string(), text);
    // Whom it displaced hears of it, and so does its own machine.
    assert_eq!(
        notified(&refused.effects),
        [("k".to_owned(), "cancelled"), ("l".to_owned(), "failed")]
    );
    assert!(scopes_of(&world, &notebook, "grace").await.is_empty());
    assert_eq!(world.catalog.active_job(&notebook).await.unwrap(), None);
}

// A machine authority that an owner granted on purpose is not an attach's to lose.
#[tokio::test]
async fn a_runtime_peer_row_that_somebody_granted_stays() {
    let (world, notebook) = ready().await;
    for scope in ["runtime_peer", "owner"] {
        let row = json!({"subject_kind": "principal", "subject": "user:dev:grace", "scope": scope});
        let mutation = sharing::parse(&object(row)).unwrap();
        sharing::grant(&world.catalog, &caller("ada"), &notebook, &mutation, START)
            .await
            .unwrap();
    }
    let grace = caller("grace");
    world.heartbeat(&grace, "hers", START).await;
    attach_ok(&world.catalog, &grace, &notebook, body("hers"), START, "j").await;
    revoke(&world, &notebook, "grace", "owner").await;
    assert_eq!(
        scopes_of(&world, &notebook, "grace").await,
        ["runtime_peer"]
    );
    // Taken away by itself, it ends what it served.
    let again = attach(&world, &notebook, body("ws1"), START, "k").await;
    assert_eq!(again.job.id, "k");
    let effects = revoke(&world, &notebook, "ada", "runtime_peer").await;
    assert_eq!(notified(&effects), [("k".to_owned(), "failed")]);
}

// HAZ-14
#[tokio::test]
async fn a_co_owners_machine_takes_over_and_the_other_hears_it_and_publishes_nothing() {
    let world = World::new().await;
    let (ada, grace) = (caller("ada"), caller("grace"));
    let notebook = world.notebook(&ada).await;
    share_with_grace(&world, &notebook).await;
    // Each has a machine of the same id.
    for who in [&ada, &grace] {
        world.heartbeat(who, "ws", START).await;
    }
    let body = json!({"workstation_id": "ws"});
    let attached = |who, now, id| attach_ok(&world.catalog, who, &notebook, body.clone(), now, id);
    attached(&ada, START, "of-ada").await;
    let later = START + 1_000;
    let attached = attached(&grace, later, "of-grace").await;
    assert_eq!(
        notified(&attached.effects),
        [
            ("of-ada".to_owned(), "cancelled"),
            ("of-grace".to_owned(), "pending")
        ]
    );
    let Effect::PublishAttachment { close_peers, .. } = &attached.effects[0] else {
        panic!("{:?}", attached.effects);
    };
    assert_eq!(*close_peers, Some(SWITCHED_REASON));
    let report = |status: &str| {
        let report = jobs::parse_report(&object(json!({"status": status}))).unwrap();
        let (catalog, ada) = (&world.catalog, &ada);
        async move { jobs::report(catalog, ada, "ws", "of-ada", &report, later).await }
    };
    let refused = report("running").await.unwrap_err();
    assert!(matches!(refused, Refusal::JobOver(job) if job.status == JobStatus::Cancelled));
    let (_, effects) = report("cancelled").await.unwrap();
    assert_eq!(effects, []);
}
