//! What open sockets hear of their notebook's trash and end, and what a list says of them.

use serde_json::json;

use crate::support::{Running, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trashed_notebook_closes_its_sockets_and_lets_nobody_in_until_it_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut one = server.join(&id, "ada", "owner").await;
    one.write("kept = 1").await;
    let mut two = server.join(&id, "ada", "owner").await;
    two.until_source("kept = 1").await;
    let (status, _) = server
        .call("POST", &format!("/api/n/{id}/trash"), "ada", "")
        .await;
    assert_eq!(status, 200);
    for peer in [&mut one, &mut two] {
        assert_eq!(peer.until_closed().await, "notebook moved to trash");
    }
    let owner = [("x-user", "ada"), ("x-scope", "owner")];
    assert_eq!(refusal(server.dial(&id, &owner).await).0, 404);
    server
        .call("POST", &format!("/api/n/{id}/restore"), "ada", "")
        .await;
    let mut again = server.join(&id, "ada", "owner").await;
    again.until_source("kept = 1").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_notebook_leaves_no_document_behind() {
    use store::document_log::DocumentLog as _;
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    let mut peer = server.join(&id, "ada", "owner").await;
    peer.write("gone = 1").await;
    let mut other = server.join(&id, "ada", "owner").await;
    other.until_source("gone = 1").await;
    server
        .call("POST", &format!("/api/n/{id}/trash"), "ada", "")
        .await;
    let (status, _) = server
        .call("DELETE", &format!("/api/n/{id}"), "ada", "")
        .await;
    assert_eq!(status, 200);
    assert!(server.app.documents().notebooks().await.unwrap().is_empty());
    server.stop().await;
}

// CP-273
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_273_a_list_shows_who_else_may_edit_and_is_there_now() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    for (name, scope) in [("grace", "editor"), ("vera", "viewer")] {
        let row = json!({"subject_kind": "principal", "subject": format!("user:dev:{name}"), "scope": scope});
        let (status, _) = server
            .call("POST", &format!("/api/n/{id}/acl"), "ada", &row.to_string())
            .await;
        assert_eq!(status, 201);
    }
    let peers = async |who: &str| {
        let (_, body) = server.call("GET", "/api/n", who, "").await;
        body["notebooks"][0].get("peers").cloned()
    };
    let _ada = server.join(&id, "ada", "owner").await;
    let _vera = server.join(&id, "vera", "viewer").await;
    assert_eq!(peers("ada").await, None);
    let _grace = server.join(&id, "grace", "editor").await;
    let _twice = server.join(&id, "grace", "editor").await;
    let shown = peers("ada").await.unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["participant_key"], "user:dev:grace");
    assert_eq!(shown[0]["connection_scope"], "editor");
    assert_eq!(peers("vera").await.unwrap().as_array().unwrap().len(), 2);
    server.stop().await;
}
