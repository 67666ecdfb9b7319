//! The audit trail as it is read, what a sweep drops, and what is counted, on a real database.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use store::{
    Accounts, AttachJobs, AuditEvent, AuditOf, AuditTrail, NewAttachJob, NewNotebook, NewPairing,
    NewSession, Notebooks, Outdated, PairingStore, Upkeep,
};
use store_sql::SqlCatalog;
use store_sql::testing::{OWNER as ADA, open_catalog as catalog};
use wire::http::JobTrigger;

fn event(at_ms: i64, actor: &str, notebook: Option<&str>, subject: Option<&str>) -> AuditEvent {
    AuditEvent {
        at_ms,
        actor_label: format!("{actor}/browser:tab"),
        action: "test.done",
        notebook_id: notebook.map(str::to_owned),
        subject: subject.map(str::to_owned),
        detail: Some(at_ms.to_string()),
    }
}

async fn times(catalog: &SqlCatalog, of: AuditOf<'_>, before: Option<i64>) -> Vec<i64> {
    let lines = catalog.audit_lines(of, before, 2).await.unwrap();
    lines.iter().map(|line| line.at_ms).collect()
}

#[tokio::test]
async fn the_audit_trail_reads_newest_first_by_notebook_and_by_person() {
    let (catalog, _database) = catalog().await;
    for event in [
        event(1, ADA, Some("nb"), None),
        event(2, "user:dev:bob", Some("nb"), Some(ADA)),
        event(3, "user:dev:bob", None, None),
        // A name that begins with another is another person.
        event(4, "user:dev:ada2", Some("other"), None),
        event(5, ADA, Some("nb"), None),
    ] {
        catalog.audit(&event).await.unwrap();
    }
    assert_eq!(times(&catalog, AuditOf::All, None).await, [5, 4]);
    assert_eq!(times(&catalog, AuditOf::Notebook("nb"), None).await, [5, 2]);
    assert_eq!(times(&catalog, AuditOf::Person(ADA), None).await, [5, 2]);
    let lines = catalog
        .audit_lines(AuditOf::Person(ADA), None, 2)
        .await
        .unwrap();
    let next = Some(lines[1].id);
    assert_eq!(times(&catalog, AuditOf::Person(ADA), next).await, [1]);
    assert_eq!(lines[0].action, "test.done");
    assert_eq!(lines[0].detail.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_sweep_drops_what_ended_before_its_time_and_nothing_else() {
    let (catalog, _database) = catalog().await;
    for at_ms in [1, 100] {
        catalog.audit(&event(at_ms, ADA, None, None)).await.unwrap();
    }
    let notebook = NewNotebook {
        id: "nb".into(),
        owner_principal: ADA.into(),
        title: None,
        created_ms: 1,
        actor_label: "a".into(),
    };
    assert!(catalog.create_notebook(&notebook).await.unwrap());
    let job = NewAttachJob {
        id: "running".into(),
        notebook_id: "nb".into(),
        owner_principal: ADA.into(),
        workstation_id: "w".into(),
        trigger: JobTrigger::UserAttach,
        actor_label: "a".into(),
        now_ms: 1,
    };
    for (id, now_ms) in [("first", 1), ("second", 2), ("running", 3)] {
        let job = NewAttachJob {
            id: id.into(),
            now_ms,
            workstation_id: if id == "running" { "other" } else { "w" }.into(),
            ..job.clone()
        };
        // Each takes the place of the one before.
        catalog.create_or_join_job(&job, true, "x").await.unwrap();
    }
    for (id, expires_ms) in [("old", 10), ("new", 200)] {
        let session = NewSession {
            id: id.into(),
            token_hash: id.into(),
            principal: ADA.into(),
            provider: "local".into(),
            label: None,
            created_ms: 1,
            expires_ms,
        };
        catalog.create_session(&session).await.unwrap();
    }
    let nothing = catalog.drop_outdated(Outdated::default()).await.unwrap();
    assert_eq!(nothing, 0);
    let dropped = catalog
        .drop_outdated(Outdated {
            audit_ms: Some(50),
            jobs_ms: Some(50),
            sessions_ms: Some(50),
        })
        .await
        .unwrap();
    assert_eq!(
        dropped, 3,
        "a line, a session and a job that a later one followed"
    );
    assert_eq!(times(&catalog, AuditOf::All, None).await, [100]);
    let sessions = catalog.sessions(ADA).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].id, "new");
    for (id, stays) in [("first", false), ("second", true), ("running", true)] {
        let job = catalog.job_by_id(id).await.unwrap();
        assert_eq!(job.is_some(), stays, "{id}");
    }
}

#[tokio::test]
async fn open_codes_and_owned_notebooks_are_counted() {
    let (catalog, _database) = catalog().await;
    assert_eq!(catalog.live_codes(ADA, 0).await.unwrap(), (0, None));
    for (id, expires_ms) in [("one", 100), ("two", 200)] {
        let pairing = NewPairing {
            id: id.into(),
            code_hash: id.into(),
            owner_principal: ADA.into(),
            principal_namespace: "user:dev".into(),
            actor_label: "a".into(),
            created_ms: 0,
            expires_ms,
            expected_name: None,
        };
        catalog.create_pairing(&pairing).await.unwrap();
    }
    assert_eq!(catalog.live_codes(ADA, 0).await.unwrap(), (2, Some(100)));
    assert_eq!(catalog.live_codes(ADA, 100).await.unwrap(), (1, Some(200)));
    assert_eq!(catalog.live_codes("user:dev:bob", 0).await.unwrap().0, 0);
    assert_eq!(catalog.owned_notebooks(ADA).await.unwrap(), 0);
}
