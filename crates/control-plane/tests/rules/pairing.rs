//! Pairing codes and credentials from minting to revocation.

use control_plane::pairing::{self, RedeemEntropy, Redeemed};
use control_plane::{Effect, Refusal, credentials, hash_secret, registration};
use serde_json::json;
use store::PairingStore;
use wire::http::PairingStatus;
use wire::token::checksum_holds;

use crate::{START, World, anonymous, caller, machine, object};

fn entropy(id: &str) -> RedeemEntropy {
    RedeemEntropy {
        credential_id: id.to_owned(),
        token: [9; 28],
    }
}

async fn redeem(
    world: &World,
    code: &str,
    now: i64,
    entropy: RedeemEntropy,
) -> control_plane::Result<Redeemed> {
    let input = pairing::redeem_input(&object(json!({"code": code})))?;
    pairing::redeem(&world.catalog, &input, "192.0.2.1", now, entropy).await
}

async fn status(world: &World, id: &str, now: i64) -> PairingStatus {
    pairing::poll(&world.catalog, &caller("ada"), id, now)
        .await
        .unwrap()
        .1
}

// CP-093 CP-094 CP-097 CP-098
#[tokio::test]
async fn cp_094_a_code_is_minted_for_ten_minutes_and_polled_by_its_owner_alone() {
    let world = World::new().await;
    let refused = pairing::mint(
        &world.catalog,
        &anonymous(),
        None,
        START,
        "p".into(),
        [1; 16],
    )
    .await
    .err()
    .unwrap();
    assert_eq!(refused.to_string(), "sign in to add a workstation");
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
    assert_eq!(minted.expires_ms, START + 600_000);
    assert_eq!(status(&world, "p", START).await, PairingStatus::Pending);
    let foreign = pairing::poll(&world.catalog, &caller("eve"), "p", START)
        .await
        .unwrap_err();
    assert!(matches!(foreign, Refusal::Absent("pairing code not found")));
    let nobody = pairing::poll(&world.catalog, &anonymous(), "p", START)
        .await
        .unwrap_err();
    assert!(matches!(
        nobody,
        Refusal::SignIn("sign in to check pairing status")
    ));
}

// CP-096 CP-099 CP-100 CP-101 CP-103
#[tokio::test]
async fn cp_101_unknown_used_and_expired_codes_read_the_same() {
    let world = World::new().await;
    let ada = caller("ada");
    let first = pairing::mint(&world.catalog, &ada, None, START, "p1".into(), [1; 16])
        .await
        .unwrap();
    let second = pairing::mint(&world.catalog, &ada, None, START, "p2".into(), [2; 16])
        .await
        .unwrap();
    let loosely = format!(" {} ", first.code.to_lowercase().replace('-', " "));
    let redeemed = redeem(&world, &loosely, START + 1, entropy("c1"))
        .await
        .unwrap();
    assert_eq!(redeemed.token.len(), 47);
    assert!(redeemed.token.starts_with("nwc_"));
    assert!(checksum_holds(&redeemed.token));
    assert!(!checksum_holds(&format!("nwc_{}", "A".repeat(43))));
    let used = redeem(&world, &first.code, START + 2, entropy("c2")).await;
    let unknown = redeem(&world, "ZZZZ-ZZZZ-ZZZZ", START, entropy("c3")).await;
    let late = START + 600_000;
    let expired = redeem(&world, &second.code, late, entropy("c4")).await;
    for refused in [used, unknown, expired] {
        let refused = refused.err().unwrap();
        assert!(matches!(
            refused,
            Refusal::Absent("pairing code is invalid, expired, or already used")
        ));
    }
    assert_eq!(
        world
            .catalog
            .credentials("user:dev:ada")
            .await
            .unwrap()
            .len(),
        1
    );
}

// CP-106 CP-107 CP-108 CP-109 CP-111
#[tokio::test]
async fn cp_106_a_pairing_goes_from_pending_to_registered() {
    let world = World::new().await;
    let ada = caller("ada");
    let minted = pairing::mint(&world.catalog, &ada, None, START, "p".into(), [1; 16])
        .await
        .unwrap();
    pairing::mint(&world.catalog, &ada, None, START, "never".into(), [2; 16])
        .await
        .unwrap();
    redeem(&world, &minted.code, START, entropy("c"))
        .await
        .unwrap();
    assert_eq!(
        status(&world, "p", START + 900_000).await,
        PairingStatus::Redeemed
    );
    assert_eq!(
        status(&world, "never", START + 599_999).await,
        PairingStatus::Pending
    );
    assert_eq!(
        status(&world, "never", START + 600_000).await,
        PairingStatus::Expired
    );
    let input = || registration::parse(&object(json!({"workstation_id": "ws"}))).unwrap();
    registration::register(&world.catalog, &ada, input(), None, START)
        .await
        .unwrap();
    assert_eq!(status(&world, "p", START).await, PairingStatus::Redeemed);
    let agent = machine("ada", "c", "p");
    registration::register(&world.catalog, &agent, input(), None, START)
        .await
        .unwrap();
    let (pairing, status) = pairing::poll(&world.catalog, &ada, "p", START)
        .await
        .unwrap();
    assert_eq!(
        (status, pairing.workstation_id.as_deref()),
        (PairingStatus::Registered, Some("ws"))
    );
}

// CP-063 CP-064 CP-065 CP-066 CP-067 CP-069 CP-116 RP-013
#[tokio::test]
async fn cp_066_the_credential_is_checked_before_the_scope() {
    let world = World::new().await;
    let ada = caller("ada");
    let minted = pairing::mint(&world.catalog, &ada, None, START, "p".into(), [1; 16])
        .await
        .unwrap();
    let redeemed = redeem(&world, &minted.code, START, entropy("c"))
        .await
        .unwrap();
    let token = redeemed.token;
    let check = |token: String, scope: Option<&'static str>, now: i64| {
        let catalog = world.catalog.clone();
        async move {
            credentials::authenticate(&catalog, &token, scope, now)
                .await
                .map(|(_, scope)| scope.as_str())
                .map_err(|refusal| refusal.to_string())
        }
    };
    let unknown = "workstation credential is not recognized";
    assert_eq!(
        check("nwc_x".into(), Some("owner"), START)
            .await
            .unwrap_err(),
        unknown
    );
    assert_eq!(
        check(token.clone(), Some("owner"), START)
            .await
            .unwrap_err(),
        "workstation credentials cannot request owner scope"
    );
    assert_eq!(
        check(token.clone(), Some("bogus"), START)
            .await
            .unwrap_err(),
        "Error: unknown connection scope: bogus"
    );
    let used =
        || async { world.catalog.credentials(&ada.principal).await.unwrap()[0].last_used_ms };
    assert_eq!(used().await, None);
    assert_eq!(check(token.clone(), None, START).await.unwrap(), "viewer");
    assert_eq!(
        check(token.clone(), Some("runtime_peer"), START + 299_000)
            .await
            .unwrap(),
        "runtime_peer"
    );
    assert_eq!(used().await, Some(START));
    check(token.clone(), None, START + 300_001).await.unwrap();
    assert_eq!(used().await, Some(START + 300_001));
    // CP-113 CP-070: the row holds the hash alone.
    let row = world
        .catalog
        .credential_by_hash(&hash_secret(&token))
        .await
        .unwrap()
        .unwrap();
    assert!(!row.token_hash.contains("nwc_"));
    credentials::revoke(&world.catalog, &ada, "c", START)
        .await
        .unwrap();
    assert_eq!(check(token, None, START).await.unwrap_err(), unknown);
}

// CP-114 CP-118 CP-120; revoking twice is decision D7's
#[tokio::test]
async fn cp_120_revoking_one_credential_leaves_the_others() {
    let world = World::new().await;
    let ada = caller("ada");
    for (id, seed) in [("c1", 1_u8), ("c2", 2)] {
        let pairing_id = format!("p-{id}");
        let minted = pairing::mint(&world.catalog, &ada, None, START, pairing_id, [seed; 16])
            .await
            .unwrap();
        let entropy = RedeemEntropy {
            credential_id: id.to_owned(),
            token: [seed; 28],
        };
        redeem(&world, &minted.code, START, entropy).await.unwrap();
    }
    let nobody = credentials::list(&world.catalog, &anonymous())
        .await
        .unwrap_err();
    assert_eq!(
        nobody.to_string(),
        "sign in to manage workstation credentials"
    );
    let foreign = credentials::revoke(&world.catalog, &caller("eve"), "c1", START).await;
    assert!(matches!(
        foreign,
        Err(Refusal::Absent("workstation credential not found"))
    ));
    let sibling =
        credentials::revoke(&world.catalog, &machine("ada", "c2", "p-c2"), "c1", START).await;
    assert!(matches!(sibling, Err(Refusal::Forbidden(_))));
    for _ in 0..2 {
        let effects = credentials::revoke(&world.catalog, &ada, "c1", START)
            .await
            .unwrap();
        assert_eq!(
            effects,
            vec![Effect::CloseCredential {
                credential_id: "c1".to_owned()
            }]
        );
    }
    let listed = credentials::list(&world.catalog, &ada).await.unwrap();
    let live: Vec<bool> = listed.iter().map(|c| c.revoked_ms.is_none()).collect();
    assert_eq!(live, vec![true, false]);
    let own = machine("ada", "c2", "p-c2");
    credentials::revoke(&world.catalog, &own, "c2", START)
        .await
        .unwrap();
}
