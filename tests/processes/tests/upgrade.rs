//! `runt upgrade` under a running agent: the programs are replaced, and the kernel with its variables lives on.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{
    Attached, Cloud, Room, UserManager, Workstation, offer_other_build, offer_programs,
    test_python, until,
};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
/// How an agent's command line is told from its peers', which name the agent's folder.
const AGENT: &str = "workstation-agent --cloud-url";

/// A machine with programs of its own, as the script puts them.
fn workstation(cloud: &Cloud) -> Result<(Workstation, PathBuf)> {
    let mut workstation = Workstation::new(cloud, "machine");
    let folder = workstation.use_own_programs()?;
    Ok((workstation, folder))
}

/// Exit code, standard output, standard error.
async fn upgrade(
    workstation: &Workstation,
    arguments: &[&str],
) -> Result<(Option<i32>, String, String)> {
    let all = [&["upgrade"], arguments].concat();
    finish(workstation.runt(&all)?).await
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

async fn holding_a_variable(cloud: &Cloud, workstation: &Workstation) -> Result<(Room, i32)> {
    let Attached { room, .. } = Attached::new(cloud, workstation, "upgrade").await?;
    room.run("x = 41", LIMIT).await?;
    Ok((room, workstation.only("ipykernel").await?))
}

async fn holds_it_still(room: &Room, workstation: &Workstation, kernel: i32) -> Result<()> {
    let answer = room.run("x + 1", LIMIT).await?;
    anyhow::ensure!(format!("{answer:?}").contains("42"), "{answer:?}");
    anyhow::ensure!(
        workstation.only("ipykernel").await? == kernel,
        "another kernel"
    );
    Ok(())
}

#[tokio::test]
async fn an_agent_in_the_foreground_is_upgraded_and_its_kernel_lives_on() -> Result<()> {
    let cloud = Cloud::start().await?;
    let downloads = cloud.data().join("downloads");
    let (mut workstation, folder) = workstation(&cloud)?;
    let (code, _, told) = upgrade(&workstation, &[]).await?;
    assert!(
        code == Some(1) && told.contains("not paired") && told.contains("Hint: "),
        "{told}"
    );
    workstation.connect(&cloud).await?;
    let (code, _, told) = upgrade(&workstation, &["--check"]).await?;
    assert!(
        code == Some(1) && told.contains("offers no runt") && told.contains("Hint: "),
        "{told}"
    );

    let same = offer_programs(&downloads, "0.1.0")?;
    let said = until("the offer", LIMIT, async || {
        let (code, said, _) = upgrade(&workstation, &["--check", "--json"]).await?;
        Ok((code == Some(0)).then_some(said))
    })
    .await?;
    let said: Value = serde_json::from_str(&said)?;
    assert_eq!(said["standing"], "same");
    let (_, said, _) = upgrade(&workstation, &[]).await?;
    assert!(said.contains("Nothing to do."), "{said}");

    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let (room, kernel) = holding_a_variable(&cloud, &workstation).await?;
    let new = offer_other_build(&downloads, "9.9.9")?;
    assert_ne!(new.programs, same.programs);
    until("the new offer", LIMIT, async || {
        let (_, said, _) = upgrade(&workstation, &["--check"]).await?;
        Ok(said.contains("runt 9.9.9").then_some(()))
    })
    .await?;
    // Looking changed nothing.
    let digest = || downloads::digest_of(&folder.join("runt"));
    assert_eq!(digest()?, same.programs[0].sha256);
    let (_, status, _) = finish(workstation.runt(&["workstation", "status"])?).await?;
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
    let (code, _, told) = upgrade(&workstation, &[]).await?;
    assert!(
        code == Some(1) && told.contains("SHA-256") && told.contains("nothing was replaced"),
        "{told}"
    );
    assert_eq!(digest()?, same.programs[0].sha256);
    fs::write(&file, &bytes)?;

    let (code, said, told) = upgrade(&workstation, &[]).await?;
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
    assert_eq!(
        workstation.ended(LIMIT).await?,
        Some(0),
        "{}",
        workstation.log()
    );
    assert_eq!(workstation.processes(AGENT), [] as [i32; 0]);
    // The old peer serves meanwhile.
    holds_it_still(&room, &workstation, kernel).await?;

    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    holds_it_still(&room, &workstation, kernel).await?;
    Attached::new(&cloud, &workstation, "another").await?;
    assert!(workstation.processes("ipykernel").contains(&kernel));
    let (_, said, _) = upgrade(&workstation, &[]).await?;
    assert!(said.contains("Nothing to do."), "{said}");
    Ok(())
}

#[tokio::test]
async fn an_agent_that_is_a_service_is_restarted_by_the_upgrade() -> Result<()> {
    let cloud = Cloud::start().await?;
    let (workstation, folder) = workstation(&cloud)?;
    workstation.connect(&cloud).await?;
    workstation.keep_none_warm().await?;
    let Some(manager) = UserManager::start(&workstation).await? else {
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
    let (code, said, told) = finish(manager.enter(&workstation.runt(&install)?)).await?;
    assert_eq!(code, Some(0), "{said}{told}");
    let (room, kernel) = holding_a_variable(&cloud, &workstation).await?;
    let agent = workstation.only(AGENT).await?;

    let new = offer_other_build(&cloud.data().join("downloads"), "9.9.9")?;
    let said = until("the upgrade", LIMIT, async || {
        let (code, said, _) = finish(manager.enter(&workstation.runt(&["upgrade"])?)).await?;
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
    assert_ne!(workstation.only(AGENT).await?, agent);
    holds_it_still(&room, &workstation, kernel).await?;
    manager.end().await
}
