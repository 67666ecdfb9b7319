//! Notebooks that declare their packages, on a paired machine with the real uv.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Cloud, Room, Workstation, test_python, until};
use serde_json::json;

/// An environment is made from the index of packages.
const LIMIT: Duration = Duration::from_mins(3);
const WHO: &str = "import probe_package; print(probe_package.WHO)";

fn block(wheels: &Path, requirement: &str) -> String {
    let wheels = wheels.display();
    format!(
        "# /// script\n# dependencies = [\"{requirement}\"]\n# [tool.uv]\n# find-links = [\"{wheels}\"]\n# ///"
    )
}

async fn workstation(cloud: &Cloud) -> Result<Workstation> {
    let workstation = Workstation::new(cloud, "machine");
    workstation.connect(cloud).await?;
    Ok(workstation)
}

#[tokio::test]
async fn a_notebooks_packages_are_installed_in_view_and_change_with_a_restart() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = workstation(&cloud).await?;
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let wheels = cloud.folder("wheels");
    std::fs::create_dir(&wheels)?;
    testkit::python::make_wheel(&wheels, "probe_package", "1.5");
    let notebook = cloud.create_notebook("environments").await?;
    let room = Room::join(&cloud, &notebook).await?;
    let first = room.cells()[0].clone();
    room.set_source(&first, &block(&wheels, "probe-package"))
        .await?;
    room.synced(LIMIT).await?;
    cloud.attach(&notebook, &workstation.id()?).await?;
    room.runtime_is(&["kernel", "lifecycle"], "PreparingEnv", LIMIT)
        .await
        .with_context(|| workstation.log())?;
    assert_ne!(room.runtime_at(&["kernel", "launch_progress"]), json!(""));
    // What is run meanwhile waits for the kernel.
    let cell = room.add_cell(WHO).await?;
    let id = room.execute(&cell).await?;
    let execution = room.finished(&id, LIMIT).await?;
    assert_eq!(
        execution.status,
        "done",
        "{:?}",
        room.runtime_at(&["kernel"])
    );
    let text = room.text(&cloud, &notebook, &execution, "stdout").await?;
    assert_eq!(text, "probe_package 1.5\n");
    assert_eq!(room.runtime_at(&["kernel", "env_source"]), "uv:pep723");
    assert_eq!(room.runtime_at(&["kernel", "launch_progress"]), json!(""));

    // A change counts from the next restart; one that fails says why and lets go of what waits.
    room.set_source(&first, &block(&wheels, "probe-package>=2"))
        .await?;
    let id = room.execute(&cell).await?;
    assert_eq!(room.finished(&id, LIMIT).await?.status, "done");
    room.request(json!({ "id": "r", "action": "restart_kernel" }))
        .await?;
    let id = room.execute(&cell).await?;
    assert_eq!(room.finished(&id, LIMIT).await?.status, "cancelled");
    room.runtime_is(&["kernel", "lifecycle"], "Error", LIMIT)
        .await?;
    assert_eq!(
        room.runtime_at(&["kernel", "error_reason"]),
        "environment_prepare_failed"
    );
    let details = room.runtime_at(&["kernel", "error_details"]);
    let details = details.as_str().unwrap_or_default();
    for part in ["probe-package>=2", "Hint: mend what the notebook declares"] {
        assert!(details.contains(part), "{details}");
    }
    assert_eq!(workstation.processes("ipykernel_launcher"), [] as [i32; 0]);

    // Mended, the next run has a kernel again, in the environment that was kept.
    room.set_source(&first, &block(&wheels, "probe-package"))
        .await?;
    let id = room.execute(&cell).await?;
    assert_eq!(room.finished(&id, LIMIT).await?.status, "done");
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    Ok(())
}

#[tokio::test]
async fn a_detach_ends_what_installs() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = workstation(&cloud).await?;
    // A uv that never ends, with a child of its own.
    let bin = workstation.home().join("bin");
    std::fs::create_dir_all(&bin)?;
    let uv = bin.join("uv");
    std::fs::write(
        &uv,
        "#!/bin/sh\ncase $1 in --version) exit 0;; esac\necho Downloading the-world >&2\nsleep 600 & wait\n",
    )?;
    std::fs::set_permissions(&uv, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
    workstation.set("PATH", Path::new(&path));
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let notebook = cloud.create_notebook("environments").await?;
    let room = Room::join(&cloud, &notebook).await?;
    let first = room.cells()[0].clone();
    room.set_source(&first, &block(Path::new("/"), "x")).await?;
    room.synced(LIMIT).await?;
    cloud.attach(&notebook, &workstation.id()?).await?;
    room.runtime_is(
        &["kernel", "launch_progress"],
        "downloading the-world",
        LIMIT,
    )
    .await
    .with_context(|| workstation.log())?;
    assert_eq!(workstation.processes("sleep 600").len(), 1);
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    until("uv and its child to be gone", LIMIT, async || {
        Ok(workstation.processes("").is_empty().then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn the_operator_can_forbid_environments() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = workstation(&cloud).await?;
    let set = workstation
        .runt(&["workstation", "config", "set", "environments", "off"])?
        .output()
        .await?;
    assert!(set.status.success(), "{set:?}");
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let notebook = cloud.create_notebook("environments").await?;
    let room = Room::join(&cloud, &notebook).await?;
    let first = room.cells()[0].clone();
    room.set_source(&first, &block(Path::new("/"), "x")).await?;
    let cell = room.add_cell("import sys; print(sys.executable)").await?;
    cloud.attach(&notebook, &workstation.id()?).await?;
    let id = room.execute(&cell).await?;
    let execution = room.finished(&id, LIMIT).await?;
    let text = room.text(&cloud, &notebook, &execution, "stdout").await?;
    assert_eq!(text.trim(), test_python().display().to_string());
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    Ok(())
}
