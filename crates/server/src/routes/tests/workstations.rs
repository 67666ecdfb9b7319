use http::Method;
use serde_json::{Value, json};

use super::World;
use crate::testing::request;

const PATH: &str = "/api/workstations";

// CP-121 CP-122 CP-123 CP-153
#[tokio::test]
async fn cp_122_a_minimal_registration_answers_the_whole_object() {
    let world = World::new().await;
    let body = json!({"workstation_id": "ws"});
    let (status, refused) = world.as_nobody(Method::POST, PATH, body.clone()).await;
    assert_eq!(
        (status, refused),
        (401, json!({"error": "sign in to manage workstations"}))
    );
    for _ in 0..3 {
        let (status, answer) = world
            .as_person("ada", Method::POST, PATH, body.clone())
            .await;
        assert_eq!(status, 201);
        let now = "2026-06-12T10:26:40.000Z";
        let expected = json!({
            "ok": true,
            "latest_builds": {"stable": null, "nightly": null},
            "minimum_build": wire::http::MINIMUM_BUILD,
            "workstation": {
                "workstation_id": "ws", "display_name": "ws", "provider": "runtime_peer",
                "provider_label": null, "status": "online", "status_message": null,
                "default_environment_label": null, "environment_policy": null,
                "installed_build": null, "channel": null, "latest_build": null,
                "is_outdated": false, "working_directory": null, "cpu_count": null,
                "memory_bytes": null, "environments": [], "created_at": now, "updated_at": now,
                "last_seen_at": now, "is_default": true, "status_reason": "heartbeat",
                "status_since": now, "address": "127.0.0.1",
            },
        });
        assert_eq!(answer, expected);
    }
}

// CP-112 CP-140 CP-141 CP-142 CP-143 CP-147
#[tokio::test]
async fn cp_141_owner_and_credential_list_the_same() {
    let world = World::new().await;
    let token = world.pair_for_several("ada").await;
    world.register(&token, "b").await;
    world.register(&token, "a").await;
    let (_, by_owner) = world.as_person("ada", Method::GET, PATH, Value::Null).await;
    let (_, by_machine) = world
        .as_machine(&token, Method::GET, PATH, Value::Null)
        .await;
    assert_eq!(by_owner, by_machine);
    assert_eq!(by_owner["default_workstation_id"], "b");
    let ids: Vec<&str> = by_owner["workstations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["workstation_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["a", "b"]);
    let select = |name, id: &str| {
        let body = json!({"workstation_id": id});
        world.as_person(name, Method::PATCH, "/api/workstations/default", body)
    };
    let chosen = select("ada", "a").await;
    assert_eq!(
        chosen,
        (200, json!({"ok": true, "default_workstation_id": "a"}))
    );
    let foreign = select("eve", "a").await;
    assert_eq!(foreign, (404, json!({"error": "workstation not found"})));
}

// CP-145 CP-146 CP-151
#[tokio::test]
async fn cp_146_removing_twice_tells_the_agent_to_wait() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "a b").await;
    let path = "/api/workstations/a%20b";
    let removed = world
        .as_machine(&token, Method::DELETE, path, Value::Null)
        .await;
    assert_eq!(
        removed,
        (
            200,
            json!({"ok": true, "workstation_id": "a b", "deregistered": true})
        )
    );
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let response = world
        .app
        .send(request(Method::DELETE, path, &headers, ""))
        .await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["retry-after"], "900");
    let again = world
        .as_machine(&token, Method::DELETE, path, Value::Null)
        .await;
    let gone = json!({"error": "workstation not found", "code": "workstation_not_found"});
    assert_eq!(again.1, gone);
    let long = format!("/api/workstations/{}", "x".repeat(129));
    let refused = world.as_nobody(Method::DELETE, &long, Value::Null).await;
    assert_eq!(
        refused,
        (400, json!({"error": "workstation_id is too long"}))
    );
}

// CP-082 CP-083 CP-084 CP-085 CP-086 CP-222
#[tokio::test]
async fn cp_082_other_methods_and_paths_are_not_found() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws1").await;
    for (method, path) in [
        (Method::PUT, "/api/workstations"),
        (Method::GET, "/api/workstations/ws1"),
        (Method::PATCH, "/api/workstations/ws1"),
        (Method::GET, "/api/workstations/default"),
        (Method::PUT, "/api/workstations/default"),
        (Method::GET, "/api/workstations/pairing-codes"),
        (Method::GET, "/api/workstations/"),
    ] {
        let answer = world.as_person("ada", method, path, Value::Null).await;
        assert_eq!(answer, (404, json!({"error": "not found"})), "{path}");
    }
    let path = "/api/workstations/ws1/attach-jobs/";
    assert_eq!(
        world
            .as_machine(&token, Method::GET, path, Value::Null)
            .await
            .0,
        200
    );
    let events = "/api/workstations/ws1/events";
    let plain = world.as_nobody(Method::GET, events, Value::Null).await;
    assert_eq!(plain, (426, json!({"error": "expected WebSocket upgrade"})));
}
