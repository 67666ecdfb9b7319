//! What the server keeps of secrets, owners and failing rooms.

use std::path::Path;

use control_plane::Caller;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use store::Notebooks as _;
use store::document_log::{AppendBatch, DocumentKind, DocumentLog as _, RoomKey};

use super::World;
use crate::identity::Accept;
use crate::request::Facts;

/// Whether a file under a folder holds the text.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

// CP-070
#[tokio::test]
async fn cp_070_no_file_of_the_server_holds_a_token_or_a_code() {
    const CODES: &str = "/api/workstations/pairing-codes";
    let world = World::new().await;
    let (_, minted) = world
        .as_person("ada", Method::POST, CODES, Value::Null)
        .await;
    let code = minted["pairing"]["code"].as_str().unwrap();
    let (token, credential_id) = world.pair("ada").await;
    let data = &world.app.config().data;
    if !data.join("catalog.sqlite").exists() {
        println!("skipped: the rows of PostgreSQL are in no file of this server");
        return;
    }
    // The rows are there: what is looked for next would be found.
    assert!(holds(data, &credential_id));
    assert!(holds(data, minted["pairing"]["id"].as_str().unwrap()));
    assert!(!holds(data, &token));
    assert!(!holds(data, token.trim_start_matches("nwc_")));
    assert!(!holds(data, code));
    assert!(!holds(data, &code.replace('-', "")));
}

// CP-068
#[tokio::test]
async fn cp_068_a_machine_acts_as_its_owners_agent_unless_it_says_otherwise() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    let label = async |uri: &str| {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {token}");
        headers.insert("authorization", bearer.parse().unwrap());
        let facts = Facts::new(&world.app, &Method::GET, &uri.parse().unwrap(), &headers);
        let identity = world.app.identify(&facts, Accept::MACHINES).await.unwrap();
        identity.actor_label()
    };
    assert_eq!(label("/").await, "user:dev:ada/workstation:agent");
    let chosen = label("/?operator=runtime:job-1").await;
    assert_eq!(chosen, "user:dev:ada/runtime:job-1");
}

fn caller(name: &str) -> Caller {
    Caller {
        principal: format!("user:dev:{name}"),
        namespace: "user:dev".to_owned(),
        actor_label: format!("user:dev:{name}/browser:tab"),
        anonymous: false,
        credential: None,
        ceiling: None,
    }
}

// CP-266
#[tokio::test]
async fn cp_266_who_loses_the_race_for_an_id_gets_no_row_of_the_winners_notebook() {
    let world = World::new().await;
    let catalog = world.app.catalog();
    let now = world.app.now_ms();
    let create = async |name, entropy: &[u8]| {
        let mut entropy = entropy.iter().cycle();
        let next = || [*entropy.next().unwrap(); 10];
        control_plane::notebooks::create(catalog, &caller(name), None, now, next).await
    };
    let won = create("ada", &[1]).await.unwrap();
    let second = create("eve", &[1, 2]).await.unwrap();
    assert_ne!(second.id, won.id);
    // Who never finds a free one gets none.
    let lost = create("eve", &[1]).await.unwrap_err();
    assert_eq!(lost.to_string(), "could not allocate notebook id");
    let subjects: Vec<String> = catalog
        .acl(&won.id)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.subject)
        .collect();
    assert_eq!(subjects, ["user:dev:ada"]);
}

// CP-220
#[tokio::test]
async fn cp_220_a_room_that_cannot_be_loaded_does_not_fail_the_report() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let notebook = world.notebook("ada").await;
    let batch = AppendBatch {
        room: RoomKey {
            notebook_id: notebook.clone(),
            epoch: 1,
        },
        changes: vec![(DocumentKind::RuntimeState, b"no document".to_vec())],
    };
    let submitted = world.app.documents().submit(batch).await.unwrap();
    submitted.await.unwrap();
    let repair = format!("/api/n/{notebook}/runtime-state-repair");
    let (status, broken) = world
        .as_person("ada", Method::POST, &repair, Value::Null)
        .await;
    assert_eq!(status, 500, "the room works: {broken}");
    let attach = format!("/api/n/{notebook}/workstation-attachments");
    let body = json!({"workstation_id": "ws"});
    let (status, attached) = world.as_person("ada", Method::POST, &attach, body).await;
    assert_eq!(status, 202, "{attached}");
    let job = attached["job"]["job_id"].as_str().unwrap();
    let job = format!("/api/workstations/ws/attach-jobs/{job}");
    for status in ["accepted", "failed"] {
        let body = json!({"status": status});
        let (code, reported) = world.as_machine(&token, Method::PATCH, &job, body).await;
        assert_eq!((code, &reported["job"]["status"]), (200, &json!(status)));
    }
}
