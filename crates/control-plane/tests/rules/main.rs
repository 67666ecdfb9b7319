//! The rules on a real catalog with a clock that the tests move.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod attaching;
mod co_owners;
mod library;
mod machines;
mod pairing;
mod room_tokens;
mod rotation;
mod sharing;
mod state_machine;
mod workstations;

use control_plane::{Caller, CallerCredential, Effect, Fields, attach, notebooks, registration};
use serde_json::{Map, Value, json};
use store::Catalog;
use store_sql::SqlCatalog;
use store_sql::testing::TestDatabase;

/// A catalog in a database of its own, and the fake clock's start.
pub(crate) struct World {
    pub(crate) catalog: SqlCatalog,
    _database: TestDatabase,
}

pub(crate) const START: i64 = 1_781_260_000_000;

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let catalog = SqlCatalog::open(&database).await.unwrap();
        Self {
            catalog,
            _database: database,
        }
    }

    pub(crate) async fn notebook(&self, owner: &Caller) -> String {
        notebooks::create(&self.catalog, owner, None, START, || [7; 10])
            .await
            .unwrap()
            .id
    }

    pub(crate) async fn heartbeat(&self, owner: &Caller, id: &str, now: i64) {
        let input = registration::parse(&object(json!({"workstation_id": id}))).unwrap();
        registration::register(&self.catalog, owner, input, None, now)
            .await
            .unwrap();
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else {
        panic!("not an object: {value}")
    };
    members
}

pub(crate) fn caller(name: &str) -> Caller {
    Caller {
        principal: format!("user:dev:{name}"),
        namespace: "user:dev".to_owned(),
        actor_label: format!("user:dev:{name}/browser:tab"),
        anonymous: false,
        credential: None,
        ceiling: None,
    }
}

pub(crate) fn anonymous() -> Caller {
    Caller {
        principal: "anonymous:s1".to_owned(),
        namespace: "anonymous".to_owned(),
        actor_label: "anonymous:s1/browser:s1".to_owned(),
        anonymous: true,
        credential: None,
        ceiling: None,
    }
}

pub(crate) fn machine(name: &str, credential_id: &str, pairing_id: &str) -> Caller {
    Caller {
        actor_label: format!("user:dev:{name}/workstation:agent"),
        credential: Some(CallerCredential {
            id: credential_id.to_owned(),
            pairing_id: Some(pairing_id.to_owned()),
            created_ms: START,
            ..CallerCredential::default()
        }),
        ..caller(name)
    }
}

/// Attaches and expects success.
pub(crate) async fn attach_ok<S: Catalog>(
    store: &S,
    who: &Caller,
    notebook: &str,
    body: Value,
    now: i64,
    job_id: &str,
) -> attach::Attached {
    let input = attach::parse(&object(body)).unwrap();
    let presence = control_plane::workstations::Presence::Connected;
    attach::attach(
        store,
        who,
        notebook,
        &input,
        presence,
        now,
        job_id.to_owned(),
    )
    .await
    .unwrap()
}

/// The events for workstations among effects, as `(job, status)`.
pub(crate) fn notified(effects: &[Effect]) -> Vec<(String, &'static str)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::NotifyJob(job) => Some((job.id.clone(), job.status.as_str())),
            _ => None,
        })
        .collect()
}

/// The published attachments among effects, as `(status, session, close reason)`.
pub(crate) fn published(effects: &[Effect]) -> Vec<(String, Option<String>, Option<&'static str>)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::PublishAttachment {
                attachment,
                close_peers,
                ..
            } => Some((
                attachment.status.clone(),
                attachment.runtime_session_id.clone(),
                *close_peers,
            )),
            _ => None,
        })
        .collect()
}

/// The repairs among effects, as `(reason, expected session)`.
pub(crate) fn repairs(effects: &[Effect]) -> Vec<(String, Option<String>)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::RepairRoom {
                reason,
                expected_session,
                ..
            } => Some((reason.clone(), expected_session.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn the_helpers_read_what_the_rules_read() {
    assert!(Fields::new(&object(json!({"intentFlag": true}))).is_true("intent_flag"));
}
