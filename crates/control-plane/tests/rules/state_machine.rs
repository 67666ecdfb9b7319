//! Jobs under every interleaving of what may happen to them: never two active for one notebook and
//! owner, and a status only moves forward. On the real store; steps of a batch run at once.

use std::collections::BTreeMap;

use control_plane::attach::{self, AttachInput};
use control_plane::pairing::{self, RedeemEntropy};
use control_plane::workstations::{self, Presence};
use control_plane::{Caller, credentials, jobs, leases, limits, machines, registration};
use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::json;
use store::{AttachJob, AttachJobs};
use wire::http::JobStatus;

use crate::{START, World, caller, machine, object};

/// What may happen. Machines and notebooks are two each; jobs are named by the order of their making.
#[derive(Debug, Clone)]
enum Step {
    Heartbeat {
        machine: usize,
    },
    Attach {
        notebook: usize,
        machine: usize,
        replace: bool,
    },
    Resume {
        notebook: usize,
        machine: usize,
    },
    Report {
        job: usize,
        machine: usize,
        status: &'static str,
    },
    Poll {
        machine: usize,
    },
    Sweep,
    Remove {
        machine: usize,
    },
    Pair {
        machine: usize,
    },
    Revoke {
        machine: usize,
    },
}

const MACHINES: [&str; 2] = ["ws1", "ws2"];

fn step() -> impl Strategy<Value = Step> {
    let machine = || 0..MACHINES.len();
    let notebook = || 0..2_usize;
    let status = prop::sample::select(vec![
        "accepted",
        "running",
        "failed",
        "completed",
        "cancelled",
    ]);
    prop_oneof![
        2 => machine().prop_map(|machine| Step::Heartbeat { machine }),
        4 => (notebook(), machine(), any::<bool>())
            .prop_map(|(notebook, machine, replace)| Step::Attach { notebook, machine, replace }),
        2 => (notebook(), machine())
            .prop_map(|(notebook, machine)| Step::Resume { notebook, machine }),
        8 => (0..12_usize, machine(), status)
            .prop_map(|(job, machine, status)| Step::Report { job, machine, status }),
        1 => machine().prop_map(|machine| Step::Poll { machine }),
        2 => Just(Step::Sweep),
        1 => machine().prop_map(|machine| Step::Remove { machine }),
        2 => machine().prop_map(|machine| Step::Pair { machine }),
        1 => machine().prop_map(|machine| Step::Revoke { machine }),
    ]
}

/// A batch of steps that run at once, after some time has passed (seconds).
fn batches() -> impl Strategy<Value = Vec<(i64, Vec<Step>)>> {
    let pause = prop_oneof![6 => 0..5_i64, 2 => 60..200_i64, 1 => 80_000..100_000_i64];
    prop::collection::vec((pause, prop::collection::vec(step(), 1..4)), 1..14)
}

struct Play {
    world: World,
    notebooks: Vec<String>,
    /// How often each machine was paired; the last credential is `c-<machine>-<count>`.
    paired: [usize; 2],
    seen: BTreeMap<String, AttachJob>,
    made: usize,
}

fn job_id(number: usize) -> String {
    uuid::Uuid::from_u128(number as u128 + 1).to_string()
}

impl Play {
    async fn new() -> Self {
        let world = World::new().await;
        let mut notebooks = Vec::new();
        let ada = caller("ada");
        for seed in [1, 2] {
            let create = control_plane::notebooks::create;
            let made = create(&world.catalog, &ada, None, START, || [seed; 10]).await;
            notebooks.push(made.unwrap().id);
        }
        let mut play = Self {
            world,
            notebooks,
            paired: [0; 2],
            seen: BTreeMap::new(),
            made: 0,
        };
        for number in 0..MACHINES.len() {
            play.pair(number, START).await;
        }
        play
    }

    /// The number of a machine's credential is settled before a batch runs.
    fn credential(&self, machine: usize) -> String {
        format!("c-{machine}-{}", self.paired[machine])
    }

    async fn pair(&mut self, number: usize, now: i64) {
        self.paired[number] += 1;
        let seed = (number * 100 + self.paired[number]) as u8;
        let ada = caller("ada");
        let pairing_id = format!("p-{}", self.credential(number));
        let minted = pairing::mint(&self.world.catalog, &ada, None, now, pairing_id, [seed; 16])
            .await
            .unwrap();
        let input = pairing::redeem_input(&object(json!({"code": minted.code}))).unwrap();
        let entropy = RedeemEntropy {
            credential_id: self.credential(number),
            token: [seed; 28],
        };
        pairing::redeem(&self.world.catalog, &input, "192.0.2.1", now, entropy)
            .await
            .unwrap();
        self.heartbeat(number, now).await;
    }

    fn agent(&self, number: usize, now: i64) -> Caller {
        let id = self.credential(number);
        let mut agent = machine("ada", &id, &format!("p-{id}"));
        if let Some(credential) = &mut agent.credential {
            credential.created_ms = now;
        }
        agent
    }

    async fn heartbeat(&self, number: usize, now: i64) {
        let input = json!({"workstation_id": MACHINES[number]});
        let input = registration::parse(&object(input)).unwrap();
        // Refused after a removal; that is the point.
        let _ = registration::register(
            &self.world.catalog,
            &self.agent(number, START),
            input,
            None,
            now,
        )
        .await;
    }

    /// Carries out one step; a refusal is as good as a success here.
    async fn carry_out(&self, step: &Step, now: i64, new_job: String) {
        let (catalog, ada) = (&self.world.catalog, caller("ada"));
        match *step {
            Step::Heartbeat { machine } => self.heartbeat(machine, now).await,
            Step::Attach {
                notebook,
                machine,
                replace,
            } => {
                let body =
                    json!({"workstation_id": MACHINES[machine], "replace_existing": replace});
                let input: AttachInput = attach::parse(&object(body)).unwrap();
                let notebook = &self.notebooks[notebook];
                let _ = attach::attach(
                    catalog,
                    &ada,
                    notebook,
                    &input,
                    Presence::Unknown,
                    now,
                    new_job,
                )
                .await;
            }
            Step::Resume { notebook, machine } => {
                let notebook = &self.notebooks[notebook];
                let _ =
                    attach::resume(catalog, notebook, MACHINES[machine], None, now, new_job).await;
            }
            Step::Report {
                job,
                machine,
                status,
            } => {
                let report = jobs::parse_report(&object(json!({"status": status}))).unwrap();
                let agent = self.agent(machine, now);
                let _ = jobs::report(
                    catalog,
                    &agent,
                    MACHINES[machine],
                    &job_id(job),
                    &report,
                    now,
                )
                .await;
            }
            Step::Poll { machine } => {
                let _ =
                    jobs::poll(catalog, &ada, MACHINES[machine], jobs::Page::default(), now).await;
            }
            Step::Sweep => {
                leases::sweep(catalog, now, limits::SILENT_JOB_MS)
                    .await
                    .unwrap();
            }
            Step::Remove { machine } => {
                let _ = workstations::deregister(catalog, &ada, MACHINES[machine], now).await;
            }
            Step::Revoke { machine } => {
                credentials::revoke(catalog, &ada, &self.credential(machine), now)
                    .await
                    .unwrap();
            }
            // Between the batches: it changes who the machine is.
            Step::Pair { .. } => {}
        }
    }

    async fn batch(&mut self, steps: &[Step], now: i64) {
        for step in steps {
            if let Step::Pair { machine } = step {
                self.pair(*machine, now).await;
            }
        }
        let first = self.made;
        self.made += steps.len();
        let at_once = steps
            .iter()
            .enumerate()
            .map(|(offset, step)| self.carry_out(step, now, job_id(first + offset)));
        join_all(at_once).await;
        self.check().await;
    }

    async fn check(&mut self) {
        let mut active: BTreeMap<(String, String), usize> = BTreeMap::new();
        for number in 0..self.made {
            let Some(job) = self.world.catalog.job_by_id(&job_id(number)).await.unwrap() else {
                continue;
            };
            if job.status.is_active() {
                *active
                    .entry((job.notebook_id.clone(), job.owner_principal.clone()))
                    .or_default() += 1;
            }
            assert_eq!(job.finished_ms.is_some(), !job.status.is_active());
            if let Some(before) = self.seen.get(&job.id) {
                let forward = if before.status.is_active() {
                    rank(job.status) >= rank(before.status)
                } else {
                    job.status == before.status && job.finished_ms == before.finished_ms
                };
                assert!(forward, "{before:?} became {job:?}");
                assert!(before.accepted_ms.is_none() || job.accepted_ms == before.accepted_ms);
            }
            self.history_agrees(&job).await;
            self.seen.insert(job.id.clone(), job);
        }
        assert!(active.values().all(|count| *count <= 1), "{active:?}");
    }

    /// The history's last word on a job is its status.
    async fn history_agrees(&self, job: &AttachJob) {
        let ada = caller("ada");
        let events = machines::history(
            &self.world.catalog,
            &ada,
            &job.workstation_id,
            Some(&job.id),
            None,
            None,
        );
        let events = events.await.unwrap();
        let last = events
            .iter()
            .find(|event| event.event != "job_promoted")
            .unwrap();
        assert_eq!(last.event, format!("job_{}", job.status.as_str()));
    }
}

fn rank(status: JobStatus) -> u8 {
    match status {
        JobStatus::Pending => 0,
        JobStatus::Accepted => 1,
        JobStatus::Running => 2,
        JobStatus::Failed | JobStatus::Completed | JobStatus::Cancelled => 3,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(40),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // CP-193 CP-194 CP-207 CP-208 CP-210 CP-211
    #[test]
    fn cp_194_no_interleaving_gives_two_active_jobs_or_goes_back(batches in batches()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut play = Play::new().await;
            let mut now = START;
            for (seconds, steps) in batches {
                now += seconds * 1_000;
                play.batch(&steps, now).await;
            }
        });
    }
}

// A thousand redeems of one code at once make one credential.
// CP-104
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_104_of_a_thousand_redeems_at_once_one_succeeds() {
    let world = World::new().await;
    let minted = pairing::mint(
        &world.catalog,
        &caller("ada"),
        None,
        START,
        "p".into(),
        [1; 16],
    )
    .await
    .unwrap();
    let tries = (0..1_000_u32).map(|number| {
        let (catalog, code) = (world.catalog.clone(), minted.code.clone());
        tokio::spawn(async move {
            let input = pairing::redeem_input(&object(json!({"code": code}))).unwrap();
            let mut token = [0; 28];
            token[..4].copy_from_slice(&number.to_be_bytes());
            let entropy = RedeemEntropy {
                credential_id: format!("c-{number}"),
                token,
            };
            pairing::redeem(&catalog, &input, "192.0.2.1", START, entropy)
                .await
                .is_ok()
        })
    });
    let won = join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap());
    assert_eq!(won.count(), 1);
    let rows = credentials::list(&world.catalog, &caller("ada"))
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
}
