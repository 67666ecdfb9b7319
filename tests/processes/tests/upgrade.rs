//! `runt upgrade` under a running agent: the programs are replaced, and the kernel with its variables lives on.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::{
    Attached, Cloud, Machine, Room, UserManager, offer_other_build, offer_programs, test_python,
    until,
};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
/// How an agent's command line is told from its peers', which name the agent's folder.
const AGENT: &str = "workstation-agent --cloud-url";

/// A machine with programs of its own, as the script puts them.
fn machine(cloud: &Cloud) -> Result<(Machine, PathBuf)> {
    let mut machine = Machine::new(cloud, "machine");
    let folder = machine.use_own_programs()?;
    Ok((machine, folder))
}

/// Exit code, standard output, standard error.
async fn upgrade(machine: &Machine, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
    let all = [&["upgrade"], arguments].concat();
    finish(machine.runt(&all)?).await
}

async fn finish(mut command: tokio::process::Command) -> Result<(Option<i32>, String, String)> {
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    let output = output.context("it does not return")??;
    let text = |bytes| String::from_utf8(bytes);
    Ok((
        output.status.code(),
        text(output.stdout)?,
        text(output.stderr)?,
    ))
}

async fn holding_a_variable(cloud: &Cloud, machine: &Machine) -> Result<(Room, i32)> {
    let Attached { room, .. } = Attached::new(cloud, machine, "upgrade").await?;
    room.run("x = 41", LIMIT).await?;
    Ok((room, machine.only("ipykernel").await?))
}

async fn holds_it_still(room: &Room, machine: &Machine, kernel: i32) -> Result<()> {
    let answer = room.run("x + 1", LIMIT).await?;
    anyhow::ensure!(format!("{answer:?}").contains("42"), "{answer:?}");
    anyhow::ensure!(machine.only("ipykernel").await? == kernel, "another kernel");
    Ok(())
}

#[tokio::test]
async fn an_agent_in_the_foreground_is_upgraded_and_its_kernel_lives_on() -> Result<()> {
    let cloud = Cloud::start().await?;
    let downloads = cloud.data().join("downloads");
    let (mut machine, folder) = machine(&cloud)?;
    let (code, _, told) = upgrade(&machine, &[]).await?;
    assert!(
        code == Some(1) && told.contains("not paired") && told.contains("Hint: "),
        "{told}"
    );
    machine.connect(&cloud).await?;
    let (code, _, told) = upgrade(&machine, &["--check"]).await?;
    assert!(
        code == Some(1) && told.contains("offers no runt") && told.contains("Hint: "),
        "{told}"
    );

    let same = offer_programs(&downloads, "0.1.0")?;
    let said = until("the offer", LIMIT, async || {
        let (code, said, _) = upgrade(&machine, &["--check", "--json"]).await?;
        Ok((code == Some(0)).then_some(said))
    })
    .await?;
    let said: Value = serde_json::from_str(&said)?;
    assert_eq!(said["standing"], "same");
    let (_, said, _) = upgrade(&machine, &[]).await?;
    assert!(said.contains("Nothing to do."), "{said}");

    machine.start(&test_python())?;
    machine.online(&cloud).await?;
    let (room, kernel) = holding_a_variable(&cloud, &machine).await?;
    let new = offer_other_build(&downloads, "9.9.9")?;
    assert_ne!(new.programs, same.programs);
    until("the new offer", LIMIT, async || {
        let (_, said, _) = upgrade(&machine, &["--check"]).await?;
        Ok(said.contains("runt 9.9.9").then_some(()))
    })
    .await?;
    // Looking changed nothing.
    let digest = || downloads::digest_of(&folder.join("runt"));
    assert_eq!(digest()?, same.programs[0].sha256);
    let (_, status, _) = finish(machine.runt(&["workstation", "status"])?).await?;
    assert!(
        status.contains("newer build, 9.9.9") && status.contains("runt upgrade"),
        "{status}"
    );
    let outdated =
        |rows: Vec<Value>| rows[0]["is_outdated"] == true && rows[0]["latest_build"] == "9.9.9";
    assert!(outdated(cloud.workstations().await?));

    // A download that is not what it should be changes nothing.
    let file = downloads.join(&new.file);
    let bytes = fs::read(&file)?;
    fs::write(&file, &bytes[..bytes.len() - 1])?;
    let (code, _, told) = upgrade(&machine, &[]).await?;
    assert!(
        code == Some(1) && told.contains("SHA-256") && told.contains("nothing was replaced"),
        "{told}"
    );
    assert_eq!(digest()?, same.programs[0].sha256);
    fs::write(&file, &bytes)?;

    let (code, said, told) = upgrade(&machine, &[]).await?;
    assert_eq!(code, Some(0), "{said}{told}");
    assert!(said.contains("Replaced runt and runtimed"), "{said}");
    assert_eq!(digest()?, new.programs[0].sha256);
    assert_eq!(
        fs::read_dir(&folder)?.count(),
        2,
        "nothing is left beside them"
    );
    // It ended by itself, though its kernels end with it on any other occasion.
    assert!(
        said.contains("Ended the agent") && said.contains("1 kernel live on"),
        "{said}"
    );
    assert!(told.contains("Hint: start `runt workstation run` again"));
    assert_eq!(machine.ended(LIMIT).await?, Some(0), "{}", machine.log());
    assert_eq!(machine.processes(AGENT), [] as [i32; 0]);
    // The old peer serves meanwhile.
    holds_it_still(&room, &machine, kernel).await?;

    machine.start(&test_python())?;
    machine.online(&cloud).await?;
    holds_it_still(&room, &machine, kernel).await?;
    Attached::new(&cloud, &machine, "another").await?;
    assert!(machine.processes("ipykernel").contains(&kernel));
    let (_, said, _) = upgrade(&machine, &[]).await?;
    assert!(said.contains("Nothing to do."), "{said}");
    Ok(())
}

#[tokio::test]
async fn an_agent_that_is_a_service_is_restarted_by_the_upgrade() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (machine, folder) = machine(&cloud)?;
    machine.connect(&cloud).await?;
    machine.keep_none_warm().await?;
    let Some(manager) = UserManager::start(&machine).await? else {
        return Ok(());
    };
    let python = test_python().display().to_string();
    let install = [
        "workstation",
        "service",
        "install",
        "--python-path",
        &python,
        "--start",
    ];
    let (code, said, told) = finish(manager.enter(&machine.runt(&install)?)).await?;
    assert_eq!(code, Some(0), "{said}{told}");
    let (room, kernel) = holding_a_variable(&cloud, &machine).await?;
    let agent = machine.only(AGENT).await?;

    let new = offer_other_build(&cloud.data().join("downloads"), "9.9.9")?;
    let said = until("the upgrade", LIMIT, async || {
        let (code, said, _) = finish(manager.enter(&machine.runt(&["upgrade"])?)).await?;
        Ok((code == Some(0)).then_some(said))
    })
    .await?;
    assert!(
        said.contains("Restarted the agent") && said.contains("1 kernel live"),
        "{said}"
    );
    assert_eq!(
        downloads::digest_of(&folder.join("runtimed"))?,
        new.programs[1].sha256
    );
    assert_ne!(machine.only(AGENT).await?, agent);
    holds_it_still(&room, &machine, kernel).await?;
    manager.end().await
}
