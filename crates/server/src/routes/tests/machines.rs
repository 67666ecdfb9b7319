//! Room tokens, settings, removal and histories over HTTP.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::World;
use super::authority::dial;
use crate::testing::request;

const SETTINGS: &str = "/api/workstation-settings";

/// A machine of ada with an attached job: token, notebook, job.
pub(super) async fn attached(world: &World) -> (String, String, String) {
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let notebook = world.notebook("ada").await;
    let path = format!("/api/n/{notebook}/workstation-attachments");
    let body = json!({"workstation_id": "ws"});
    let (_, answer) = world.as_person("ada", Method::POST, &path, body).await;
    let job = answer["job"]["job_id"].as_str().unwrap().to_owned();
    (token, notebook, job)
}

pub(super) async fn report(world: &World, token: &str, job: &str, status: &str) -> u16 {
    let path = format!("/api/workstations/ws/attach-jobs/{job}");
    let body = json!({"status": status});
    world.as_machine(token, Method::PATCH, &path, body).await.0
}

pub(super) async fn exchange(world: &World, token: &str, job: &str) -> (u16, Value) {
    let path = format!("/api/workstations/ws/attach-jobs/{job}/room-token");
    world
        .as_machine(token, Method::POST, &path, Value::Null)
        .await
}

async fn put_blob(world: &World, token: &str, notebook: &str) -> (u16, Value) {
    let hash = documents::manifest::sha256_hex(b"bytes");
    let path = format!("/api/n/{notebook}/blobs/{hash}");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer), ("x-scope", "runtime_peer")];
    world.app.call(Method::PUT, &path, &headers, "bytes").await
}

async fn get_blob(world: &World, token: &str, notebook: &str) -> u16 {
    let hash = documents::manifest::sha256_hex(b"bytes");
    let path = format!("/api/n/{notebook}/blobs/{hash}");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer), ("x-scope", "runtime_peer")];
    let read = request(Method::GET, &path, &headers, "");
    world.app.send(read).await.status().as_u16()
}

/// What a dial answers when nothing but the missing connection stands in its way.
const WOULD_UPGRADE: u16 = 426;

// D16
#[tokio::test]
async fn a_room_token_opens_its_room_and_nothing_else() {
    let world = World::new().await;
    let (token, notebook, job) = attached(&world).await;
    let (status, early) = exchange(&world, &token, &job).await;
    assert_eq!(status, 409, "{early}");
    assert_eq!(report(&world, &token, &job, "accepted").await, 200);
    let (status, issued) = exchange(&world, &token, &job).await;
    assert_eq!(
        (status, &issued["room_token"]["notebook_id"]),
        (201, &json!(notebook))
    );
    assert_eq!(issued["room_token"]["lifetime_ms"], 600_000);
    let room = issued["room_token"]["token"].as_str().unwrap();
    assert_eq!(put_blob(&world, room, &notebook).await.0, 201);
    assert_eq!(get_blob(&world, room, &notebook).await, 200);
    assert_eq!(get_blob(&world, &token, &notebook).await, 403, "CP-062");
    assert_eq!(
        dial(&world, room, &format!("/n/{notebook}/sync")).await,
        WOULD_UPGRADE
    );
    let hash = "a".repeat(64);
    for (method, path) in [
        (Method::POST, "/api/workstations".to_owned()),
        (Method::GET, "/api/workstations".to_owned()),
        (Method::GET, "/api/workstations/ws/attach-jobs".to_owned()),
        (
            Method::PATCH,
            format!("/api/workstations/ws/attach-jobs/{job}"),
        ),
        (
            Method::POST,
            format!("/api/workstations/ws/attach-jobs/{job}/room-token"),
        ),
        (Method::DELETE, "/api/workstations/ws".to_owned()),
        (Method::POST, "/api/workstations/pairing-codes".to_owned()),
        (Method::GET, "/api/workstations/credentials".to_owned()),
        (Method::GET, SETTINGS.to_owned()),
        (Method::GET, "/api/n".to_owned()),
        (Method::GET, format!("/api/n/{notebook}")),
        (Method::GET, format!("/api/n/{notebook}/blobs/{hash}")),
    ] {
        let (status, answer) = world.as_machine(room, method, &path, json!({})).await;
        assert_eq!(status, 403, "{path}: {answer}");
    }
    assert_eq!(dial(&world, room, "/api/workstations/ws/events").await, 403);
    let another = world.notebook("ada").await;
    assert_eq!(put_blob(&world, room, &another).await.0, 403);
    assert_eq!(get_blob(&world, room, &another).await, 403);
    assert_eq!(dial(&world, room, &format!("/n/{another}/sync")).await, 403);
    world.app.clock().advance(Duration::from_secs(600));
    let (status, expired) = put_blob(&world, room, &notebook).await;
    let told = json!({"error": "room token has expired", "code": wire::ROOM_TOKEN_EXPIRED});
    assert_eq!((status, expired), (401, told));
    let (_, renewed) = exchange(&world, &token, &job).await;
    let room = renewed["room_token"]["token"].as_str().unwrap();
    assert_eq!(put_blob(&world, room, &notebook).await.0, 200);
    assert_eq!(report(&world, &token, &job, "completed").await, 200);
    assert_eq!(put_blob(&world, room, &notebook).await.0, 409);
    let (status, over) = exchange(&world, &token, &job).await;
    assert_eq!((status, &over["job"]["status"]), (409, &json!("completed")));
}

#[tokio::test]
async fn an_owner_can_keep_credentials_out_of_rooms() {
    let world = World::new().await;
    let (token, notebook, job) = attached(&world).await;
    let sync = format!("/n/{notebook}/sync");
    assert_eq!(
        dial(&world, &token, &sync).await,
        409,
        "no session is named"
    );
    let body = json!({"room_tokens_only": true});
    let (status, settings) = world.as_person("ada", Method::PATCH, SETTINGS, body).await;
    let shown = json!({"room_tokens_only": true, "room_token_s": 600, "credential_days": null});
    assert_eq!((status, &settings["settings"]), (200, &shown));
    assert_eq!(
        world
            .as_person("ada", Method::GET, SETTINGS, Value::Null)
            .await
            .1,
        settings
    );
    assert_eq!(dial(&world, &token, &sync).await, 403);
    assert_eq!(put_blob(&world, &token, &notebook).await.0, 403);
    report(&world, &token, &job, "running").await;
    let (_, issued) = exchange(&world, &token, &job).await;
    let room = issued["room_token"]["token"].as_str().unwrap();
    assert_eq!(dial(&world, room, &sync).await, WOULD_UPGRADE);
    let nobody = world.as_nobody(Method::GET, SETTINGS, Value::Null).await;
    assert_eq!(nobody.0, 401);
    let (status, _) = world
        .as_machine(&token, Method::GET, SETTINGS, Value::Null)
        .await;
    assert_eq!(status, 403);
}

// HAZ-12, D7: refused once with 401, then told to wait.
#[tokio::test]
async fn a_removed_machine_is_refused_until_it_is_paired_again() {
    let world = World::new().await;
    let (token, _, job) = attached(&world).await;
    world.app.clock().advance(Duration::from_secs(1));
    let (status, _) = world
        .as_person("ada", Method::DELETE, "/api/workstations/ws", Value::Null)
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        world.told().last().unwrap(),
        "repair of a session: the workstation was removed"
    );
    let register = || {
        let body = json!({"workstation_id": "ws"});
        world.as_machine(&token, Method::POST, "/api/workstations", body)
    };
    let (status, answer) = register().await;
    let text = answer["error"].as_str().unwrap();
    assert_eq!(status, 401);
    assert!(text.starts_with("this workstation was removed") && text.contains("Hint: "));
    assert_eq!(register().await.0, 429);
    let history = "/api/workstations/ws/history?limit=2";
    let (_, events) = world
        .as_person("ada", Method::GET, history, Value::Null)
        .await;
    let words = |answer: &Value| -> Vec<String> {
        let events = answer["events"].as_array().unwrap().iter();
        events
            .map(|e| e["event"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(words(&events), ["removed", "job_failed"]);
    let before = events["events"][1]["id"].as_i64().unwrap();
    let rest = format!("/api/workstations/ws/history?before={before}");
    let (_, rest) = world
        .as_person("ada", Method::GET, &rest, Value::Null)
        .await;
    let before = ["credential_revoked", "job_pending", "paired", "registered"];
    assert_eq!(words(&rest), before);
    let of_job = format!("/api/workstations/ws/attach-jobs/{job}/history");
    let (_, of_job) = world
        .as_person("ada", Method::GET, &of_job, Value::Null)
        .await;
    assert_eq!(words(&of_job), ["job_failed", "job_pending"]);
    assert_eq!(of_job["events"][0]["detail"], "the workstation was removed");
    let foreign = world
        .as_person("eve", Method::GET, history, Value::Null)
        .await;
    assert_eq!(foreign.0, 404);
}

// CP-136: as `runt-workstation-agent` sends it (Appendix A.1).
#[tokio::test]
async fn cp_136_the_script_agents_registration_is_taken() {
    let world = World::new().await;
    let body = json!({
        "workstation_id": "ws-lab", "display_name": "lab", "provider": "runtime_peer",
        "environment_policy": "current_python", "default_environment_label": "Current Python",
        "working_directory": "/home/ada", "cpu_count": 8, "memory_bytes": 17_179_869_184_u64,
        "capabilities": {"launch_current_python": true},
        "runtime": {"binary": "runtimed", "python_path": "/usr/bin/python3"},
    });
    let (status, answer) = world
        .as_person("ada", Method::POST, "/api/workstations", body)
        .await;
    assert_eq!(status, 201, "{answer}");
    let row = answer["workstation"].as_object().unwrap();
    for absent in ["capabilities", "runtime", "accelerators"] {
        assert!(!row.contains_key(absent), "{absent}");
    }
    assert_eq!(row["is_outdated"], false);
}

// CP-175
#[tokio::test]
async fn cp_175_polling_does_not_renew_the_lease() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let jobs = "/api/workstations/ws/attach-jobs";
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (_, polled) = world
            .as_machine(&token, Method::GET, jobs, Value::Null)
            .await;
        seen.push(polled["workstation"]["status"].as_str().unwrap().to_owned());
        world.app.clock().advance(Duration::from_secs(60));
    }
    assert_eq!(seen, ["online", "online", "online", "offline"]);
}

// CP-318 CP-319
#[tokio::test]
async fn cp_318_a_machine_uploads_only_where_it_was_attached() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let notebook = world.notebook("ada").await;
    assert_eq!(put_blob(&world, &token, &notebook).await.0, 403);
    let attach = format!("/api/n/{notebook}/workstation-attachments");
    let body = json!({"workstation_id": "ws"});
    world.as_person("ada", Method::POST, &attach, body).await;
    assert_eq!(put_blob(&world, &token, &notebook).await.0, 201);
    let path = format!("/api/n/{notebook}/blobs/{}", "a".repeat(64));
    let plain = world
        .as_machine(&token, Method::PUT, &path, json!({}))
        .await;
    assert_eq!(plain, (403, json!({"error": "viewer cannot upload blobs"})));
}
