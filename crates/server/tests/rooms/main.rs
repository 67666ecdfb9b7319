//! Real rooms over real sockets: two people, a restart, revoked access, faults, limits.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod backup;
mod dials;
mod ending;
mod epochs;
mod faults;
mod jobs;
mod limits;
mod people;
mod rights;
mod support;

use std::time::Duration;

use support::{Running, refusal};

// RP-018 and the order of design rule 3: what one peer wrote, another sees, and a restarted
// server still has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_reaches_the_other_peer_and_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut one = server.join(&id, "ada", "owner").await;
    let mut two = server.join(&id, "ada", "owner").await;
    one.write("print(1)").await;
    two.until_source("print(1)").await;
    server.stop().await;
    assert_eq!(two.until_closed().await, "server is restarting");
    let server = Running::start(folder.path()).await;
    let mut again = server.join(&id, "ada", "owner").await;
    again.until_source("print(1)").await;
    server.stop().await;
}

// RP-001, RP-002, RP-004, RP-008, RP-016, RP-019, CP-325, CP-326, CP-327, CP-328, CP-329
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dials_are_refused_with_a_status_and_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    for path in ["sync", "sync/"] {
        let (status, body) = server
            .call("GET", &format!("/n/{id}/{path}"), "ada", "")
            .await;
        assert_eq!(
            (status, body["error"].as_str()),
            (426, Some("expected WebSocket upgrade"))
        );
    }
    // A proxy passed half of the handshake on.
    let who = "x-user: ada\r\nupgrade: websocket";
    let (status, body) = server
        .request("GET", &format!("/n/{id}/sync"), who, "")
        .await;
    let error = body["error"].as_str().unwrap();
    let whole = "the WebSocket handshake is not whole: ";
    assert!(
        status == 400 && error.starts_with(whole),
        "{status} {error}"
    );
    let dial = async |id: &str, headers: &[(&'static str, &str)]| {
        let (status, error) = refusal(server.dial(id, headers).await);
        assert!(!error.is_empty(), "{status} without a reason");
        (status, error)
    };
    assert_eq!(dial("nowhere", &[("x-user", "ada")]).await.0, 404);
    assert_eq!(dial(&id, &[]).await, (404, "notebook not found".into()));
    let ada = ("x-user", "ada");
    assert_eq!(dial(&id, &[("x-user", "eve")]).await.0, 403);
    assert_eq!(dial(&id, &[ada, ("x-scope", "runtime_peer")]).await.0, 403);
    assert_eq!(
        dial(&id, &[ada, ("x-scope", "admin")]).await,
        (400, "Error: unknown connection scope: admin".into())
    );
    assert_eq!(
        dial(&id, &[ada, ("origin", "https://evil.example")]).await,
        (403, "websocket origin is not allowed".into())
    );
    assert_eq!(
        dial("a%2Fb", &[ada]).await,
        (400, "notebook id cannot contain '/'".into())
    );
    server.stop().await;
}

// RP-052
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_liveness_ping_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.until_pong().await;
    server.stop().await;
}

// RP-017
// CP-289 and the advice of RP 7.7: who loses access loses the socket, within a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_access_closes_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let acl = format!("/api/n/{id}/acl");
    let public = r#"{"subject_kind":"public","subject":"anonymous","scope":"viewer"}"#;
    let editor = r#"{"subject_kind":"principal","subject":"user:dev:bob","scope":"editor"}"#;
    for row in [public, editor] {
        assert_eq!(server.call("POST", &acl, "ada", row).await.0, 201);
    }
    let mut anonymous = server.dial(&id, &[]).await.unwrap();
    let ready = anonymous.until_control("cloud_room_ready").await;
    assert_eq!(ready["identity_provider"], "anonymous");
    assert_eq!(ready["connection_scope"], "viewer");
    let mut bob = server.join(&id, "bob", "owner").await;
    assert_eq!(server.call("DELETE", &acl, "ada", editor).await.0, 200);
    let closed = tokio::time::timeout(Duration::from_secs(1), bob.until_closed()).await;
    assert_eq!(closed.unwrap(), "access revoked");
    assert_eq!(server.call("DELETE", &acl, "ada", public).await.0, 200);
    let closed = tokio::time::timeout(Duration::from_secs(1), anonymous.until_closed()).await;
    assert_eq!(closed.unwrap(), "public link access revoked");
    server.stop().await;
}

// HAZ-19, CP-289: who is signed in and came by the public link loses the socket with it; who has a row stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_289_a_closed_public_link_closes_the_sockets_of_all_who_came_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let acl = format!("/api/n/{id}/acl");
    let public = r#"{"subject_kind":"public","subject":"anonymous","scope":"viewer"}"#;
    let viewer = r#"{"subject_kind":"principal","subject":"user:dev:bob","scope":"viewer"}"#;
    for row in [public, viewer] {
        assert_eq!(server.call("POST", &acl, "ada", row).await.0, 201);
    }
    let mut stranger = server.join(&id, "eve", "viewer").await;
    let mut invited = server.join(&id, "bob", "viewer").await;
    assert_eq!(server.call("DELETE", &acl, "ada", public).await.0, 200);
    let closed = tokio::time::timeout(Duration::from_secs(1), stranger.until_closed()).await;
    assert_eq!(closed.unwrap(), "access revoked");
    let mut ada = server.join(&id, "ada", "owner").await;
    ada.write("not for strangers").await;
    invited.until_source("not for strangers").await;
    server.stop().await;
}

// CP-251
#[tokio::test]
async fn a_repair_spares_a_connected_runtime_peer_unless_it_is_forced() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let notebook = server.create().await;
    let register = r#"{"workstation_id": "ws"}"#;
    let (status, _) = server
        .call("POST", "/api/workstations", "ada", register)
        .await;
    assert_eq!(status, 201);
    let attach = format!("/api/n/{notebook}/workstation-attachments");
    let (status, attached) = server.call("POST", &attach, "ada", register).await;
    assert_eq!(status, 202, "{attached}");
    let headers = [
        ("x-user", "ada"),
        ("x-scope", "runtime_peer"),
        ("x-nteract-workstation-id", "ws"),
        (
            "x-nteract-runtime-session-id",
            attached["job"]["job_id"].as_str().unwrap(),
        ),
    ];
    let mut peer = server.dial(&notebook, &headers).await.unwrap();
    peer.until_control("cloud_room_ready").await;
    let path = format!("/api/n/{notebook}/runtime-state-repair");
    let (status, refused) = server.call("POST", &path, "ada", "{}").await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(refused["runtime_peer_count"], 1);
    assert_eq!(
        refused["error"],
        "runtime peer is connected; reconnecting compute should reconcile live state"
    );
    let (status, forced) = server
        .call("POST", &path, "ada", r#"{"force": true}"#)
        .await;
    assert_eq!(
        (status, &forced["forced"]),
        (200, &serde_json::Value::Bool(true))
    );
    assert_eq!(peer.until_closed().await, "runtime state repair");
    server.stop().await;
}
