//! `runt workstation service`: the agent under systemd (spec 2.10, decision D4).

mod manager;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use cloud_client::ExposeSecret as _;
use workstation::{
    LAUNCHD_LABEL, ServiceSpec, SettingsFile, StoredCredential, UNIT, UnitScope,
    absolute_interpreter, carried_variables, find_interpreter, launchd_agent, systemd_unit,
};

use super::Here;
use super::stop::end_everything;
use crate::printer::Printer;
use crate::words;
use manager::{Manager, lingers};

/// Everybody reads a unit; it holds no secret.
const UNIT_MODE: u32 = 0o644;

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Args {
    /// Use the system's service manager instead of your own; needs root.
    #[arg(long, global = true)]
    system: bool,
    #[command(subcommand)]
    command: ServiceCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ServiceCommand {
    /// Write the service, and let it start with the machine.
    Install(InstallArgs),
    /// Stop the service and remove it; kernels live on.
    Uninstall,
    /// Start the agent.
    Start,
    /// Stop the agent; kernels live on, and the next agent takes them over.
    Stop {
        /// End the kernels too.
        #[arg(long)]
        all: bool,
    },
    /// Stop and start the agent, for example after an upgrade; kernels live on.
    Restart,
    /// Say whether the service is installed and whether it runs.
    Status,
    /// Show what the agent wrote.
    Logs {
        /// Go on with what comes.
        #[arg(short, long)]
        follow: bool,
        /// Lines to begin with.
        #[arg(short = 'n', long, default_value_t = 50)]
        lines: u32,
    },
}

#[derive(Debug, clap::Args)]
struct InstallArgs {
    /// The Python for kernels [default: the first python3 or python on PATH].
    #[arg(long)]
    python_path: Option<PathBuf>,
    /// Where kernels start [default: the current folder; with --system the user's home].
    #[arg(long, visible_alias = "cwd")]
    working_directory: Option<PathBuf>,
    /// Start it at once; where it runs already, start it anew.
    #[arg(long)]
    start: bool,
    /// With --system: the user whose kernels it serves [default: who called sudo].
    #[arg(long)]
    user: Option<String>,
    /// Print the service file and change nothing; needs no service manager.
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "start")]
    print: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A unit of systemd.
    Systemd,
    /// An agent of launchd, the service manager of macOS.
    Launchd,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    if let ServiceCommand::Install(install) = &args.command
        && install.user.is_some()
        && !args.system
    {
        bail!("--user is for a service of the system's\nHint: give --system as well");
    }
    let here = Here::find()?;
    let manager = Manager {
        system: args.system,
        folder: unit_folder(args.system, &here)?,
    };
    match args.command {
        ServiceCommand::Install(args) => install(&manager, args, &here, printer),
        ServiceCommand::Uninstall => uninstall(&manager, printer),
        ServiceCommand::Start => change(&manager, "start", "Started", printer),
        ServiceCommand::Restart => change(&manager, "restart", "Restarted", printer),
        ServiceCommand::Stop { all } => stop(&manager, all, &here, printer).await,
        ServiceCommand::Status => status(&manager, printer),
        ServiceCommand::Logs { follow, lines } => {
            manager.installed()?;
            manager.journal(follow, lines)
        }
    }
}

/// The service that runs the agent now: one's own, or the system's.
pub(super) fn running(here: &Here) -> Option<Manager> {
    let managers = [false, true].map(|system| {
        let folder = unit_folder(system, here).ok()?;
        Some(Manager { system, folder })
    });
    let mut installed = managers.into_iter().flatten().filter(Manager::is_installed);
    installed.find(|manager| manager.probe("is-active") == "active")
}

fn unit_folder(system: bool, here: &Here) -> Result<PathBuf> {
    if system {
        return Ok("/etc/systemd/system".into());
    }
    // Beside our own folder: both are in the user's folder of configuration.
    let config = here.folders.config.parent();
    Ok(config
        .context("no folder of configuration")?
        .join("systemd/user"))
}

fn install(manager: &Manager, args: InstallArgs, here: &Here, printer: &Printer) -> Result<()> {
    if args.print.is_none() {
        manager.available()?;
    }
    let owner = Owner::find(manager.system, args.user.as_deref(), here)?;
    if args.print.is_none() {
        paired(&owner.credential)?;
    }
    let (print, start) = (args.print, args.start);
    let spec = spec(args, &owner, here)?;
    match print {
        Some(Kind::Systemd) => printer.line(systemd_unit(&spec, &owner.scope)?.trim_end()),
        Some(Kind::Launchd) => {
            printer.line(launchd_agent(&spec)?.trim_end());
            printer.note(&format!(
                "Store it as ~/Library/LaunchAgents/{LAUNCHD_LABEL}.plist and start it with\n    \
                 launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/{LAUNCHD_LABEL}.plist"
            ));
        }
        None => {
            let file = manager.unit_file();
            write(&file, &systemd_unit(&spec, &owner.scope)?)?;
            manager.must(&["daemon-reload"])?;
            manager.must(&["enable", UNIT])?;
            printer.line(&format!("Installed {}", file.display()));
            printer.line(&format!("Runs: {} workstation run", spec.runt.display()));
            if start {
                let again = manager.probe("is-active") == "active";
                manager.must(&[if again { "restart" } else { "start" }, UNIT])?;
                printer.line(if again { "Restarted" } else { "Started" });
            } else {
                printer.note("Start it: runt workstation service start");
            }
            let (_, kept_back) = carried_variables(&here.env);
            if !manager.system && !kept_back.is_empty() {
                printer.warn(&format!(
                    "the service does not see {}: it may hold a password, and the unit holds none\n\
                     Hint: `systemctl --user edit {UNIT}` adds `[Service]` and `Environment=NAME=VALUE`",
                    kept_back.join(", ")
                ));
            }
            if !manager.system && lingers() != Some(true) {
                printer.warn(
                    "the agent and its kernels end when you log out, and do not start with the machine\n\
                     Hint: `loginctl enable-linger` changes that (where it is refused: `sudo loginctl enable-linger $USER`)",
                );
            }
        }
    }
    Ok(())
}

/// Whose kernels are served.
struct Owner {
    scope: UnitScope,
    home: PathBuf,
    credential: PathBuf,
}

impl Owner {
    fn find(system: bool, user: Option<&str>, here: &Here) -> Result<Self> {
        if !system {
            let home = here.env.get("HOME").map(PathBuf::from);
            let home = home.filter(|home| home.is_absolute());
            return Ok(Self {
                scope: UnitScope::User,
                home: home.context("HOME is not set\nHint: set HOME")?,
                credential: here.folders.credential_file(),
            });
        }
        let name = user.or_else(|| here.env.get("SUDO_USER")).ok_or_else(|| {
            anyhow!("nobody is named whose kernels the service is to run\nHint: give --user NAME")
        })?;
        let account = nix::unistd::User::from_name(name)?
            .ok_or_else(|| anyhow!("there is no user {name:?}\nHint: give --user NAME"))?;
        Ok(Self {
            scope: UnitScope::System(account.name),
            credential: account.dir.join(".config/runt/workstation.json"),
            home: account.dir,
        })
    }
}

/// Fails without a stored credential: what the environment overrides is not there for the service.
fn paired(file: &Path) -> Result<()> {
    let stored = StoredCredential::read(file)?;
    if stored.is_some_and(|stored| {
        !stored.token.expose_secret().trim().is_empty() && !stored.cloud_url.trim().is_empty()
    }) {
        return Ok(());
    }
    bail!(
        "this machine is not paired with a cloud: {} holds no credential, and a service sees no other\n\
         Hint: run `runt workstation connect URL` as the user whose kernels it serves",
        file.display()
    );
}

fn spec(args: InstallArgs, owner: &Owner, here: &Here) -> Result<ServiceSpec> {
    let own = owner.scope == UnitScope::User;
    // The settings are read by `run` as well; there they may still be changed.
    let settings = if own {
        super::config::settings(here)?
    } else {
        SettingsFile::open(&owner.credential.with_file_name("workstation.toml"))?.settings()?
    };
    let fallback = if own {
        PathBuf::from(".")
    } else {
        owner.home.clone()
    };
    let asked = args.working_directory.or(settings.working_directory);
    let asked = asked.unwrap_or(fallback);
    let working_directory = asked
        .canonicalize()
        .with_context(|| format!("the working directory {}", asked.display()))?;
    if !working_directory.is_dir() {
        bail!(
            "the working directory {} is not a folder",
            working_directory.display()
        );
    }
    let search = here.env.get("PATH");
    let python = args
        .python_path
        .map(|path| absolute_interpreter(&path, search));
    let python = match python {
        None if settings.python_path.is_none() => find_interpreter(search),
        named => named,
    };
    let runt = std::env::current_exe().and_then(|path| path.canonicalize());
    Ok(ServiceSpec {
        runt: runt.context("cannot find the own program")?,
        home: owner.home.clone(),
        working_directory,
        python,
        variables: if own {
            carried_variables(&here.env).0
        } else {
            Vec::new()
        },
    })
}

/// Writes a file beside its place and moves it there.
fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().context("no folder for the service file")?;
    let written = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut new = tempfile::Builder::new()
            .prefix(".runt-")
            .tempfile_in(folder)?;
        new.write_all(text.as_bytes())?;
        new.as_file()
            .set_permissions(fs::Permissions::from_mode(UNIT_MODE))?;
        new.as_file().sync_all()?;
        new.persist(file)?;
        Ok(())
    };
    written().with_context(|| format!("cannot write {}", file.display()))
}

fn uninstall(manager: &Manager, printer: &Printer) -> Result<()> {
    manager.available()?;
    let file = manager.unit_file();
    if !file.exists() {
        printer.note("The service is not installed.");
        return Ok(());
    }
    // What cannot be stopped or disabled must not keep it here.
    let _ = manager.systemctl(&["disable", "--now", UNIT]);
    fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    manager.must(&["daemon-reload"])?;
    printer.line(&format!("Removed {}", file.display()));
    printer.note("Kernels live on; `runt workstation stop --all` ends them.");
    Ok(())
}

fn change(manager: &Manager, step: &str, done: &str, printer: &Printer) -> Result<()> {
    manager.installed()?;
    manager.must(&[step, UNIT])?;
    printer.line(done);
    Ok(())
}

async fn stop(manager: &Manager, all: bool, here: &Here, printer: &Printer) -> Result<()> {
    if all && manager.system {
        bail!(
            "--all cannot reach the jobs of another user\n\
             Hint: run `runt workstation stop --all` as the user whose kernels the service runs"
        );
    }
    manager.available()?;
    if !manager.unit_file().exists() {
        printer.note("The service is not installed.");
        return Ok(());
    }
    if !all {
        manager.must(&["stop", UNIT])?;
        printer.line("Stopped");
        printer.note("Kernels live on; `runt workstation stop --all` ends them.");
        return Ok(());
    }
    // The agent ends by itself and is not started again: it was asked to.
    let (jobs, _) = end_everything(here).await?;
    manager.must(&["stop", UNIT])?;
    printer.line(&format!("Stopped, with {}", words::count(jobs, "job")));
    Ok(())
}

fn status(manager: &Manager, printer: &Printer) -> Result<()> {
    manager.available()?;
    let file = manager.unit_file();
    printer.line(&format!("Unit: {UNIT}"));
    printer.line(&format!("File: {}", file.display()));
    if !file.exists() {
        printer.line("Installed: no");
        printer.note("Hint: runt workstation service install --start");
        return Ok(());
    }
    printer.line("Installed: yes");
    printer.line(&format!("Enabled: {}", manager.probe("is-enabled")));
    printer.line(&format!("Active: {}", manager.probe("is-active")));
    if !manager.system {
        let linger = match lingers() {
            Some(true) => "yes",
            Some(false) => {
                "no; the agent and its kernels end when you log out (`loginctl enable-linger`)"
            }
            None => "unknown",
        };
        printer.line(&format!("Lingers: {linger}"));
    }
    Ok(())
}
