//! What a room does when its storage fails, and when a socket cannot keep up.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use store_sql::testing::TestDatabase;
use tokio_tungstenite::tungstenite::Message;
use wire::FrameType;
use wire::presence::{ChannelData, Presence};

use crate::support::{PATIENCE, Peer, Running};

/// Breaks and mends the log's table from outside, at once and without a trace.
struct Saboteur(TestDatabase);

impl Saboteur {
    async fn new(folder: &std::path::Path) -> Self {
        Self(TestDatabase::of(folder).await)
    }

    async fn rename(&mut self, from: &str, to: &str) {
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        self.0.execute("documents", &statement).await.unwrap();
    }

    async fn break_log(&mut self) {
        self.rename("document_change", "away").await;
    }

    async fn mend_log(&mut self) {
        self.rename("away", "document_change").await;
    }
}

/// Everything a peer still hears, then the close.
async fn to_the_end(peer: &mut Peer) -> (u16, String) {
    loop {
        if let Some(closed) = peer.step_code().await {
            return closed;
        }
    }
}

fn kinds(peer: &Peer) -> Vec<&str> {
    peer.control
        .iter()
        .filter_map(|control| control["type"].as_str())
        .collect()
}

// D15, RP-081: nothing is acknowledged or relayed that is not durable; everybody is told, and
// the next dial finds the room as it was durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_write_is_told_and_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut author = server.join(&id, "ada", "owner").await;
    let mut reader = server.join(&id, "ada", "owner").await;
    author.write("kept").await;
    reader.until_source("kept").await;
    let mut saboteur = Saboteur::new(folder.path()).await;
    reader.settle().await;
    author.settle().await;
    saboteur.break_log().await;
    author.set_source("lost");
    author.flush().await;
    let sync_failed = (1011, "room sync failed".to_owned());
    assert_eq!(to_the_end(&mut author).await, sync_failed);
    assert_eq!(to_the_end(&mut reader).await, sync_failed);
    assert_eq!(kinds(&author), ["cloud_room_degraded"]);
    assert_eq!(kinds(&reader), ["cloud_room_degraded"]);
    let reason = author.control[0]["reason"].as_str().unwrap();
    assert!(reason.contains("database or disk"), "{reason}");
    assert_eq!(
        reader.sources(),
        ["kept"],
        "a change was seen before it was durable"
    );
    saboteur.mend_log().await;
    let mut again = server.join(&id, "ada", "owner").await;
    again.until_source("kept").await;
    again.write("kept, and more").await;
    // The author still has its change: it comes in again as any other.
    Box::pin(author.dial_again(&server, &id)).await;
    while author.sources()[0].matches("more").count() == 0 {
        assert_eq!(author.step().await, None);
    }
    again.until_source(&author.sources()[0]).await;
    server.stop().await;
}

// RP-055 and rule 6: who does not read is let go with a word after which one dials again, and
// nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_let_go_and_holds_up_nobody() {
    const WINDOW: usize = 256;
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut author = server.join(&id, "ada", "owner").await;
    let mut witness = server.join(&id, "ada", "viewer").await;
    let mut slow = server.join(&id, "ada", "viewer").await;
    author.write("start").await;
    witness.until_source("start").await;
    slow.until_source("start").await;
    let slow_id = slow.id.clone();
    let presence = Presence::Update {
        peer_id: "me".into(),
        peer_label: None,
        actor_label: None,
        data: ChannelData::Focus {
            cell_id: "c".repeat(3500),
        },
    };
    let frame = wire::frame::encode(FrameType::Presence, &presence.encode());
    let frame = Message::Binary(frame.into());
    let mut left = false;
    let mut sent = 0;
    while !left && sent < 200 * WINDOW {
        author.control.clear();
        for _ in 0..WINDOW {
            author.socket.send(frame.clone()).await.unwrap();
        }
        sent += WINDOW;
        while author.control.len() < WINDOW {
            assert_eq!(author.step().await, None);
        }
        while witness.presence < sent {
            assert_eq!(witness.step().await, None, "the witness was let go");
        }
        left = witness
            .control
            .iter()
            .any(|c| c["type"] == "cloud_peer_left" && c["peer_id"] == slow_id.as_str());
    }
    assert!(left, "the slow reader was never let go");
    author.write("went on").await;
    witness.until_source("went on").await;
    let end = loop {
        match tokio::time::timeout(PATIENCE, slow.socket.next()).await {
            Ok(Some(Ok(Message::Close(Some(frame))))) => break frame,
            Ok(Some(Ok(_))) => {}
            other => panic!("no close frame: {other:?}"),
        }
    };
    assert_eq!(
        (u16::from(end.code), end.reason.as_str()),
        (1008, "outbound queue is full")
    );
    assert_eq!(
        wire::close::verdict(end.reason.as_str()),
        wire::close::Verdict::Recoverable
    );
    server.stop().await;
}

async fn rejection(peer: &mut Peer, message: Message) -> Value {
    peer.control.clear();
    peer.socket.send(message).await.unwrap();
    peer.until_control("cloud_frame_rejected").await
}

// RP-040, RP-041, RP-042, RP-044, RP-076: malformed frames over a real socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rp_076_malformed_frames_are_refused_and_the_eighth_ends_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.write("start").await;
    let unknown = rejection(&mut peer, Message::Binary(vec![0xff, 1].into())).await;
    assert_eq!(unknown["reason"], "Error: unknown frame type 255");
    assert_eq!(unknown.get("frame_type"), None);
    let refused = [
        Message::Binary(Vec::new().into()),
        Message::Text("hello".into()),
        oversize(FrameType::Presence),
        oversize(FrameType::Request),
        Message::Binary(vec![0xfe].into()),
        Message::Text("{}".into()),
    ];
    for message in refused {
        rejection(&mut peer, message).await;
    }
    peer.control.clear();
    peer.socket
        .send(Message::Binary(vec![0xfd].into()))
        .await
        .unwrap();
    let end = to_the_end(&mut peer).await;
    assert_eq!(end, (1008, "too many rejected frames".to_owned()));
    assert!(!kinds(&peer).contains(&"cloud_frame_rejected"));
    server.stop().await;
}

// RP-076, 7.7: the reason of a close decides what a peer does next, so it must arrive also while the peer is sending.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_goes_on_sending_hears_why_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let peer = server.join(&id, "ada", "owner").await;
    let (mut sending, mut hearing) = peer.socket.split();
    let pump = tokio::spawn(async move {
        for n in 0..400_u32 {
            let malformed = n < 8;
            let bytes = if malformed { 1 } else { 64 * 1024 };
            sending
                .send(Message::Binary(vec![0xff; bytes].into()))
                .await?;
        }
        Ok::<(), tokio_tungstenite::tungstenite::Error>(())
    });
    let mut refused = 0;
    let end = loop {
        match tokio::time::timeout(PATIENCE, hearing.next()).await {
            Ok(Some(Ok(Message::Binary(frame)))) => {
                let text = String::from_utf8_lossy(&frame);
                refused += usize::from(text.contains("cloud_frame_rejected"));
            }
            Ok(Some(Ok(Message::Close(Some(frame))))) => break frame,
            Ok(Some(Ok(_))) => {}
            other => panic!("no close frame after {refused} refusals: {other:?}"),
        }
    };
    assert_eq!(
        (u16::from(end.code), end.reason.as_str(), refused),
        (1008, "too many rejected frames", 7)
    );
    drop(hearing);
    // It may not have been done when the close came; it is the server that must not break the connection.
    let _ = pump.await.unwrap();
    server.stop().await;
}

fn oversize(frame_type: FrameType) -> Message {
    let payload = vec![b' '; frame_type.cap() + 1];
    Message::Binary(wire::frame::encode(frame_type, &payload).into())
}

// A document frame that is no sync message is refused, and does not count (RP 3.5); a message
// beyond every cap ends the socket without the room's hearing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_document_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.write("start").await;
    for n in 0..20_u8 {
        let frame = wire::frame::encode(FrameType::AutomergeSync, &[0x42, n, 7, 7]);
        let refused = rejection(&mut peer, Message::Binary(frame.into())).await;
        let reason = refused["reason"].as_str().unwrap();
        assert!(reason.contains("decode notebook sync"), "{reason}");
    }
    peer.write("still here").await;
    server.stop().await;
}

// RP-015
// D7, CP-119: within a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_credential_loses_its_room_socket() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let codes = "/api/workstations/pairing-codes";
    let (_, minted) = server.call("POST", codes, "ada", "").await;
    let body = serde_json::json!({"code": minted["pairing"]["code"]}).to_string();
    let (status, redeemed) = server
        .call("POST", &format!("{codes}/redeem"), "", &body)
        .await;
    assert_eq!(status, 201, "{redeemed}");
    let credential = &redeemed["credential"];
    let bearer = format!("Bearer {}", credential["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("x-scope", "viewer")];
    let mut machine = server.dial(&id, &headers).await.unwrap();
    let ready = machine.until_control("cloud_room_ready").await;
    let label = ready["actor_label"].as_str().unwrap();
    assert!(label.starts_with("user:dev:ada/"), "{label}");
    let path = format!(
        "/api/workstations/credentials/{}/revoke",
        credential["credential_id"].as_str().unwrap()
    );
    let (status, answer) = server.call("POST", &path, "ada", "").await;
    assert_eq!(status, 200, "{answer}");
    let closed = tokio::time::timeout(Duration::from_secs(1), to_the_end(&mut machine)).await;
    assert_eq!(closed.unwrap(), (1008, "access revoked".to_owned()));
    server.stop().await;
}
