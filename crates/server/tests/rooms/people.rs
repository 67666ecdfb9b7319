//! Whoever loses the right to be in a room is out of it within a second, whichever way it went.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use server::people::console::Console;
use server::settings::Settings;
use store_sql::testing::TestDatabase;

use crate::support::{Peer, Running, refusal};

/// How long an open socket may outlive the right to it.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Waits for the close, which must come at once after `since`.
async fn out_at_once(peer: &mut Peer, since: Instant) -> String {
    let reason = peer.until_closed().await;
    let took = since.elapsed();
    assert!(took <= AT_ONCE, "{took:?}");
    reason
}

/// The console is another process: it has the settings and the catalog in common with the server.
async fn console(data: &Path) -> Console {
    Console::open(&settings(data).await).await.unwrap()
}

async fn settings(data: &Path) -> Settings {
    Settings {
        data: Some(data.to_owned()),
        database: TestDatabase::of(data).await.url(),
        ..Settings::default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_token_opens_a_room_within_its_scope_and_ends_with_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let body = r#"{"name":"script","scope":"viewer"}"#;
    let (status, made) = server.call("POST", "/api/auth/tokens", "ada", body).await;
    assert_eq!(status, 201, "{made}");
    let bearer = format!("Bearer {}", text(&made["token"]));
    let mut peer = server
        .dial(&id, &[("authorization", &bearer)])
        .await
        .unwrap();
    let ready = peer.until_control("cloud_room_ready").await;
    assert_eq!(ready["identity_provider"], "api-token");
    assert_eq!(ready["connection_scope"], "viewer", "{ready}");
    let path = format!("/api/auth/tokens/{}", text(&made["api_token"]["id"]));
    let since = Instant::now();
    assert_eq!(server.call("DELETE", &path, "ada", "").await.0, 200);
    assert_eq!(out_at_once(&mut peer, since).await, "access revoked");
    server.stop().await;
}

// CP 1.10: an owner's token registers a machine and polls its jobs, and so it may serve them where the owner's machine may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owners_token_serves_what_its_owner_attached() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut tokens = Vec::new();
    for scope in ["owner", "editor"] {
        let body = format!(r#"{{"name":"machine","scope":"{scope}"}}"#);
        let (_, made) = server.call("POST", "/api/auth/tokens", "ada", &body).await;
        tokens.push(format!("Bearer {}", text(&made["token"])));
    }
    let machine = r#"{"workstation_id": "ws"}"#;
    server
        .call("POST", "/api/workstations", "ada", machine)
        .await;
    let dial = |bearer: &str, session: &str| {
        let headers = [
            ("authorization", bearer.to_owned()),
            ("x-scope", "runtime_peer".to_owned()),
            ("x-nteract-workstation-id", "ws".to_owned()),
            ("x-nteract-runtime-session-id", session.to_owned()),
        ];
        let (server, id) = (&server, id.as_str());
        async move {
            let headers = headers
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            server.dial(id, &headers).await
        }
    };
    // Not before a machine was attached: the row counts.
    assert_eq!(refusal(dial(&tokens[0], "none").await).0, 403);
    let attach = format!("/api/n/{id}/workstation-attachments");
    let (status, attached) = server.call("POST", &attach, "ada", machine).await;
    assert_eq!(status, 202, "{attached}");
    let session = text(&attached["job"]["job_id"]);
    let mut peer = dial(&tokens[0], &session).await.unwrap();
    let ready = peer.until_control("cloud_room_ready").await;
    assert_eq!(ready["connection_scope"], "runtime_peer");
    assert_eq!(refusal(dial(&tokens[1], &session).await).0, 403);
    server.stop().await;
}

// Nobody tells the socket: the token's row changes, as it would on another server or by running out.
#[tokio::test]
async fn a_token_that_ends_unheard_loses_its_socket_within_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let body = r#"{"name":"script","scope":"viewer"}"#;
    let (_, made) = server.call("POST", "/api/auth/tokens", "ada", body).await;
    let bearer = format!("Bearer {}", text(&made["token"]));
    let mut peer = server
        .dial(&id, &[("authorization", &bearer)])
        .await
        .unwrap();
    // Whoever is answered was let into the room: the first minute begins.
    peer.until_pong().await;
    let database = TestDatabase::of(folder.path()).await;
    let end = "UPDATE api_tokens SET revoked_ms = 1";
    database.execute("catalog", end).await.unwrap();
    let closed = async {
        for _ in 0..50 {
            tokio::time::pause();
            tokio::time::advance(server::sockets::ASK_AGAIN).await;
            tokio::time::resume();
            let soon = Duration::from_millis(200);
            if let Ok(reason) = tokio::time::timeout(soon, peer.until_closed()).await {
                return Some(reason);
            }
        }
        None
    };
    assert_eq!(closed.await.as_deref(), Some("access revoked"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_disables_a_person_and_their_socket_ends() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut ada = server.join(&id, "ada", "owner").await;
    let body = r#"{"name":"script","scope":"viewer"}"#;
    let (_, made) = server.call("POST", "/api/auth/tokens", "ada", body).await;
    let console = console(folder.path()).await;
    let since = Instant::now();
    let done = console.disable("user:dev:ada").await.unwrap();
    assert_eq!(done, ("user:dev:ada".to_owned(), true));
    assert_eq!(out_at_once(&mut ada, since).await, "access revoked");
    let (status, answer) = server.call("GET", "/api/n", "ada", "").await;
    assert_eq!(
        (status, text(&answer["error"])),
        (403, "this account is disabled".into())
    );
    console.enable("user:dev:ada").await.unwrap();
    assert_eq!(server.call("GET", "/api/n", "ada", "").await.0, 200);
    // What was ended stays ended.
    let bearer = format!("Bearer {}", text(&made["token"]));
    let refused = server.dial(&id, &[("authorization", &bearer)]).await;
    assert_eq!(
        crate::refusal(refused),
        (401, "API token was revoked".to_owned())
    );
    console.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_exports_and_hands_over_what_a_lost_owner_owns() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let acl = format!("/api/n/{id}/acl");
    let row = r#"{"subject_kind":"principal","subject":"user:dev:bob","scope":"viewer"}"#;
    assert_eq!(server.call("POST", &acl, "ada", row).await.0, 201);
    let mut ada = server.join(&id, "ada", "owner").await;
    ada.write("kept").await;
    let console = console(folder.path()).await;
    let unknown = console.hand_over("user:dev:ada", "user:dev:nobody").await;
    assert!(unknown.unwrap_err().to_string().contains("Hint:"));
    let to = folder.path().join("export");
    let settings = settings(folder.path()).await;
    let exported = console.export(&settings, "user:dev:ada", &to).await;
    let exported = exported.unwrap();
    assert!(exported.left.is_empty(), "{exported:?}");
    let [file] = exported.files.as_slice() else {
        panic!("{exported:?}");
    };
    assert!(file.to_string_lossy().contains(&id));
    let written: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(written["cells"][0]["source"], serde_json::json!(["kept"]));
    let again = console.export(&settings, "user:dev:ada", &to).await;
    assert!(again.unwrap_err().to_string().contains("not empty"));
    let since = Instant::now();
    let handed = console
        .hand_over("user:dev:ada", "user:dev:bob")
        .await
        .unwrap();
    assert_eq!(handed, ("user:dev:bob".to_owned(), vec![id.clone()]));
    // By the console's word, or because her row is gone, whichever the server sees first.
    let reason = out_at_once(&mut ada, since).await;
    let known = ["account changed", "access revoked"];
    assert!(known.contains(&reason.as_str()), "{reason}");
    assert_eq!(server.call("GET", &acl, "ada", "").await.0, 403);
    let (status, rows) = server.call("GET", &acl, "bob", "").await;
    assert_eq!(status, 200);
    let owners: Vec<&Value> = rows["acl"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["scope"] == "owner")
        .map(|row| &row["subject"])
        .collect();
    assert_eq!(owners, ["user:dev:bob"]);
    console.close().await;
    server.stop().await;
}

// CP-041 RP-020 RP-022 RP-023
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_041_a_credential_in_the_subprotocol_list_is_never_echoed() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let body = r#"{"name":"page","scope":"owner"}"#;
    let (_, made) = server.call("POST", "/api/auth/tokens", "ada", body).await;
    let secret = URL_SAFE_NO_PAD.encode(text(&made["token"]));
    let mut dial = format!("ws://{}/n/{id}/sync?scope=owner", server.address)
        .into_client_request()
        .unwrap();
    let offered = format!("nteract.v4, nteract-bearer.{secret}");
    let own = format!("http://{}", server.address);
    for (name, value) in [("sec-websocket-protocol", &offered), ("origin", &own)] {
        dial.headers_mut().insert(name, value.parse().unwrap());
    }
    let (_socket, answer) = tokio_tungstenite::connect_async(dial).await.unwrap();
    let chosen = answer.headers().get_all("sec-websocket-protocol");
    assert_eq!(chosen.iter().collect::<Vec<_>>(), ["nteract.v4"]);
    // With the credential in a header nothing is chosen.
    let answer = upgrade(&server, &format!("/n/{id}/sync"), "nteract.v4").await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    assert!(!answer.contains("sec-websocket-protocol"), "{answer}");
    server.stop().await;
}

/// The head of the answer to an upgrade as ada, in lower case: other clients hide or refuse it.
async fn upgrade(server: &Running, path: &str, offered: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(&server.address)
        .await
        .unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nx-user: ada\r\nx-scope: owner\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-protocol: {offered}\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}
