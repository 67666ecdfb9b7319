//! The agent as a service: the texts that service managers read (spec 2.10, decision D4).
//!
//! Nothing here runs a service manager; that is the command's. No text ever holds the credential.

mod launchd;
mod systemd;

pub use launchd::{LAUNCHD_LABEL, launchd_agent};
pub use systemd::{UNIT, UnitScope, systemd_unit};

use std::path::{Path, PathBuf};

use cloud_client::CA_FILE_VARIABLE;

use crate::{Env, INSECURE_HTTP_VARIABLE};

/// What decides where the files are, and how which clouds are reached: a service has another environment than the
/// operator who installs it, and must find the same credential and the same way.
const CARRIED: [&str; 15] = [
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    INSECURE_HTTP_VARIABLE,
    CA_FILE_VARIABLE,
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// What a service is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// The command line program, absolute.
    pub runt: PathBuf,
    /// The user's home.
    pub home: PathBuf,
    /// Where kernels start, absolute.
    pub working_directory: PathBuf,
    /// The Python for kernels, absolute; found at install time, since a service searches another path.
    pub python: Option<PathBuf>,
    /// Further environment variables; see [`carried_variables`].
    pub variables: Vec<(String, String)>,
}

/// A text that no service file can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot stand in a service file\nHint: use a path of plain text without line breaks")]
pub struct UnfitPath(PathBuf);

/// What the operator's environment says about folders, clouds and the way to them, for [`ServiceSpec::variables`]; and
/// the names of those that stay behind, since a service file holds no password.
pub fn carried_variables(env: &Env) -> (Vec<(String, String)>, Vec<&'static str>) {
    let set = CARRIED
        .iter()
        .filter_map(|name| Some((*name, env.get(name)?)));
    let (secret, plain): (Vec<_>, Vec<_>) = set.partition(|(name, value)| {
        name.to_ascii_lowercase().ends_with("_proxy") && value.contains('@')
    });
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    (
        plain.into_iter().map(owned).collect(),
        secret.into_iter().map(|(name, _)| name).collect(),
    )
}

impl ServiceSpec {
    /// The command, word by word. The service leaves peers and kernels alive when it stops.
    fn words(&self) -> Result<Vec<String>, UnfitPath> {
        let mut words = vec![text(&self.runt)?, "workstation".into(), "run".into()];
        if let Some(python) = &self.python {
            words.extend(["--python-path".into(), text(python)?]);
        }
        words.extend(["--working-directory".into(), text(&self.working_directory)?]);
        words.extend(["--on-stop".into(), "detach".into()]);
        Ok(words)
    }

    /// The environment; the search path is short and the same for everybody.
    fn environment(&self) -> Result<Vec<(String, String)>, UnfitPath> {
        let home = text(&self.home)?;
        let path = format!("{home}/.local/bin:/usr/local/bin:/usr/bin:/bin");
        let mut all = vec![("HOME".to_owned(), home), ("PATH".to_owned(), path)];
        for (name, value) in &self.variables {
            all.push((name.clone(), text(Path::new(value))?));
        }
        Ok(all)
    }
}

/// A path as text without control characters, which would end a line of the file.
fn text(path: &Path) -> Result<String, UnfitPath> {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(UnfitPath(path.to_owned())),
    }
}

#[cfg(test)]
mod tests;
