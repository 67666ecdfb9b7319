//! A room that breaks, and a dial that meets a room as it ends.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../../tests/rooms/support.rs"]
mod support;

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;
use store::Workstations as _;
use tokio::sync::mpsc;

use super::command::Command;
use crate::effects::ROOM_LIMIT;
use crate::sweeps;
use crate::testing::TestApp;
use support::Running;

/// The rooms that are live.
fn live(server: &Running) -> Vec<String> {
    super::lock(&server.app.rooms().live)
        .keys()
        .cloned()
        .collect()
}

async fn panic_in(server: &Running, notebook_id: &str) {
    let inbox = server.app.rooms().inbox(&server.app, notebook_id);
    inbox.send(Command::Panic).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_panics_ends_alone_and_is_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let (broken, other) = (server.create().await, server.create().await);
    let mut silent = server.join(&broken, "ada", "owner").await;
    let mut elsewhere = server.join(&other, "ada", "owner").await;
    silent.write("kept").await;
    panic_in(&server, &broken).await;
    // It says nothing that would meet the broken room, and is told nevertheless.
    assert_eq!(silent.until_closed().await, "room sync failed");
    elsewhere.write("goes on").await;
    let mut again = server.join(&broken, "ada", "owner").await;
    again.until_source("kept").await;
    again.write("and is written to").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dial_that_meets_a_room_as_it_ends_gets_a_fresh_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let id = server.create().await;
    for _ in 0..20 {
        // The join stands in line behind what ends the room.
        let inbox = server.app.rooms().inbox(&server.app, &id);
        inbox.send(Command::Panic).await.unwrap();
        let mut peer = server.join(&id, "ada", "owner").await;
        peer.write("here").await;
        drop(peer);
    }
    assert_eq!(live(&server), [id]);
    server.stop().await;
}

// CP-171
#[tokio::test]
async fn cp_171_a_room_that_hangs_holds_up_no_lease() {
    let ada = [("x-user", "ada"), ("x-scope", "owner")];
    let app = TestApp::with_dev_identity().await;
    for id in ["one", "two"] {
        let body = json!({"workstation_id": id}).to_string();
        let (status, _) = app
            .call(Method::POST, "/api/workstations", &ada, body)
            .await;
        assert_eq!(status, 201);
    }
    let (_, made) = app.call(Method::POST, "/api/n", &ada, "").await;
    let notebook = made["notebook_id"].as_str().unwrap();
    let path = format!("/api/n/{notebook}/workstation-attachments");
    let body = json!({"workstation_id": "one"}).to_string();
    let (status, _) = app.call(Method::POST, &path, &ada, body).await;
    assert_eq!(status, 202);
    // From now on the room takes what it is told and never answers.
    let (inbox, mut hangs) = mpsc::channel(super::INBOX);
    let hung = super::Live {
        generation: u64::MAX,
        inbox,
    };
    super::lock(&app.rooms().live).insert(notebook.to_owned(), hung);
    // The job's silence ends it, and the leases are over too.
    app.clock().advance(Duration::from_secs(48 * 3600));
    let begun = Instant::now();
    sweeps::look(&app).await;
    assert!(begun.elapsed() < ROOM_LIMIT, "{:?}", begun.elapsed());
    for id in ["one", "two"] {
        let row = app.catalog().workstation("user:dev:ada", id).await.unwrap();
        let lease = row.unwrap().lease;
        assert!(lease.is_none_or(|lease| !lease.online), "{id}");
    }
    assert!(hangs.recv().await.is_some(), "the room was told something");
}
