//! A paired machine with a cell that prints numbered lines, and the moments at which it is hit.

use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use processes::{Attached, Cloud, Execution, Relay, Room, Workstation, test_python, until};
use reqwest::Method;
use serde_json::json;

/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// When a kill happens: after so many lines were seen, and a little later, so that it hits every
/// part of the way a line takes.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    lines: usize,
    delay: Duration,
    /// What else the repetition leaves to chance.
    pub chance: u64,
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The moments of a test's repetitions, from `KILL_SEED` (1) and `KILL_REPETITIONS` (2).
pub fn moments() -> Vec<Moment> {
    let mut state = number("KILL_SEED", 1);
    let mut next = |below: u64| {
        // SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    };
    (0..number("KILL_REPETITIONS", 2))
        .map(|_| Moment {
            lines: 1 + next(15) as usize,
            delay: Duration::from_millis(next(150)),
            chance: next(u64::MAX),
        })
        .collect()
}

/// A cell that prints, on a machine paired with a cloud.
pub struct Scene {
    pub cloud: Cloud,
    pub workstation: Workstation,
    pub room: Room,
    pub notebook: String,
    pub job: String,
    pub execution: String,
    pub relay: Option<Relay>,
    lines: usize,
}

impl Scene {
    /// A cell of so many lines, one every 100 ms, that has printed as many as the moment says.
    pub async fn printing(lines: usize, moment: Moment) -> Result<Self> {
        let cloud = Cloud::start().await?;
        let workstation = Workstation::paired(&cloud, "machine").await?;
        Self::on(cloud, workstation, None, lines, moment).await
    }

    /// The same with a relay between the machine and the cloud.
    pub async fn printing_through_a_relay(lines: usize, moment: Moment) -> Result<Self> {
        let cloud = Cloud::start().await?;
        let relay = Relay::start(cloud.address()).await?;
        let mut workstation = Workstation::new(&cloud, "machine");
        workstation.connect_through(&cloud, relay.url()).await?;
        workstation.start(&test_python())?;
        workstation.online(&cloud).await?;
        Self::on(cloud, workstation, Some(relay), lines, moment).await
    }

    async fn on(
        cloud: Cloud,
        workstation: Workstation,
        relay: Option<Relay>,
        lines: usize,
        moment: Moment,
    ) -> Result<Self> {
        let Attached {
            room,
            notebook,
            job,
        } = Attached::idle(&cloud, &workstation, "kills").await?;
        let cell = room.cells().into_iter().next().context("no cell")?;
        let source = format!(
            "import os, subprocess, time\n\
             child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n\
             for i in range({lines}):\n    print(i, flush=True)\n    time.sleep(0.1)\n\
             print('pid', os.getpid())"
        );
        room.set_source(&cell, &source).await?;
        let execution = room.execute(&cell).await?;
        room.execution_when(&execution, "the first lines", LIMIT, |now| {
            now.lines() >= moment.lines
        })
        .await?;
        tokio::time::sleep(moment.delay).await;
        Ok(Self {
            cloud,
            workstation,
            room,
            notebook,
            job,
            execution,
            relay,
            lines,
        })
    }

    /// Replaces the job by a new one on the same machine.
    pub async fn restart_over_http(&self) -> Result<()> {
        let path = format!("/api/n/{}/workstation-attachments", self.notebook);
        let body = json!({ "workstation_id": self.workstation.id()?, "intent": "restart" });
        self.cloud.ok(Method::POST, &path, Some(body)).await?;
        Ok(())
    }

    /// Waits for the cell's end and checks that every line is there once, in order.
    pub async fn complete(&self, room: &Room) -> Result<()> {
        let execution = room
            .finished(&self.execution, LIMIT)
            .await
            .with_context(|| self.workstation.log())?;
        assert_eq!(execution.status, "done", "{execution:?}");
        assert_eq!(execution.count, Some(1));
        let text = room
            .text(&self.cloud, &self.notebook, &execution, "stdout")
            .await?;
        let printed: Vec<&str> = text.lines().collect();
        let wanted: Vec<String> = (0..self.lines).map(|number| number.to_string()).collect();
        let (last, numbers) = printed.split_last().context("nothing was printed")?;
        assert_eq!(numbers, wanted, "lines are missing or doubled");
        assert!(last.starts_with("pid "), "{text}");
        Ok(())
    }

    /// Waits for lines that no peer can have had on its way before now.
    pub async fn prints_on(&self) -> Result<()> {
        let so_far = self.room.execution(&self.execution).lines();
        let further = |now: &Execution| now.lines() >= so_far + 10;
        let wanted = "further lines";
        self.room
            .execution_when(&self.execution, wanted, LIMIT, further)
            .await?;
        Ok(())
    }

    /// The next execution is answered by the same kernel.
    pub async fn goes_on(&self, room: &Room) -> Result<()> {
        let next = room.run("print('still here')", LIMIT).await?;
        assert_eq!(
            (next.status.as_str(), next.count),
            ("done", Some(2)),
            "another kernel answered"
        );
        Ok(())
    }

    /// The next execution is answered by a new kernel.
    pub async fn starts_anew(&self, room: &Room) -> Result<()> {
        let next = room.run("print('new')", LIMIT).await?;
        assert_eq!(
            (next.status.as_str(), next.count),
            ("done", Some(1)),
            "{next:?}\n{}",
            self.workstation.log()
        );
        Ok(())
    }

    /// The one process of this machine whose command line contains a text.
    pub fn process(&self, containing: &str) -> Result<i32> {
        match self.workstation.processes(containing)[..] {
            [pid] => Ok(pid),
            ref found => anyhow::bail!("{containing}: {found:?}"),
        }
    }

    /// Checks that the kernel is the process that it was.
    pub fn keeps_kernel(&self, kernel: i32) -> Result<()> {
        assert_eq!(
            self.process("ipykernel")?,
            kernel,
            "the kernel was replaced"
        );
        Ok(())
    }

    /// Waits until none of this machine's processes has the text in its command line.
    pub async fn nothing_left_of(&self, containing: &str) -> Result<()> {
        self.workstation.nothing_left_of(containing, LIMIT).await
    }

    /// Waits until the agent has logged a text.
    pub async fn logged(&self, text: &str) -> Result<()> {
        until(&format!("the agent to log {text:?}"), LIMIT, async || {
            Ok(self.workstation.log().contains(text).then_some(()))
        })
        .await
        .with_context(|| self.workstation.log())
    }

    /// Ends the machine with SIGINT; nothing of it may live on.
    pub async fn end(mut self) -> Result<()> {
        self.workstation.stop().await?;
        self.nothing_left_of("").await
    }
}

/// Sends a signal.
pub fn signal(pid: i32, signal: Signal) -> Result<()> {
    Ok(kill(Pid::from_raw(pid), signal)?)
}
