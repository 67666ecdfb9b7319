//! What a room makes of jobs whose end it did not hear of.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use store::AttachJobs as _;
use tokio_tungstenite::tungstenite::Message;
use wire::FrameType;
use wire::http::JobStatus;

use crate::support::Running;

// WS-372 CP-235: the catalog knew of the job's end, and the server died before the room did. What is
// asked for afterwards resumes compute; it does not wait for a peer that is never to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_hears_of_a_job_that_ended_as_the_server_died_before_anybody_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path()).await;
    let notebook = server.create().await;
    let mut person = server.join(&notebook, "ada", "owner").await;
    person.write("1 + 1").await;
    let register = r#"{"workstation_id": "ws"}"#;
    server
        .call("POST", "/api/workstations", "ada", register)
        .await;
    let attach = format!("/api/n/{notebook}/workstation-attachments");
    let (_, attached) = server.call("POST", &attach, "ada", register).await;
    let job = attached["job"]["job_id"].as_str().unwrap().to_owned();
    let jobs = "/api/workstations/ws/attach-jobs";
    let path = format!("{jobs}/{job}");
    let running = r#"{"status": "running"}"#;
    let (status, reported) = server.call("PATCH", &path, "ada", running).await;
    assert_eq!(status, 200, "{reported}");
    // As far as it came: the row is written, and nothing was told to the room.
    let now = server.app.now_ms();
    let completed = JobStatus::Completed;
    let ended = server
        .app
        .catalog()
        .report_job("user:dev:ada", "ws", &job, completed, None, now)
        .await;
    assert_eq!(ended.unwrap().unwrap().status, completed);
    server.stop().await;

    let server = Running::start(folder.path()).await;
    let mut person = server.join(&notebook, "ada", "owner").await;
    person.until_source("1 + 1").await;
    let cell = person.cell_ids().remove(0);
    let run = json!({"action": "execute_cell", "cell_id": cell, "id": "run"}).to_string();
    let frame = wire::frame::encode(FrameType::Request, run.as_bytes());
    let sent = person.socket.send(Message::Binary(frame.into())).await;
    sent.unwrap();
    let request = FrameType::Request.byte();
    while person.until_control("cloud_frame_accepted").await["frame_type"] != request {}
    let (_, listed) = server.call("GET", jobs, "ada", "").await;
    let listed = listed["jobs"].as_array().unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_ne!(listed[0]["job_id"], Value::from(job));
    assert_eq!(listed[0]["trigger"], "resume");
    server.stop().await;
}
