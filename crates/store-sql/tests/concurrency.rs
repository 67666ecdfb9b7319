//! Pairing and the job state machine when many act at once, on a real database.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use store::{AttachJobs, NewAttachJob, NewCredential, NewNotebook, Notebooks, PairingStore};
use store_sql::SqlCatalog;
use store_sql::testing::{TestDatabase, new_pairing as pairing};
use tokio::task::JoinSet;
use wire::http::{JobStatus, JobTrigger};

const OWNERS: [&str; 2] = ["user:dev:ada", "user:dev:bob"];
const NOTEBOOKS: [&str; 2] = ["one", "two"];
const WORKSTATIONS: [&str; 2] = ["ws1", "ws2"];
/// Worlds of the property test; each is a database of its own.
const CASES: u32 = 24;
/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(10);

// CP-104
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cp_104_a_thousand_redeems_at_once_make_one_credential() {
    let database = TestDatabase::new().await;
    let catalog = SqlCatalog::open(&database).await.unwrap();
    catalog.create_pairing(&pairing("p", "code")).await.unwrap();
    let mut redeems = JoinSet::new();
    for number in 0..1_000 {
        let catalog = catalog.clone();
        redeems.spawn(async move {
            let credential = NewCredential {
                id: format!("c{number}"),
                token_hash: format!("hash-{number}"),
                created_ms: 5,
            };
            let won = catalog.redeem_pairing("code", &credential).await.unwrap();
            won.map(|_| credential.id)
        });
    }
    let won: Vec<String> = redeems.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    let stored = catalog.credentials(OWNERS[0]).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].id, won[0]);
    let pairing = catalog.pairing(OWNERS[0], "p").await.unwrap().unwrap();
    assert_eq!(pairing.redeemed_by_credential_id, Some(won[0].clone()));
}

/// A client that goes away takes its request with it, at whatever point that stands; nobody else may wait for that.
#[tokio::test]
async fn a_call_that_is_dropped_holds_up_nobody() {
    let database = TestDatabase::new().await;
    let catalog = SqlCatalog::open(&database).await.unwrap();
    let other = SqlCatalog::open(&database).await.unwrap();
    let credential = |id: String| NewCredential {
        token_hash: id.clone(),
        id,
        created_ms: 5,
    };
    for round in 0..60_u64 {
        let id = format!("p{round}");
        other.create_pairing(&pairing(&id, &id)).await.unwrap();
        let patience = Duration::from_micros(round * 30);
        let redeemed = credential(format!("dropped{round}"));
        let _ = tokio::time::timeout(patience, catalog.redeem_pairing(&id, &redeemed)).await;
        let redeemed = credential(format!("kept{round}"));
        let answered = tokio::time::timeout(LIMIT, other.redeem_pairing(&id, &redeemed)).await;
        answered
            .unwrap_or_else(|_| panic!("round {round} waits for a call that was dropped"))
            .unwrap();
    }
}

/// What one actor does to jobs.
#[derive(Debug, Clone)]
enum Act {
    Attach {
        workstation: usize,
        replace: bool,
        resume: bool,
    },
    Report {
        job: usize,
        status: JobStatus,
    },
    FailStale,
    FailWorkstation {
        workstation: usize,
    },
    FailSilent,
}

fn act() -> impl Strategy<Value = Act> {
    let reported = prop::sample::select(vec![
        JobStatus::Accepted,
        JobStatus::Running,
        JobStatus::Failed,
        JobStatus::Completed,
    ]);
    prop_oneof![
        4 => (0..2_usize, any::<bool>(), any::<bool>())
            .prop_map(|(workstation, replace, resume)| Act::Attach { workstation, replace, resume }),
        4 => (0..40_usize, reported).prop_map(|(job, status)| Act::Report { job, status }),
        1 => Just(Act::FailStale),
        1 => (0..2_usize).prop_map(|workstation| Act::FailWorkstation { workstation }),
        1 => Just(Act::FailSilent),
    ]
}

/// One actor: an owner at a notebook, and what they do one after the other.
type Actor = (usize, usize, Vec<Act>);

async fn play(catalog: SqlCatalog, number: usize, (owner, notebook, acts): Actor) {
    let (owner, notebook) = (OWNERS[owner], NOTEBOOKS[notebook]);
    for (step, act) in acts.into_iter().enumerate() {
        let now_ms = step as i64 + 1;
        match act {
            Act::Attach {
                workstation,
                replace,
                resume,
            } => {
                let new = NewAttachJob {
                    id: format!("{number}-{step}"),
                    notebook_id: notebook.to_owned(),
                    owner_principal: owner.to_owned(),
                    workstation_id: WORKSTATIONS[workstation].to_owned(),
                    trigger: if resume {
                        JobTrigger::Resume
                    } else {
                        JobTrigger::UserAttach
                    },
                    actor_label: format!("{owner}/browser:tab"),
                    now_ms,
                };
                let made = catalog
                    .create_or_join_job(&new, replace, "replaced")
                    .await
                    .unwrap();
                assert!(made.job.status.is_active());
                assert!(
                    made.displaced
                        .iter()
                        .all(|job| job.status == JobStatus::Cancelled)
                );
            }
            Act::Report { job, status } => {
                let id = format!("{}-{}", job % 8, job / 8);
                for workstation in WORKSTATIONS {
                    catalog
                        .report_job(owner, workstation, &id, status, None, now_ms)
                        .await
                        .unwrap();
                }
            }
            Act::FailStale => {
                catalog
                    .fail_stale_of_notebook(notebook, owner, now_ms, "stale", now_ms)
                    .await
                    .unwrap();
            }
            Act::FailWorkstation { workstation } => {
                let workstation = WORKSTATIONS[workstation];
                catalog
                    .fail_jobs_of_workstation(owner, workstation, "gone", now_ms)
                    .await
                    .unwrap();
            }
            Act::FailSilent => {
                catalog
                    .fail_silent_jobs(now_ms - 1, "silent", now_ms)
                    .await
                    .unwrap();
            }
        }
        never_two_active(&catalog).await;
    }
}

async fn never_two_active(catalog: &SqlCatalog) {
    for owner in OWNERS {
        // One statement for each workstation: a job may move between the two looks, but a notebook
        // may not have two in one of them.
        for workstation in WORKSTATIONS {
            let mut active = BTreeMap::new();
            for job in catalog
                .active_jobs(owner, workstation, None, 100)
                .await
                .unwrap()
            {
                *active.entry(job.notebook_id).or_insert(0) += 1;
            }
            assert!(active.values().all(|count| *count == 1), "{active:?}");
        }
    }
}

/// Plays all actors at once; afterwards each notebook has at most one active job, whoever owns it.
async fn world(actors: Vec<Actor>) {
    let database = TestDatabase::new().await;
    let catalog = SqlCatalog::open(&database).await.unwrap();
    for id in NOTEBOOKS {
        let notebook = NewNotebook {
            id: id.to_owned(),
            owner_principal: OWNERS[0].to_owned(),
            title: None,
            created_ms: 1,
            actor_label: "user:dev:ada/browser:tab".to_owned(),
        };
        assert!(catalog.create_notebook(&notebook).await.unwrap());
    }
    let mut playing = JoinSet::new();
    for (number, actor) in actors.into_iter().enumerate() {
        playing.spawn(play(catalog.clone(), number, actor));
    }
    playing.join_all().await;
    let mut active = BTreeMap::new();
    for owner in OWNERS {
        for workstation in WORKSTATIONS {
            let jobs = catalog.active_jobs(owner, workstation, None, 100).await;
            for job in jobs.unwrap() {
                *active.entry(job.notebook_id).or_insert(0) += 1;
            }
        }
    }
    assert!(active.values().all(|count| *count == 1), "{active:?}");
    catalog.close().await;
}

// CP-193 CP-194 CP-207
proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn cp_193_no_interleaving_leaves_two_active_jobs(
        actors in prop::collection::vec(
            (0..2_usize, 0..2_usize, prop::collection::vec(act(), 1..6)), 2..8)
    ) {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap()
            .block_on(world(actors));
    }
}
