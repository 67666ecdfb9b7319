//! A transient scope of systemd for each job: its limits hold for all its processes together, it lives on when the
//! agent's service stops or is upgraded, and nothing of it can be left behind.
//!
//! `systemd-run --scope` makes the scope and becomes the program: the process stays our child, with its number.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use agent_core::slug;
use tokio::process::Command;
use uuid::Uuid;

use crate::Env;
use crate::limits::{HeldLimit, JobLimits, LimitsInForce, Reach};

/// The slice of all jobs.
const SLICE: &str = "runt-workstation.slice";
/// How long the manager may take to make the scope of the trial.
const TRIAL_LIMIT: Duration = Duration::from_secs(10);
/// How long processes that are left in an ended job's scope have between SIGTERM and SIGKILL.
const STOP_PROPERTY: &str = "TimeoutStopSec=20";
/// Ends a job's keeper and kernel; the job's folder follows.
const KEEPER_END: [&str; 3] = ["kernel-keeper", "--end", "--job-dir"];
/// The same, and then what follows.
const END_BOTH: &str = r#"folder=$1; "$0" "$2" "$3" "$4" "$folder"; shift 4; exec "$@""#;
/// The system's shell.
const SHELL: &str = "/bin/sh";
/// Longest part of a job's id in the name of its scope.
const NAME_LIMIT: usize = 100;
/// Prints which limits a scope really has.
const TRIAL: &str = r#"
group=$(sed -n 's/^0:://p' /proc/self/cgroup)
echo "group $group"
echo "memory $(cat "/sys/fs/cgroup$group/memory.max" 2>/dev/null)"
echo "cpus $(cat "/sys/fs/cgroup$group/cpu.max" 2>/dev/null)"
"#;

/// A systemd manager that makes scopes for us.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Manager {
    /// Where its socket is; a manager that went away makes no scopes.
    socket: PathBuf,
    /// The user's own manager, by this runtime folder; none is the system's.
    runtime_folder: Option<PathBuf>,
    /// The properties of each scope.
    properties: Vec<String>,
    tools: Tools,
}

/// What speaks to a manager.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tools {
    systemd_run: PathBuf,
    systemctl: PathBuf,
}

impl Tools {
    /// The system's own: they run with the agent's rights.
    fn find() -> Option<Self> {
        Some(Self {
            systemd_run: meter::system_program("systemd-run")?,
            systemctl: meter::system_program("systemctl")?,
        })
    }
}

impl Manager {
    fn name(&self) -> &'static str {
        if self.runtime_folder.is_some() {
            "user"
        } else {
            "system"
        }
    }

    /// `systemd-run`; it finds its manager by the environment.
    fn systemd_run(&self) -> Command {
        let mut command = Command::new(&self.tools.systemd_run);
        match &self.runtime_folder {
            Some(folder) => command.env("XDG_RUNTIME_DIR", folder).arg("--user"),
            None => command.arg("--system"),
        };
        command
    }

    fn run(&self, unit: &str, description: &str) -> Command {
        let mut command = self.systemd_run();
        command
            .args(["--scope", "--quiet", "--collect"])
            .arg(format!("--slice={SLICE}"))
            .arg(format!("--unit={unit}"))
            .arg(format!("--description={description}"));
        for property in &self.properties {
            command.args(["-p", property]);
        }
        command.arg("--");
        command
    }

    /// What a scope of this manager holds, by its group's own files; `None` when it makes none.
    async fn trial(&self) -> Option<Trial> {
        let unit = format!("runt-trial-{}.scope", nonce());
        let mut command = self.run(&unit, "whether limits hold");
        command
            .args([SHELL, "-c", TRIAL])
            .env("PATH", meter::system_path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(TRIAL_LIMIT, command.output());
        let output = output.await.ok()?.ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let found = Trial::read(&text).filter(|_| output.status.success());
        if found.is_none() {
            let said = String::from_utf8_lossy(&output.stderr);
            tracing::debug!(said = said.trim(), "no scope was made");
        }
        found
    }
}

/// What a scope turned out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trial {
    memory: bool,
    cpus: bool,
}

impl Trial {
    fn read(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let is_limit = |value: String| !value.is_empty() && !value.starts_with("max");
        value("group ").contains(".scope").then(|| Self {
            memory: is_limit(value("memory ")),
            cpus: is_limit(value("cpus ")),
        })
    }
}

/// How this machine keeps jobs apart and their limits.
#[derive(Debug, Clone)]
pub(crate) struct Containment {
    limits: JobLimits,
    manager: Option<Manager>,
    in_force: LimitsInForce,
    secrets: Vec<OsString>,
}

impl Containment {
    /// Tries what this machine has; see [`Self::secrets`].
    pub async fn find(limits: JobLimits, env: &Env, secrets: Vec<OsString>) -> Self {
        for manager in managers(env) {
            // Before version 253 scopes had no such policy and behaved like this.
            for policy in [Some("OOMPolicy=continue"), None] {
                let mut properties = properties(limits);
                properties.extend(policy.map(str::to_owned));
                let manager = Manager {
                    properties,
                    ..manager.clone()
                };
                if let Some(trial) = manager.trial().await {
                    let in_force = in_force(limits, Some((manager.name(), trial)));
                    return Self {
                        limits,
                        manager: Some(manager),
                        in_force,
                        secrets,
                    };
                }
            }
        }
        Self {
            limits,
            manager: None,
            in_force: in_force(limits, None),
            secrets,
        }
    }

    /// What holds.
    pub fn in_force(&self) -> &LimitsInForce {
        &self.in_force
    }

    /// The command that starts a job's program, in a scope of its own where there are any.
    pub fn command(&self, program: &Path, job_id: &str) -> Command {
        let manager = self.manager.as_ref();
        match manager.filter(|manager| manager.socket.exists()) {
            Some(manager) => {
                let unit = format!("{}.{}.scope", unit_name(job_id), nonce());
                let mut command = manager.run(&unit, "a notebook's kernel");
                command.arg(program);
                command
            }
            None => Command::new(program),
        }
    }

    /// Arguments that tell a job's peer or keeper what to keep from notebook code.
    pub fn secrets(&self) -> &[OsString] {
        &self.secrets
    }

    /// What each process of a kernel may take, where a scope does not hold the limit for the job.
    pub fn process_memory(&self) -> Option<u64> {
        let held = self.in_force.memory.as_ref()?;
        let limit = self.limits.memory?;
        (held.holds_for == Reach::Process).then(|| limit.bytes())
    }

    /// Makes a process that has just started, and all that it will start, give way to other work.
    pub fn give_way(&self, pid: u32) {
        let pid = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let (Some(nice), Some(pid)) = (self.limits.nice, pid)
            && let Err(error) = rustix::process::setpriority_process(Some(pid), nice.into())
        {
            tracing::warn!(%error, "[workstation-agent] a peer does not give way to other work");
        }
    }

    /// The command that leaves nothing of an ended job: its keeper in `folder`, if there is one, ends its kernel; then
    /// the job's scopes are emptied.
    pub fn end(&self, program: &Path, job_id: &str, folder: Option<&Path>) -> Option<Command> {
        let sweep = self.sweep(job_id);
        let mut command = match (folder, sweep) {
            (None, None) => return None,
            (None, Some(sweep)) => {
                let mut command = Command::new(&sweep[0]);
                command.args(&sweep[1..]);
                command
            }
            (Some(folder), None) => {
                let mut command = Command::new(program);
                command.args(KEEPER_END).arg(folder);
                command
            }
            (Some(folder), Some(sweep)) => {
                let mut command = Command::new(SHELL);
                command.args(["-c", END_BOTH]).arg(program).arg(folder);
                command.args(KEEPER_END).args(sweep);
                command
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(false);
        Some(command)
    }

    fn sweep(&self, job_id: &str) -> Option<Vec<OsString>> {
        let manager = self.manager.as_ref()?;
        let scope = match &manager.runtime_folder {
            Some(_) => "--user",
            None => "--system",
        };
        let pattern = format!("{}.????????.scope", unit_name(job_id));
        let words = [scope, "--no-block", "stop", &pattern].map(OsString::from);
        let tool = manager.tools.systemctl.clone().into_os_string();
        Some([tool].into_iter().chain(words).collect())
    }

    /// The runtime folder by which tools find the user's manager, for programs with an environment of their own.
    pub fn runtime_folder(&self) -> Option<&Path> {
        self.manager.as_ref()?.runtime_folder.as_deref()
    }
}

/// Whether the user's own manager lives as long as this process, by the groups that it is in: a service of the system's
/// goes on when the user logs out, and the user's manager ends then, unless the account lingers.
fn has_own_manager(groups: &str, lingers: bool) -> bool {
    lingers || !groups.contains("/system.slice/")
}

fn lingers(env: &Env) -> bool {
    let user = env.get("USER").or(env.get("LOGNAME"));
    user.is_some_and(|user| Path::new("/var/lib/systemd/linger").join(user).exists())
}

/// The managers that may be there: the user's own, and for root the system's.
fn managers(env: &Env) -> Vec<Manager> {
    let user = rustix::process::geteuid();
    let folder = env.get("XDG_RUNTIME_DIR").map_or_else(
        || format!("/run/user/{}", user.as_raw()).into(),
        PathBuf::from,
    );
    let Some(tools) = Tools::find() else {
        return Vec::new();
    };
    let own = Manager {
        socket: folder.join("systemd/private"),
        runtime_folder: Some(folder),
        properties: Vec::new(),
        tools: tools.clone(),
    };
    let system = Manager {
        socket: PathBuf::from("/run/systemd/private"),
        runtime_folder: None,
        properties: Vec::new(),
        tools,
    };
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut all = Vec::new();
    all.extend(has_own_manager(&groups, lingers(env)).then_some(own));
    all.extend(user.is_root().then_some(system));
    all.retain(|manager| manager.socket.exists());
    all
}

fn properties(limits: JobLimits) -> Vec<String> {
    let mut all = vec![STOP_PROPERTY.to_owned()];
    if let Some(memory) = limits.memory {
        all.push(format!("MemoryMax={}", memory.bytes()));
        // What is over the limit does not go to the disk instead.
        all.push("MemorySwapMax=0".to_owned());
    }
    if let Some(cpus) = limits.cpus {
        all.push(format!("CPUQuota={}%", cpus.percent()));
    }
    all
}

fn in_force(limits: JobLimits, scope: Option<(&str, Trial)>) -> LimitsInForce {
    let trial = scope.map(|(_, trial)| trial);
    let held = |limit: Option<String>, holds_for| limit.map(|limit| HeldLimit { limit, holds_for });
    let memory = match trial {
        Some(Trial { memory: true, .. }) => Reach::Job,
        _ if cfg!(target_os = "linux") => Reach::Process,
        _ => Reach::Nothing,
    };
    let cpus = match trial {
        Some(Trial { cpus: true, .. }) => Reach::Job,
        _ => Reach::Nothing,
    };
    LimitsInForce {
        scopes: scope.map(|(name, _)| name.to_owned()),
        memory: held(limits.memory.map(|limit| limit.to_string()), memory),
        cpus: held(limits.cpus.map(|limit| limit.to_string()), cpus),
        nice: held(limits.nice.map(|nice| nice.to_string()), Reach::Job),
    }
}

/// The scopes' name without their last part, which is new each time.
fn unit_name(job_id: &str) -> String {
    let id: String = slug(job_id).chars().take(NAME_LIMIT).collect();
    format!("runt-job-{id}")
}

fn nonce() -> String {
    Uuid::new_v4().simple().to_string()[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_says_what_a_scope_really_holds() {
        let read = |memory: &str, cpus: &str| {
            Trial::read(&format!(
                "group /a/run-1.scope\nmemory {memory}\ncpus {cpus}\n"
            ))
        };
        let trial = |memory, cpus| Some(Trial { memory, cpus });
        assert_eq!(read("1073741824", "50000 100000"), trial(true, true));
        assert_eq!(read("max", "max 100000"), trial(false, false));
        assert_eq!(read("", ""), trial(false, false));
        assert_eq!(Trial::read("group /a\nmemory 1\n"), None);
        assert_eq!(Trial::read(""), None);
    }

    #[test]
    fn a_service_of_the_systems_makes_no_scopes_that_end_with_a_login() {
        let session = "0::/user.slice/user-1000.slice/session-4.scope\n";
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n";
        let system = "0::/system.slice/runt-workstation.service\n";
        for (groups, lingers, own) in [
            (session, false, true),
            (user, false, true),
            (system, false, false),
            (system, true, true),
        ] {
            assert_eq!(has_own_manager(groups, lingers), own, "{groups}");
        }
    }

    // D18
    #[tokio::test]
    async fn without_a_manager_memory_holds_for_each_process_and_processors_do_not() {
        let empty = tempfile::tempdir().unwrap();
        let limits = JobLimits {
            memory: Some("1G".parse().unwrap()),
            cpus: Some("2".parse().unwrap()),
            nice: Some(3),
        };
        let held = in_force(limits, None);
        assert_eq!(held.scopes, None);
        assert_eq!(held.cpus.unwrap().holds_for, Reach::Nothing);
        assert_eq!(held.nice.unwrap().holds_for, Reach::Job);
        let folder = empty.path().display().to_string();
        let env = Env::from_pairs([("XDG_RUNTIME_DIR", folder.as_str())]);
        let user = managers(&env);
        assert!(user.iter().all(|manager| manager.runtime_folder.is_none()));
        if user.is_empty() && cfg!(target_os = "linux") {
            let containment = Containment::find(limits, &env, Vec::new()).await;
            assert_eq!(containment.process_memory(), Some(1 << 30));
            assert_eq!(containment.sweep("job"), None);
            let command = containment.command(Path::new("/bin/true"), "job");
            assert_eq!(command.as_std().get_program(), "/bin/true");
        }
    }

    #[test]
    fn a_scope_holds_what_the_operator_set() {
        let limits = JobLimits {
            memory: Some("64M".parse().unwrap()),
            cpus: Some("1.5".parse().unwrap()),
            nice: None,
        };
        let manager = Manager {
            socket: PathBuf::from("/"),
            runtime_folder: Some(PathBuf::from("/run/user/7")),
            properties: properties(limits),
            tools: Tools {
                systemd_run: PathBuf::from("/usr/bin/systemd-run"),
                systemctl: PathBuf::from("/usr/bin/systemctl"),
            },
        };
        let trial = Trial {
            memory: true,
            cpus: true,
        };
        let containment = Containment {
            limits,
            in_force: in_force(limits, Some((manager.name(), trial))),
            manager: Some(manager),
            secrets: Vec::new(),
        };
        assert_eq!(containment.process_memory(), None);
        assert_eq!(containment.in_force().scopes.as_deref(), Some("user"));
        let command = containment.command(Path::new("/usr/bin/runtimed"), "Job 1");
        let words: Vec<_> = command
            .as_std()
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let line = words.join(" ");
        for part in [
            "--user --scope",
            "--slice=runt-workstation.slice",
            "--unit=runt-job-job-1.",
            "-p MemoryMax=67108864 -p MemorySwapMax=0 -p CPUQuota=150% -- /usr/bin/runtimed",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert_eq!(command.as_std().get_program(), "/usr/bin/systemd-run");
        let sweep = containment.sweep("Job 1").unwrap();
        assert_eq!(sweep[0], "/usr/bin/systemctl");
        assert_eq!(sweep.last().unwrap(), "runt-job-job-1.????????.scope");
    }
}
