//! `runt workstation service` against a real service manager, with a real kernel that outlives its agents.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Attached, Cloud, UserManager, Workstation, test_python, until};

const LIMIT: Duration = Duration::from_secs(60);
/// How an agent's command line is told from its peers', which name the agent's folder.
const AGENT: &str = "workstation-agent --cloud-url";
const UNIT: &str = "runt-workstation.service";

/// `runt workstation service …` beside the manager.
struct Service<'a> {
    workstation: &'a Workstation,
    manager: &'a UserManager,
}

impl Service<'_> {
    /// Exit code, standard output, standard error.
    async fn tell(&self, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
        let all = [&["workstation", "service"], arguments].concat();
        let mut command = self.manager.enter(&self.workstation.runt(&all)?);
        let output = tokio::time::timeout(LIMIT, command.output())
            .await
            .with_context(|| format!("{arguments:?} does not return"))??;
        let text = |bytes| String::from_utf8(bytes);
        Ok((
            output.status.code(),
            text(output.stdout)?,
            text(output.stderr)?,
        ))
    }

    async fn done(&self, arguments: &[&str]) -> Result<String> {
        let (code, out, err) = self.tell(arguments).await?;
        anyhow::ensure!(code == Some(0), "{arguments:?}: {out}{err}");
        Ok(out)
    }

    /// Fails as it should; what it said.
    async fn refused(&self, arguments: &[&str]) -> Result<String> {
        let (code, out, err) = self.tell(arguments).await?;
        anyhow::ensure!(
            code == Some(1) && out.is_empty() && err.contains("Hint: "),
            "{arguments:?}: {code:?} {out}{err}"
        );
        Ok(err)
    }

    async fn is(&self, state: &str) -> Result<()> {
        until(&format!("the unit to be {state}"), LIMIT, async || {
            let is = self.manager.systemctl(&["is-active", UNIT]).await?;
            Ok((is == state).then_some(()))
        })
        .await
    }
}

// WS-106 WS-107 WS-115 WS-117 WS-119 WS-376
#[tokio::test]
async fn ws_106_115_117_119_install_and_uninstall() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    fs::create_dir_all(workstation.home())?;
    let Some(manager) = UserManager::start(&workstation).await? else {
        return Ok(());
    };
    let service = Service {
        workstation: &workstation,
        manager: &manager,
    };
    let file = workstation.home().join("config/systemd/user").join(UNIT);

    let mut paired_by_environment = workstation.runt(&["workstation", "service", "install"])?;
    paired_by_environment
        .env("RUNT_CLOUD_URL", cloud.url())
        .env("RUNT_CLOUD_TOKEN", "nwc_not-for-a-service");
    let output = manager.enter(&paired_by_environment).output().await?;
    assert_eq!(output.status.code(), Some(1));
    assert!(service.refused(&["install"]).await?.contains("not paired"));
    assert!(!file.exists());
    for command in ["stop", "uninstall"] {
        assert_eq!(service.done(&[command]).await?, "");
    }
    assert!(service.done(&["status"]).await?.contains("Installed: no"));
    for command in ["start", "restart", "logs"] {
        let said = service.refused(&[command]).await?;
        assert!(said.contains("not installed"), "{said}");
    }

    workstation.connect(&cloud).await?;
    service.done(&["install"]).await?;
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o644);
    let token = workstation.credential()?["token"].to_string();
    assert!(!fs::read_to_string(&file)?.contains(token.trim_matches('"')));
    let status = service.done(&["status"]).await?;
    assert!(
        status.contains("Enabled: enabled") && status.contains("Active: inactive"),
        "{status}"
    );
    service.done(&["install"]).await?;
    service.done(&["uninstall"]).await?;
    assert!(!file.exists());
    let known = manager.systemctl(&["is-enabled", UNIT]).await?;
    assert!(known.is_empty() || known == "not-found", "{known}");
    manager.end().await
}

// WS-116 WS-123 WS-262
#[tokio::test]
async fn ws_116_123_262_a_kernel_outlives_its_agents() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    workstation.keep_none_warm().await?;
    let Some(manager) = UserManager::start(&workstation).await? else {
        return Ok(());
    };
    let service = Service {
        workstation: &workstation,
        manager: &manager,
    };
    let python = test_python().display().to_string();
    service
        .done(&["install", "--python-path", &python, "--start"])
        .await?;
    service.is("active").await?;
    let Attached { room, .. } = Attached::new(&cloud, &workstation, "service").await?;
    room.run("x = 40", LIMIT).await?;
    let kernel = workstation.only("ipykernel").await?;
    let group = fs::read_to_string(format!("/proc/{kernel}/cgroup"))?;
    assert!(
        group.contains("/runt-workstation.slice/runt-job-") && group.contains(".scope"),
        "{group}"
    );
    let first = workstation.only(AGENT).await?;

    service.done(&["restart"]).await?;
    let second = workstation.only(AGENT).await?;
    service.done(&["stop"]).await?;
    service.is("inactive").await?;
    assert!(workstation.processes(AGENT).is_empty());
    room.run("x += 1", LIMIT).await?;
    // Starts what does not run, and starts what runs anew.
    service
        .done(&["install", "--python-path", &python, "--start"])
        .await?;
    let third = workstation.only(AGENT).await?;
    let said = service
        .done(&["install", "--python-path", &python, "--start"])
        .await?;
    assert!(said.contains("Restarted"), "{said}");
    let fourth = workstation.only(AGENT).await?;
    let mut agents = vec![first, second, third, fourth];
    agents.dedup();
    assert_eq!(agents.len(), 4);

    assert_eq!(workstation.only("ipykernel").await?, kernel);
    let answer = room.run("x + 1", LIMIT).await?;
    assert!(format!("{answer:?}").contains("42"), "{answer:?}");

    // The credential and the lock are this agent's: another is refused, and the unit does not try again.
    service.done(&["stop", "--all"]).await?;
    service.is("inactive").await?;
    until("nothing to be left", LIMIT, async || {
        let left = ["runtimed", "ipykernel"].map(|name| workstation.processes(name).len());
        Ok((left == [0, 0]).then_some(()))
    })
    .await?;
    let state = workstation.home().join("state/runt");
    let locks = fs::read_dir(&state)?.flatten().map(|entry| entry.path());
    let lock = locks
        .into_iter()
        .find(|path| path.extension().is_some_and(|kind| kind == "lock"))
        .context("no lock")?;
    let held = fs::File::open(lock)?;
    held.lock()?;
    service.done(&["start"]).await?;
    service.is("failed").await?;
    let shown = manager
        .systemctl(&["show", UNIT, "--property=NRestarts,ExecMainStatus"])
        .await?;
    assert_eq!(shown, "NRestarts=0\nExecMainStatus=75");
    manager.end().await
}

// D18: the limit of a job holds for the job where the manager has the memory of its groups, else for each process; which
// it is is said, and so is what became of the kernel.
#[tokio::test]
async fn a_kernel_gets_no_more_memory_than_the_operator_allows() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    workstation.keep_none_warm().await?;
    let Some(manager) = UserManager::start(&workstation).await? else {
        return Ok(());
    };
    let service = Service {
        workstation: &workstation,
        manager: &manager,
    };
    for (name, value) in [("job_memory", "400M"), ("job_cpus", "1.5"), ("nice", "7")] {
        let set = ["workstation", "config", "set", name, value];
        assert!(workstation.runt(&set)?.output().await?.status.success());
    }
    let python = test_python().display().to_string();
    service
        .done(&["install", "--python-path", &python, "--start"])
        .await?;
    service.is("active").await?;
    let Attached { room, .. } = Attached::new(&cloud, &workstation, "hog").await?;
    room.run("1", LIMIT).await?;
    let kernel = workstation.only("ipykernel").await?;
    let stat = fs::read_to_string(format!("/proc/{kernel}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no stat")?;
    assert_eq!(fields.split_whitespace().nth(16), Some("7"), "{stat}");

    let mut status = workstation.runt(&["workstation", "status", "--json"])?;
    let status: serde_json::Value = serde_json::from_slice(&status.output().await?.stdout)?;
    let limits = &status["this_machine"]["agent"]["limits"];
    assert_eq!(limits["scopes"], "user", "{status}");
    assert_eq!(limits["memory"]["limit"], "400M");
    let hog = "b'x' * 900_000_000";
    if limits["memory"]["holds_for"] == "job" {
        let cell = room.add_cell(hog).await?;
        room.execute(&cell).await?;
        room.runtime_is(&["kernel", "lifecycle"], "Error", LIMIT)
            .await?;
        let said = room.runtime_at(&["kernel", "error_details"]).to_string();
        assert!(said.contains("out of memory"), "{said}");
    } else {
        println!("skipped: the limit of a whole job; this manager has no memory of its groups");
        assert_eq!(limits["memory"]["holds_for"], "process");
        let answer = room.run(hog, LIMIT).await?;
        assert!(format!("{answer:?}").contains("MemoryError"), "{answer:?}");
        assert_eq!(workstation.only("ipykernel").await?, kernel);
    }
    service.done(&["stop", "--all"]).await?;
    until("nothing to be left", LIMIT, async || {
        let left = ["runtimed", "ipykernel"].map(|name| workstation.processes(name).len());
        let scopes = manager
            .systemctl(&["list-units", "--no-legend", "runt-job-*"])
            .await?;
        Ok((left == [0, 0] && scopes.is_empty()).then_some(()))
    })
    .await?;
    manager.end().await
}
