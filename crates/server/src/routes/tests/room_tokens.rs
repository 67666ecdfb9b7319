//! Room tokens, and the settings that are about them, over HTTP.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::World;
use super::authority::dial;
use super::machines::{attached, put_blob, report};
use crate::testing::request;

const SETTINGS: &str = "/api/workstation-settings";

pub(super) async fn exchange(world: &World, token: &str, job: &str) -> (u16, Value) {
    let path = format!("/api/workstations/ws/attach-jobs/{job}/room-token");
    world
        .as_machine(token, Method::POST, &path, Value::Null)
        .await
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
