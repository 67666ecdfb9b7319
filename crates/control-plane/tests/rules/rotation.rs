//! How long the tokens of a machine's credential are taken, and what may replace them.

use control_plane::{Refusal, credentials, limits, machines};
use serde_json::json;
use store::PairingStore as _;

use crate::machines::{by_token, pair};
use crate::{START, World, caller, object};

// D7: the former token is taken for the grace period, also to rotate again; then no more. The answer to the last
// rotation never came, so nobody has presented the new one.
#[tokio::test]
async fn the_former_token_is_taken_for_a_while_after_a_rotation() {
    let world = World::new().await;
    let old = pair(&world, "c", 1, START).await;
    let who = by_token(&world, &old, START).await.unwrap();
    let rotate = |presented: String, seed: u8, now: i64| {
        let (catalog, who) = (world.catalog.clone(), who.clone());
        async move { credentials::rotate(&catalog, &who, &presented, [seed; 28], now).await }
    };
    let lost = rotate(old.clone(), 2, START).await.unwrap();
    // The answer was lost: the machine still has the old one, and asks again.
    let fresh = rotate(old.clone(), 3, START + 1_000).await.unwrap();
    let works = async |token: &str, now: i64| by_token(&world, token, now).await.is_ok();
    assert!(works(&old, START + limits::ROTATION_GRACE_MS - 1).await);
    assert!(!works(&lost, START + 2_000).await);
    assert!(works(&fresh, START + 2_000).await);
    let asked = async |token: &str| {
        let who = by_token(&world, token, START + 2_000).await.unwrap();
        credentials::should_rotate(&who.credential.unwrap(), START + 2_000)
    };
    assert_eq!((asked(&old).await, asked(&fresh).await), (true, false));
    // The grace counts from the first rotation, however often the old token rotates.
    let late = START + limits::ROTATION_GRACE_MS;
    assert!(!works(&old, late).await);
    assert!(works(&fresh, late).await);
    assert!(rotate(old, 4, late).await.is_err());
    credentials::revoke(&world.catalog, &caller("ada"), "c", START)
        .await
        .unwrap();
    assert!(!works(&fresh, START).await);
}

// An old copy of a token (a backup, a log) must not put the one in use out of force.
#[tokio::test]
async fn a_token_that_was_followed_by_one_in_use_rotates_nothing() {
    let world = World::new().await;
    let old = pair(&world, "c", 1, START).await;
    let who = by_token(&world, &old, START).await.unwrap();
    let rotate = async |presented: &str, seed: u8| {
        credentials::rotate(&world.catalog, &who, presented, [seed; 28], START).await
    };
    let fresh = rotate(&old, 2).await.unwrap();
    by_token(&world, &fresh, START).await.unwrap();
    let refused = rotate(&old, 3).await;
    assert!(matches!(refused, Err(Refusal::SignIn(_))), "{refused:?}");
    let works = async |token: &str, now: i64| by_token(&world, token, now).await.is_ok();
    let seen = START + limits::ROTATION_SEEN_GRACE_MS;
    assert!(works(&old, seen - 1).await);
    assert!(!works(&old, seen).await);
    assert!(works(&fresh, seen).await);
    // The one in use rotates as ever, and its lost answer may be asked for again.
    rotate(&fresh, 4).await.unwrap();
    let last = rotate(&fresh, 5).await.unwrap();
    assert!(works(&last, START).await);
}

#[tokio::test]
async fn an_end_of_credentials_never_locks_out_a_machine_in_use() {
    const DAY: i64 = 86_400_000;
    let world = World::new().await;
    let idle = pair(&world, "idle", 1, START).await;
    let busy = pair(&world, "busy", 2, START).await;
    let body = object(json!({"credential_days": 3}));
    machines::change_settings(&world.catalog, &caller("ada"), &body, START)
        .await
        .unwrap();
    for hour in 0..200 {
        let now = START + hour * 3_600_000;
        let who = by_token(&world, &busy, now).await.unwrap();
        let asked = credentials::should_rotate(&who.credential.unwrap(), now);
        assert_eq!(asked, hour >= 48, "{hour}");
    }
    let refused = by_token(&world, &idle, START + 4 * DAY).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("workstation credential has expired")
    );
    // A rotation begins a new life; one paired later has an end from the start.
    let who = by_token(&world, &busy, START + 8 * DAY).await.unwrap();
    let now = START + 8 * DAY;
    let fresh = credentials::rotate(&world.catalog, &who, &busy, [9; 28], now)
        .await
        .unwrap();
    let who = by_token(&world, &fresh, now)
        .await
        .unwrap()
        .credential
        .unwrap();
    assert_eq!(who.expires_ms, Some(now + 3 * DAY));
    pair(&world, "later", 3, now).await;
    let later = world.catalog.credential("user:dev:ada", "later").await;
    assert_eq!(later.unwrap().unwrap().expires_ms, Some(now + 3 * DAY));
}
