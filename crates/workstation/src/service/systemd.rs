//! A systemd unit (spec 2.10).

use agent_core::CREDENTIAL_REJECTED;

use super::{ServiceSpec, UnfitPath, text};
use crate::AgentError;

/// The unit's name.
pub const UNIT: &str = "runt-workstation.service";

/// Whose unit it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitScope {
    /// The user's own manager runs it.
    User,
    /// The system's manager runs it as this user.
    System(String),
}

/// The text of the unit. Stopping it ends the agent alone: peers and kernels live on, and the next agent adopts them.
///
/// # Errors
/// A path cannot be written down.
pub fn systemd_unit(spec: &ServiceSpec, scope: &UnitScope) -> Result<String, UnfitPath> {
    let command: Vec<String> = spec.words()?.iter().map(|word| argument(word)).collect();
    let environment: Vec<String> = spec
        .environment()?
        .iter()
        .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"))))
        .collect();
    let (user, wanted_by) = match scope {
        UnitScope::User => (String::new(), "default.target"),
        UnitScope::System(user) => (format!("User={}\n", percent(user)), "multi-user.target"),
    };
    Ok(format!(
        "[Unit]\n\
         Description=runt workstation agent\n\
         After=network-online.target\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         Type=exec\n\
         {user}\
         ExecStart={command}\n\
         WorkingDirectory={directory}\n\
         {environment}\
         # Peers and kernels outlive the agent; `runt workstation service stop --all` ends them too.\n\
         KillMode=process\n\
         # A kernel that used up the memory does not take the agent along.\n\
         OOMPolicy=continue\n\
         Restart=on-failure\n\
         RestartSec=5\n\
         # Trying again does not help: the cloud rejects the credential, or another agent serves already.\n\
         RestartPreventExitStatus={CREDENTIAL_REJECTED} {already}\n\
         TimeoutStopSec=60\n\
         \n\
         [Install]\n\
         WantedBy={wanted_by}\n",
        command = command.join(" "),
        environment = environment.concat(),
        // Never quoted: the manager would take the quotes for a part of the path.
        directory = percent(&text(&spec.working_directory)?),
        already = AgentError::ALREADY_SERVED,
    ))
}

fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", percent(&text))
}

/// In a command line variables are replaced as well.
fn argument(text: &str) -> String {
    quoted(text).replace('$', "$$")
}
