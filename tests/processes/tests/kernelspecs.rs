//! Notebooks that ask for an installed kernel, and for one that is not there.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Cloud, Room, Workstation, test_python, until};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

fn install(data: &Path, name: &str) -> Result<()> {
    let folder = data.join("kernels").join(name);
    std::fs::create_dir_all(&folder)?;
    let spec = json!({
        "argv": [test_python(), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Second",
        "language": "python",
        "env": { "KERNEL_MARK": name },
    });
    std::fs::write(folder.join("kernel.json"), spec.to_string())?;
    Ok(())
}

async fn mark(cloud: &Cloud, notebook: &str, room: &Room) -> Result<String> {
    let source = "import os; print(os.environ.get('KERNEL_MARK'))";
    let execution = room.run(source, LIMIT).await?;
    assert_eq!(
        execution.status,
        "done",
        "{:?}",
        room.runtime_at(&["kernel"])
    );
    room.text(cloud, notebook, &execution, "stdout").await
}

async fn restart(room: &Room) -> Result<()> {
    room.request(json!({ "id": "restart", "action": "restart_kernel" }))
        .await
}

#[tokio::test]
async fn a_notebook_gets_the_installed_kernel_it_asks_for() -> Result<()> {
    let cloud = Cloud::start().await?;
    let data = cloud.folder("jupyter");
    install(&data, "second")?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    workstation.set("JUPYTER_PATH", &data);
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let notebook = cloud.create_notebook("kernelspecs").await?;
    let room = Room::join(&cloud, &notebook).await?;
    room.set_kernelspec("second", "python").await?;
    room.synced(LIMIT).await?;
    cloud.attach(&notebook, &workstation.id()?).await?;
    room.runtime_is(&["kernel", "activity"], "Idle", LIMIT)
        .await
        .with_context(|| workstation.log())?;
    assert_eq!(mark(&cloud, &notebook, &room).await?, "second\n");
    assert_eq!(room.runtime_at(&["kernel", "name"]), "second");
    let source = room.runtime_at(&["kernel", "env_source"]);
    assert_eq!(source, "kernelspec:second");

    room.set_kernelspec("absent", "R").await?;
    restart(&room).await?;
    room.runtime_is(&["kernel", "lifecycle"], "Error", LIMIT)
        .await?;
    let details = room.runtime_at(&["kernel", "error_details"]);
    let details = details.as_str().unwrap_or_default();
    for part in ["`absent`", "second", "Hint: install that kernel"] {
        assert!(details.contains(part), "{details}");
    }
    until("the replaced kernel to be gone", LIMIT, async || {
        Ok(workstation
            .processes("ipykernel_launcher")
            .is_empty()
            .then_some(()))
    })
    .await?;
    let execution = room.run("print('never')", LIMIT).await?;
    assert_eq!(execution.status, "cancelled");

    room.set_kernelspec("elsewhere", "python").await?;
    restart(&room).await?;
    assert_eq!(mark(&cloud, &notebook, &room).await?, "None\n");
    // A Python of another machine: what runs is the Python here, and so it is called.
    assert_eq!(room.runtime_at(&["kernel", "name"]), "python3");
    let source = room.runtime_at(&["kernel", "env_source"]);
    assert_ne!(source, "kernelspec:elsewhere");
    assert_eq!(workstation.stop().await?, Some(0), "{}", workstation.log());
    Ok(())
}
