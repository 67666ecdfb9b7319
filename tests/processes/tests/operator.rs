//! The operator's commands against a real agent that serves real kernels: what is shown, ended, drained, refused, and
//! taken off the cloud.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Attached, Cloud, Execution, Room, Workstation, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

async fn runt(workstation: &Workstation, arguments: &[&str]) -> Result<Output> {
    let all = [&["workstation"], arguments].concat();
    let output = workstation.runt(&all)?.output();
    tokio::time::timeout(LIMIT, output)
        .await
        .with_context(|| format!("{arguments:?} does not return"))?
        .context("runt does not start")
}

/// A command that must succeed; what it printed.
async fn done(workstation: &Workstation, arguments: &[&str]) -> Result<String> {
    let output = runt(workstation, arguments).await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{arguments:?}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

async fn data(workstation: &Workstation, arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&done(workstation, arguments).await?)?)
}

async fn attached(
    cloud: &Cloud,
    workstation: &Workstation,
    title: &str,
) -> Result<(Room, String, String)> {
    let attached = Attached::new(cloud, workstation, title).await?;
    Ok((attached.room, attached.notebook, attached.job))
}

/// What the room says of its compute when it has the wanted status.
async fn compute_is(room: &Room, status: &str) -> Result<String> {
    room.runtime_is(&["workstation", "status"], status, LIMIT)
        .await?;
    let said = room.runtime_at(&["workstation", "status_message"]);
    Ok(said.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_is_served_is_shown_and_ended_one_by_one_and_altogether() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let mut workstation = Workstation::paired(&cloud, "machine").await?;
    let (first, notebook, job) = attached(&cloud, &workstation, "first").await?;
    let (second, second_id, other) = attached(&cloud, &workstation, "second").await?;
    first.run("1", LIMIT).await?;
    second.run("big = bytearray(200_000_000)", LIMIT).await?;
    let busy = first.cells()[0].clone();
    first
        .set_source(&busy, "print('in', flush=True)\nwhile True: pass")
        .await?;
    let execution = first.execute(&busy).await?;
    let printed = |now: &Execution| !now.outputs.is_empty();
    first
        .execution_when(&execution, "its first line", LIMIT, printed)
        .await?;

    // Without the cloud, too.
    cloud.kill().await?;
    let listed = until("the kernel to be busy", LIMIT, async || {
        let listed = data(&workstation, &["jobs", "--json"]).await?;
        Ok((listed["jobs"][0]["kernel"] == "busy").then_some(listed))
    })
    .await?;
    let [a, b] = listed["jobs"].as_array().context("no jobs")?.as_slice() else {
        anyhow::bail!("{listed}");
    };
    assert_eq!(
        (&a["job_id"], &a["notebook_id"]),
        (&json!(job), &json!(notebook))
    );
    assert_eq!(
        (&a["state"], &b["kernel"]),
        (&json!("running"), &json!("idle"))
    );
    assert!(a["cpu_percent"].as_f64() > Some(30.0), "{a}");
    assert!(b["memory_bytes"].as_u64() > Some(200_000_000), "{b}");
    assert!(a["peer_pid"].is_u64() && a["keeper_pid"].is_u64(), "{a}");
    let table = done(&workstation, &["jobs"]).await?;
    assert!(
        table.starts_with("JOB ") && table.contains(&notebook),
        "{table}"
    );
    assert!(
        done(&workstation, &["logs", &job])
            .await?
            .contains("Infrastructure ready")
    );
    let both = done(&workstation, &["logs", "-n", "1"]).await?;
    assert_eq!(both.matches("==> ").count(), 2, "{both}");
    cloud.spawn().await?;
    let first = Room::join(&cloud, &notebook).await?;
    let second = Room::join(&cloud, &second_id).await?;

    assert_eq!(
        done(&workstation, &["stop", &job]).await?,
        format!("Stopped {}\n", &job[..8])
    );
    // Who ended the kernel may be about to leave itself.
    workstation.nothing_left_of(&job, LIMIT).await?;
    assert_eq!(workstation.processes("kernel-keeper").len(), 1);
    compute_is(&first, "disconnected").await?;
    assert_eq!(second.run("len(big)", LIMIT).await?.status, "done");

    let said = done(&workstation, &["stop", "--all"]).await?;
    assert_eq!(said, "Stopped 1 job and the agent\n");
    assert_eq!(
        workstation.ended(LIMIT).await?,
        Some(0),
        "{}",
        workstation.log()
    );
    workstation.nothing_left_of("", LIMIT).await?;
    compute_is(&second, "disconnected").await?;
    assert_ne!(other, job);
    Ok(())
}

// D4: kernels that no agent looks after are shown and ended as well.
#[tokio::test]
async fn kernels_without_an_agent_are_shown_and_ended() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::paired(&cloud, "machine").await?;
    let (_room, _, job) = attached(&cloud, &workstation, "left").await?;
    workstation.kill_agent().await?;
    let listed = data(&workstation, &["jobs", "--json"]).await?;
    assert_eq!(listed["agent_pid"], Value::Null);
    assert_eq!(listed["jobs"][0]["job_id"], json!(job));
    assert_eq!(listed["jobs"][0]["state"], "unattended");
    let status = done(&workstation, &["status"]).await?;
    let told = "not running; 1 notebook left unattended";
    assert!(status.contains(told), "{status}");
    assert_eq!(
        done(&workstation, &["stop", "--all"]).await?,
        "Stopped 1 job\n"
    );
    workstation.nothing_left_of("", LIMIT).await
}

#[tokio::test]
async fn a_drained_machine_finishes_what_runs_and_says_why_it_takes_nothing_new() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::paired(&cloud, "machine").await?;
    let (running, _, _) = attached(&cloud, &workstation, "running").await?;
    let said = done(&workstation, &["drain"]).await?;
    assert!(
        said.starts_with("Draining: 1 notebook may finish"),
        "{said}"
    );
    // The panel shows it beside the status.
    until("the panel to say so", LIMIT, async || {
        let rows = cloud.workstations().await?;
        let message = rows[0]["status_message"].as_str().unwrap_or_default();
        Ok(message.contains("Draining").then_some(()))
    })
    .await?;
    let notebook = cloud.create_notebook("late").await?;
    let late = Room::join(&cloud, &notebook).await?;
    cloud.attach(&notebook, &workstation.id()?).await?;
    let why = compute_is(&late, "error").await?;
    assert!(why.contains("draining") && why.contains("Hint:"), "{why}");
    assert_eq!(running.run("print(1)", LIMIT).await?.status, "done");
    let status = data(&workstation, &["status", "--json"]).await?;
    assert_eq!(status["this_machine"]["agent"]["draining"], true);
    assert_eq!(status["this_machine"]["agent"]["notebooks"], 1);
    done(&workstation, &["drain", "--undo"]).await?;
    cloud.attach(&notebook, &workstation.id()?).await?;
    compute_is(&late, "ready").await?;
    Ok(())
}

#[tokio::test]
async fn only_allowed_notebooks_and_people_use_the_machine_and_others_are_told() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    let welcome = cloud.create_notebook("welcome").await?;
    done(&workstation, &["config", "set", "allow", &welcome]).await?;
    workstation.start(&processes::test_python())?;
    workstation.online(&cloud).await?;
    let stranger = cloud.create_notebook("stranger").await?;
    let room = Room::join(&cloud, &stranger).await?;
    cloud.attach(&stranger, &workstation.id()?).await?;
    let why = compute_is(&room, "error").await?;
    assert!(why.contains("allows only certain notebooks"), "{why}");
    let room = Room::join(&cloud, &welcome).await?;
    cloud.attach(&welcome, &workstation.id()?).await?;
    compute_is(&room, "ready").await?;
    workstation.stop().await?;
    // A person instead of a notebook: whoever asks.
    let person = format!("user:dev:{}", processes::USER);
    done(&workstation, &["config", "set", "allow", &person]).await?;
    workstation.start(&processes::test_python())?;
    workstation.online(&cloud).await?;
    let room = Room::join(&cloud, &stranger).await?;
    cloud.attach(&stranger, &workstation.id()?).await?;
    compute_is(&room, "ready").await?;
    Ok(())
}

#[tokio::test]
async fn a_machine_that_is_only_paired_is_not_online_and_pairing_again_ends_nothing() -> Result<()>
{
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    let rows = cloud.workstations().await?;
    let [row] = rows.as_slice() else {
        anyhow::bail!("{rows:?}");
    };
    assert_eq!(
        (&row["status"], &row["status_reason"]),
        (&json!("offline"), &json!("not_started"))
    );
    let message = row["status_message"].as_str().unwrap_or_default();
    assert!(message.contains("runt workstation run"), "{message}");
    let notebook = cloud.create_notebook("early").await?;
    let path = format!("/api/n/{notebook}/workstation-attachments");
    let body = json!({ "workstation_id": workstation.id()? });
    let (status, refusal) = cloud.call(reqwest::Method::POST, &path, Some(body)).await?;
    assert_eq!(status, 409, "{refusal}");

    workstation.start(&processes::test_python())?;
    workstation.online(&cloud).await?;
    workstation.connect(&cloud).await?;
    assert!(workstation.is_shown_online(&cloud).await?);
    Attached::new(&cloud, &workstation, "served").await?;
    Ok(())
}

#[tokio::test]
async fn disconnecting_leaves_nothing_here_or_there_and_may_be_repeated() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::paired(&cloud, "machine").await?;
    let (_room, _, _) = attached(&cloud, &workstation, "open").await?;
    let doctor = data(&workstation, &["status", "--json"]).await?;
    assert_eq!(
        doctor["this_machine"]["agent"]["connected"], true,
        "{doctor}"
    );
    let unsure = runt(&workstation, &["disconnect"]).await?;
    let hint = String::from_utf8_lossy(&unsure.stderr).into_owned();
    assert!(
        unsure.status.code() == Some(1) && hint.contains("--yes"),
        "{hint}"
    );
    let credential = workstation.credential()?["credential_id"].clone();
    let said = done(&workstation, &["disconnect", "--yes"]).await?;
    assert!(said.contains("Revoked the credential"), "{said}");
    assert_eq!(workstation.ended(LIMIT).await?, Some(0));
    workstation.nothing_left_of("", LIMIT).await?;
    assert!(workstation.credential().is_err());
    assert_eq!(cloud.workstations().await?, [] as [Value; 0]);
    let rows = cloud
        .ok(reqwest::Method::GET, "/api/workstations/credentials", None)
        .await?;
    let rows = rows["credentials"].as_array().context("no list")?;
    let row = rows.iter().find(|row| row["credential_id"] == credential);
    let is_revoked = row.is_none_or(|row| !row["revoked_at"].is_null());
    assert!(is_revoked, "{rows:?}");
    assert_eq!(done(&workstation, &["disconnect", "--yes"]).await?, "");
    Ok(())
}

#[tokio::test]
async fn disconnecting_without_the_cloud_says_what_is_left_to_do() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    let credential = workstation.credential()?["credential_id"].clone();
    cloud.kill().await?;
    let output = runt(&workstation, &["disconnect", "--yes"]).await?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let id = credential.as_str().unwrap_or_default();
    assert!(
        errors.contains(id) && errors.contains("revoke it"),
        "{errors}"
    );
    assert!(workstation.credential().is_err());
    Ok(())
}

#[tokio::test]
async fn the_doctor_is_content_with_a_machine_that_serves_and_names_a_revoked_credential()
-> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::paired(&cloud, "machine").await?;
    let found = runt(&workstation, &["doctor", "--json"]).await?;
    let found: Value = serde_json::from_slice(&found.stdout)?;
    let level = |found: &Value, check: &str| {
        let all = found["findings"].as_array().into_iter().flatten();
        let mut of = all.filter(|finding| finding["check"] == check);
        of.next().map(|finding| finding["level"].clone())
    };
    for check in [
        "credential",
        "program",
        "loopback",
        "agent",
        "connection",
        "answer",
        "clock",
        "access",
    ] {
        assert_eq!(level(&found, check), Some(json!("ok")), "{check}: {found}");
    }
    let id = workstation.credential()?["credential_id"].clone();
    let path = format!(
        "/api/workstations/credentials/{}/revoke",
        id.as_str().unwrap_or_default()
    );
    cloud.ok(reqwest::Method::POST, &path, None).await?;
    let output = runt(&workstation, &["doctor", "--json"]).await?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(level(&found, "access"), Some(json!("problem")), "{found}");
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}
