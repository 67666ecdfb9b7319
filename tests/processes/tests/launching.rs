//! Runtime peers that were started by hand: what they launch, and when. What other users of the machine do to a launch.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Attached, Cloud, Room, Workstation, program, test_python};
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
        .env("RUNT_CLOUD_DEV_USER", processes::USER)
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
        details.contains("a runtime peer `--python-path`"),
        "{details}"
    );
    peer.kill().await?;
    Ok(())
}

// WS-298
#[tokio::test]
async fn another_user_keeps_no_kernel_from_starting() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    let python = test_python();
    workstation.unprivileged(&python)?;
    let Some(user) = workstation.user() else {
        println!("skipped: only root can be another user");
        return Ok(());
    };
    workstation.set("XDG_RUNTIME_DIR", "/nonexistent".as_ref());
    let theirs = tempfile::Builder::new()
        .prefix(&format!("runt-{user}"))
        .rand_bytes(0)
        .tempdir_in("/tmp")?;
    workstation.connect(&cloud).await?;
    workstation.start(&python)?;
    let attached = Attached::idle(&cloud, &workstation, "launching").await?;
    assert_eq!(attached.room.run("1", LIMIT).await?.status, "done");
    let log = workstation.job_folder(&attached.job).join("keeper.log");
    let log = std::fs::read_to_string(log)?;
    assert!(log.contains("is reached over TCP"), "{log}");

    let doctor = workstation
        .runt(&["workstation", "doctor"])?
        .output()
        .await?;
    let said = String::from_utf8_lossy(&doctor.stdout);
    let folder = theirs.path().display().to_string();
    assert!(said.contains(&folder), "{said}");
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    Ok(())
}
