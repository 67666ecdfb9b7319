use std::time::Duration;

use control_plane::people::{self, Profile};
use http::Method;
use serde_json::{Value, json};
use wire::UnixMs;

use crate::testing::TestApp;

const ADA: [(&str, &str); 3] = [
    ("x-user", "ada"),
    ("x-scope", "owner"),
    ("content-type", "application/json"),
];

async fn notebook(app: &TestApp) -> String {
    let (_, body) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    format!("/api/n/{}", body["notebook_id"].as_str().unwrap())
}

async fn invite(app: &TestApp, notebook: &str, body: &Value) -> (u16, Value) {
    let path = format!("{notebook}/invites");
    app.call(Method::POST, &path, &ADA, body.to_string()).await
}

/// Signs somebody in by the provider; the principal of the account.
async fn sign_in(app: &TestApp, subject: &str, email: Option<&str>) -> String {
    let profile = Profile {
        principal: format!("user:oidc:{subject}"),
        namespace: "user:oidc".into(),
        provider: people::OIDC,
        display_name: None,
        email: email.map(str::to_owned),
    };
    let (account, _) = people::signed_in(app.catalog(), &profile, app.now_ms())
        .await
        .unwrap();
    let settled = people::settle(app.catalog(), &profile.principal, app.now_ms()).await;
    app.carry_out(settled.unwrap().1).await;
    account
}

/// The subjects with their scopes.
async fn rows(app: &TestApp, notebook: &str) -> Vec<(String, String)> {
    let path = format!("{notebook}/acl");
    let (_, body) = app.call(Method::GET, &path, &ADA, "").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = body["acl"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["subject"]), text(&row["scope"])))
        .collect()
}

// CP-291, CP-293
#[tokio::test]
async fn bad_invites_are_named_in_order() {
    let app = TestApp::with_dev_identity().await;
    let notebook = notebook(&app).await;
    for (body, message) in [
        (json!({}), "email must be a non-empty string"),
        (json!({"email": "a@b@c"}), "invite email is invalid"),
        (
            json!({"email": "a@b.c"}),
            "scope must be a non-empty string",
        ),
        (
            json!({"email": "a@b.c", "scope": "owner"}),
            "invite scope must be viewer or editor",
        ),
        (
            json!({"email": "a@b.c", "scope": "runtime_peer"}),
            "invite scope must be viewer or editor",
        ),
        (
            json!({"email": "a@b.c", "scope": "viewer", "provider_hint": 1}),
            "provider_hint must be a string",
        ),
        (
            json!({"email": "a@b.c", "scope": "viewer", "provider_hint": "a b"}),
            "invite provider hint is invalid",
        ),
        (
            json!({"email": "a@b.c", "scope": "viewer", "expires_at": "soon"}),
            "invite expiry is invalid",
        ),
        (
            json!({"email": "a@b.c", "scope": "viewer", "expires_at": "2020-01-01"}),
            "invite expiry must be in the future",
        ),
    ] {
        let (status, answer) = invite(&app, &notebook, &body).await;
        assert_eq!((status, &answer["error"]), (400, &json!(message)));
    }
    let path = format!("{notebook}/invites");
    let (_, answer) = app.call(Method::POST, &path, &ADA, "null").await;
    assert_eq!(answer["error"], "invite body must be a JSON object");
    let (status, _) = app.call(Method::PUT, &path, &ADA, "").await;
    assert_eq!(status, 405);
    let eve = [("x-user", "eve")];
    let (status, _) = app.call(Method::GET, &path, &eve, "").await;
    assert_eq!(status, 403);
}

// CP 3.6: whatever a program parses as a date.
#[tokio::test]
async fn an_expiry_may_be_any_date() {
    let app = TestApp::with_dev_identity().await;
    let notebook = notebook(&app).await;
    for (number, text) in [
        "2027-07-01",
        "2027-07-01T00:00",
        "2027-07-01T00:00:00",
        "2027-07-01T02:00:00.000+02:00",
        "Thu, 01 Jul 2027 00:00:00 GMT",
        "1 Jul 2027 02:00:00 +0200",
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("grace{number}@example.org");
        let body = json!({"email": email, "scope": "viewer", "expires_at": text});
        let (status, answer) = invite(&app, &notebook, &body).await;
        assert_eq!(status, 201, "{text}: {answer}");
    }
}

// CP-292
#[tokio::test]
async fn cp_292_the_same_invite_again_is_the_same() {
    let app = TestApp::with_dev_identity().await;
    let notebook = notebook(&app).await;
    let body = json!({"email": " Grace@Example.org", "scope": "editor"});
    let (status, first) = invite(&app, &notebook, &body).await;
    assert_eq!(status, 201);
    assert_eq!(first["invite"]["email"], "grace@example.org");
    assert_eq!(first["invite"]["status"], "pending");
    let (status, again) = invite(&app, &notebook, &body).await;
    assert_eq!(
        (status, &again["invite"]["id"]),
        (201, &first["invite"]["id"])
    );
    let hinted = json!({"email": "grace@example.org", "scope": "editor", "provider_hint": "OIDC"});
    let (_, other) = invite(&app, &notebook, &hinted).await;
    assert_ne!(other["invite"]["id"], first["invite"]["id"]);
    assert_eq!(other["invite"]["provider_hint"], "oidc");
}

// CP-294, CP-296
#[tokio::test]
async fn cp_294_a_verified_address_becomes_a_member_once() {
    let app = TestApp::with_dev_identity().await;
    let notebook = notebook(&app).await;
    let body = json!({"email": "grace@example.org", "scope": "editor"});
    invite(&app, &notebook, &body).await;
    // An address that the provider does not vouch for never reaches the account.
    sign_in(&app, "mallory", None).await;
    assert_eq!(rows(&app, &notebook).await.len(), 1);
    let grace = sign_in(&app, "grace", Some("grace@example.org")).await;
    assert!(grace.starts_with("account:user%3Aoidc:email:"), "{grace}");
    let member = (grace.clone(), "editor".to_owned());
    assert!(rows(&app, &notebook).await.contains(&member));
    // Removed by the owner, a second sign-in does not bring them back.
    let row = json!({"subject_kind": "principal", "subject": grace, "scope": "editor"});
    let path = format!("{notebook}/acl");
    app.call(Method::DELETE, &path, &ADA, row.to_string()).await;
    sign_in(&app, "grace", Some("grace@example.org")).await;
    assert_eq!(rows(&app, &notebook).await.len(), 1);
    let (_, listed) = app
        .call(Method::GET, &format!("{notebook}/invites"), &ADA, "")
        .await;
    assert_eq!(listed["invites"].as_array().unwrap().len(), 1);
    assert_eq!(listed["invites"][0]["status"], "accepted");
    assert_eq!(listed["invites"][0]["accepted_by_principal"], grace);
}

// CP-293, CP-295, CP-297
#[tokio::test]
async fn invites_that_are_over_or_not_meant_give_nothing() {
    let app = TestApp::with_dev_identity().await;
    let notebook = notebook(&app).await;
    let grace = "grace@example.org";
    let soon = UnixMs(app.now_ms() + 1000).to_string();
    let over = json!({"email": grace, "scope": "viewer", "expires_at": soon});
    invite(&app, &notebook, &over).await;
    let hinted = json!({"email": grace, "scope": "editor", "provider_hint": "saml"});
    invite(&app, &notebook, &hinted).await;
    let (_, revoked) = invite(&app, &notebook, &json!({"email": grace, "scope": "editor"})).await;
    let one = format!("invites/{}", revoked["invite"]["id"].as_str().unwrap());
    let (_, other) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    let elsewhere = format!("/api/n/{}/{one}", other["notebook_id"].as_str().unwrap());
    let (status, answer) = app.call(Method::DELETE, &elsewhere, &ADA, "").await;
    assert_eq!(
        (status, &answer["error"]),
        (404, &json!("pending invite not found"))
    );
    let here = format!("{notebook}/{one}");
    let (status, _) = app.call(Method::DELETE, &here, &ADA, "").await;
    assert_eq!(status, 200);
    let (status, _) = app.call(Method::DELETE, &here, &ADA, "").await;
    assert_eq!(status, 404);
    app.clock().advance(Duration::from_secs(2));
    sign_in(&app, "grace", Some(grace)).await;
    assert_eq!(rows(&app, &notebook).await.len(), 1);
    // What has run out does not stand in the way of a new one.
    let (status, fresh) =
        invite(&app, &notebook, &json!({"email": grace, "scope": "viewer"})).await;
    assert_eq!(
        (status, &fresh["invite"]["expires_at"]),
        (201, &Value::Null)
    );
}
