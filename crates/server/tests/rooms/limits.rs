//! How many sockets one person may hold.

use futures_util::SinkExt as _;
use server::settings::Settings;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Running, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_so_many_room_sockets_and_gets_one_back_by_closing() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.limits.room_sockets_per_principal = 2;
    let server = Running::start_with(folder.path(), settings).await;
    let id = server.create().await;
    let one = server.join(&id, "ada", "owner").await;
    let _two = server.join(&id, "ada", "owner").await;
    let headers = [("x-user", "ada"), ("x-scope", "owner")];
    let (status, text) = refusal(server.dial(&id, &headers).await);
    assert_eq!(status, 429, "{text}");
    assert!(text.contains("sockets are open already"), "{text}");
    drop(one);
    // The place is free as soon as the server has seen the end.
    let again = tokio::time::timeout(crate::support::PATIENCE, async {
        loop {
            if let Ok(peer) = server.dial(&id, &headers).await {
                return peer;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(again.await.is_ok());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_fewer_sockets_without_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.limits.room_sockets_per_anonymous_address = 1;
    let server = Running::start_with(folder.path(), settings).await;
    let id = server.create().await;
    let row = r#"{"subject_kind":"public","subject":"anonymous","scope":"viewer"}"#;
    let (status, text) = server
        .call("POST", &format!("/api/n/{id}/acl"), "ada", row)
        .await;
    assert_eq!(status, 201, "{text}");
    let _one = server.dial(&id, &[]).await.unwrap();
    let (status, text) = refusal(server.dial(&id, &[("viewer_session", "other")]).await);
    assert_eq!(status, 429, "{text}");
    let _ada = server.join(&id, "ada", "owner").await;
    let _too = server.join(&id, "ada", "owner").await;
    server.stop().await;
}

/// Who may change nothing has nothing large to say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewers_message_is_no_larger_than_two_mebibytes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let large = wire::frame::encode(wire::FrameType::AutomergeSync, &vec![0; 2 << 20]);
    for (scope, is_read) in [("viewer", false), ("owner", true)] {
        let mut peer = server.join(&id, "ada", scope).await;
        let sent = peer
            .socket
            .send(Message::Binary(large.clone().into()))
            .await;
        if is_read {
            sent.unwrap();
            peer.until_control("cloud_frame_rejected").await;
            continue;
        }
        // The server reads none of it: it may go while it is still sent.
        let closed = loop {
            if let Some(closed) = peer.step_code().await {
                break closed;
            }
        };
        assert_eq!(closed, (1009, "message is too large".to_owned()));
    }
    server.stop().await;
}
