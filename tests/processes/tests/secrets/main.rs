//! Notebook code on a real machine that tries to get at its secrets, and gets nothing; and that finds everything else
//! as it was.

mod left_behind;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use processes::{Attached, Cloud, Room, Workstation, program, test_python, until};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;

const LIMIT: Duration = Duration::from_secs(90);
const ATTACK: &str = include_str!("attack.py");
/// How much an attack tries at least.
const TRIED: u64 = 100;

/// A machine of an account without rights, with a notebook attached to it.
struct Scene {
    cloud: Cloud,
    workstation: Workstation,
    room: Room,
    notebook: String,
    job: String,
    python: PathBuf,
    /// Another process of the account, outside.
    bystander: Child,
    /// Where the account's service manager would take orders.
    runtime: PathBuf,
    _manager: Vec<tokio::net::UnixListener>,
}

impl Scene {
    /// `None`, and why on standard output, where the system has no way to protect a secret.
    async fn set() -> Result<Option<Self>> {
        Self::with_config_at("config").await
    }

    /// The same; the folder of configurations is a link where it has another name.
    async fn with_config_at(name: &str) -> Result<Option<Self>> {
        let cloud = Cloud::start().await?;
        let python = test_python();
        let mut workstation = Workstation::new(&cloud, "machine");
        workstation.unprivileged(&python)?;
        let namespaces = workstation
            .command(Path::new("unshare"))?
            .args(["-U", "-m", "-r", "mount", "-t", "tmpfs", "none", "/tmp"])
            .output()
            .await?;
        if !namespaces.status.success() {
            println!(
                "skipped: this system lets nobody make user namespaces: {}",
                String::from_utf8_lossy(&namespaces.stderr)
            );
            return Ok(None);
        }
        workstation.use_own_programs()?;
        if name != "config" {
            let link = "mkdir \"$0\" && ln -s \"$0\" config";
            let mut shell = workstation.command(Path::new("sh"))?;
            shell
                .args(["-c", link, name])
                .current_dir(workstation.home());
            ensure!(shell.status().await?.success());
        }
        let runtime = workstation.home().join("run");
        workstation.set("XDG_RUNTIME_DIR", &runtime);
        let made = workstation
            .command(Path::new("mkdir"))?
            .arg("-p")
            .arg(runtime.join("systemd"))
            .status()
            .await?;
        ensure!(made.success());
        let manager = ["bus", "systemd/private"].map(|name| -> Result<_> {
            let path = runtime.join(name);
            let listener = tokio::net::UnixListener::bind(&path)?;
            let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(&path, everybody)?;
            Ok(listener)
        });
        let manager = manager.into_iter().collect::<Result<_>>()?;
        workstation.connect(&cloud).await?;
        let bystander = workstation
            .command(Path::new("sleep"))?
            .arg("600")
            .env("THEIR_TOKEN", "visible-secret")
            .kill_on_drop(true)
            .spawn()?;
        workstation.start(&python)?;
        workstation.online(&cloud).await?;
        let Attached {
            room,
            notebook,
            job,
        } = Attached::new(&cloud, &workstation, "secrets").await?;
        let first = room.run("1", LIMIT).await?;
        ensure!(first.status == "done", "{}", room.runtime());
        Ok(Some(Self {
            cloud,
            workstation,
            room,
            notebook,
            job,
            python,
            bystander,
            runtime,
            _manager: manager,
        }))
    }

    /// What a cell printed, and that it succeeded.
    async fn said(&self, source: &str) -> Result<String> {
        let execution = self.room.run(source, LIMIT).await?;
        let text = |name: &'static str| {
            self.room
                .text(&self.cloud, &self.notebook, &execution, name)
        };
        ensure!(
            execution.status == "done",
            "{source}: {} {} {:?}",
            text("stdout").await?,
            text("stderr").await?,
            execution.outputs
        );
        text("stdout").await
    }

    /// The attack's source; processes and files are those of now.
    async fn attack(&self) -> Result<String> {
        let home = self.workstation.home();
        let state = home.join("state/runt");
        let folder = self.workstation.job_folder(&self.job);
        let mut sockets = vec![
            self.runtime.join("bus"),
            self.runtime.join("systemd/private"),
            folder.join("agent.sock"),
        ];
        let control = std::fs::read_dir(&state)?
            .flatten()
            .map(|entry| entry.path());
        sockets.extend(control.filter(|path| path.extension().is_some_and(|kind| kind == "sock")));
        let keeper: Value = serde_json::from_slice(&std::fs::read(folder.join("keeper.json"))?)?;
        sockets.push(keeper["socket"].as_str().context("no socket")?.into());
        ensure!(sockets.len() == 5 && sockets.iter().all(|socket| socket.exists()));
        let kernel = self.workstation.only("ipykernel").await?;
        let command = std::fs::read_to_string(format!("/proc/{kernel}/cmdline"))?;
        let connection = command.trim_end_matches('\0').rsplit('\0').next();
        let programs = ["runt", "runtimed"].map(|name| home.join(".local/bin").join(name));
        let given = json!({
            "credential": home.join("config/runt/workstation.json"),
            "state": state,
            "again": format!("{}-again", home.display()),
            "sockets": sockets,
            "connection_file": connection,
            "programs": programs,
            "outside": {
                "agent": self.workstation.only("workstation-agent --cloud-url").await?,
                "peer": self.workstation.only("cloud-runtime-agent").await?,
                "keeper": self.workstation.only("kernel-keeper").await?,
                "bystander": self.bystander.id(),
            },
        });
        Ok(format!("GIVEN = {given}\n{ATTACK}"))
    }

    /// Notebook code reaches nothing.
    async fn is_protected(&self) -> Result<()> {
        let said = self.said(&self.attack().await?).await?;
        let found: Value = serde_json::from_str(&said).context(said)?;
        assert_eq!(found["reached"], json!([]));
        assert!(found["tried"].as_u64() >= Some(TRIED), "{found}");
        Ok(())
    }

    /// The same attempts by code of the account that is not a notebook's find what is there.
    async fn others_reach_it(&self) -> Result<()> {
        let mut outside = self
            .workstation
            .command(&self.python)?
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut input = outside.stdin.take().context("no input")?;
        input.write_all(self.attack().await?.as_bytes()).await?;
        drop(input);
        let output = outside.wait_with_output().await?;
        let errors = String::from_utf8(output.stderr)?;
        let found: Value = serde_json::from_slice(&output.stdout).context(errors)?;
        let reached: Vec<&str> = found["reached"]
            .as_array()
            .context("no list")?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let control = self.workstation.home().join("state/runt");
        let bystander = self.bystander.id().unwrap_or_default();
        let environment = format!("secret in the environment of {bystander}");
        let mut expected = vec![
            "credential",
            "credential by a link",
            &environment,
            "environ of bystander",
            "credential by root of bystander",
            "the folder above the credential's, moved",
            "the folder above the programs', moved",
        ];
        let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
        if yama.is_err() || yama.is_ok_and(|scope| scope.trim() == "0") {
            expected.extend([
                "mem of bystander",
                "ptrace 16 of bystander",
                "process_vm_readv of bystander",
            ]);
        }
        for expected in expected {
            assert!(reached.contains(&expected), "{expected}: {reached:?}");
        }
        let prefix = format!("socket {}/workstation-", control.display());
        assert!(
            reached.iter().any(|name| name.starts_with(&prefix)),
            "{reached:?}"
        );
        // Agent, peer and keeper show nobody of the account what they are made of.
        for ours in ["agent", "peer", "keeper"] {
            let seen = format!(" of {ours}");
            assert!(
                !reached.iter().any(|name| name.ends_with(&seen)),
                "{ours}: {reached:?}"
            );
        }
        Ok(())
    }

    /// The agent takes no orders from a namespace like a kernel's, even where its socket can be seen.
    async fn takes_no_orders_from_kernels(&self) -> Result<()> {
        let runt = program("runt")?;
        let inside = self
            .workstation
            .command(&program("runtimed")?)?
            .args(["confined", "--hide", "/nonexistent", "--"])
            .arg(runt)
            .args(["workstation", "drain"])
            .output()
            .await?;
        assert!(!inside.status.success(), "{inside:?}");
        until("the agent's refusal", LIMIT, async || {
            Ok(self
                .workstation
                .log()
                .contains("tried to give orders")
                .then_some(()))
        })
        .await?;
        let drained = self
            .workstation
            .runt(&["workstation", "status", "--json"])?
            .output()
            .await?;
        let status: Value = serde_json::from_slice(&drained.stdout)?;
        assert_eq!(
            status["this_machine"]["agent"]["draining"], false,
            "{status}"
        );
        Ok(())
    }

    /// No secret is written down but in the credential's file.
    fn wrote_no_secret(&self) -> Result<()> {
        let token = self.workstation.credential()?["token"]
            .as_str()
            .context("no token")?
            .to_owned();
        assert!(!self.workstation.log().contains(&token));
        let mut folders = vec![self.workstation.home().join("state")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                    let is_token =
                        |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
                    let room_token = text.split("nwr_").skip(1).any(is_token);
                    assert!(!text.contains(&token) && !room_token, "{}", path.display());
                }
            }
        }
        Ok(())
    }
}

// D18 GAP-21 WS-374 WS-375 WS-376
#[tokio::test]
async fn notebook_code_reaches_no_secret() -> Result<()> {
    let Some(mut scene) = Scene::set().await? else {
        return Ok(());
    };
    let status = scene
        .workstation
        .runt(&["workstation", "status", "--json"])?
        .output()
        .await?;
    let status: Value = serde_json::from_slice(&status.stdout)?;
    assert_eq!(status["this_machine"]["protected"], true, "{status}");
    scene.is_protected().await?;

    scene.others_reach_it().await?;
    scene.takes_no_orders_from_kernels().await?;
    scene.wrote_no_secret()?;
    assert_eq!(
        scene.workstation.stop().await?,
        Some(0),
        "{}",
        scene.workstation.log()
    );
    Ok(())
}

const ORDINARY: &str = r#"
import os, pathlib, signal, socket, subprocess, sys, tempfile
assert os.getuid() == os.stat(os.path.expanduser("~")).st_uid
for folder in (os.getcwd(), os.path.expanduser("~"), tempfile.gettempdir()):
    path = pathlib.Path(folder, "written-by-a-notebook")
    path.write_text("x")
    assert path.read_text() == "x" and path.stat().st_uid == os.getuid()
    path.rename(path.with_suffix(".moved")).unlink()
listed = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
assert "ipykernel" in listed, listed
child = subprocess.Popen(["sleep", "600"])
child.send_signal(signal.SIGTERM)
assert child.wait() == -signal.SIGTERM
assert subprocess.check_output("id -u", shell=True, text=True).strip() == str(os.getuid())
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
import multiprocessing
with multiprocessing.get_context("spawn").Pool(1) as pool:
    assert pool.map(abs, [-1]) == [1]
print("as ever")
"#;

// D18 D4 WS-229
#[tokio::test]
async fn everything_else_is_as_it_was() -> Result<()> {
    let Some(mut scene) = Scene::set().await? else {
        return Ok(());
    };
    assert_eq!(scene.said(ORDINARY).await?, "as ever\n");
    let kernel = scene.workstation.only("ipykernel").await?;

    // An interrupt reaches the cell.
    let cell = scene.room.cells().into_iter().next().context("no cell")?;
    let sleeping = "kept = 41\nimport time\nprint('sleeps', flush=True)\ntime.sleep(600)";
    scene.room.set_source(&cell, sleeping).await?;
    let execution = scene.room.execute(&cell).await?;
    scene
        .room
        .execution_when(&execution, "its first output", LIMIT, |now| {
            !now.outputs.is_empty()
        })
        .await?;
    let interrupt = json!({ "id": "interrupt", "action": "interrupt_execution" });
    scene.room.request(interrupt).await?;
    assert_eq!(
        scene.room.finished(&execution, LIMIT).await?.status,
        "error"
    );

    // The next peer, and the next agent, adopt the keeper; the kernel is the same.
    let (peer, keeper) = (
        scene.workstation.only("cloud-runtime-agent").await?,
        scene.workstation.only("kernel-keeper").await?,
    );
    kill(Pid::from_raw(peer), Signal::SIGKILL)?;
    until("another peer", LIMIT, async || {
        let now = scene.workstation.processes("cloud-runtime-agent");
        Ok((now.len() == 1 && now[0] != peer).then_some(()))
    })
    .await?;
    assert_eq!(scene.said("print(kept + 1)").await?, "42\n");
    let peer = scene.workstation.only("cloud-runtime-agent").await?;
    scene.workstation.kill_agent().await?;
    scene.workstation.start(&scene.python)?;
    scene.workstation.online(&scene.cloud).await?;
    assert_eq!(scene.said("print(kept + 2)").await?, "43\n");
    assert_eq!(scene.workstation.only("cloud-runtime-agent").await?, peer);
    assert_eq!(scene.workstation.only("kernel-keeper").await?, keeper);
    assert_eq!(scene.workstation.only("ipykernel").await?, kernel);
    scene.is_protected().await?;

    // A new kernel of the same keeper.
    scene
        .room
        .request(json!({ "id": "restart", "action": "restart_kernel" }))
        .await?;
    until("another kernel", LIMIT, async || {
        let now = scene.workstation.processes("ipykernel");
        Ok((now.len() == 1 && now[0] != kernel).then_some(()))
    })
    .await?;
    assert_eq!(scene.said("print('kept' in globals())").await?, "False\n");
    scene.is_protected().await?;
    assert_eq!(
        scene.workstation.stop().await?,
        Some(0),
        "{}",
        scene.workstation.log()
    );
    until("nothing to be left", LIMIT, async || {
        let left = ["runtimed", "ipykernel"].map(|name| scene.workstation.processes(name).len());
        Ok((left == [0, 0]).then_some(()))
    })
    .await
}
