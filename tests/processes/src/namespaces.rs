//! Two network namespaces with a wire between them: a cloud in one, machines in the other. Nothing in them reaches any
//! other network.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};

/// How the namespaces of this project begin; the process that made them follows.
const PREFIX: &str = "nbc-";
/// A network card that nobody has.
const NOBODY: &str = "02:00:00:00:00:99";

/// A namespace for the cloud and one for machines; both go away when it is dropped.
pub struct Namespaces {
    cloud: String,
    machines: String,
}

impl Namespaces {
    /// The cloud's address on the wire.
    pub const CLOUD: &str = "10.213.0.1";
    const CLOUD_6: &str = "fd00:213::1";
    const MACHINES: &str = "10.213.0.2";
    const MACHINES_6: &str = "fd00:213::2";
    /// A name that machines find at both of the cloud's addresses.
    pub const NAME: &str = "cloud.test";

    /// Makes them; `None`, after saying why, where that cannot be done.
    pub fn make() -> Result<Option<Self>> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        if std::env::var_os("TEST_DATABASE").is_some() {
            println!("skipped: the database of this run is in another network");
            return Ok(None);
        }
        remove_abandoned();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("{PREFIX}{}-{number}{side}", std::process::id());
        let made = Self {
            cloud: name('c'),
            machines: name('m'),
        };
        for namespace in [&made.cloud, &made.machines] {
            if let Err(error) = ip(&["netns", "add", namespace]) {
                println!(
                    "skipped: no network namespace can be made here, which needs root: {error:#}"
                );
                return Ok(None);
            }
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        }
        let (cloud, machines) = (made.cloud.as_str(), made.machines.as_str());
        ip(&[
            "-n", cloud, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns",
            machines,
        ])?;
        for (namespace, four, six) in [
            (cloud, Self::CLOUD, Self::CLOUD_6),
            (machines, Self::MACHINES, Self::MACHINES_6),
        ] {
            for (address, bits) in [(four, "/30"), (six, "/64")] {
                let address = format!("{address}{bits}");
                ip(&[
                    "-n", namespace, "address", "add", &address, "dev", "wire", "nodad",
                ])?;
            }
            ip(&["-n", namespace, "link", "set", "wire", "up"])?;
        }
        let hosts = made.hosts();
        fs::create_dir_all(hosts.parent().unwrap_or(&hosts))?;
        let names = format!(
            "127.0.0.1 localhost\n{} {}\n{} {}\n",
            Self::CLOUD_6,
            Self::NAME,
            Self::CLOUD,
            Self::NAME
        );
        fs::write(hosts, names)?;
        Ok(Some(made))
    }

    /// The machines' namespace.
    pub fn machines(&self) -> &str {
        &self.machines
    }

    fn hosts(&self) -> PathBuf {
        PathBuf::from("/etc/netns")
            .join(&self.machines)
            .join("hosts")
    }

    /// Runs a test in the cloud's namespace: its sockets and the processes it starts belong there.
    pub fn run(&self, test: impl AsyncFnOnce(&Self) -> Result<()> + Send) -> Result<()> {
        let inside = || {
            let namespace = File::open(format!("/run/netns/{}", self.cloud))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(test(self))
        };
        std::thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// From now on packets in both directions vanish without a word.
    pub fn black_hole(&self) -> Result<()> {
        for (namespace, to) in [(&self.cloud, Self::MACHINES), (&self.machines, Self::CLOUD)] {
            Self::misdirect(namespace, to)?;
        }
        Ok(())
    }

    /// The cloud's second address, of the newer kind, does not answer.
    pub fn lose_the_newer_address(&self) -> Result<()> {
        Self::misdirect(&self.machines, Self::CLOUD_6)
    }

    fn misdirect(namespace: &str, to: &str) -> Result<()> {
        ip(&[
            "-n",
            namespace,
            "neighbour",
            "replace",
            to,
            "lladdr",
            NOBODY,
            "nud",
            "permanent",
            "dev",
            "wire",
        ])
    }

    /// They arrive again.
    pub fn lead_again(&self) -> Result<()> {
        for (namespace, to) in [(&self.cloud, Self::MACHINES), (&self.machines, Self::CLOUD)] {
            ip(&["-n", namespace, "neighbour", "delete", to, "dev", "wire"])?;
        }
        Ok(())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in [&self.cloud, &self.machines] {
            remove(namespace);
        }
    }
}

fn remove(namespace: &str) {
    // It may be gone, or was never made.
    let _ = ip(&["netns", "delete", namespace]);
    let _ = fs::remove_dir_all(PathBuf::from("/etc/netns").join(namespace));
}

/// Removes what tests left that were killed.
fn remove_abandoned() {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    for name in entries
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
    {
        let maker = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| !PathBuf::from("/proc").join(pid).exists()) {
            remove(&name);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("the program `ip` cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("ip {}: {}", arguments.join(" "), said.trim());
    }
    Ok(())
}
