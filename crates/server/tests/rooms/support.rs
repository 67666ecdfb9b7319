//! A real server on a free port, and peers on real sockets.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::must_use_candidate,
    missing_docs,
    reason = "helpers of tests; a failed step fails the test"
)]

use std::path::Path;
use std::time::Duration;

use automerge::sync::{Message as SyncMessage, State, SyncDoc as _};
use automerge::{ActorId, AutoCommit};
use blob_store::testing::bucket_of;
use documents::notebook::NotebookDoc;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use server::app::App;
use server::serve::Server;
use server::settings::{S3Settings, Settings};
use store_sql::testing::TestDatabase;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wire::FrameType;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Running {
    pub address: String,
    pub app: App,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn start(data: &Path) -> Self {
        Self::start_with(data, Settings::default()).await
    }

    pub async fn start_with(data: &Path, settings: Settings) -> Self {
        let given = settings.s3.bucket.is_some().then(|| settings.s3.clone());
        let s3 = given.or_else(|| bucket_of(data).map(S3Settings::from));
        let server = Server::start(&Settings {
            listen: "127.0.0.1:0".into(),
            data: Some(data.to_owned()),
            database: TestDatabase::of(data).await.url(),
            s3: s3.unwrap_or_default(),
            dev_identity: true,
            ..settings
        })
        .await
        .unwrap();
        let address = server.address().to_string();
        let app = server.app().clone();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.run(stopped).await.unwrap();
        });
        Self {
            address,
            app,
            stop,
            task,
        }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }

    /// A plain HTTP request as `user`, owner scope; the status and the JSON answer.
    pub async fn call(&self, method: &str, path: &str, user: &str, body: &str) -> (u16, Value) {
        let who = format!("x-user: {user}\r\nx-scope: owner");
        self.request(method, path, &who, body).await
    }

    /// A plain HTTP request with a bearer token.
    pub async fn call_with_token(&self, method: &str, path: &str, token: &str) -> (u16, Value) {
        let who = format!("authorization: Bearer {token}");
        self.request(method, path, &who, "").await
    }

    /// The same with a body.
    pub async fn call_as_machine(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> (u16, Value) {
        let who = format!("authorization: Bearer {token}");
        self.request(method, path, &who, body).await
    }

    /// A plain HTTP request with these header lines.
    pub async fn request(&self, method: &str, path: &str, who: &str, body: &str) -> (u16, Value) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{who}\r\n\
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

    pub async fn create(&self) -> String {
        let (status, body) = self.call("POST", "/api/n", "ada", "{}").await;
        assert_eq!(status, 201);
        body["notebook_id"].as_str().unwrap().to_owned()
    }

    pub async fn dial(
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
            id: String::new(),
            user: String::new(),
            presence: 0,
        })
    }

    pub async fn join(&self, notebook: &str, user: &str, scope: &str) -> Peer {
        // One operator per socket: two that wrote as one would write different changes as one.
        let operator = format!("test:{}", uuid::Uuid::new_v4().simple());
        let headers = [
            ("x-user", user),
            ("x-scope", scope),
            ("x-operator", operator.as_str()),
        ];
        let mut peer = self.dial(notebook, &headers).await.unwrap();
        let ready = peer.until_control("cloud_room_ready").await;
        let label = ready["actor_label"].as_str().unwrap();
        peer.doc.set_actor(ActorId::from(label.as_bytes()));
        ready["peer_id"].as_str().unwrap().clone_into(&mut peer.id);
        user.clone_into(&mut peer.user);
        peer
    }
}

/// The refusal of an upgrade: its status and its `error`.
pub fn refusal(outcome: Result<Peer, tungstenite::Error>) -> (u16, String) {
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

pub struct Peer {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub doc: AutoCommit,
    pub state: State,
    pub control: Vec<Value>,
    pub id: String,
    pub user: String,
    pub presence: usize,
}

impl Peer {
    pub async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.socket.next())
            .await
            .expect("the room said nothing")
            .and_then(Result::ok)
    }

    /// Takes one message in; the close reason when it was one.
    pub async fn step(&mut self) -> Option<String> {
        self.step_code().await.map(|(_, reason)| reason)
    }

    /// Takes one message in; the close code and reason when it was one.
    pub async fn step_code(&mut self) -> Option<(u16, String)> {
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
                    FrameType::Presence => self.presence += 1,
                    _ => {}
                }
                None
            }
            Some(Message::Close(frame)) => Some(frame.map_or((1005, String::new()), |frame| {
                (frame.code.into(), frame.reason.to_string())
            })),
            Some(_) => None,
            None => Some((1006, String::new())),
        }
    }

    pub async fn flush(&mut self) {
        if let Some(message) = self.doc.sync().generate_sync_message(&mut self.state) {
            let bytes = wire::frame::encode(FrameType::AutomergeSync, &message.encode());
            self.socket
                .send(Message::Binary(bytes.into()))
                .await
                .unwrap();
        }
    }

    pub async fn until_control(&mut self, kind: &str) -> Value {
        loop {
            if let Some(index) = self.control.iter().position(|c| c["type"] == kind) {
                return self.control.remove(index);
            }
            let closed = self.step().await;
            assert_eq!(closed, None, "closed while waiting for {kind}");
        }
    }

    /// Asks whether somebody is there, and reads until the answer.
    pub async fn until_pong(&mut self) {
        let ping = Message::Text(wire::LIVENESS_PING.into());
        self.socket.send(ping).await.unwrap();
        loop {
            match self.next().await {
                Some(Message::Text(text)) => return assert_eq!(text, wire::LIVENESS_PONG),
                Some(_) => {}
                None => panic!("closed"),
            }
        }
    }

    pub async fn until_closed(&mut self) -> String {
        loop {
            if let Some(reason) = self.step().await {
                return reason;
            }
        }
    }

    pub fn sources(&self) -> Vec<String> {
        let notebook = NotebookDoc::from_doc(self.doc.clone());
        notebook
            .cells()
            .into_iter()
            .map(|cell| cell.source)
            .collect()
    }

    pub fn cell_ids(&self) -> Vec<String> {
        NotebookDoc::from_doc(self.doc.clone()).cell_ids()
    }

    pub async fn until_source(&mut self, text: &str) {
        while !self.sources().iter().any(|source| source == text) {
            let closed = self.step().await;
            assert_eq!(closed, None, "closed while waiting for `{text}`");
        }
    }

    /// Waits for the first cell, then writes its source and waits for the room's word.
    pub async fn write(&mut self, text: &str) {
        while self.sources().is_empty() {
            assert_eq!(self.step().await, None);
        }
        self.set_source(text);
        self.control.clear();
        self.flush().await;
        while self.until_control("cloud_frame_accepted").await["frame_type"] != 0 {}
        // That word may have been about an earlier frame, with this change not even sent yet.
        while self.state.shared_heads != self.doc.get_heads() {
            assert_eq!(self.step().await, None);
        }
    }

    /// Writes the first cell's source, here only.
    pub fn set_source(&mut self, text: &str) {
        let mut notebook = NotebookDoc::from_doc(self.doc.clone());
        let cell = notebook.cell_ids().remove(0);
        notebook.replace_source(&cell, text).unwrap();
        let actor = self.doc.get_actor().clone();
        self.doc = notebook.into_doc().with_actor(actor);
        self.doc.commit();
    }

    /// Waits until the room has answered everything this peer sent.
    pub async fn settle(&mut self) {
        self.control.clear();
        let refused = Message::Binary(vec![FrameType::PutBlob.byte()].into());
        self.socket.send(refused).await.unwrap();
        self.until_control("cloud_frame_rejected").await;
        self.control.clear();
    }

    /// Joins again with the document as it is here.
    pub async fn dial_again(&mut self, server: &Running, notebook: &str) {
        let user = self.user.clone();
        let mut fresh = server.join(notebook, &user, "owner").await;
        fresh.doc = self.doc.clone().with_actor(fresh.doc.get_actor().clone());
        fresh.state = State::new();
        *self = fresh;
        self.flush().await;
    }
}
