//! The agent as a service: the texts that service managers read (spec 2.10, decision D4).
//!
//! Nothing here runs a service manager; that is the command's. No text ever holds the credential.

mod launchd;
mod systemd;

pub use launchd::{LAUNCHD_LABEL, launchd_agent};
pub use systemd::{UNIT, UnitScope, systemd_unit};

use std::path::{Path, PathBuf};

use crate::{Env, INSECURE_HTTP_VARIABLE};

/// What decides where the files are, and which clouds are allowed: a service has another environment than the operator
/// who installs it, and must find the same credential.
const CARRIED: [&str; 4] = [
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    INSECURE_HTTP_VARIABLE,
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

/// What the operator's environment says about folders and clouds, for [`ServiceSpec::variables`].
pub fn carried_variables(env: &Env) -> Vec<(String, String)> {
    let set = |name: &str| Some((name.to_owned(), env.get(name)?.to_owned()));
    CARRIED.iter().filter_map(|name| set(name)).collect()
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
