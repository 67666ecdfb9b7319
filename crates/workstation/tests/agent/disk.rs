//! An agent whose disk is full.

use std::fs;

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};

use super::{Bench, signal, until};

/// The agent with a state folder on a disk of its own, in namespaces of its own; `None`, and why, where that cannot be.
async fn agent_with_small_disk(bench: &Bench) -> Option<Child> {
    let state = bench.place.path().join("state");
    fs::create_dir(&state).unwrap();
    let script = r#"mount -t tmpfs -o size=80m none "$0" && exec "$@""#;
    let inside = |arguments: &[&std::ffi::OsStr]| {
        let mut command = Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", script]).arg(&state);
        command.args(arguments);
        command
    };
    let can = inside(&["true".as_ref()]).status().await;
    if !can.is_ok_and(|status| status.success()) {
        println!("skipped: no disk can be mounted in a namespace here");
        return None;
    }
    let agent = bench.command();
    let agent = agent.as_std();
    let words: Vec<_> = std::iter::once(agent.get_program())
        .chain(agent.get_args())
        .collect();
    let mut command = inside(&words);
    for (name, value) in agent.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    Some(command.kill_on_drop(true).spawn().unwrap())
}

#[tokio::test]
async fn a_full_disk_keeps_new_jobs_away_and_leaves_the_others_alone() {
    let bench = Bench::new().await;
    let Some(agent) = agent_with_small_disk(&bench).await else {
        return;
    };
    let on_disk = async |script: &str| {
        let done = Command::new("nsenter")
            .args([
                "-t",
                &agent.id().unwrap().to_string(),
                "-U",
                "-m",
                "sh",
                "-ec",
                script,
            ])
            .arg(bench.place.path())
            .status()
            .await;
        assert!(done.unwrap().success(), "{script}");
    };
    bench.cloud.add_job("old", "notebook");
    bench.cloud.job_is("old", "running").await;
    on_disk("head -c 40000000 /dev/zero > \"$0/state/filling\"").await;
    bench.cloud.add_job("new", "notebook");
    let refused = bench.cloud.job_is("new", "failed").await.message.unwrap();
    assert!(
        refused.contains("is full") && refused.contains("\nHint: "),
        "{refused}"
    );
    let said = until("the owner to be told", || async {
        let seen = bench.cloud.seen();
        let message = seen.registrations.last()?["status_message"].clone();
        message.as_str().map(str::to_owned)
    })
    .await;
    assert!(
        said.starts_with("Takes no new notebooks: the disk"),
        "{said}"
    );
    assert_eq!(bench.cloud.job("old").status, "running");
    on_disk("rm \"$0/state/filling\"").await;
    bench.cloud.add_job("newer", "notebook");
    bench.cloud.job_is("newer", "running").await;
    until("the owner to be told", || async {
        let seen = bench.cloud.seen();
        seen.registrations
            .last()?
            .get("status_message")
            .is_none()
            .then_some(())
    })
    .await;
    signal(&agent, Signal::SIGTERM);
    bench.cloud.job_is("newer", "completed").await;
    bench.cloud.job_is("old", "completed").await;
}
