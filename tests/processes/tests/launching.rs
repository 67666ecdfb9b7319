//! Runtime peers that were started by hand: what they launch, and when.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{Cloud, Room, program};
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(60);

// WS-279
#[tokio::test]
async fn without_an_interpreter_a_peer_warns_attaches_and_says_why_nothing_runs() -> Result<()> {
    let cloud = Cloud::start().await?;
    let notebook = cloud.create_notebook("by hand").await?;
    let row =
        json!({ "subject_kind": "principal", "subject": "user:dev:ada", "scope": "runtime_peer" });
    let path = format!("/api/n/{notebook}/acl");
    cloud.ok(Method::POST, &path, Some(row)).await?;
    let room = Room::join(&cloud, &notebook).await?;
    let log = cloud.folder("peer.log");
    let mut peer = Command::new(program("runtimed")?)
        .args(["cloud-runtime-agent", "--auth-kind", "dev"])
        .args(["--cloud-url", &cloud.url(), "--notebook-id", &notebook])
        .args(["--launch-mode", "execute"])
        .env("RUNT_CLOUD_TOKEN", "development")
        .env("RUNT_CLOUD_DEV_USER", e2e::USER)
        .env("XDG_STATE_HOME", cloud.folder("state"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log)?)
        .kill_on_drop(true)
        .spawn()?;
    room.runtime_is(&["workstation", "status"], "ready", LIMIT)
        .await
        .with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
    let said = std::fs::read_to_string(&log)?;
    assert!(said.contains("needs `--python-path`"), "{said}");
    let execution = room.run("print('never')", LIMIT).await?;
    assert_eq!(execution.status, "cancelled");
    let details = room.runtime_at(&["kernel", "error_details"]);
    let details = details.as_str().unwrap_or_default();
    assert!(
        details.contains("Hint: start it with `--python-path`"),
        "{details}"
    );
    peer.kill().await?;
    Ok(())
}
