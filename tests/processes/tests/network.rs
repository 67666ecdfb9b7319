//! Bad networks: a cloud and machines in network namespaces of their own, with a wire and a relay between them. All
//! traffic stays inside.
//!
//! `NETWORK_SECONDS` makes the outages and the silence longer, for long runs; what is usual keeps each test within two
//! minutes.

use std::net::IpAddr;
use std::time::{Duration, Instant as Clock};

use anyhow::{Context as _, Result, ensure};
use processes::{
    Attached, Cloud, Execution, Manner, Namespaces, Relay, Room, Workstation, program, test_python,
    until,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const LIMIT: Duration = Duration::from_secs(90);
const CUT: Duration = Duration::from_secs(8);
/// Longer than the peer waits for an answer before it gives a connection up (45 s).
const BLACK_HOLE: Duration = Duration::from_secs(50);
/// A proxy cuts after a minute of silence. So that the test is short, this one is less patient, though more than the
/// longest silence that is allowed here, 25 s.
const IDLE: Duration = Duration::from_secs(35);
const QUIET: Duration = Duration::from_secs(80);
/// What had come out of the wire is with the reader after this.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the server of the many agents is away.
const AWAY: Duration = Duration::from_secs(10);
const AGENTS: usize = 50;

/// How long something lasts, or what `NETWORK_SECONDS` says if that is longer.
fn at_least(usual: Duration) -> Duration {
    let asked = std::env::var("NETWORK_SECONDS").ok();
    let asked = asked.and_then(|text| text.parse().ok());
    usual.max(Duration::from_secs(asked.unwrap_or(0)))
}

/// Runs a test between the namespaces where they can be made.
fn between(test: impl AsyncFnOnce(&Namespaces) -> Result<()> + Send) -> Result<()> {
    match Namespaces::make()? {
        Some(namespaces) => namespaces.run(test),
        None => Ok(()),
    }
}

/// A cloud, a relay before it, and a machine that reaches it through that alone.
struct Scene {
    cloud: Cloud,
    relay: Relay,
    workstation: Workstation,
}

/// A notebook that the machine serves.
struct Served {
    notebook: String,
    room: Room,
}

impl Scene {
    async fn set(namespaces: &Namespaces, manner: Manner) -> Result<Self> {
        let cloud = Cloud::start().await?;
        let address: IpAddr = Namespaces::CLOUD.parse()?;
        let relay = Relay::start_at(address, cloud.address(), manner).await?;
        let workstation = workstation(&cloud, namespaces);
        workstation.connect_through(&cloud, relay.url()).await?;
        Ok(Self {
            cloud,
            relay,
            workstation,
        })
    }

    async fn serve(&mut self) -> Result<Served> {
        self.workstation.start(&test_python())?;
        self.workstation.online(&self.cloud).await?;
        let Attached { room, notebook, .. } =
            Attached::idle(&self.cloud, &self.workstation, "network").await?;
        Ok(Served { notebook, room })
    }

    /// Waits for the end of a cell that prints so many numbers; each must be there once, in order.
    async fn all_lines(&self, served: &Served, execution: &str, lines: usize) -> Result<()> {
        let done = served
            .room
            .finished(execution, 2 * LIMIT)
            .await
            .with_context(|| self.workstation.log())?;
        let text = served
            .room
            .text(&self.cloud, &served.notebook, &done, "stdout")
            .await?;
        let wanted: Vec<String> = (0..lines).map(|number| number.to_string()).collect();
        ensure!(
            done.status == "done" && text.lines().eq(wanted),
            "lines are missing or doubled: {done:?}"
        );
        Ok(())
    }
}

/// A machine that is not paired yet, in its namespace.
fn workstation(cloud: &Cloud, namespaces: &Namespaces) -> Workstation {
    let mut workstation = Workstation::new(cloud, "machine");
    workstation.within(namespaces.machines());
    workstation.set("RUNT_ALLOW_INSECURE_HTTP", "1".as_ref());
    workstation
}

/// A cell that prints so many numbers, ten in a second.
fn numbers(lines: usize) -> String {
    format!("import time\nfor i in range({lines}):\n    print(i, flush=True)\n    time.sleep(0.1)")
}

#[test]
fn a_cut_and_a_black_hole_cost_no_line() -> Result<()> {
    between(async |namespaces| {
        let outage = at_least(BLACK_HOLE);
        let lines = 250 + 10 * outage.as_secs() as usize;
        let mut scene = Scene::set(namespaces, Manner::default()).await?;
        let served = scene.serve().await?;
        let room = &served.room;
        let begun = Instant::now();
        let cell = room.cells().into_iter().next().context("no cell")?;
        room.set_source(&cell, &numbers(lines)).await?;
        let execution = room.execute(&cell).await?;
        let prints = async |wanted: usize| {
            let enough = |now: &Execution| now.lines() >= wanted;
            room.execution_when(&execution, "lines", LIMIT, enough)
                .await
        };
        prints(10).await?;

        let cut = Instant::now();
        scene.relay.cut();
        sleep(CUT).await;
        ensure!(scene.relay.killed() > 0, "nothing was cut");
        let (dials, _) = scene.relay.most_in_a_second(cut);
        println!("at most {dials} dials in a second while the line is cut");
        // The agent's calls and its socket, the peer's room and what it had to upload.
        ensure!(
            dials <= 4,
            "{dials} dials in a second while the line is cut"
        );
        scene.relay.restore();
        let so_far = room.execution(&execution).lines();
        prints(so_far + 30)
            .await
            .with_context(|| scene.workstation.log())?;

        namespaces.black_hole()?;
        sleep(SETTLE).await;
        let last = room.execution(&execution).lines();
        sleep(outage).await;
        let before = room.execution(&execution).lines();
        ensure!(
            last == before,
            "{last} lines, later {before}: nothing was lost"
        );
        namespaces.lead_again()?;
        let back = Clock::now();
        prints(before + 10)
            .await
            .with_context(|| scene.workstation.log())?;
        println!(
            "after {} s in a black hole output comes after {:?}",
            outage.as_secs(),
            back.elapsed()
        );
        scene.all_lines(&served, &execution, lines).await?;

        let (dials, requests) = scene.relay.most_in_a_second(begun);
        println!("at most {dials} dials and {requests} requests in a second");
        // What was printed meanwhile goes up at once, sixteen requests at a time.
        ensure!(
            dials <= 20 && requests <= 60,
            "{dials} dials, {requests} requests in a second"
        );
        let next = room.run("print('still here')", LIMIT).await?;
        ensure!(next.count == Some(2), "another kernel answered");
        scene.workstation.stop().await?;
        Ok(())
    })
}

#[test]
fn a_slow_and_lossy_link_serves() -> Result<()> {
    between(async |namespaces| {
        let manner = Manner {
            delay: Duration::from_millis(300),
            lost_in_hundred: 1,
            ..Manner::default()
        };
        let lines = 10 * at_least(Duration::from_secs(15)).as_secs() as usize;
        let mut scene = Scene::set(namespaces, manner).await?;
        let served = scene.serve().await?;
        let cell = served.room.cells().into_iter().next().context("no cell")?;
        served.room.set_source(&cell, &numbers(lines)).await?;
        let execution = served.room.execute(&cell).await?;
        scene.all_lines(&served, &execution, lines).await?;
        ensure!(scene.relay.sockets() == 2, "the link was given up");
        scene.workstation.stop().await?;
        Ok(())
    })
}

#[test]
fn a_proxy_that_cuts_what_is_idle_cuts_none_of_ours() -> Result<()> {
    between(async |namespaces| {
        let manner = Manner {
            idle: Some(IDLE),
            ..Manner::default()
        };
        let mut scene = Scene::set(namespaces, manner).await?;
        let served = scene.serve().await?;
        ensure!(scene.relay.sockets() == 2, "an event socket and a room's");
        let begun = Instant::now();
        sleep(at_least(QUIET)).await;
        let (dials, requests) = scene.relay.most_in_a_second(begun);
        ensure!(scene.relay.silent_sockets() == 0, "a socket was silent");
        ensure!(scene.relay.sockets() == 2, "a socket is gone");
        ensure!(
            dials <= 2 && requests <= 3,
            "{dials} dials, {requests} requests in a second"
        );
        let answer = served.room.run("print('awake')", LIMIT).await?;
        ensure!(answer.status == "done" && answer.count == Some(1));
        scene.workstation.stop().await?;
        Ok(())
    })
}

#[test]
fn fifty_agents_outlive_their_server() -> Result<()> {
    between(async |namespaces| {
        let mut scene = Scene::set(namespaces, Manner::default()).await?;
        let credential = scene.workstation.credential()?;
        let token = credential["token"].as_str().context("no token")?;
        let id = credential["credential_id"].as_str().context("no id")?;
        let path = format!("/api/workstations/credentials/{id}");
        let several = json!({ "may_serve_several": true });
        scene.cloud.ok(Method::PATCH, &path, Some(several)).await?;
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            let id = format!("--workstation-id=many-{number}");
            let url = scene.relay.url();
            let arguments = ["workstation-agent", "--cloud-url", url, &id];
            let mut agent = scene.workstation.command(&program("runtimed")?)?;
            agent
                .args(arguments)
                .arg("--python-path")
                .arg(test_python())
                .env("RUNT_CLOUD_TOKEN", token)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            agents.push(agent.kill_on_drop(true).spawn()?);
        }
        all_connected(&scene, "all agents to be connected").await?;

        let died = Instant::now();
        scene.cloud.kill().await?;
        sleep(at_least(AWAY)).await;
        scene.cloud.spawn().await?;
        let back = Clock::now();
        all_connected(&scene, "all agents to be back").await?;
        println!("{AGENTS} agents were back after {:?}", back.elapsed());
        until("all to be online", LIMIT, async || {
            let rows = scene.cloud.workstations().await?;
            let many = rows.iter().filter(|row| {
                let id = row["workstation_id"].as_str().unwrap_or_default();
                id.starts_with("many-") && row["status"] == "online"
            });
            let count = many.count();
            ensure!(count == AGENTS, "{count} are online");
            Ok(Some(()))
        })
        .await?;
        let (dials, requests) = scene.relay.most_in_a_second(died);
        println!("at most {dials} dials and {requests} requests in a second");
        // Registering, polling and the socket: none of an agent's three more than once in a second.
        ensure!(
            dials.max(requests) <= 3 * AGENTS,
            "{dials} dials, {requests} requests in a second"
        );
        for agent in &mut agents {
            ensure!(agent.try_wait()?.is_none(), "an agent ended");
        }
        Ok(())
    })
}

async fn all_connected(scene: &Scene, what: &str) -> Result<()> {
    until(what, 2 * LIMIT, async || {
        let open = scene.relay.sockets();
        ensure!(open >= AGENTS, "{open} are");
        Ok(Some(()))
    })
    .await
}

#[test]
fn an_address_that_does_not_answer_costs_a_moment() -> Result<()> {
    between(async |namespaces| {
        let cloud = Cloud::start().await?;
        let address: IpAddr = Namespaces::CLOUD.parse()?;
        let relay = Relay::start_at(address, cloud.address(), Manner::default()).await?;
        namespaces.lose_the_newer_address()?;
        let url = relay.url().replace(Namespaces::CLOUD, Namespaces::NAME);
        let mut workstation = workstation(&cloud, namespaces);
        let begun = Clock::now();
        workstation.connect_through(&cloud, &url).await?;
        // It dials twice; the whole time-out of one is 30 s.
        ensure!(
            begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            begun.elapsed()
        );
        workstation.start(&test_python())?;
        workstation.online(&cloud).await?;
        let connected = async || Ok((relay.sockets() == 1).then_some(()));
        until("the event socket", Duration::from_secs(20), connected).await?;
        let said = workstation
            .runt(&["workstation", "doctor", "--json"])?
            .output()
            .await?;
        let said: Value = serde_json::from_slice(&said.stdout)?;
        let findings = said["findings"].as_array().context("no findings")?;
        let connection = findings
            .iter()
            .find(|finding| finding["check"] == "connection");
        let connection = connection.context("no connection")?;
        ensure!(connection["level"] == "warning", "{connection}");
        workstation.stop().await?;
        Ok(())
    })
}
