//! `cargo xtask up`: the main job on this machine. Starts the cloud, pairs this machine by the real flow, opens the
//! welcome notebook; Ctrl-C stops what it started and nothing else.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools::{root, run_program, step, target_dir};
use crate::up::cloud::Cloud;
use crate::{dist, python, web};

mod cloud;

/// Longest wait for the cloud to answer, and for a program to end after it was asked to.
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// Lines of a program's log that are shown when it ends by itself.
const LAST_WORDS: usize = 10;

#[derive(clap::Args)]
pub struct Options {
    /// Data directory: accounts, notebooks, outputs, this machine's credential.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Port of the page on 127.0.0.1.
    #[arg(long, default_value_t = 8421)]
    port: u16,
    /// Do not open a browser.
    #[arg(long)]
    no_open: bool,
    /// Use unoptimised builds (quicker to build, slower to use).
    #[arg(long)]
    debug: bool,
}

/// Runs until Ctrl-C or until one of the programs ends.
pub fn run(options: &Options) -> Result<()> {
    web::require_node()?;
    let data = root().join(&options.data);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&data)
        .with_context(|| format!("could not make {}", data.display()))?;
    web::build()?;
    let programs = build_programs(options.debug)?;
    dist::offer_quickly(&programs, &data.join("downloads"))?;
    let python = python::with_ipykernel(&data.join("python"))?;

    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
    ])?;
    let mut started = Started::default();
    let base = format!("http://127.0.0.1:{}", options.port);
    let outcome = start(options, &programs, &data, &python, &base, &mut started);
    if outcome.is_ok() {
        wait(&mut signals, &mut started);
    }
    started.stop();
    outcome
}

fn build_programs(debug: bool) -> Result<PathBuf> {
    step("building notebook-cloud, runt and runtimed (a few minutes the first time)");
    let mut arguments = vec![
        "build",
        "--bin",
        "notebook-cloud",
        "--bin",
        "runt",
        "--bin",
        "runtimed",
    ];
    if !debug {
        arguments.push("--release");
    }
    run_program(&root(), "cargo", &arguments)?;
    Ok(target_dir().join(if debug { "debug" } else { "release" }))
}

fn start(
    options: &Options,
    programs: &Path,
    data: &Path,
    python: &Path,
    base: &str,
    started: &mut Started,
) -> Result<()> {
    step(&format!(
        "starting the cloud on {base}, data in {}",
        data.display()
    ));
    let mut serve = Command::new(programs.join("notebook-cloud"));
    serve
        .args([
            "serve",
            "--listen",
            &format!("127.0.0.1:{}", options.port),
            "--data",
        ])
        .arg(data);
    started.spawn("notebook-cloud", &mut serve, &data.join("cloud.log"))?;
    let cloud = Cloud::new(base);
    started.until("the cloud to answer", START_LIMIT, || cloud.is_healthy())?;
    cloud.sign_in(&sign_in_link(programs, data, None)?)?;

    let machine = Machine {
        programs,
        data,
        python,
        base,
    };
    machine.pair(&cloud)?;
    step("starting this machine's agent");
    started.spawn(
        "runt workstation run",
        &mut machine.runt(&["workstation", "run"]),
        &data.join("agent.log"),
    )?;
    let notebook = match cloud.notebooks()?.first() {
        Some(id) => id.clone(),
        None => cloud.create_welcome_notebook()?,
    };
    let link = sign_in_link(programs, data, Some(&format!("/n/{notebook}")))?;
    println!(
        "\n    Open this page (the link signs you in once, within ten minutes):\n\n        {link}\n"
    );
    println!(
        "    Logs: {0}/cloud.log, {0}/agent.log. Ctrl-C stops everything.",
        data.display()
    );
    if !options.no_open {
        open(&link);
    }
    Ok(())
}

/// This machine as a workstation of the cloud, with folders of its own below the data directory.
struct Machine<'a> {
    programs: &'a Path,
    data: &'a Path,
    python: &'a Path,
    base: &'a str,
}

impl Machine<'_> {
    fn runt(&self, arguments: &[&str]) -> Command {
        let home = self.data.join("workstation");
        let mut command = Command::new(self.programs.join("runt"));
        command.args(arguments);
        if arguments.get(1) == Some(&"run") {
            command.arg("--python-path").arg(self.python);
        }
        command.env("XDG_CONFIG_HOME", home.join("config"));
        command.env("XDG_STATE_HOME", home.join("state"));
        command.env("XDG_CACHE_HOME", home.join("cache"));
        command
            .env_remove("RUNT_CLOUD_TOKEN")
            .env_remove("RUNT_CLOUD_URL");
        command
    }

    /// Pairs with a fresh code unless the stored credential is of this cloud and still good.
    fn pair(&self, cloud: &Cloud) -> Result<()> {
        let file = self.data.join("workstation/config/runt/workstation.json");
        let stored: Value = std::fs::read_to_string(&file)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let credential = stored["credential_id"].as_str().unwrap_or_default();
        if stored["cloud_url"].as_str() == Some(self.base)
            && cloud.has_live_credential(credential)?
        {
            return Ok(());
        }
        step("pairing this machine");
        let code = cloud.mint_pairing_code()?;
        let output = self
            .runt(&["workstation", "connect", self.base, "--code", &code])
            .stdin(Stdio::null())
            .output()
            .context("could not start runt")?;
        if !output.status.success() {
            bail!(
                "`runt workstation connect` failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }
}

fn sign_in_link(programs: &Path, data: &Path, next: Option<&str>) -> Result<String> {
    let output = Command::new(programs.join("notebook-cloud"))
        .args(["sign-in-link", "--data"])
        .arg(data)
        .stderr(Stdio::inherit())
        .output()
        .context("could not start notebook-cloud")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(link) = text
        .split_whitespace()
        .find(|word| word.starts_with("http"))
    else {
        bail!("`notebook-cloud sign-in-link` gave no link");
    };
    Ok(next.map_or_else(|| link.to_owned(), |path| format!("{link}&next={path}")))
}

fn open(link: &str) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let has_screen = cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
    if has_screen {
        let _ = Command::new(opener)
            .arg(link)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
    }
}

/// The programs that were started here, in order; they are stopped in the reverse order.
#[derive(Default)]
struct Started {
    children: Vec<Program>,
}

struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Started {
    /// Starts a program in a process group of its own, so that the terminal's Ctrl-C reaches only this task, which
    /// then stops everything in order.
    fn spawn(&mut self, name: &str, command: &mut Command, log: &Path) -> Result<()> {
        use std::os::unix::process::CommandExt as _;
        let file = std::fs::File::create(log)
            .with_context(|| format!("could not write {}", log.display()))?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        self.children.push(Program {
            name: name.to_owned(),
            child,
            log: log.to_path_buf(),
        });
        Ok(())
    }

    /// Says which program has ended by itself, with its last words.
    fn ended(&mut self) -> Option<String> {
        self.children.iter_mut().find_map(|program| {
            let status = program.child.try_wait().ok().flatten()?;
            let text = std::fs::read_to_string(&program.log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
            Some(format!("{} ended ({status}):\n{last}", program.name))
        })
    }

    fn until(&mut self, what: &str, limit: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            if let Some(ended) = self.ended() {
                bail!("waiting for {what}: {ended}");
            }
            if start.elapsed() > limit {
                bail!("waited {} s for {what}", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn stop(&mut self) {
        while let Some(Program {
            name, mut child, ..
        }) = self.children.pop()
        {
            signal(&child, "-INT");
            let start = Instant::now();
            while child.try_wait().ok().flatten().is_none() {
                if start.elapsed() > STOP_LIMIT {
                    eprintln!(
                        "{name} did not stop within {} s; killing it",
                        STOP_LIMIT.as_secs()
                    );
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn signal(child: &Child, signal: &str) {
    let _ = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
}

fn wait(signals: &mut signal_hook::iterator::Signals, started: &mut Started) {
    loop {
        if signals.pending().next().is_some() {
            step("stopping");
            return;
        }
        if let Some(ended) = started.ended() {
            eprintln!("{ended}; stopping the rest");
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
