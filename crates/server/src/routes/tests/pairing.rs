use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{World, person};
use crate::testing::request;

const MINT: &str = "/api/workstations/pairing-codes";
const REDEEM: &str = "/api/workstations/pairing-codes/redeem";

// CP-093 CP-094 CP-097 CP-106 CP-113
#[tokio::test]
async fn cp_106_the_panel_sees_a_code_turn_to_registered() {
    let world = World::new().await;
    let (status, refused) = world.as_nobody(Method::POST, MINT, Value::Null).await;
    assert_eq!(
        (status, refused),
        (401, json!({"error": "sign in to add a workstation"}))
    );
    let (status, minted) = world
        .as_person("ada", Method::POST, MINT, Value::Null)
        .await;
    assert_eq!(status, 201);
    assert_eq!(minted["pairing"]["expires_at"], "2026-06-12T10:36:40.000Z");
    let path = format!("{MINT}/{}", minted["pairing"]["id"].as_str().unwrap());
    let poll = || world.as_person("ada", Method::GET, &path, Value::Null);
    let (_, pending) = poll().await;
    assert_eq!(pending["pairing"]["status"], "pending");
    assert_eq!(pending["pairing"]["workstation_id"], Value::Null);
    assert!(pending["pairing"].get("code").is_none());
    let body = json!({"code": minted["pairing"]["code"]});
    let (_, redeemed) = world.as_nobody(Method::POST, REDEEM, body).await;
    let token = redeemed["credential"]["token"].as_str().unwrap();
    assert_eq!(redeemed["pairing"]["id"], minted["pairing"]["id"]);
    assert_eq!(poll().await.1["pairing"]["status"], "redeemed");
    world.register(token, "ws").await;
    let (_, registered) = poll().await;
    assert_eq!(registered["pairing"]["status"], "registered");
    assert_eq!(registered["pairing"]["workstation_id"], "ws");
}

// CP-101 CP-102
#[tokio::test]
async fn cp_102_bad_redeems_are_refused_in_the_words_of_2_7() {
    let world = World::new().await;
    let redeem = |body: Value| world.as_nobody(Method::POST, REDEEM, body);
    for (body, message) in [
        (json!([]), "pairing redeem body must be a JSON object"),
        (json!({"code": " "}), "code must be a non-empty string"),
        (json!({"code": "x".repeat(65)}), "code is too long"),
    ] {
        assert_eq!(redeem(body).await, (400, json!({"error": message})));
    }
    let (status, body) = world.app.call(Method::POST, REDEEM, &[], "{").await;
    assert_eq!(
        (status, body),
        (400, json!({"error": "pairing redeem body must be JSON"}))
    );
    let wrong = redeem(json!({"code": "ZZZZ-ZZZZ-ZZZZ"})).await;
    let expected = json!({"error": "pairing code is invalid, expired, or already used"});
    assert_eq!(wrong, (404, expected));
}

// CP-073 CP-076
#[tokio::test]
async fn cp_076_a_foreign_page_cannot_redeem_or_mint() {
    let world = World::new().await;
    let foreign = [("origin", "https://evil.example")];
    let body = json!({"code": "ZZZZ-ZZZZ-ZZZZ"}).to_string();
    let (status, answer) = world.app.call(Method::POST, REDEEM, &foreign, body).await;
    assert_eq!(
        (status, answer),
        (403, json!({"error": "request origin is not allowed"}))
    );
    let [user, scope] = person("ada");
    let headers = [user, scope, foreign[0]];
    assert_eq!(
        world.app.call(Method::POST, MINT, &headers, "").await.0,
        403
    );
}

#[tokio::test]
async fn guessing_codes_is_slowed_down() {
    let world = World::new().await;
    let body = r#"{"code": "ZZZZ-ZZZZ-ZZZZ"}"#;
    for _ in 0..100 {
        let answer = world
            .app
            .send(request(Method::POST, REDEEM, &[], body))
            .await;
        if answer.status() == 429 {
            assert!(answer.headers().contains_key("retry-after"));
            return;
        }
        assert_eq!(answer.status(), 404);
    }
    panic!("a hundred guesses in a row");
}

// CP-062
#[tokio::test]
async fn cp_062_a_credential_does_not_reach_the_owners_routes() {
    let world = World::new().await;
    let (token, own) = world.pair("ada").await;
    let notebook = world.notebook("ada").await;
    let other = "/api/workstations/credentials/other/revoke".to_owned();
    for (method, path) in [
        (Method::POST, MINT.to_owned()),
        (Method::GET, format!("{MINT}/x")),
        (Method::GET, "/api/workstations/credentials".to_owned()),
        (Method::POST, other),
        (Method::PATCH, "/api/workstations/default".to_owned()),
        (Method::GET, "/api/n".to_owned()),
        (Method::POST, "/api/n".to_owned()),
        (Method::GET, format!("/api/n/{notebook}")),
        (Method::GET, format!("/api/n/{notebook}/acl")),
        (
            Method::GET,
            format!("/api/n/{notebook}/blobs/{}", "a".repeat(64)),
        ),
        (
            Method::POST,
            format!("/api/n/{notebook}/workstation-attachments"),
        ),
    ] {
        let (status, body) = world.as_machine(&token, method, &path, json!({})).await;
        let message = "workstation credentials cannot access this resource";
        assert_eq!((status, body), (403, json!({"error": message})), "{path}");
    }
    // Ending itself is decision D7's.
    let path = format!("/api/workstations/credentials/{own}/revoke");
    assert_eq!(
        world
            .as_machine(&token, Method::POST, &path, Value::Null)
            .await
            .0,
        200
    );
}

// CP-065 CP-115; revoking twice is decision D7's
#[tokio::test]
async fn cp_065_a_revoked_credential_is_no_longer_recognised() {
    let world = World::new().await;
    let (token, id) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let path = format!("/api/workstations/credentials/{id}/revoke");
    for _ in 0..2 {
        let (status, body) = world
            .as_person("ada", Method::POST, &path, Value::Null)
            .await;
        assert_eq!(status, 200);
        assert_eq!(
            body,
            json!({"ok": true, "credential_id": id, "revoked": true})
        );
        assert_eq!(world.told(), vec![format!("revoke {id}")]);
    }
    let list = "/api/workstations/credentials";
    let (_, listed) = world.as_person("ada", Method::GET, list, Value::Null).await;
    let row = &listed["credentials"][0];
    assert_eq!(row["revoked_at"], "2026-06-12T10:26:40.000Z");
    assert!(!listed.to_string().contains(&token));
    let unknown = json!({"error": "workstation credential is not recognized"});
    let jobs = "/api/workstations/ws/attach-jobs";
    let polled = world
        .as_machine(&token, Method::GET, jobs, Value::Null)
        .await;
    assert_eq!(polled, (401, unknown.clone()));
    let register = || {
        let body = json!({"workstation_id": "ws"});
        world.as_machine(&token, Method::POST, "/api/workstations", body)
    };
    assert_eq!(register().await, (401, unknown));
    // From the second time on the agent is told to wait (decision D7).
    assert_eq!(register().await.0, 429);
}

#[tokio::test]
async fn a_credential_rotates_itself() {
    let world = World::new().await;
    let (token, id) = world.pair("ada").await;
    let path = format!("/api/workstations/credentials/{id}/rotate");
    let (status, rotated) = world
        .as_machine(&token, Method::POST, &path, Value::Null)
        .await;
    assert_eq!(status, 200);
    let fresh = rotated["credential"]["token"].as_str().unwrap().to_owned();
    assert_ne!(fresh, token);
    world.register(&fresh, "ws").await;
    // The former token goes on for a day (an answer may be lost), and no longer.
    world.register(&token, "ws").await;
    world.app.clock().advance(Duration::from_secs(86_400));
    let late = world
        .as_machine(&token, Method::POST, &path, Value::Null)
        .await;
    assert_eq!(late.0, 401);
    let (_, other) = world.pair("ada").await;
    let foreign = format!("/api/workstations/credentials/{other}/rotate");
    assert_eq!(
        world
            .as_machine(&fresh, Method::POST, &foreign, Value::Null)
            .await
            .0,
        403
    );
}

// CP 2.1: routes with a parameter take one slash behind it.
#[tokio::test]
async fn a_slash_behind_a_route_with_a_parameter_changes_nothing() {
    let world = World::new().await;
    let (_, credential) = world.pair("ada").await;
    let notebook = world.notebook("ada").await;
    let codes = "/api/workstations/pairing-codes";
    let (_, minted) = world
        .as_person("ada", Method::POST, codes, Value::Null)
        .await;
    let pairing = minted["pairing"]["id"].as_str().unwrap();
    for (method, path) in [
        (Method::GET, format!("{codes}/{pairing}/")),
        (
            Method::POST,
            format!("/api/n/{notebook}/runtime-state-repair/"),
        ),
        (
            Method::POST,
            format!("/api/workstations/credentials/{credential}/revoke/"),
        ),
    ] {
        let (status, answer) = world.as_person("ada", method, &path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
}
