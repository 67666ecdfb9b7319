//! A machine that serves three notebooks at once, each with a cell that prints all the while: what its agent goes through
//! costs no kernel, no line and no job; and when everything is told to stop, nothing is left.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use processes::{Attached, Cloud, Workstation, offer_other_build, test_python, until};
use reqwest::Method;
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_secs(60);
/// How long what was told to stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Lines that no peer can have had on its way when they were not yet printed.
const FURTHER: usize = 20;

/// A notebook with its own variable and a kernel that has children.
struct Job {
    attached: Attached,
    variable: usize,
    kernel: i32,
    /// One that changed its session, and one that also changed its parent and has an empty environment.
    children: [i32; 2],
    execution: String,
}

impl Job {
    async fn new(
        cloud: &Cloud,
        workstation: &Workstation,
        variable: usize,
        stop: &Path,
    ) -> Result<Self> {
        let attached = Attached::new(cloud, workstation, "load").await?;
        let source = format!(
            "import os, subprocess, time\n\
             x = {variable}\n\
             child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n\
             stray = 'env -i sleep 600 > /dev/null 2>&1 & echo $!'\n\
             stray = subprocess.check_output(['setsid', 'sh', '-c', stray], text=True)\n\
             print(os.getpid(), child.pid, stray)"
        );
        let room = &attached.room;
        let made = room.run(&source, LIMIT).await?;
        let told = room
            .text(cloud, &attached.notebook, &made, "stdout")
            .await?;
        let pids: Vec<i32> = told
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .context(told)?;
        let [kernel, child, stray] = pids[..] else {
            anyhow::bail!("{pids:?}");
        };
        let printing = format!(
            "i = 0\n\
             while not os.path.exists('{stop}'):\n    \
                 print(i, flush=True)\n    \
                 i += 1\n    \
                 time.sleep(0.02)\n\
             print('end', i, os.getpid(), x)",
            stop = stop.display()
        );
        let cell = room.cells()[0].clone();
        room.set_source(&cell, &printing).await?;
        let execution = room.execute(&cell).await?;
        Ok(Self {
            attached,
            variable,
            kernel,
            children: [child, stray],
            execution,
        })
    }

    /// What its cell printed so far.
    async fn text(&self, cloud: &Cloud) -> Result<String> {
        let Attached { room, notebook, .. } = &self.attached;
        let now = room.execution(&self.execution);
        room.text(cloud, notebook, &now, "stdout").await
    }

    /// Waits for lines that are printed from now on.
    async fn prints_on(&self, cloud: &Cloud) -> Result<()> {
        let so_far = self.text(cloud).await?.lines().count();
        until("further lines", LIMIT, async || {
            let now = self.text(cloud).await?.lines().count();
            Ok((now >= so_far + FURTHER).then_some(()))
        })
        .await
    }

    /// Its cell has ended: each line is there once and in order, and the kernel is still the same.
    async fn lost_nothing(&self, cloud: &Cloud) -> Result<()> {
        let ended = self.attached.room.finished(&self.execution, LIMIT).await?;
        assert_eq!(ended.status, "done", "{ended:?}");
        let text = self.text(cloud).await?;
        let (last, lines) = text.trim_end().rsplit_once('\n').map_or_else(
            || (text.as_str(), Vec::new()),
            |(lines, last)| (last, lines.lines().collect()),
        );
        let wanted: Vec<String> = (0..lines.len()).map(|line| line.to_string()).collect();
        assert_eq!(lines, wanted, "lines are missing or doubled");
        let end = format!("end {} {} {}", lines.len(), self.kernel, self.variable);
        assert_eq!(last, end);
        Ok(())
    }
}

/// The machine and its three notebooks.
struct Load {
    cloud: Cloud,
    workstation: Workstation,
    programs: std::path::PathBuf,
    jobs: Vec<Job>,
}

impl Load {
    async fn new() -> Result<Self> {
        let cloud = Cloud::start().await?;
        let mut workstation = Workstation::new(&cloud, "machine");
        let programs = workstation.use_own_programs()?;
        // As a service does; `upgrade` leaves kernels alone in any case.
        workstation.set("RUNT_RUN_ON_STOP", Path::new("detach"));
        workstation.connect(&cloud).await?;
        workstation.start(&test_python())?;
        workstation.online(&cloud).await?;
        let stop = workstation.home().join("stop");
        let job = |variable| Job::new(&cloud, &workstation, variable, &stop);
        let (one, two, three) = tokio::try_join!(job(1), job(2), job(3))?;
        Ok(Self {
            jobs: vec![one, two, three],
            cloud,
            workstation,
            programs,
        })
    }

    /// What happens to the agent until the next one is online, while every job goes on and is never said to be anything
    /// but ready and running.
    async fn goes_on_during(
        &mut self,
        what: &str,
        happens: impl AsyncFnOnce(&Cloud, &mut Workstation) -> Result<()>,
    ) -> Result<()> {
        let Self {
            cloud,
            workstation,
            jobs,
            ..
        } = self;
        let mut said = BTreeSet::new();
        {
            let mut happens = pin!(async {
                happens(cloud, workstation).await?;
                workstation.start(&test_python())?;
                workstation.online(cloud).await?;
                for job in &*jobs {
                    job.prints_on(cloud).await?;
                }
                anyhow::Ok(())
            });
            loop {
                for job in &*jobs {
                    let status = job.attached.room.runtime_at(&["workstation", "status"]);
                    said.insert(status.as_str().unwrap_or_default().to_owned());
                }
                tokio::select! {
                    done = &mut happens => break done.with_context(|| what.to_owned())?,
                    () = sleep(Duration::from_millis(20)) => {}
                }
            }
        }
        assert_eq!(said, BTreeSet::from(["ready".to_owned()]), "{what}");
        self.all_run(what).await
    }

    /// A job's status only goes forward: what runs now was never reported as over.
    async fn all_run(&self, what: &str) -> Result<()> {
        let path = format!("/api/workstations/{}/attach-jobs", self.workstation.id()?);
        let listed = self.cloud.ok(Method::GET, &path, None).await?;
        let rows = listed["jobs"].as_array().context("no jobs")?;
        let running = rows.iter().filter(|row| row["status"] == "running");
        let running: BTreeSet<_> = running.filter_map(|row| row["job_id"].as_str()).collect();
        let wanted: BTreeSet<_> = self
            .jobs
            .iter()
            .map(|job| job.attached.job.as_str())
            .collect();
        ensure!(running == wanted, "{what}: {listed}");
        Ok(())
    }

    /// Everything that this machine started and that lives, kernels' strays included.
    fn alive(&self) -> BTreeSet<i32> {
        let own = self.workstation.processes("").into_iter();
        let children = self.jobs.iter().flat_map(|job| job.children);
        let is_alive = |pid: &i32| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with("sleep")
        };
        own.chain(children.filter(is_alive)).collect()
    }
}

// WS-262 D4
#[tokio::test]
async fn an_agent_killed_stopped_and_upgraded_under_load_costs_nothing_and_stop_all_leaves_nothing()
-> Result<()> {
    let mut load = Load::new().await?;
    load.goes_on_during("SIGKILL", async |_, workstation| {
        workstation.kill_agent().await
    })
    .await?;
    load.goes_on_during("SIGTERM", async |_, workstation| {
        assert_eq!(workstation.stop_by(Signal::SIGTERM).await?, Some(0));
        Ok(())
    })
    .await?;
    let old = fs::File::open(load.programs.join("runtimed"))?;
    load.goes_on_during("upgrade", async |cloud, workstation| {
        offer_other_build(&cloud.data().join("downloads"), "9.9.9")?;
        until("the upgrade", LIMIT, async || {
            let upgraded = workstation.runt(&["upgrade"])?.output().await?;
            let said = String::from_utf8_lossy(&upgraded.stdout).into_owned();
            Ok(said.contains("3 kernels live on").then_some(()))
        })
        .await?;
        assert_eq!(workstation.ended(LIMIT).await?, Some(0));
        Ok(())
    })
    .await?;
    let new = fs::metadata(load.programs.join("runtimed"))?;
    assert_ne!(new.ino(), old.metadata()?.ino());

    fs::write(load.workstation.home().join("stop"), "")?;
    for job in &load.jobs {
        job.lost_nothing(&load.cloud).await?;
    }
    let kernels = load.workstation.processes("ipykernel");
    let mine: BTreeSet<i32> = load.jobs.iter().map(|job| job.kernel).collect();
    assert_eq!(kernels.into_iter().collect::<BTreeSet<_>>(), mine);

    // Agent, then peer, keeper, kernel and two children of each job.
    let census = load.alive();
    for pid in load.jobs.iter().flat_map(|job| job.children) {
        assert!(census.contains(&pid), "{pid} is not there");
    }
    assert!(census.len() > 3 * 5, "{census:?}");
    let begun = Instant::now();
    let stopped = load.workstation.runt(&["workstation", "stop", "--all"])?;
    let stopped = { stopped }.output().await?;
    assert_eq!(
        String::from_utf8_lossy(&stopped.stdout),
        "Stopped 3 jobs and the agent\n"
    );
    until("everything to be gone", LIMIT, async || {
        let left = load.alive();
        ensure!(left.is_empty(), "{left:?} live");
        Ok(Some(()))
    })
    .await?;
    assert!(begun.elapsed() < STOP_LIMIT, "{:?}", begun.elapsed());
    assert_eq!(load.workstation.ended(LIMIT).await?, Some(0));
    Ok(())
}
