//! Removal, histories, leases and uploads of machines over HTTP.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::World;

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

pub(super) async fn put_blob(world: &World, token: &str, notebook: &str) -> (u16, Value) {
    let hash = documents::manifest::sha256_hex(b"bytes");
    let path = format!("/api/n/{notebook}/blobs/{hash}");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer), ("x-scope", "runtime_peer")];
    world.app.call(Method::PUT, &path, &headers, "bytes").await
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
