//! A kernel that says more than the disk takes: on a real disk that is really full.

use std::path::Path;

use kernel::journal;
use kernel::protocol::{Command, KeeperEvent};

use crate::job::{Job, numbers, stream_text, until};

/// Set in the process that has a small disk of its own.
const PLACE: &str = "TEST_SMALL_DISK";
const MOUNT: &str = r#"mount -t tmpfs -o size=6m none "$TMPDIR" && exec "$@""#;

fn free(place: &Path) -> u64 {
    let space = rustix::fs::statvfs(place).unwrap();
    space.f_bavail * space.f_frsize
}

/// Runs this very test in a namespace with a small disk; true in the process that is in it already.
fn has_small_disk(test: &str) -> bool {
    if std::env::var_os(PLACE).is_some() {
        return true;
    }
    let place = tempfile::tempdir().unwrap();
    let inside = |program: &Path| {
        let mut command = std::process::Command::new("unshare");
        command
            .args(["-r", "-m", "sh", "-c", MOUNT, "sh"])
            .arg(program)
            .env("TMPDIR", place.path())
            .env(PLACE, "yes");
        command
    };
    if !inside(Path::new("true"))
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("skipped: no disk can be mounted in a namespace here");
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let status = inside(&own).args(["--exact", test, "--nocapture"]).status();
    assert!(status.unwrap().success());
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_no_output_while_memory_lasts_and_stops_no_keeper() {
    if !has_small_disk("disk::a_full_disk_costs_no_output_while_memory_lasts_and_stops_no_keeper") {
        return;
    }
    let mut job = Job::start().await;
    let place = job.dir().parent().unwrap().to_owned();
    job.execute("flood", "for i in range(400): print(f'{i:>40000}')")
        .await;
    until(|| free(&place) < 64 * 1024).await;
    // The keeper answers, and the kernel is not held up.
    assert!(job.client.status().await.unwrap().kernel_pid.is_some());
    let disk = std::env::var("TMPDIR").unwrap();
    let enlarged = std::process::Command::new("mount")
        .args(["-o", "remount,size=64m", &disk])
        .status();
    assert!(enlarged.unwrap().success());
    let records = job.until_idle("flood").await;
    let text = stream_text(&records, "stdout").replace(' ', "");
    assert_eq!(text, numbers(400));
    assert!(
        !records
            .iter()
            .any(|record| matches!(record.event(), Some(KeeperEvent::Dropped { .. })))
    );

    job.execute("more", "for i in range(4000): print(f'{i:>40000}')")
        .await;
    until(|| free(&place) < 64 * 1024).await;
    // What the room has is given back, though there is no room to note it anew.
    let position = records.last().unwrap().end;
    job.client
        .request(Command::Release { position })
        .await
        .unwrap();
    assert_eq!(
        journal::released(&job.dir().join(journal::FILE_NAME)),
        position
    );
    // What is not written yet is given up when the job ends: the keeper does not wait for ever.
    job.client
        .request(Command::Interrupt { force_signal: true })
        .await
        .unwrap();
    job.shutdown().await;
}
