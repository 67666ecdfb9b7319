//! Real rooms over real sockets: two people, a restart, revoked access.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::time::Duration;

use automerge::sync::{Message as SyncMessage, State, SyncDoc as _};
use automerge::{ActorId, AutoCommit};
use documents::notebook::NotebookDoc;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use server::config::ServeOptions;
use server::serve::Server;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wire::FrameType;

const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(data: &Path) -> Self {
        let server = Server::start(&ServeOptions {
            listen: "127.0.0.1:0".into(),
            data: data.to_owned(),
            dev_identity: true,
            public_url: None,
            output_origin: None,
        })
        .await
        .unwrap();
        let address = server.address().to_string();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.run(stopped).await.unwrap();
        });
        Self {
            address,
            stop,
            task,
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }

    /// A plain HTTP request as `user`, owner scope; the status and the JSON answer.
    async fn call(&self, method: &str, path: &str, user: &str, body: &str) -> (u16, Value) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nx-user: {user}\r\nx-scope: owner\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer[9..12].parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn create(&self) -> String {
        let (status, body) = self.call("POST", "/api/n", "ada", "{}").await;
        assert_eq!(status, 201);
        body["notebook_id"].as_str().unwrap().to_owned()
    }

    async fn dial(
        &self,
        notebook: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Peer, tungstenite::Error> {
        let mut request = format!("ws://{}/n/{notebook}/sync", self.address)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Peer {
            socket,
            doc: AutoCommit::new()
                .with_actor(ActorId::from(uuid::Uuid::new_v4().as_bytes().to_vec())),
            state: State::new(),
            control: Vec::new(),
        })
    }

    async fn join(&self, notebook: &str, user: &str, scope: &str) -> Peer {
        let mut peer = self
            .dial(
                notebook,
                &[
                    ("x-user", user),
                    ("x-scope", scope),
                    ("x-operator", "test:1"),
                ],
            )
            .await
            .unwrap();
        let ready = peer.until_control("cloud_room_ready").await;
        let label = ready["actor_label"].as_str().unwrap();
        peer.doc.set_actor(ActorId::from(label.as_bytes()));
        peer
    }
}

/// The refusal of an upgrade: its status and its `error`.
fn refusal(outcome: Result<Peer, tungstenite::Error>) -> (u16, String) {
    match outcome {
        Err(tungstenite::Error::Http(response)) => {
            let status = response.status().as_u16();
            let body = response.into_body().unwrap_or_default();
            let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            (
                status,
                body["error"].as_str().unwrap_or_default().to_owned(),
            )
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the dial was accepted"),
    }
}

struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    doc: AutoCommit,
    state: State,
    control: Vec<Value>,
}

impl Peer {
    async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.socket.next())
            .await
            .expect("the room said nothing")
            .and_then(Result::ok)
    }

    /// Takes one message in; the close reason when it was one.
    async fn step(&mut self) -> Option<String> {
        match self.next().await {
            Some(Message::Binary(bytes)) => {
                let (kind, payload) = wire::frame::split(&bytes).unwrap();
                match kind {
                    FrameType::AutomergeSync => {
                        let message = SyncMessage::decode(payload).unwrap();
                        self.doc
                            .sync()
                            .receive_sync_message(&mut self.state, message)
                            .unwrap();
                        self.flush().await;
                    }
                    FrameType::SessionControl => {
                        self.control.push(serde_json::from_slice(payload).unwrap());
                    }
                    _ => {}
                }
                None
            }
            Some(Message::Close(frame)) => {
                Some(frame.map(|f| f.reason.to_string()).unwrap_or_default())
            }
            Some(_) => None,
            None => Some(String::new()),
        }
    }

    async fn flush(&mut self) {
        if let Some(message) = self.doc.sync().generate_sync_message(&mut self.state) {
            let bytes = wire::frame::encode(FrameType::AutomergeSync, &message.encode());
            self.socket
                .send(Message::Binary(bytes.into()))
                .await
                .unwrap();
        }
    }

    async fn until_control(&mut self, kind: &str) -> Value {
        loop {
            if let Some(index) = self.control.iter().position(|c| c["type"] == kind) {
                return self.control.remove(index);
            }
            let closed = self.step().await;
            assert_eq!(closed, None, "closed while waiting for {kind}");
        }
    }

    async fn until_closed(&mut self) -> String {
        loop {
            if let Some(reason) = self.step().await {
                return reason;
            }
        }
    }

    fn sources(&self) -> Vec<String> {
        let notebook = NotebookDoc::from_doc(self.doc.clone());
        notebook
            .cells()
            .into_iter()
            .map(|cell| cell.source)
            .collect()
    }

    async fn until_source(&mut self, text: &str) {
        while !self.sources().iter().any(|source| source == text) {
            let closed = self.step().await;
            assert_eq!(closed, None, "closed while waiting for `{text}`");
        }
    }

    /// Waits for the first cell, then writes its source and waits for the room's word.
    async fn write(&mut self, text: &str) {
        while self.sources().is_empty() {
            assert_eq!(self.step().await, None);
        }
        let mut notebook = NotebookDoc::from_doc(self.doc.clone());
        let cell = notebook.cell_ids().remove(0);
        notebook.replace_source(&cell, text).unwrap();
        let actor = self.doc.get_actor().clone();
        self.doc = notebook.into_doc().with_actor(actor);
        self.doc.commit();
        self.control.clear();
        self.flush().await;
        let accepted = self.until_control("cloud_frame_accepted").await;
        assert_eq!(accepted["frame_type"], 0);
    }
}

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

// RP-001, RP-002, RP-008, RP-016, RP-019, CP-325, CP-326, CP-327, CP-328
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
    let dial =
        async |id: &str, headers: &[(&'static str, &str)]| refusal(server.dial(id, headers).await);
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
    peer.socket
        .send(Message::Text(wire::LIVENESS_PING.into()))
        .await
        .unwrap();
    loop {
        match peer.next().await {
            Some(Message::Text(text)) => {
                assert_eq!(text.as_str(), wire::LIVENESS_PONG);
                break;
            }
            Some(_) => {}
            None => panic!("closed"),
        }
    }
    server.stop().await;
}

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
    let mut bob = server.join(&id, "bob", "owner").await;
    assert_eq!(server.call("DELETE", &acl, "ada", editor).await.0, 200);
    let closed = tokio::time::timeout(Duration::from_secs(1), bob.until_closed()).await;
    assert_eq!(closed.unwrap(), "access revoked");
    assert_eq!(server.call("DELETE", &acl, "ada", public).await.0, 200);
    let closed = tokio::time::timeout(Duration::from_secs(1), anonymous.until_closed()).await;
    assert_eq!(closed.unwrap(), "public link access revoked");
    server.stop().await;
}
