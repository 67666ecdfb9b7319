//! The whole way with the real programs: pair, attach, run, see.

use std::iter;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use processes::{Attached, Cloud, Room, Workstation, program, test_python, until};
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(60);

async fn attached(cloud: &Cloud) -> Result<(Workstation, Room, String)> {
    let workstation = Workstation::paired(cloud, "machine").await?;
    let attached = Attached::new(cloud, &workstation, "main job").await?;
    Ok((workstation, attached.room, attached.notebook))
}

/// The files below a folder that contain a text.
fn files_with(folder: &std::path::Path, text: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below = entries.flat_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return files_with(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        Vec::from_iter(found.then_some(path))
    });
    below.collect()
}

// WS-133 WS-376 WS-379
#[tokio::test]
async fn a_cell_runs_on_the_paired_machine_and_its_outputs_arrive() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (mut workstation, room, notebook) = attached(&cloud).await?;
    let execution = room.run("print('hello')\n6 * 7", LIMIT).await?;
    assert_eq!(execution.status, "done");
    assert_eq!(execution.count, Some(1));
    assert_eq!(
        room.text(&cloud, &notebook, &execution, "stdout").await?,
        "hello\n"
    );
    let result = execution
        .outputs
        .iter()
        .find(|output| output["output_type"] == "execute_result");
    assert_eq!(
        result.map(|output| output["data"]["text/plain"]["inline"].clone()),
        Some("42".into())
    );
    // Nothing that the machine wrote holds the credential; what it is set to is said.
    let credential = workstation.credential()?;
    let token = credential["token"].as_str().context("no token")?;
    assert_eq!(
        files_with(&workstation.home().join("state"), token),
        [] as [std::path::PathBuf; 0]
    );
    let log = workstation.log();
    let said = log
        .lines()
        .find(|line| line.contains("starting"))
        .context("no first line")?;
    for part in [
        cloud.url(),
        workstation.id()?,
        test_python().display().to_string(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(!log.contains(token));
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    until(
        "every process of the machine to be gone",
        LIMIT,
        async || Ok(workstation.processes("runtimed").is_empty().then_some(())),
    )
    .await?;
    Ok(())
}

// WS-226
#[tokio::test]
async fn ws_226_a_peer_that_logs_errors_only_is_ready_all_the_same() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    workstation.set("RUST_LOG", std::path::Path::new("error"));
    workstation.start(&test_python())?;
    let Attached { room, .. } = Attached::new(&cloud, &workstation, "quiet").await?;
    let jobs = format!("/api/workstations/{}/attach-jobs", workstation.id()?);
    until("the job to run", LIMIT, async || {
        let listed = cloud.ok(Method::GET, &jobs, None).await?;
        Ok((listed["jobs"][0]["status"] == "running").then_some(()))
    })
    .await?;
    let answer = room.run("6 * 7", LIMIT).await?;
    assert_eq!(answer.status, "done");
    assert_eq!(
        workstation.log().matches("starting").count(),
        0,
        "{}",
        workstation.log()
    );
    Ok(())
}

// WS-372 CP-235
#[tokio::test]
async fn a_notebook_opened_again_resumes_on_its_machine_when_a_cell_runs() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let (workstation, room, notebook) = attached(&cloud).await?;
    room.run("kept = 1", LIMIT).await?;
    let [peer] = workstation.processes("cloud-runtime-agent")[..] else {
        anyhow::bail!("not one peer");
    };
    kill(Pid::from_raw(peer), Signal::SIGTERM)?;
    let jobs = format!("/api/workstations/{}/attach-jobs", workstation.id()?);
    until("the job to be over", LIMIT, async || {
        let listed = cloud.ok(Method::GET, &jobs, None).await?;
        Ok((listed["jobs"] == json!([])).then_some(()))
    })
    .await?;
    drop(room);
    cloud.kill().await?;
    cloud.spawn().await?;
    let room = Room::join(&cloud, &notebook).await?;
    // Opening alone starts nothing.
    assert_eq!(workstation.processes("cloud-runtime-agent"), [] as [i32; 0]);
    let execution = room.run("print('resumed', 'kept' in dir())", LIMIT).await?;
    assert_eq!(
        (execution.status.as_str(), execution.count),
        ("done", Some(1))
    );
    let text = room.text(&cloud, &notebook, &execution, "stdout").await?;
    assert_eq!(text, "resumed False\n");
    let resumed = "cloud-runtime-agent --auth-kind workstation";
    assert_eq!(workstation.processes(resumed).len(), 1);
    assert_eq!(workstation.processes("--launch-mode execute").len(), 1);
    assert_eq!(room.runtime_at(&["workstation", "status"]), "ready");
    Ok(())
}

// WS-281 WS-320
#[tokio::test]
async fn a_peer_started_by_hand_serves_under_the_development_identity() -> Result<()> {
    let cloud = Cloud::start().await?;
    let notebook = cloud.create_notebook("by hand").await?;
    let row =
        json!({ "subject_kind": "principal", "subject": "user:dev:ada", "scope": "runtime_peer" });
    let path = format!("/api/n/{notebook}/acl");
    cloud.ok(Method::POST, &path, Some(row)).await?;
    let room = Room::join(&cloud, &notebook).await?;
    let folder = cloud.folder("Größe 100%");
    std::fs::create_dir(&folder)?;
    let mut peer = Command::new(program("runtimed")?)
        .args(["cloud-runtime-agent", "--auth-kind", "dev"])
        .args(["--cloud-url", &cloud.url(), "--notebook-id", &notebook])
        .args(["--workstation-display-name", "計算機", "--working-dir"])
        .arg(&folder)
        .arg("--python-path")
        .arg(test_python())
        .env("RUNT_CLOUD_TOKEN", "development")
        .env("RUNT_CLOUD_DEV_USER", processes::USER)
        .env("XDG_STATE_HOME", cloud.folder("state"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
        .await?;
    let execution = room
        .run("import os; print(os.getcwd() * 100)", LIMIT)
        .await?;
    assert_eq!(execution.status, "done");
    // Too large for the document: it went over HTTP.
    assert!(
        execution.outputs[0]["text"]["blob"].is_string(),
        "{execution:?}"
    );
    let text = room.text(&cloud, &notebook, &execution, "stdout").await?;
    assert_eq!(
        text,
        format!("{}\n", folder.display().to_string().repeat(100))
    );
    let of = |key| room.runtime_at(&["workstation", key]);
    assert_eq!(of("display_name"), "計算機");
    assert_eq!(of("working_directory"), folder.display().to_string());
    let pid = peer.id().and_then(|pid| pid.try_into().ok());
    kill(Pid::from_raw(pid.context("no pid")?), Signal::SIGTERM)?;
    assert_eq!(
        tokio::time::timeout(LIMIT, peer.wait()).await??.code(),
        Some(0)
    );
    Ok(())
}

#[tokio::test]
async fn an_error_ends_the_cell_and_releases_the_queue() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (_machine, room, _) = attached(&cloud).await?;
    let second = room.add_cell("print('never')").await?;
    let first = room.cells()[0].clone();
    room.set_source(&first, "import time; time.sleep(0.5); 1/0")
        .await?;
    let failing = room.execute(&first).await?;
    let queued = room.execute(&second).await?;
    let failing = room.finished(&failing, LIMIT).await?;
    assert_eq!(failing.status, "error");
    assert_eq!(
        failing.outputs.last().map(|output| output["ename"].clone()),
        Some("ZeroDivisionError".into())
    );
    assert_eq!(room.finished(&queued, LIMIT).await?.status, "cancelled");
    let after = room.run("print('works on')", LIMIT).await?;
    assert_eq!(after.status, "done");
    Ok(())
}

/// Runs the first cell, interrupts it once it has printed, and sees its record end; the execution's id.
async fn interrupted(room: &Room, source: &str) -> Result<String> {
    let cell = room.cells()[0].clone();
    room.set_source(&cell, source).await?;
    let id = room.execute(&cell).await?;
    room.execution_when(&id, "the first output", LIMIT, |now| {
        !now.outputs.is_empty()
    })
    .await?;
    room.request(json!({ "id": "i1", "action": "interrupt_execution" }))
        .await?;
    let execution = room.finished(&id, LIMIT).await?;
    assert_eq!(execution.status, "error");
    Ok(id)
}

#[tokio::test]
async fn interrupt_stops_a_running_cell() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (_machine, room, _) = attached(&cloud).await?;
    interrupted(&room, "import time\nprint('in')\ntime.sleep(600)").await?;
    assert_eq!(room.run("print('again')", LIMIT).await?.status, "done");
    Ok(())
}

/// Its record has ended by then; what it prints is shown all the same, at once and much of it (decision D3).
#[tokio::test]
async fn what_an_interrupted_cell_prints_while_it_cleans_up_is_all_kept() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (_machine, room, notebook) = attached(&cloud).await?;
    let source = "import time\nprint('in')\ntry:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    \
                  for i in range(5): print(i); time.sleep(0.2)\n    \
                  for i in range(5, 20_000): print(i)\n    print('clean')";
    let id = interrupted(&room, source).await?;
    // The kernel takes the next one when it is done with this one.
    assert_eq!(room.run("print('again')", LIMIT).await?.status, "done");
    let text = room
        .text(&cloud, &notebook, &room.execution(&id), "stdout")
        .await?;
    let numbers = (0..20_000).map(|number| number.to_string());
    let wanted: Vec<String> = iter::once("in".to_owned())
        .chain(numbers)
        .chain(["clean".to_owned()])
        .collect();
    assert!(
        text.lines().eq(&wanted),
        "{} lines, the last: {:?}",
        text.lines().count(),
        text.lines().last()
    );
    Ok(())
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_all_kept() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (_machine, room, notebook) = attached(&cloud).await?;
    let execution = room
        .run("for i in range(100_000): print(i)", Duration::from_mins(2))
        .await?;
    let text = room.text(&cloud, &notebook, &execution, "stdout").await?;
    let wrong = text
        .lines()
        .enumerate()
        .find(|(number, line)| number.to_string() != *line);
    assert_eq!(wrong, None, "a line is missing or doubled");
    assert_eq!(text.lines().count(), 100_000);
    Ok(())
}

#[tokio::test]
async fn many_blobs_come_together_and_those_left_out_by_themselves() -> Result<()> {
    let cloud = Cloud::start().await?;
    let notebook = cloud.create_notebook("blobs").await?;
    let (mut hashes, mut expected) = (Vec::new(), Vec::new());
    for size in [64 * 1024 + 1, 0, 10, 64 * 1024] {
        let bytes = vec![b'x'; size];
        let stored = cloud.store(&notebook, "text/plain", &bytes).await?;
        hashes.push(stored["blob"].as_str().context("no hash")?.to_owned());
        expected.push(bytes);
    }
    let blobs = cloud.blobs(&notebook, &hashes).await?;
    let found: Vec<_> = hashes.iter().map(|hash| blobs[hash].to_vec()).collect();
    assert!(found == expected);
    Ok(())
}
