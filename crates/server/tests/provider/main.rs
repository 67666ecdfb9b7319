//! Signing in by a real, certified OpenID Connect provider on this machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod support;

use reqwest::{Method, Url, header};
use serde_json::{Value, json};

use support::{Browser, PATIENCE, World};

// CP-330
#[tokio::test]
async fn a_person_signs_in_by_code_and_has_a_session() {
    let Some(world) = World::start(|_| ()).await else {
        return;
    };
    let browser = world.sign_in("ada").await;
    let cookies = browser.cookies(&world.address.parse().unwrap());
    assert!(
        !cookies.contains("sign_in"),
        "the binding is used up: {cookies}"
    );
    let headers = [("cookie", cookies.as_str())];
    let (_, session) = world
        .call(Method::GET, "/api/auth/session", &headers, "")
        .await;
    assert_eq!(session["session"]["provider"], "oidc");
    let (status, list) = world.call(Method::GET, "/api/n", &headers, "").await;
    assert_eq!(
        (status, &list["current_user_display"]),
        (200, &json!("Ada"))
    );
    let principal = list["current_user_principal"].as_str().unwrap();
    assert!(
        principal.starts_with("account:user%3Aoidc:email:"),
        "{principal}"
    );
    // A second browser of the same person is another session of the same account.
    let second = world.sign_in("ada").await;
    let cookies = second.cookies(&world.address.parse().unwrap());
    let headers = [("cookie", cookies.as_str())];
    let (_, again) = world.call(Method::GET, "/api/n", &headers, "").await;
    assert_eq!(again["current_user_principal"], principal);
    let (_, sessions) = world
        .call(Method::GET, "/api/auth/sessions", &headers, "")
        .await;
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_works_once_and_only_in_the_browser_that_asked() {
    let Some(world) = World::start(|_| ()).await else {
        return;
    };
    let mut browser = Browser::new(&world.client);
    let begin = format!("{}/oidc/sign-in", world.address);
    let back: Url = browser.follow(&begin, "/oidc").await.parse().unwrap();
    // Somebody else's browser, led here by a link.
    let mut other = Browser::new(&world.client);
    let refused = other.get(&back).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.headers().get(header::SET_COOKIE).is_none());
    let again = browser.clone();
    assert_eq!(browser.get(&back).await.status(), 303);
    let mut replayed = again;
    let refused = replayed.get(&back).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("Hint:"));
    // What the provider says no to is told, without its words.
    let mut browser = Browser::new(&world.client);
    let back: Url = browser.follow(&begin, "/oidc").await.parse().unwrap();
    let state = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let denied = format!("{}/oidc?error=access_denied&state={state}", world.address);
    let refused = browser.get(&denied.parse().unwrap()).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("access_denied"));
}

// CP-033, CP-034, CP-044, CP-045, CP-057
#[tokio::test]
async fn a_native_client_brings_the_providers_bearer() {
    let Some(world) = World::start(|_| ()).await else {
        return;
    };
    let bearer = format!("Bearer {}", world.bearer().await);
    let owner = [("authorization", bearer.as_str()), ("x-scope", "owner")];
    let (status, made) = world.call(Method::POST, "/api/n", &owner, "{}").await;
    assert_eq!(status, 201, "{made}");
    let (_, list) = world.call(Method::GET, "/api/n", &owner, "").await;
    assert_eq!(list["current_user_principal"], "user:oidc:native");
    let operator = [owner[0], ("x-operator", "desktop:one")];
    let (status, _) = world.call(Method::GET, "/api/n", &operator, "").await;
    assert_eq!(status, 200);
    for other in [("x-user", "eve"), ("x-notebook-cloud-dev-token", "t")] {
        let (status, answer) = world
            .call(Method::GET, "/api/n", &[owner[0], other], "")
            .await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("multiple identity credentials presented"))
        );
    }
    let exchanged = world
        .client
        .post(format!("{}/api/auth/session", world.address))
        .header("authorization", &bearer)
        .send()
        .await
        .unwrap();
    assert_eq!(exchanged.status(), 200);
    let cookie = exchanged.headers()[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        cookie.ends_with("; Path=/; Max-Age=21600; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    let body: Value = serde_json::from_slice(&exchanged.bytes().await.unwrap()).unwrap();
    assert_eq!(body, json!({"ok": true, "expires_in": 21600}));
    // The bearer goes before the cookie, and a broken bearer does not fall back to it.
    let cookie = cookie.split(';').next().unwrap();
    let both = [("authorization", "Bearer a.b.c"), ("cookie", cookie)];
    let (status, answer) = world.call(Method::GET, "/api/n", &both, "").await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("OIDC token must be a JWT"))
    );
    let both = [("authorization", bearer.as_str()), ("cookie", cookie)];
    assert_eq!(world.call(Method::GET, "/api/n", &both, "").await.0, 200);
    let (status, answer) = world.call(Method::POST, "/api/auth/session", &[], "").await;
    assert_eq!(
        (status, &answer["error"]),
        (403, &json!("app sessions require OIDC sign-in"))
    );
}

#[tokio::test]
async fn the_provider_changes_its_keys_and_nobody_restarts_anything() {
    let Some(world) = World::start(|_| ()).await else {
        return;
    };
    let list = async |bearer: String| {
        let header = format!("Bearer {bearer}");
        let headers = [("authorization", header.as_str())];
        world.call(Method::GET, "/api/n", &headers, "").await
    };
    assert_eq!(list(world.bearer().await).await.0, 200);
    world.tell("rotate=1").await;
    let bearer = world.bearer().await;
    // Unknown keys are asked for once a second at most.
    let accepted = async {
        loop {
            let (status, answer) = list(bearer.clone()).await;
            if status == 200 {
                return;
            }
            assert_eq!(answer["error"], "OIDC signing key was not found");
        }
    };
    tokio::time::timeout(PATIENCE, accepted).await.unwrap();
    world.sign_in("ada").await;
}

// CP-294
#[tokio::test]
async fn an_invited_address_is_a_member_after_the_first_sign_in() {
    let Some(world) = World::start(|_| ()).await else {
        return;
    };
    let bearer = format!("Bearer {}", world.bearer().await);
    let owner = [("authorization", bearer.as_str()), ("x-scope", "owner")];
    let (_, made) = world.call(Method::POST, "/api/n", &owner, "{}").await;
    let notebook = format!("/api/n/{}", made["notebook_id"].as_str().unwrap());
    for name in ["grace", "mallory"] {
        let body = json!({"email": format!("{name}@example.org"), "scope": "viewer"});
        let path = format!("{notebook}/invites");
        let (status, _) = world
            .call(Method::POST, &path, &owner, &body.to_string())
            .await;
        assert_eq!(status, 201);
    }
    // The provider does not vouch for Mallory's address.
    for (name, expected) in [("grace", 200), ("mallory", 403)] {
        let browser = world.sign_in(name).await;
        let cookies = browser.cookies(&world.address.parse().unwrap());
        let headers = [("cookie", cookies.as_str())];
        let (status, _) = world.call(Method::GET, &notebook, &headers, "").await;
        assert_eq!(status, expected, "{name}");
    }
}

#[tokio::test]
async fn only_those_on_the_list_come_in() {
    let allow = |oidc: &mut server::identity::oidc::OidcSettings| {
        oidc.allow = vec!["ada@example.org".into()];
    };
    let Some(world) = World::start(allow).await else {
        return;
    };
    world.sign_in("ada").await;
    world.tell("person=eve").await;
    let mut browser = Browser::new(&world.client);
    let begin = format!("{}/oidc/sign-in", world.address);
    let back: Url = browser.follow(&begin, "/oidc").await.parse().unwrap();
    let refused = browser.get(&back).await;
    assert_eq!(refused.status(), 403);
    assert!(
        refused
            .text()
            .await
            .unwrap()
            .contains("not on the server's list")
    );
    let bearer = format!("Bearer {}", world.bearer().await);
    let headers = [("authorization", bearer.as_str())];
    let (status, _) = world.call(Method::GET, "/api/n", &headers, "").await;
    assert_eq!(status, 403);
}
