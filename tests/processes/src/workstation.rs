//! A workstation paired with a cloud by the real command line, in folders of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::Cloud;
use crate::account::Account;
use crate::programs::program;
use crate::test_python;
use crate::wait::until;

const ONLINE_LIMIT: Duration = Duration::from_secs(30);
const CONFIG: &str = "XDG_CONFIG_HOME";
const STOP_LIMIT: Duration = Duration::from_secs(20);
const PROCESS_LIMIT: Duration = Duration::from_secs(60);

/// Calls the machine `$0`, gives it the id in the file `$1`, and becomes the rest.
const HOST: &str = r#"
echo "$0" > /proc/sys/kernel/hostname
mount --bind "$1" /etc/machine-id
shift
exec "$@"
"#;

/// Mounts a new disk with the options `$0` at `$1`, and becomes the rest.
const DISK: &str = r#"
mount -t tmpfs -o "$0,mode=700" none "$1"
shift
exec "$@"
"#;

/// A workstation: its folders, its credential and, while it runs, its agent.
pub struct Workstation {
    home: PathBuf,
    /// What the agent prints, a file in the home.
    log: String,
    /// A script that changes what its programs see of the system, and its arguments; it becomes the program.
    view: Option<(&'static str, [String; 2])>,
    /// Where its programs are, unless they are those of this build.
    programs: Option<PathBuf>,
    /// Further environment variables of its programs.
    variables: Vec<(String, PathBuf)>,
    /// Whose its programs are, if not the test's own user's.
    account: Option<Account>,
    /// The network namespace of its programs, if it has one.
    namespace: Option<String>,
    agent: Option<Child>,
    /// Where the running agent's part of the log begins.
    log_offset: usize,
}

impl Workstation {
    /// A workstation that is not paired yet; its folders live below the cloud's.
    pub fn new(cloud: &Cloud, name: &str) -> Self {
        Self::at(cloud.folder(name), "agent.log")
    }

    /// The same user's home, on this machine or (with [`Self::as_host`]) on another.
    pub fn with_home_of(other: &Self, log: &str) -> Self {
        Self::at(other.home.clone(), log)
    }

    fn at(home: PathBuf, log: &str) -> Self {
        Self {
            home,
            log: log.to_owned(),
            view: None,
            programs: None,
            variables: Vec::new(),
            account: None,
            namespace: None,
            agent: None,
            log_offset: 0,
        }
    }

    /// Lets its programs see another host: its name and its system's id. False, and why on standard output, where that
    /// cannot be done.
    pub fn as_host(&mut self, name: &str) -> Result<bool> {
        std::fs::create_dir_all(&self.home)?;
        let id = self.home.join(format!("{name}.machine-id"));
        std::fs::write(&id, format!("{}\n", uuid::Uuid::new_v4().simple()))?;
        Ok(self.sees(HOST, [name.to_owned(), id.display().to_string()]))
    }

    /// Gives its agent a disk of so many MiB for its state, which is empty whenever it starts. False, and why on standard
    /// output, where that cannot be done.
    pub fn with_disk(&mut self, mib: usize) -> Result<bool> {
        let state = self.home.join("state");
        std::fs::create_dir_all(&state)?;
        Ok(self.sees(DISK, [format!("size={mib}m"), state.display().to_string()]))
    }

    fn sees(&mut self, script: &'static str, arguments: [String; 2]) -> bool {
        let can = std::process::Command::new("unshare")
            .args(["-u", "-m", "true"])
            .stderr(Stdio::null())
            .status();
        if !can.is_ok_and(|status| status.success()) {
            println!("skipped: no namespaces of host names and mounts can be made here");
            return false;
        }
        self.view = Some((script, arguments));
        true
    }

    /// Its user's home.
    pub fn home(&self) -> &std::path::Path {
        &self.home
    }

    /// Gives it programs of its own, as the installer puts them; their folder.
    pub fn use_own_programs(&mut self) -> Result<PathBuf> {
        let folder = self.home.join(".local/bin");
        std::fs::create_dir_all(&folder)?;
        for name in ["runt", "runtimed"] {
            std::fs::copy(program(name)?, folder.join(name))?;
        }
        if let Some(account) = &self.account {
            let names = ["", "bin", "bin/runt", "bin/runtimed"];
            let local = self.home.join(".local");
            account.give(&names.map(|name| local.join(name)))?;
        }
        self.programs = Some(folder.clone());
        Ok(folder)
    }

    /// Lets its programs run without rights, also where the test itself runs as root.
    pub fn unprivileged(&mut self, python: &std::path::Path) -> Result<()> {
        self.account = Account::make(&self.home, &program("runtimed")?, python)?;
        Ok(())
    }

    /// The number of the account that [`Self::unprivileged`] made for it.
    pub fn user(&self) -> Option<u32> {
        self.account.as_ref().map(Account::number)
    }

    /// A program with this workstation's folders, user and rights.
    pub fn command(&self, program: &std::path::Path) -> Result<Command> {
        std::fs::create_dir_all(&self.home)?;
        // Whatever stands before the program becomes the program.
        let mut command = match (&self.account, &self.namespace, &self.view) {
            (Some(account), ..) => account.command(program, &self.home),
            (None, Some(namespace), _) => {
                let mut enter = Command::new("ip");
                enter.args(["netns", "exec", namespace]).arg(program);
                enter
            }
            (None, None, Some((script, arguments))) => {
                let mut enter = Command::new("unshare");
                enter.args(["-u", "-m", "sh", "-ec", script]);
                enter.args(arguments).arg(program);
                enter
            }
            (None, None, None) => Command::new(program),
        };
        command
            .env("HOME", &self.home)
            .env(CONFIG, self.home.join("config"))
            .env("XDG_STATE_HOME", self.home.join("state"))
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            // Who counts kernels wants only those that were asked for.
            .env("RUNT_RUN_WARM_KERNELS", "0")
            .env_remove("RUNT_CLOUD_TOKEN")
            .env_remove("RUNT_CLOUD_URL")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Gives its programs an environment variable.
    pub fn set(&mut self, name: &str, value: &std::path::Path) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Puts its programs into a network namespace.
    pub fn within(&mut self, namespace: &str) {
        self.namespace = Some(namespace.to_owned());
    }

    /// Pairs a workstation and starts its agent; returns when the cloud shows it online.
    pub async fn paired(cloud: &Cloud, name: &str) -> Result<Self> {
        let mut workstation = Self::new(cloud, name);
        workstation.connect(cloud).await?;
        workstation.start(&test_python())?;
        workstation.online(cloud).await?;
        Ok(workstation)
    }

    /// `runt` with this workstation's folders and nothing of the caller's cloud settings.
    pub fn runt(&self, arguments: &[&str]) -> Result<Command> {
        let runt = match &self.programs {
            Some(folder) => folder.join("runt"),
            None => program("runt")?,
        };
        let mut command = self.command(&runt)?;
        command.args(arguments);
        Ok(command)
    }

    /// Lets an agent that is a service, which has variables of its own, start no kernel that nobody asked for.
    pub async fn keep_none_warm(&self) -> Result<()> {
        let set = ["workstation", "config", "set", "warm_kernels", "0"];
        let output = self.runt(&set)?.output().await?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Runs `runt workstation connect` with a fresh code.
    pub async fn connect(&self, cloud: &Cloud) -> Result<()> {
        self.connect_through(cloud, &cloud.url()).await
    }

    /// The same, over an address that leads to the cloud.
    pub async fn connect_through(&self, cloud: &Cloud, url: &str) -> Result<()> {
        let code = cloud.pairing_code().await?;
        let output = self
            .runt(&["workstation", "connect", url, "--code", &code])?
            .output()
            .await?;
        if !output.status.success() {
            bail!(
                "connect failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    /// The stored credential file.
    pub fn credential(&self) -> Result<Value> {
        let own = |(name, value): &(String, PathBuf)| (name == CONFIG).then(|| value.clone());
        let config = self.variables.iter().find_map(own);
        let config = config.unwrap_or_else(|| self.home.join("config"));
        let path = config.join("runt/workstation.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The id under which the cloud knows this workstation.
    pub fn id(&self) -> Result<String> {
        Ok(self.credential()?["workstation_id"]
            .as_str()
            .context("no workstation id")?
            .to_owned())
    }

    /// Starts `runt workstation run` (which becomes the agent) with its output in a log.
    pub fn start(&mut self, python: &std::path::Path) -> Result<()> {
        self.log_offset = self.log().len();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.home.join(&self.log))?;
        let mut command = self.runt(&["workstation", "run", "--python-path"])?;
        command
            .arg(python)
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log));
        self.agent = Some(command.kill_on_drop(true).spawn()?);
        Ok(())
    }

    /// Whether the cloud shows this workstation online.
    pub async fn is_shown_online(&self, cloud: &Cloud) -> Result<bool> {
        let id = self.id()?;
        let rows = cloud.workstations().await?;
        let mut own = rows.iter().filter(|row| row["workstation_id"] == *id);
        Ok(own.any(|row| row["status"] == "online"))
    }

    /// Waits until this workstation's agent has registered and the cloud shows it online. (It may still do so of an agent
    /// that was killed.)
    pub async fn online(&self, cloud: &Cloud) -> Result<()> {
        until("the machine to be online", ONLINE_LIMIT, async || {
            let log = self.log();
            let own = log.get(self.log_offset..).unwrap_or_default();
            if !own.contains("registered with the cloud") {
                return Ok(None);
            }
            Ok(self.is_shown_online(cloud).await?.then_some(()))
        })
        .await
        .with_context(|| self.log())
    }

    /// SIGKILL to the agent; its peers and kernels live on.
    pub async fn kill_agent(&mut self) -> Result<()> {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().await?;
        }
        Ok(())
    }

    /// SIGINT to the agent: it ends its peers, reports them and exits. The exit code.
    pub async fn stop(&mut self) -> Result<Option<i32>> {
        self.stop_by(Signal::SIGINT).await
    }

    /// The same by another signal.
    pub async fn stop_by(&mut self, signal: Signal) -> Result<Option<i32>> {
        if let Some(pid) = self.agent.as_ref().and_then(Child::id) {
            kill(Pid::from_raw(pid.try_into()?), signal)?;
        }
        self.ended(STOP_LIMIT).await
    }

    /// Waits for the agent to end by itself.
    pub async fn ended(&mut self, limit: Duration) -> Result<Option<i32>> {
        let Some(mut agent) = self.agent.take() else {
            return Ok(None);
        };
        Ok(tokio::time::timeout(limit, agent.wait())
            .await
            .context("the agent still runs")??
            .code())
    }

    /// The folder of an attach job.
    pub fn job_folder(&self, job: &str) -> PathBuf {
        self.home.join("state/runt/workstation-agent").join(job)
    }

    /// What the agent has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.join(&self.log)).unwrap_or_default()
    }

    /// The only process of this workstation whose command line contains a text, once there is exactly one.
    pub async fn only(&self, containing: &str) -> Result<i32> {
        until(containing, PROCESS_LIMIT, async || {
            match self.processes(containing)[..] {
                [pid] => Ok(Some(pid)),
                ref found => bail!("there are {found:?}"),
            }
        })
        .await
        .with_context(|| self.log())
    }

    /// Waits until none of this workstation's processes has a text in its command line.
    pub async fn nothing_left_of(&self, containing: &str, limit: Duration) -> Result<()> {
        until(&format!("{containing} to be gone"), limit, async || {
            let left = self.processes(containing);
            anyhow::ensure!(left.is_empty(), "{left:?} live");
            Ok(Some(()))
        })
        .await
        .with_context(|| self.log())
    }

    /// Ids of the processes that belong to this workstation (found by its folders in their environment).
    pub fn processes(&self, containing: &str) -> Vec<i32> {
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        let home = self.home.display().to_string();
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| {
                let read =
                    |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
                let environment = String::from_utf8_lossy(&read("environ")).into_owned();
                line.contains(containing) && (line.contains(&home) || environment.contains(&home))
            })
            .collect()
    }
}

impl Drop for Workstation {
    fn drop(&mut self) {
        // A process may start another while it is being killed.
        for _ in 0..3 {
            for pid in self.processes("") {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}
