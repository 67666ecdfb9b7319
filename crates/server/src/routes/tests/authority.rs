//! What a revoked credential and a bare cookie reach.

use http::{Method, header};
use serde_json::{Value, json};

use super::World;
use crate::identity::session;
use crate::testing::request;

const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:8080");

/// Signs the owner in by link; the cookie pair.
async fn cookie(world: &World) -> String {
    let (catalog, now) = (world.app.catalog(), world.app.now_ms());
    let token = session::mint_sign_in_token(catalog, now).await.unwrap();
    let path = format!("/sign-in?token={token}");
    let answer = world.app.send(request(Method::GET, &path, &[], "")).await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// A call of the page: the cookie and the page's origin, nothing else.
async fn as_page(
    world: &World,
    cookie: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let headers = [
        ("cookie", cookie),
        ORIGIN,
        ("content-type", "application/json"),
    ];
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    world.app.call(method, path, &headers, body).await
}

pub(super) async fn dial(world: &World, token: &str, path: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-scope", "runtime_peer"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let answer = world
        .app
        .send(request(Method::GET, path, &headers, ""))
        .await;
    answer.status().as_u16()
}

// CP-119
#[tokio::test]
async fn cp_119_a_revoked_credential_reaches_nothing() {
    let world = World::new().await;
    let (token, id) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let notebook = world.notebook("ada").await;
    let attach = format!("/api/n/{notebook}/workstation-attachments");
    let body = json!({"workstation_id": "ws"});
    let (_, attached) = world.as_person("ada", Method::POST, &attach, body).await;
    let job = attached["job"]["job_id"].as_str().unwrap();
    let hash = documents::manifest::sha256_hex(b"bytes");
    let blob = format!("/api/n/{notebook}/blobs/{hash}");
    let put = async || {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", &*bearer), ("x-scope", "runtime_peer")];
        world
            .app
            .call(Method::PUT, &blob, &headers, "bytes")
            .await
            .0
    };
    // Before, it works: what follows is refused for the revocation alone.
    assert_eq!(put().await, 201);
    let revoke = format!("/api/workstations/credentials/{id}/revoke");
    let (status, _) = world
        .as_person("ada", Method::POST, &revoke, json!({}))
        .await;
    assert_eq!(status, 200);
    assert_eq!(put().await, 401);
    let jobs = "/api/workstations/ws/attach-jobs".to_owned();
    for (method, path, body) in [
        (
            Method::POST,
            "/api/workstations".to_owned(),
            json!({"workstation_id": "ws"}),
        ),
        (Method::GET, jobs.clone(), Value::Null),
        (
            Method::PATCH,
            format!("{jobs}/{job}"),
            json!({"status": "accepted"}),
        ),
    ] {
        let (status, answer) = world.as_machine(&token, method, &path, body).await;
        assert_eq!(status, 401, "{path}");
        assert_eq!(answer["error"], "workstation credential is not recognized");
    }
    for path in [
        format!("/n/{notebook}/sync"),
        "/api/workstations/ws/events".to_owned(),
    ] {
        assert_eq!(dial(&world, &token, &path).await, 401, "{path}");
    }
}

// WS-321
#[tokio::test]
async fn ws_321_what_a_workstation_credential_uploads_its_owner_reads() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    let bearer = format!("Bearer {token}");
    let hash = documents::manifest::sha256_hex(b"bytes");
    let path = |notebook: String| format!("/api/n/{notebook}/blobs/{hash}");
    world.register(&token, "ws").await;
    let notebook = world.notebook("ada").await;
    let attach = format!("/api/n/{notebook}/workstation-attachments");
    let body = json!({"workstation_id": "ws"});
    let (status, _) = world.as_person("ada", Method::POST, &attach, body).await;
    assert_eq!(status, 202);
    let own = path(notebook);
    let put = async |path: &str, scope: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-scope", scope),
            ("x-operator", "agent:runt:blob-publisher"),
            ("content-type", "image/png"),
        ];
        let put = world.app.call(Method::PUT, path, &headers, "bytes");
        put.await.0
    };
    assert_eq!(put(&own, "viewer").await, 403);
    assert_eq!(put(&own, "runtime_peer").await, 201);
    assert_eq!(put(&own, "runtime_peer").await, 200, "it is there");
    let owner = [("x-user", "ada"), ("x-scope", "owner")];
    let read = request(Method::GET, &own, &owner, "");
    let answer = world.app.send(read).await;
    assert_eq!(answer.headers()["content-type"], "image/png");
    let bytes = axum::body::to_bytes(answer.into_body(), 100).await.unwrap();
    assert_eq!(bytes, "bytes");
    let others = path(world.notebook("eve").await);
    assert!([403, 404].contains(&put(&others, "runtime_peer").await));
}

// CP-121
#[tokio::test]
async fn cp_121_a_cookie_alone_does_not_register() {
    let world = World::new().await;
    let cookie = cookie(&world).await;
    let body = json!({"workstation_id": "ws"});
    let (status, answer) = as_page(&world, &cookie, Method::POST, "/api/workstations", &body).await;
    assert_eq!(
        (status, answer),
        (401, json!({"error": "sign in to manage workstations"}))
    );
}

/// A machine of the person who signed in by link.
async fn register(world: &World, cookie: &str) -> String {
    let codes = "/api/workstations/pairing-codes";
    let (status, minted) = as_page(world, cookie, Method::POST, codes, &json!({})).await;
    assert_eq!(status, 201, "{minted}");
    let code = json!({"code": minted["pairing"]["code"]});
    let redeem = format!("{codes}/redeem");
    let (_, redeemed) = world.as_nobody(Method::POST, &redeem, code).await;
    let token = redeemed["credential"]["token"].as_str().unwrap();
    world.register(token, "ws").await;
    token.to_owned()
}

// CP-144
#[tokio::test]
async fn cp_144_a_browser_lists_selects_and_attaches() {
    let world = World::new().await;
    let cookie = cookie(&world).await;
    register(&world, &cookie).await;
    let page =
        async |method, path: &str, body: Value| as_page(&world, &cookie, method, path, &body).await;
    let (status, list) = page(Method::GET, "/api/workstations", Value::Null).await;
    assert_eq!(
        (status, &list["workstations"][0]["workstation_id"]),
        (200, &json!("ws"))
    );
    let body = json!({"workstation_id": "ws"});
    let (status, answer) = page(Method::PATCH, "/api/workstations/default", body.clone()).await;
    assert_eq!(
        (status, &answer["default_workstation_id"]),
        (200, &json!("ws"))
    );
    let (status, notebook) = page(Method::POST, "/api/n", json!({})).await;
    assert_eq!(status, 201, "{notebook}");
    let id = notebook["notebook_id"].as_str().unwrap();
    let path = format!("/api/n/{id}/workstation-attachments");
    let (status, attached) = page(Method::POST, &path, body).await;
    assert_eq!(
        (status, &attached["job"]["status"]),
        (202, &json!("pending"))
    );
}

// CP-200: a cookie alone neither polls nor reports; only calling its own job off is allowed
// (HAZ-16, listed as a deviation).
#[tokio::test]
async fn cp_200_a_cookie_alone_neither_polls_nor_reports() {
    let world = World::new().await;
    let cookie = cookie(&world).await;
    register(&world, &cookie).await;
    let page =
        async |method, path: &str, body: Value| as_page(&world, &cookie, method, path, &body).await;
    let (_, notebook) = page(Method::POST, "/api/n", json!({})).await;
    let id = notebook["notebook_id"].as_str().unwrap();
    let attach = format!("/api/n/{id}/workstation-attachments");
    let (_, attached) = page(Method::POST, &attach, json!({"workstation_id": "ws"})).await;
    let jobs = "/api/workstations/ws/attach-jobs";
    assert_eq!(page(Method::GET, jobs, Value::Null).await.0, 401);
    let job = format!("{jobs}/{}", attached["job"]["job_id"].as_str().unwrap());
    for status in ["accepted", "running", "failed", "completed", "nonsense"] {
        let (code, answer) = page(Method::PATCH, &job, json!({"status": status})).await;
        assert_eq!(code, 401, "{status}");
        assert_eq!(answer["error"], "sign in to update workstation jobs");
    }
    let (code, answer) = page(Method::PATCH, &job, json!({"status": "cancelled"})).await;
    assert_eq!((code, &answer["job"]["status"]), (200, &json!("cancelled")));
}

// CP-092
#[tokio::test]
async fn cp_092_a_malformed_escape_in_a_path_is_a_bad_request() {
    let world = World::new().await;
    for path in [
        "/api/n/%zz",
        "/api/n/%",
        "/api/n/a%2",
        "/api/workstations/%ff/attach-jobs",
        "/n/%e0%80/sync",
    ] {
        let (status, answer) = world.as_person("ada", Method::GET, path, Value::Null).await;
        assert_eq!(status, 400, "{path}: {answer}");
    }
}

// CP-078, CP-081
#[tokio::test]
async fn cp_078_a_credential_in_the_subprotocol_list_needs_an_origin() {
    let world = World::new().await;
    let notebook = world.notebook("ada").await;
    let dial = [
        ("sec-websocket-protocol", "nteract.v4, nteract-bearer.YQ"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let path = format!("/n/{notebook}/sync");
    let (status, answer) = world.app.call(Method::GET, &path, &dial, "").await;
    assert_eq!(
        (status, &answer["error"]),
        (403, &json!("websocket origin is required"))
    );
    // A plain read is refused nobody for where it comes from.
    let foreign = [("x-user", "ada"), ("origin", "https://elsewhere.example")];
    let (status, _) = world.app.call(Method::GET, "/api/n", &foreign, "").await;
    assert_eq!(status, 200);
}

// RP-021
#[tokio::test]
async fn rp_021_a_page_with_its_cookie_gets_the_subprotocol_it_offers() {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let world = World::new().await;
    let cookie = cookie(&world).await;
    let (_, notebook) = as_page(&world, &cookie, Method::POST, "/api/n", &json!({})).await;
    let id = notebook["notebook_id"].as_str().unwrap();
    let address = super::events::serve(&world).await;
    let mut dial = format!("ws://{address}/n/{id}/sync?scope=owner")
        .into_client_request()
        .unwrap();
    for (name, value) in [
        ("cookie", cookie.as_str()),
        ("sec-websocket-protocol", "nteract.v4"),
        ("host", "127.0.0.1:8080"),
        ORIGIN,
    ] {
        dial.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let dialled = tokio_tungstenite::client_async(dial, stream).await;
    let (_socket, answer) = dialled.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "nteract.v4");
}
