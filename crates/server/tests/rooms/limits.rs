//! How many sockets one person may hold.

use server::settings::Settings;

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
