//! What the catalog promises, on a real database.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use store::{
    AccountLink, AclRemoval, AttachJobs, HistoryPage, Library, ListPlace, MachineSettings,
    Machines, NewAclRow, NewCredential, NewRoomToken, Notebooks, PairingStore, People,
    Registration, RoomTokens, Rotation, SubjectKind, Workstations,
};
use store_sql::SqlCatalog;
use store_sql::testing::{
    OWNER as ADA, TestDatabase, make_notebook as notebook, new_job as job, new_pairing as pairing,
    open_catalog as catalog,
};
use wire::http::JobStatus;

async fn with_notebook() -> (SqlCatalog, TestDatabase) {
    let (catalog, database) = catalog().await;
    notebook(&catalog, "nb").await;
    (catalog, database)
}

fn credential(id: &str, now: i64) -> NewCredential {
    NewCredential {
        id: id.to_owned(),
        token_hash: format!("hash-{id}"),
        created_ms: now,
    }
}

fn registration(id: &str, now: i64) -> Registration {
    Registration {
        owner_principal: ADA.to_owned(),
        workstation_id: id.to_owned(),
        display_name: id.to_owned(),
        provider: "runtime_peer".to_owned(),
        now_ms: now,
        lease_expires_ms: now + 180_000,
        ..Registration::default()
    }
}

// CP-104
#[tokio::test]
async fn cp_104_twenty_concurrent_redeems_make_one_credential() {
    let (catalog, _database) = catalog().await;
    catalog.create_pairing(&pairing("p", "code")).await.unwrap();
    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..20 {
        let catalog = catalog.clone();
        attempts.spawn(async move {
            catalog
                .redeem_pairing("code", &credential(&format!("c{number}"), 5))
                .await
                .unwrap()
        });
    }
    let won = attempts.join_all().await.into_iter().flatten().count();
    assert_eq!(won, 1);
    assert_eq!(catalog.credentials(ADA).await.unwrap().len(), 1);
}

// CP-105
#[tokio::test]
async fn cp_105_a_code_survives_a_failed_credential() {
    let (catalog, _database) = catalog().await;
    catalog
        .create_pairing(&pairing("p1", "code-1"))
        .await
        .unwrap();
    catalog
        .create_pairing(&pairing("p2", "code-2"))
        .await
        .unwrap();
    catalog
        .redeem_pairing("code-1", &credential("c", 5))
        .await
        .unwrap()
        .unwrap();
    // The same credential id again: the insert fails after the code was marked.
    assert!(
        catalog
            .redeem_pairing("code-2", &credential("c", 5))
            .await
            .is_err()
    );
    assert!(
        catalog
            .redeem_pairing("code-2", &credential("d", 5))
            .await
            .unwrap()
            .is_some()
    );
}

// CP-109
#[tokio::test]
async fn cp_109_a_code_is_over_at_exactly_its_expiry() {
    let (catalog, _database) = catalog().await;
    catalog.create_pairing(&pairing("p", "code")).await.unwrap();
    assert!(
        catalog
            .redeem_pairing("code", &credential("c", 600_000))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        catalog
            .redeem_pairing("code", &credential("c", 599_999))
            .await
            .unwrap()
            .is_some()
    );
}

// CP-124 CP-125 CP-137
#[tokio::test]
async fn cp_125_a_heartbeat_replaces_the_row_but_for_its_creation() {
    let (catalog, _database) = catalog().await;
    let mut first = registration("ws", 100);
    first.channel = Some("stable".to_owned());
    catalog.register_workstation(&first).await.unwrap();
    let stored = catalog
        .register_workstation(&registration("ws", 200))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((stored.created_ms, stored.updated_ms), (100, 200));
    assert_eq!(stored.channel, None);
    catalog
        .register_workstation(&registration("another", 300))
        .await
        .unwrap();
    assert_eq!(
        catalog.default_workstation(ADA).await.unwrap().as_deref(),
        Some("ws")
    );
}

// CP-106 CP-110
#[tokio::test]
async fn cp_110_a_pairing_keeps_its_first_workstation() {
    let (catalog, _database) = catalog().await;
    catalog.create_pairing(&pairing("p", "code")).await.unwrap();
    catalog
        .redeem_pairing("code", &credential("c", 5))
        .await
        .unwrap()
        .unwrap();
    for id in ["ws1", "ws2"] {
        let mut registration = registration(id, 10);
        registration.pairing_code_id = Some("p".to_owned());
        registration.credential_id = Some("c".to_owned());
        catalog.register_workstation(&registration).await.unwrap();
    }
    let pairing = catalog.pairing(ADA, "p").await.unwrap().unwrap();
    assert_eq!(pairing.workstation_id.as_deref(), Some("ws1"));
    let credential = catalog.credential(ADA, "c").await.unwrap().unwrap();
    assert_eq!(credential.workstation_id.as_deref(), Some("ws1"));
}

// CP-150 CP-173
#[tokio::test]
async fn cp_150_one_call_only_takes_the_online_lease() {
    let (catalog, _database) = catalog().await;
    catalog
        .register_workstation(&registration("ws", 0))
        .await
        .unwrap();
    assert_eq!(
        catalog.next_lease_deadline(1_000).await.unwrap(),
        Some(180_000)
    );
    assert!(
        catalog
            .expire_leases(179_999, "over")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        catalog.expire_leases(180_000, "over").await.unwrap().len(),
        1
    );
    assert!(
        catalog
            .expire_leases(180_000, "over")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        catalog.next_lease_deadline(1_000).await.unwrap(),
        Some(181_000)
    );
    assert_eq!(catalog.clear_leases(180_000).await.unwrap(), 1);
    assert_eq!(catalog.next_lease_deadline(1_000).await.unwrap(), None);
    assert_eq!(
        catalog.remove_workstation(ADA, "ws", 1).await.unwrap(),
        Some(false)
    );
    assert_eq!(
        catalog.remove_workstation(ADA, "ws", 1).await.unwrap(),
        None
    );
}

// CP-288
#[tokio::test]
async fn cp_288_two_owners_cannot_both_be_removed() {
    let (catalog, _database) = with_notebook().await;
    let grace = NewAclRow {
        notebook_id: "nb".to_owned(),
        subject_kind: SubjectKind::Principal,
        subject: "user:dev:grace".to_owned(),
        scope: "owner".to_owned(),
        may_run: false,
        actor_label: "user:dev:ada/browser:tab".to_owned(),
        now_ms: 5,
    };
    catalog.grant(&grace).await.unwrap();
    let (first, second) = tokio::join!(
        catalog.revoke("nb", SubjectKind::Principal, ADA, "owner"),
        catalog.revoke("nb", SubjectKind::Principal, "user:dev:grace", "owner"),
    );
    let outcomes = [first.unwrap(), second.unwrap()];
    assert!(outcomes.contains(&AclRemoval::Removed), "{outcomes:?}");
    assert!(outcomes.contains(&AclRemoval::LastOwner), "{outcomes:?}");
    assert_eq!(catalog.acl("nb").await.unwrap().len(), 1);
}

// CP-269
#[tokio::test]
async fn cp_269_a_list_shows_a_notebook_once_with_its_strongest_scope() {
    let (catalog, _database) = with_notebook().await;
    let row = NewAclRow {
        notebook_id: "nb".to_owned(),
        subject_kind: SubjectKind::Principal,
        subject: ADA.to_owned(),
        scope: "runtime_peer".to_owned(),
        may_run: false,
        actor_label: "x/y".to_owned(),
        now_ms: 5,
    };
    catalog.grant(&row).await.unwrap();
    let page = catalog
        .library_page(ADA, false, &ListPlace::START, 10)
        .await
        .unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].scope, "owner");
    catalog.set_trashed("nb", Some(9), 9).await.unwrap();
    assert_eq!(catalog.library_size(ADA, false).await.unwrap(), 0);
    assert_eq!(catalog.library_size(ADA, true).await.unwrap(), 1);
}

#[tokio::test]
async fn blobs_recorded_at_once_each_hear_whether_they_were_new() {
    let (catalog, _database) = with_notebook().await;
    let record = |notebook: &str, hash: usize| {
        let catalog = catalog.clone();
        let blob = store::BlobRow {
            notebook_id: notebook.to_owned(),
            hash: format!("{hash:064}"),
            size_bytes: 1,
            content_type: None,
            uploaded_ms: 1,
        };
        tokio::spawn(async move { catalog.record_blob(&blob).await })
    };
    // Every blob twice, and between them one of a notebook that is not there.
    let mut calls: Vec<_> = (0..100).map(|n| record("nb", n / 2)).collect();
    let lost = record("gone", 0);
    calls.extend((100..200).map(|n| record("nb", n / 2)));
    let mut new = 0;
    for call in calls {
        new += usize::from(call.await.unwrap().unwrap());
    }
    assert_eq!(new, 100);
    assert!(lost.await.unwrap().is_err());
    assert_eq!(catalog.blobs_of("nb", 1000).await.unwrap().len(), 100);
}

async fn events(catalog: &SqlCatalog, owner: &str, job_id: Option<&str>) -> Vec<String> {
    let page = HistoryPage {
        job_id,
        before_id: i64::MAX,
        limit: 20,
    };
    let events = catalog.machine_events(owner, "ws", page).await.unwrap();
    events.into_iter().map(|event| event.event).collect()
}

#[tokio::test]
async fn a_room_token_ends_with_its_credential_and_a_rotation_keeps_the_former_token_for_a_while() {
    let (catalog, _database) = with_notebook().await;
    catalog.create_pairing(&pairing("p", "code")).await.unwrap();
    let redeemed = catalog.redeem_pairing("code", &credential("c", 5)).await;
    assert!(redeemed.unwrap().is_some());
    let settings = MachineSettings {
        room_tokens_only: true,
        room_token_s: 60,
        credential_days: Some(1),
    };
    catalog
        .set_machine_settings(ADA, &settings, 10)
        .await
        .unwrap();
    assert_eq!(catalog.machine_settings(ADA).await.unwrap(), Some(settings));
    let rotate = |old: &str, new: &str, now_ms: i64| Rotation {
        credential_id: "c".to_owned(),
        old_hash: old.to_owned(),
        new_hash: new.to_owned(),
        now_ms,
        prior_until_ms: now_ms + 100,
    };
    let first = rotate("hash-c", "hash-d", 20);
    assert!(catalog.rotate_credential(&first).await.unwrap());
    let again = rotate("hash-c", "hash-e", 119);
    assert!(catalog.rotate_credential(&again).await.unwrap());
    let late = rotate("hash-c", "hash-f", 120);
    assert!(!catalog.rotate_credential(&late).await.unwrap());
    let found = catalog.credential_by_hash("hash-c").await.unwrap().unwrap();
    assert_eq!(found.token_hash, "hash-e");
    assert_eq!(found.expires_ms, Some(119 + 86_400_000));

    catalog
        .register_workstation(&registration("ws", 100))
        .await
        .unwrap()
        .unwrap();
    catalog
        .create_or_join_job(&job("j", "ws"), false, "")
        .await
        .unwrap();
    let token = NewRoomToken {
        token_hash: "room".to_owned(),
        job_id: "j".to_owned(),
        credential_id: "c".to_owned(),
        principal_namespace: "user:dev".to_owned(),
        issued_ms: 130,
        expires_ms: 190,
    };
    assert!(!catalog.create_room_token(&token).await.unwrap(), "pending");
    let accepted = catalog.report_job(ADA, "ws", "j", JobStatus::Accepted, None, 130);
    assert!(accepted.await.unwrap().is_some());
    assert!(catalog.create_room_token(&token).await.unwrap());
    let found = catalog.room_token("room").await.unwrap().unwrap();
    assert_eq!(found.notebook_id, "nb");
    assert_eq!(found.credential_revoked_ms, None);
    catalog.revoke_credential(ADA, "c", 140).await.unwrap();
    let found = catalog.room_token("room").await.unwrap().unwrap();
    assert_eq!(found.credential_revoked_ms, Some(140));
    assert_eq!(catalog.purge_room_tokens(190).await.unwrap(), 1);
    assert_eq!(
        events(&catalog, ADA, Some("j")).await,
        ["job_accepted", "job_pending"]
    );
    assert!(catalog.purge_machine_events(1_000).await.unwrap() >= 3);
    assert!(events(&catalog, ADA, None).await.is_empty());
}

#[tokio::test]
async fn joined_accounts_keep_the_settings_removals_and_histories_of_their_machines() {
    let (catalog, _database) = with_notebook().await;
    let settings = MachineSettings {
        room_tokens_only: true,
        room_token_s: 60,
        credential_days: None,
    };
    catalog
        .set_machine_settings(ADA, &settings, 10)
        .await
        .unwrap();
    let machine = registration("ws", 100);
    catalog.register_workstation(&machine).await.unwrap();
    catalog.remove_workstation(ADA, "ws", 150).await.unwrap();
    let link = AccountLink {
        transport: ADA.to_owned(),
        canonical: "user:oidc:ada".to_owned(),
        provider: "oidc".to_owned(),
        email: "ada@example.org".to_owned(),
        now_ms: 200,
    };
    catalog.link_account(&link).await.unwrap();
    let moved = catalog.machine_settings("user:oidc:ada").await.unwrap();
    assert_eq!(moved, Some(settings));
    assert_eq!(catalog.machine_settings(ADA).await.unwrap(), None);
    assert_eq!(
        events(&catalog, "user:oidc:ada", None).await,
        ["removed", "registered"]
    );
    let with_the_old_pairing = Registration {
        owner_principal: "user:oidc:ada".to_owned(),
        paired_ms: Some(50),
        ..registration("ws", 300)
    };
    let refused = catalog.register_workstation(&with_the_old_pairing).await;
    assert_eq!(refused.unwrap(), None);
}
