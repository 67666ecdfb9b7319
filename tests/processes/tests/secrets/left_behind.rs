//! What notebook code leaves behind: for the next kernel, and for agent and peer to run.

use anyhow::{Context as _, Result};
use processes::until;
use serde_json::json;

use super::{LIMIT, Scene};

/// Carries away what it can of the folders above the secrets, and puts others in their place.
const CARRIES_AWAY: &str = r#"
import os
home = os.path.expanduser("~")
for name in ("config", "state"):
    folder = os.path.join(home, name)
    try:
        os.unlink(folder) if os.path.islink(folder) else os.rename(folder, folder + "-carried-away")
        os.makedirs(os.path.join(folder, "runt"))
        print(name, "is another")
    except OSError as error:
        print(name, "stays")
"#;

const LEAVES_PROGRAMS: &str = include_str!("leave.py");

impl Scene {
    async fn restart(&self) -> Result<()> {
        let restart = json!({ "id": "restart", "action": "restart_kernel" });
        self.room.request(restart).await
    }

    /// What a program that was left behind saw, once it has looked.
    async fn seen_by(&self, who: &str) -> Result<String> {
        let path = self.workstation.home().join(format!("seen-by-{who}"));
        until(&format!("{who} to look"), LIMIT, async || {
            Ok(path.exists().then_some(()))
        })
        .await
        .with_context(|| self.workstation.log())?;
        Ok(std::fs::read_to_string(path)?)
    }
}

// D18 WS-374
#[tokio::test]
async fn the_next_kernel_sees_no_more_than_the_first() -> Result<()> {
    let Some(scene) = Scene::set().await? else {
        return Ok(());
    };
    let said = scene.said(CARRIES_AWAY).await?;
    assert_eq!(said, "config stays\nstate stays\n");
    assert!(scene.workstation.credential().is_ok());
    scene.restart().await?;
    scene.is_protected().await
}

// D18 WS-374
#[tokio::test]
async fn no_kernel_starts_while_another_folder_is_in_the_place_of_a_secret_one() -> Result<()> {
    let Some(scene) = Scene::with_config_at("dotfiles").await? else {
        return Ok(());
    };
    // A link is no folder that could be held in its place.
    let said = scene.said(CARRIES_AWAY).await?;
    assert_eq!(said, "config is another\nstate stays\n");
    scene.restart().await?;
    scene
        .room
        .runtime_is(&["kernel", "lifecycle"], "Error", LIMIT)
        .await?;
    let details = scene.room.runtime_at(&["kernel", "error_details"]);
    let details = details.as_str().unwrap_or_default();
    assert!(
        details.contains("is not the one that was there when the agent began"),
        "{details}"
    );

    let home = scene.workstation.home();
    std::fs::remove_dir_all(home.join("config"))?;
    std::os::unix::fs::symlink("dotfiles", home.join("config"))?;
    assert_eq!(scene.said("print('again')").await?, "again\n");
    Ok(())
}

// D18 WS-374
#[tokio::test]
async fn interpreters_and_packages_of_notebook_code_see_no_secret() -> Result<()> {
    let Some(mut scene) = Scene::set().await? else {
        return Ok(());
    };
    assert_eq!(scene.said(LEAVES_PROGRAMS).await?, "left\n");
    // The next agent looks for interpreters at once.
    scene.workstation.kill_agent().await?;
    scene.workstation.start(&scene.python)?;
    scene.workstation.online(&scene.cloud).await?;
    assert_eq!(scene.seen_by("interpreter").await?, "looks\n");

    let package = scene.workstation.home().join("package");
    let block = format!(
        "# /// script\n# dependencies = [\"left-package @ file://{}\"]\n# ///",
        package.display()
    );
    let cell = scene.room.cells().into_iter().next().context("no cell")?;
    scene.room.set_source(&cell, &block).await?;
    scene.room.synced(LIMIT).await?;
    scene.restart().await?;
    // uv installs as ever.
    let said = scene
        .said("import left_package; print(left_package.WHO)")
        .await?;
    assert_eq!(said, "the package\n");
    assert_eq!(scene.seen_by("build").await?, "looks\n");
    Ok(())
}
