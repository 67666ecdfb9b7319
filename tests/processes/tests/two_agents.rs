//! Two agents of one account: on the same state folder, for one workstation or for two, and on two machines that share the
//! home directory. The second is refused, or they leave each other's jobs alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use processes::{Attached, Cloud, Workstation, test_python, until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
/// Another agent serves already.
const ALREADY_SERVED: i32 = 75;
/// How an agent's command line is told from its peers', which name the agent's folder.
const AGENT: &str = "workstation-agent --cloud-url";

/// A notebook whose kernel has a variable.
struct Kernel {
    attached: Attached,
    pid: i64,
}

impl Kernel {
    async fn new(cloud: &Cloud, workstation: &Workstation) -> Result<Self> {
        let attached = Attached::new(cloud, workstation, "two agents").await?;
        let made = attached
            .room
            .run("import os; x = 41; os.getpid()", LIMIT)
            .await?;
        Ok(Self {
            pid: shown(&made.outputs).context("no pid")?,
            attached,
        })
    }

    /// The same process, with the same variable.
    async fn lives(&self) -> Result<()> {
        let answer = self
            .attached
            .room
            .run("os.getpid() * (x == 41)", LIMIT)
            .await?;
        ensure!(shown(&answer.outputs) == Some(self.pid), "{answer:?}");
        Ok(())
    }

    /// Whether its process is there.
    fn is_alive(&self, workstation: &Workstation) -> bool {
        let pids = workstation.processes("ipykernel").into_iter();
        pids.map(i64::from).any(|pid| pid == self.pid)
    }
}

/// The number that a cell evaluates to.
fn shown(outputs: &[Value]) -> Option<i64> {
    let text = outputs.last()?["data"]["text/plain"]["inline"].as_str()?;
    text.parse().ok()
}

/// Runs a command; its exit code and all that it said.
async fn told(workstation: &Workstation, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let output = workstation
        .runt(&[&["workstation"], arguments].concat())?
        .output();
    let output = tokio::time::timeout(LIMIT, output).await??;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(text)?))
}

/// An agent that finds another one at its workstation: it says which, and what to do.
async fn is_refused(workstation: &Workstation, first: i32, host: &str) -> Result<()> {
    let python = test_python().display().to_string();
    let (code, said) = told(workstation, &["run", "--python-path", &python]).await?;
    ensure!(code == Some(ALREADY_SERVED), "{code:?} {said}");
    for part in [
        &format!("another agent (pid {first} on {host})"),
        "Hint: `runt workstation stop --all` ends that one",
        "XDG_CONFIG_HOME=FOLDER runt workstation connect URL --id ID",
    ] {
        ensure!(said.contains(part), "{part}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn ws_129_a_second_agent_of_one_workstation_is_refused_and_harms_nothing() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::paired(&cloud, "machine").await?;
    let kernel = Kernel::new(&cloud, &workstation).await?;
    let first = workstation.only(AGENT).await?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    is_refused(&workstation, first, host.trim()).await?;
    assert_eq!(workstation.only(AGENT).await?, first);
    kernel.lives().await
}

// The state folder is one, the credentials are two.
#[tokio::test]
async fn ws_132_agents_of_two_workstations_leave_each_others_jobs_alone() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut one = Workstation::paired(&cloud, "machine").await?;
    let mut two = Workstation::with_home_of(&one, "two.log");
    two.set("XDG_CONFIG_HOME", &one.home().join("config-two"));
    two.set("RUNT_CONNECT_ID", "ws-two".as_ref());
    two.connect(&cloud).await?;
    two.start(&test_python())?;
    two.online(&cloud).await?;
    let (first, second) = (Kernel::new(&cloud, &one), Kernel::new(&cloud, &two));
    let (first, second) = tokio::try_join!(first, second)?;

    // Both are shown, each in the words of its agent.
    let (_, listed) = told(&two, &["jobs", "--json"]).await?;
    let listed: Value = serde_json::from_str(&listed)?;
    let rows = listed["jobs"].as_array().context("no jobs")?;
    let of = |id: &str| rows.iter().find(|row| row["served_by"] == id);
    for id in [one.id()?, "ws-two".to_owned()] {
        assert_eq!(
            of(&id).context("not listed")?["state"],
            "running",
            "{listed}"
        );
    }
    // Ending everything of one workstation is not ending the other's.
    let (_, said) = told(&two, &["stop", "--all"]).await?;
    assert_eq!(said, "Stopped 1 job and the agent\n");
    assert_eq!(two.ended(LIMIT).await?, Some(0));
    assert!(!second.is_alive(&two));
    first.lives().await?;
    // An agent that starts has nothing to do with the other's, whose agent is away just now.
    one.kill_agent().await?;
    two.start(&test_python())?;
    let again = Kernel::new(&cloud, &two).await?;
    first.lives().await?;
    // A job may be ended wherever one is; here the other's agent does it.
    one.start(&test_python())?;
    one.online(&cloud).await?;
    let (code, said) = told(&two, &["stop", &first.attached.job]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(!first.is_alive(&one));
    again.lives().await
}

#[tokio::test]
async fn machines_that_share_a_home_leave_each_others_jobs_alone() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut lab = Workstation::new(&cloud, "home");
    let mut gpu = Workstation::with_home_of(&lab, "gpu.log");
    if !lab.as_host("lab")? || !gpu.as_host("gpu-box")? {
        return Ok(());
    }
    lab.connect(&cloud).await?;
    lab.start(&test_python())?;
    lab.online(&cloud).await?;
    let kernel = Kernel::new(&cloud, &lab).await?;
    is_refused(&gpu, lab.only(AGENT).await?, "lab").await?;
    kernel.lives().await?;

    // The first one's agent is gone, and the other would take its place with the same credential.
    lab.kill_agent().await?;
    gpu.start(&test_python())?;
    until("the cloud to refuse it", LIMIT, async || {
        let said = "another machine (lab) is online as ws-lab";
        Ok(gpu.log().contains(said).then_some(()))
    })
    .await
    .with_context(|| gpu.log())?;
    let (_, listed) = told(&gpu, &["jobs", "--json"]).await?;
    assert_eq!(
        serde_json::from_str::<Value>(&listed)?["jobs"],
        serde_json::json!([])
    );
    let (_, said) = told(&gpu, &["stop", "--all"]).await?;
    assert_eq!(said, "Stopped 0 jobs and the agent\n");
    assert_eq!(gpu.ended(LIMIT).await?, Some(0));
    kernel.lives().await?;

    // The first machine finds its own job as it was.
    lab.start(&test_python())?;
    lab.online(&cloud).await?;
    kernel.lives().await?;
    let (_, said) = told(&lab, &["stop", "--all"]).await?;
    assert_eq!(said, "Stopped 1 job and the agent\n");
    assert!(!kernel.is_alive(&lab));
    Ok(())
}
