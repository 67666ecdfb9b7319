//! What the catalog promises of attach jobs, on a real database.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use store::{AttachJob, AttachJobs, NewAttachJob};
use store_sql::SqlCatalog;
use store_sql::testing::{
    OWNER as ADA, TestDatabase, make_notebook as notebook, new_job as job, open_catalog as catalog,
};
use wire::http::JobStatus;

async fn with_notebook() -> (SqlCatalog, TestDatabase) {
    let (catalog, database) = catalog().await;
    notebook(&catalog, "nb").await;
    (catalog, database)
}

// CP-194
#[tokio::test]
async fn cp_194_the_schema_refuses_a_second_active_job() {
    let (catalog, database) = with_notebook().await;
    catalog
        .create_or_join_job(&job("j1", "ws1"), false, "replaced")
        .await
        .unwrap();
    for owner in [ADA, "user:dev:ben"] {
        let second = format!(
            "INSERT INTO attach_jobs (id, notebook_id, owner_principal, workstation_id, status, \
             requested_trigger, requested_by_actor_label, requested_ms, updated_ms) \
             VALUES ('j2', 'nb', '{owner}', 'ws2', 'running', 'user_attach', 'x/y', 1, 1)"
        );
        let refused = database.execute("catalog", &second).await.unwrap_err();
        assert!(refused.to_lowercase().contains("unique"), "{refused}");
    }
}

// HAZ-14
#[tokio::test]
async fn a_co_owners_request_displaces_what_another_owner_runs() {
    let (catalog, _database) = with_notebook().await;
    let created = |new: NewAttachJob| {
        let catalog = catalog.clone();
        async move {
            catalog
                .create_or_join_job(&new, false, "replaced")
                .await
                .unwrap()
        }
    };
    created(job("j1", "ws")).await;
    // The same id names another machine under another owner.
    let of_ben = NewAttachJob {
        owner_principal: "user:dev:ben".to_owned(),
        ..job("j2", "ws")
    };
    let creation = created(of_ben).await;
    assert!(!creation.reused);
    assert_eq!(creation.displaced[0].id, "j1");
    assert_eq!(creation.displaced[0].owner_principal, ADA);
    assert_eq!(catalog.active_job("nb").await.unwrap().unwrap().id, "j2");
    let late = catalog
        .report_job(ADA, "ws", "j1", JobStatus::Running, None, 30)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(late.status, JobStatus::Cancelled);
}

// CP-193
#[tokio::test]
async fn cp_193_racing_attaches_leave_one_active_job() {
    let (catalog, _database) = with_notebook().await;
    let mut racers = tokio::task::JoinSet::new();
    for (id, workstation, replace) in [
        ("a", "ws1", false),
        ("b", "ws2", false),
        ("c", "ws1", true),
        ("d", "ws2", true),
    ] {
        let catalog = catalog.clone();
        racers.spawn(async move {
            catalog
                .create_or_join_job(&job(id, workstation), replace, "replaced")
                .await
                .unwrap()
        });
    }
    assert_eq!(racers.join_all().await.len(), 4);
    let active = catalog
        .active_jobs(ADA, "ws1", None, 25)
        .await
        .unwrap()
        .len()
        + catalog
            .active_jobs(ADA, "ws2", None, 25)
            .await
            .unwrap()
            .len();
    assert_eq!(active, 1);
}

// CP-197
#[tokio::test]
async fn cp_197_pending_jobs_come_first_and_a_reader_of_pages_misses_none() {
    let (catalog, _database) = with_notebook().await;
    for at in 0..12 {
        let id = format!("j{at:02}");
        notebook(&catalog, &id).await;
        let new = NewAttachJob {
            notebook_id: id.clone(),
            ..job(&id, "ws")
        };
        catalog
            .create_or_join_job(&new, false, "replaced")
            .await
            .unwrap();
        if at < 10 {
            let running = JobStatus::Running;
            catalog
                .report_job(ADA, "ws", &id, running, None, 20)
                .await
                .unwrap();
        }
    }
    let ids = |jobs: &[AttachJob]| jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>();
    let page = catalog.active_jobs(ADA, "ws", None, 3).await.unwrap();
    assert_eq!(ids(&page), ["j10", "j11", "j00"]);
    let pending = catalog.pending_jobs(ADA, "ws", 10).await.unwrap();
    assert_eq!(ids(&pending), ["j10", "j11"]);
    // The first page ended at a job that is taken before the second is asked for.
    let place = store::JobPlace::of(&page[0]);
    let running = JobStatus::Running;
    catalog
        .report_job(ADA, "ws", "j11", running, None, 30)
        .await
        .unwrap();
    let rest = catalog
        .active_jobs(ADA, "ws", Some(&place), 25)
        .await
        .unwrap();
    assert_eq!(rest.len(), 11);
}

// CP-207 CP-208 CP-210 CP-211
#[tokio::test]
async fn cp_208_reports_only_move_forward() {
    let (catalog, _database) = with_notebook().await;
    catalog
        .create_or_join_job(&job("j", "ws"), false, "replaced")
        .await
        .unwrap();
    let report = |status, now| catalog.report_job(ADA, "ws", "j", status, None, now);
    let running = report(JobStatus::Running, 20).await.unwrap().unwrap();
    assert_eq!(running.accepted_ms, Some(20));
    let beat = report(JobStatus::Running, 30).await.unwrap().unwrap();
    assert_eq!((beat.accepted_ms, beat.updated_ms), (Some(20), 30));
    let late = report(JobStatus::Accepted, 40).await.unwrap().unwrap();
    assert_eq!((late.status, late.updated_ms), (JobStatus::Running, 30));
    let over = report(JobStatus::Failed, 50).await.unwrap().unwrap();
    assert_eq!(over.finished_ms, Some(50));
    let again = report(JobStatus::Completed, 60).await.unwrap().unwrap();
    assert_eq!(again.status, JobStatus::Failed);
}
