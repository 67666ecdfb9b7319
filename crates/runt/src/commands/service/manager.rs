//! systemd's programs: called, understood, and told about when they fail (spec 2.10).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};
use workstation::UNIT;

/// What an AppImage puts into the environment and other programs must not see.
const WRAPPER_VARIABLES: [&str; 9] = [
    "APPDIR",
    "APPIMAGE",
    "ARGV0",
    "LD_AUDIT",
    "LD_DEBUG",
    "LD_LIBRARY_PATH",
    "LD_ORIGIN_PATH",
    "LD_PRELOAD",
    "OWD",
];
/// How the same is had without a service.
pub const FOREGROUND: &str =
    "run the agent in the foreground, for example in tmux: `runt workstation run`";

/// The service manager of the user, or of the system.
pub struct Manager {
    pub system: bool,
    /// Where its units of this scope lie.
    pub folder: PathBuf,
}

impl Manager {
    pub fn unit_file(&self) -> PathBuf {
        self.folder.join(UNIT)
    }

    /// Whether it has our unit.
    pub fn is_installed(&self) -> bool {
        self.unit_file().exists()
    }

    /// Fails unless the manager answers: the first step of every command.
    pub fn available(&self) -> Result<()> {
        supported(std::env::consts::OS)?;
        let detail = match self.systemctl(&["show-environment"]) {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => said(&output),
            Err(error) => format!("{error:#}"),
        };
        let (whose, how) = if self.system {
            ("the system's", "is this machine run by systemd?")
        } else {
            (
                "your own",
                "log in to this account directly (over ssh, not with su), so that XDG_RUNTIME_DIR and the session bus \
                 are there, or let its manager run always with `loginctl enable-linger`",
            )
        };
        bail!(
            "{whose} service manager cannot be reached: {detail}\nHint: {how}\nHint: or {FOREGROUND}"
        );
    }

    /// Fails unless the manager answers and the service is installed.
    pub fn installed(&self) -> Result<()> {
        self.available()?;
        if self.unit_file().exists() {
            return Ok(());
        }
        bail!("the service is not installed\nHint: runt workstation service install --start");
    }

    /// Runs `systemctl` in this scope.
    pub fn systemctl(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = tool("systemctl");
        if !self.system {
            command.arg("--user");
        }
        command
            .args(arguments)
            .output()
            .context("systemctl does not start")
    }

    /// A step that must succeed.
    pub fn must(&self, arguments: &[&str]) -> Result<()> {
        let output = self.systemctl(arguments)?;
        if output.status.success() {
            return Ok(());
        }
        bail!(
            "`systemctl {}` failed: {}\nHint: see `runt workstation service logs`\nHint: or {FOREGROUND}",
            arguments.join(" "),
            said(&output)
        );
    }

    /// One word about the unit, such as `active` or `enabled`.
    pub fn probe(&self, question: &str) -> String {
        self.systemctl(&[question, UNIT])
            .map_or_else(|_| "unknown".to_owned(), |output| said(&output))
    }

    fn journalctl(&self, follow: bool, lines: u32) -> Command {
        let mut command = tool("journalctl");
        command.arg(if self.system { "--unit" } else { "--user-unit" });
        command.args([UNIT, "--no-pager", "--lines", &lines.to_string()]);
        if follow {
            command.arg("--follow");
        }
        command
    }

    /// Shows the unit's journal.
    pub fn journal(&self, follow: bool, lines: u32) -> Result<()> {
        let mut command = self.journalctl(follow, lines);
        let status = command.status().context("journalctl does not start")?;
        if status.success() {
            return Ok(());
        }
        bail!("the journal cannot be read\nHint: ask `journalctl` itself whether you may read it");
    }
}

/// Fails, with what to do instead, on systems without systemd.
fn supported(system: &str) -> Result<()> {
    if system != "linux" {
        bail!("services are managed on Linux only\nHint: {FOREGROUND}");
    }
    Ok(())
}

/// Whether the user's manager runs while the user is logged out; `None` where nobody can say.
pub fn lingers() -> Option<bool> {
    let user = nix::unistd::getuid().to_string();
    let arguments = ["show-user", &user, "--property=Linger", "--value"];
    let output = tool("loginctl").args(arguments).output().ok()?;
    output.status.success().then(|| said(&output) == "yes")
}

/// A program of the system, without what a wrapper has put into its environment.
fn tool(name: &str) -> Command {
    let places = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
    let found = places.into_iter().find(|place| place.exists());
    let mut command = Command::new(found.unwrap_or_else(|| name.into()));
    for variable in WRAPPER_VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// What a program said: the first stream that is not empty.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| {
        let lines = String::from_utf8_lossy(bytes).trim().replace('\n', "; ");
        super::super::printable(&lines)
    };
    [text(&output.stdout), text(&output.stderr)]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // WS-104
    #[test]
    fn ws_104_elsewhere_the_foreground_command_is_named() {
        supported("linux").unwrap();
        let told = supported("macos").unwrap_err().to_string();
        assert!(told.contains("runt workstation run"), "{told}");
    }

    // WS-118
    #[test]
    fn ws_118_the_journal_is_asked_for_fifty_lines_and_followed_when_told() {
        let command =
            crate::cli::command().get_matches_from(["runt", "workstation", "service", "logs"]);
        let (_, workstation) = command.subcommand().unwrap();
        let (_, service) = workstation.subcommand().unwrap();
        let (_, logs) = service.subcommand().unwrap();
        assert_eq!(logs.get_one::<u32>("lines"), Some(&50));
        assert!(!logs.get_flag("follow"));
        let manager = Manager {
            system: false,
            folder: PathBuf::new(),
        };
        let words = |follow| {
            let command = manager.journalctl(follow, 7);
            let words: Vec<_> = command
                .get_args()
                .map(|word| word.to_str().unwrap().to_owned())
                .collect();
            words.join(" ")
        };
        let shown = "--user-unit runt-workstation.service --no-pager --lines 7";
        assert_eq!(words(false), shown);
        assert_eq!(words(true), format!("{shown} --follow"));
    }

    // WS-120
    #[test]
    fn ws_120_what_a_wrapper_set_is_kept_from_the_systems_programs() {
        for name in ["systemctl", "journalctl"] {
            let command = tool(name);
            let removed: Vec<_> = command
                .get_envs()
                .map(|(name, value)| (name.to_str(), value))
                .collect();
            for variable in WRAPPER_VARIABLES {
                assert!(removed.contains(&(Some(variable), None)), "{removed:?}");
            }
        }
    }
}
