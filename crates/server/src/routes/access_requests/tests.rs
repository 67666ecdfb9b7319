use http::Method;
use serde_json::{Value, json};

use crate::testing::TestApp;

type Headers = [(&'static str, &'static str); 2];
const ADA: Headers = [("x-user", "ada"), ("x-scope", "owner")];
const EVE: Headers = [("x-user", "eve"), ("x-scope", "viewer")];
const BOB: Headers = [("x-user", "bob"), ("x-scope", "viewer")];

/// A notebook of Ada's that Eve and Bob may look at; its requests' path.
async fn world() -> (TestApp, String) {
    let app = TestApp::with_dev_identity().await;
    let (_, body) = app.call(Method::POST, "/api/n", &ADA, "{}").await;
    let notebook = format!("/api/n/{}", body["notebook_id"].as_str().unwrap());
    for name in ["eve", "bob"] {
        let row = json!({
            "subject_kind": "principal", "subject": format!("user:dev:{name}"), "scope": "viewer",
        });
        let acl = format!("{notebook}/acl");
        app.call(Method::POST, &acl, &ADA, row.to_string()).await;
    }
    (app, format!("{notebook}/access-requests"))
}

async fn ask(app: &TestApp, path: &str, who: &Headers) -> (u16, Value) {
    app.call(Method::POST, path, who, "").await
}

// CP-299, CP-300, CP-301
#[tokio::test]
async fn cp_299_a_reader_asks_waits_and_is_let_in() {
    let (app, path) = world().await;
    let (status, first) = ask(&app, &path, &EVE).await;
    assert_eq!((status, &first["access_status"]), (201, &json!("pending")));
    let (status, again) = ask(&app, &path, &EVE).await;
    assert_eq!(status, 200);
    assert_eq!(again["access_request"]["id"], first["access_request"]["id"]);
    let one = format!("{path}/{}", first["access_request"]["id"].as_str().unwrap());
    for (body, message) in [
        ("{", "access request body must be JSON"),
        ("{}", "action must be a non-empty string"),
        (
            r#"{"action":"maybe"}"#,
            "access request action must be approve, deny, or dismiss",
        ),
    ] {
        let (status, answer) = app.call(Method::POST, &one, &ADA, body).await;
        assert_eq!((status, &answer["error"]), (400, &json!(message)));
    }
    let approve = r#"{"action":"approve"}"#;
    let (status, _) = app.call(Method::POST, &one, &EVE, approve).await;
    assert_eq!(status, 403);
    let (status, answer) = app.call(Method::POST, &one, &ADA, approve).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["access_request"]["status"], "approved");
    let (status, granted) = ask(&app, &path, &EVE).await;
    assert_eq!(
        (status, &granted["access_status"]),
        (200, &json!("granted"))
    );
    let (status, answer) = app.call(Method::POST, &one, &ADA, approve).await;
    assert_eq!(
        (status, &answer["error"]),
        (404, &json!("pending access request not found"))
    );
}

// CP-300, CP-302
#[tokio::test]
async fn cp_302_a_reader_sees_their_own_and_a_denial_gives_nothing() {
    let (app, path) = world().await;
    let (_, eve) = ask(&app, &path, &EVE).await;
    ask(&app, &path, &BOB).await;
    for action in ["deny", "dismiss"] {
        let (_, waiting) = ask(&app, &path, &EVE).await;
        let id = waiting["access_request"]["id"].as_str().unwrap();
        let body = json!({"action": action}).to_string();
        let (status, _) = app
            .call(Method::POST, &format!("{path}/{id}"), &ADA, body)
            .await;
        assert_eq!(status, 200);
    }
    // Denied twice, the third time is a new request.
    let (status, third) = ask(&app, &path, &EVE).await;
    assert_eq!(status, 201);
    assert_ne!(third["access_request"]["id"], eve["access_request"]["id"]);
    let (_, own) = app.call(Method::GET, &path, &EVE, "").await;
    let own = own["access_requests"].as_array().unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["requester_principal"], "user:dev:eve");
    let (_, all) = app.call(Method::GET, &path, &ADA, "").await;
    assert_eq!(all["access_requests"].as_array().unwrap().len(), 4);
    let (status, answer) = app.call(Method::GET, &path, &[], "").await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("sign in to view access requests"))
    );
    let (status, answer) = app.call(Method::POST, &path, &[], "").await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("sign in to request edit access"))
    );
}

#[tokio::test]
async fn a_stranger_who_knows_the_address_may_ask_and_reads_the_answer() {
    let (app, path) = world().await;
    let stranger = [("x-user", "grace"), ("x-scope", "viewer")];
    let (status, _) = app.call(Method::GET, &path, &stranger, "").await;
    assert_eq!(status, 403);
    let (status, asked) = ask(&app, &path, &stranger).await;
    assert_eq!(status, 201, "{asked}");
    let (status, own) = app.call(Method::GET, &path, &stranger, "").await;
    assert_eq!(
        (status, &own["access_requests"][0]["status"]),
        (200, &json!("pending"))
    );
    // Asking opens nothing.
    let notebook = path.trim_end_matches("/access-requests");
    assert_eq!(app.call(Method::GET, notebook, &stranger, "").await.0, 403);
    let one = format!("{path}/{}", asked["access_request"]["id"].as_str().unwrap());
    let deny = r#"{"action":"deny"}"#;
    assert_eq!(app.call(Method::POST, &one, &ADA, deny).await.0, 200);
    let (_, own) = app.call(Method::GET, &path, &stranger, "").await;
    assert_eq!(own["access_requests"][0]["status"], "denied");
    assert_eq!(app.call(Method::GET, notebook, &stranger, "").await.0, 403);
    // What is in the trash, or nowhere, cannot be asked for.
    assert_eq!(
        app.call(Method::POST, &format!("{notebook}/trash"), &ADA, "")
            .await
            .0,
        200
    );
    assert_eq!(ask(&app, &path, &stranger).await.0, 404);
    assert_eq!(
        ask(&app, "/api/n/unknown/access-requests", &stranger)
            .await
            .0,
        404
    );
}
