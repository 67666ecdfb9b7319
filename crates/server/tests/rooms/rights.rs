//! What waits to run of somebody who may not run any more (decision D14).

use automerge::sync::{Message as SyncMessage, State, SyncDoc as _};
use documents::{DocKind, RuntimeStateDoc};
use futures_util::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use wire::FrameType;

use crate::support::{Peer, Running};

const RUN: &str = "5b0e8e9e-6b6a-4c62-9b55-000000000001";

async fn ask_to_run(peer: &mut Peer) {
    let cell = peer.cell_ids().remove(0);
    let run = json!({"action": "execute_cell", "cell_id": cell, "execution_id": RUN}).to_string();
    let frame = wire::frame::encode(FrameType::Request, run.as_bytes());
    peer.control.clear();
    peer.socket
        .send(Message::Binary(frame.into()))
        .await
        .unwrap();
    let request = FrameType::Request.byte();
    while peer.until_control("cloud_frame_accepted").await["frame_type"] != request {}
}

/// How the room shows the execution to somebody who comes in now.
async fn shown(server: &Running, notebook: &str) -> String {
    let headers = [("x-user", "ada"), ("x-scope", "viewer")];
    let mut peer = server.dial(notebook, &headers).await.unwrap();
    let mut doc = DocKind::RuntimeState.fresh("user:dev:ada/test:1").unwrap();
    let mut state = State::new();
    loop {
        let Some(Message::Binary(bytes)) = peer.next().await else {
            continue;
        };
        let (FrameType::RuntimeStateSync, payload) = wire::frame::split(&bytes).unwrap() else {
            continue;
        };
        let message = SyncMessage::decode(payload).unwrap();
        doc.sync()
            .receive_sync_message(&mut state, message)
            .unwrap();
        let read = RuntimeStateDoc::from_doc(doc.clone());
        if let Some(execution) = read.projection().executions.get(RUN) {
            return execution.status.clone();
        }
        if let Some(answer) = doc.sync().generate_sync_message(&mut state) {
            let bytes = wire::frame::encode(FrameType::RuntimeStateSync, &answer.encode());
            peer.socket
                .send(Message::Binary(bytes.into()))
                .await
                .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d14_a_right_that_is_taken_away_takes_along_what_waits() {
    for is_live in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Running::start(folder.path()).await;
        let notebook = server.create().await;
        let machine = r#"{"workstation_id": "ws"}"#;
        server
            .call("POST", "/api/workstations", "ada", machine)
            .await;
        let attach = format!("/api/n/{notebook}/workstation-attachments");
        let (status, said) = server.call("POST", &attach, "ada", machine).await;
        assert_eq!(status, 202, "{said}");
        let rows = format!("/api/n/{notebook}/acl");
        let mut row = json!({"subject_kind": "principal", "subject": "user:dev:ron", "scope": "editor", "may_run": true});
        let (status, said) = server.call("POST", &rows, "ada", &row.to_string()).await;
        assert_eq!(status, 201, "{said}");
        let mut ron = server.join(&notebook, "ron", "editor").await;
        ron.write("1 + 1").await;
        ask_to_run(&mut ron).await;
        drop(ron);
        assert_eq!(shown(&server, &notebook).await, "queued");
        if !is_live {
            // The room is loaded when somebody comes in next.
            server.stop().await;
            server = Running::start(folder.path()).await;
        }
        row.as_object_mut().unwrap().remove("may_run");
        let (status, said) = server.call("DELETE", &rows, "ada", &row.to_string()).await;
        assert_eq!(status, 200, "{said}");
        assert_eq!(shown(&server, &notebook).await, "cancelled", "{is_live}");
        server.stop().await;
    }
}
