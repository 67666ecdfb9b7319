//! A real service manager of a user (`systemd --user`), in namespaces of its own: processes, mounts, control groups.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::process::{Child, Command};

use crate::Workstation;
use crate::wait::until;

const START_LIMIT: Duration = Duration::from_secs(20);

/// Makes a control group and runs the manager below it; `$1` is a folder. All of it ends with the standard input.
const OUTER: &str = r#"
set -e
mkdir "$1/groups"
mount -t cgroup2 none "$1/groups"
group="$1/groups/user-manager-$$"
mkdir "$group"
sh -c 'echo $$ > "$1/cgroup.procs" && exec unshare -m -C -p -f sh -ec "$2" sh "$3"' sh "$group" "$2" "$1" || true
find "$group" -depth -type d -exec rmdir {} +
"#;

/// Looks like a machine that systemd has started: nothing else is asked of it.
const INNER: &str = r#"
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run
mkdir -p /run/systemd/system
/lib/systemd/systemd --user > "$1/log" 2>&1 &
echo "$pid" > "$1/pid.new"
mv "$1/pid.new" "$1/pid"
read -r end || true
"#;

/// The manager; it and all that it started end with this.
pub struct UserManager {
    folder: tempfile::TempDir,
    child: Child,
    /// The first process of its namespaces.
    pid: String,
}

impl UserManager {
    /// Starts a manager that reads the units of a machine's user; `None`, and why on standard output, where none can be
    /// started.
    pub async fn start(workstation: &Workstation) -> Result<Option<Self>> {
        if !nix::unistd::geteuid().is_root() || !PathBuf::from("/lib/systemd/systemd").exists() {
            println!(
                "skipped: a user's service manager needs systemd, and root for its namespaces"
            );
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("um-").tempdir()?;
        let child = Command::new("unshare")
            .args(["-m", "sh", "-c", OUTER, "sh"])
            .arg(folder.path())
            .arg(INNER)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", workstation.home())
            .env("XDG_CONFIG_HOME", workstation.home().join("config"))
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .context("unshare does not start")?;
        let mut manager = Self {
            folder,
            child,
            pid: String::new(),
        };
        if let Err(error) = manager.answers().await {
            println!("skipped: no service manager of a user can be started here: {error:#}");
            return Ok(None);
        }
        Ok(Some(manager))
    }

    async fn answers(&mut self) -> Result<()> {
        let file = self.folder.path().join("pid");
        self.pid = until("its namespaces", START_LIMIT, async || {
            let pid = std::fs::read_to_string(&file).unwrap_or_default();
            Ok((!pid.is_empty()).then(|| pid.trim().to_owned()))
        })
        .await?;
        until("its answer", START_LIMIT, async || {
            let state = self.systemctl(&["is-system-running"]).await?;
            Ok((state == "running").then_some(()))
        })
        .await
    }

    /// The same command, as a login of the manager's user would run it.
    pub fn enter(&self, command: &Command) -> Command {
        let command = command.as_std();
        let mut inside = Command::new("nsenter");
        inside
            .args(["-t", &self.pid, "-m", "-p", "-C", "--"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .env("XDG_RUNTIME_DIR", self.folder.path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// What `systemctl --user` says.
    pub async fn systemctl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("systemctl");
        command.arg("--user").args(arguments);
        let output = self.enter(&command).output().await?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Ends it with all that it started.
    pub async fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().await?;
        Ok(())
    }
}
