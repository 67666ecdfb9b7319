//! Where files go: the XDG folders under our own name (D5).

use std::path::{Path, PathBuf};

use crate::Env;

/// Our name under each of the folders.
const NAMESPACE: &str = "runt";

/// The folders of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Holds the credential.
    pub config: PathBuf,
    /// Holds job folders, records, the lock.
    pub state: PathBuf,
    /// Holds what can be made again.
    pub cache: PathBuf,
}

/// No place for files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no home directory was found, so there is no safe place for the {0} folder\nHint: set HOME, or set XDG_CONFIG_HOME, XDG_STATE_HOME and XDG_CACHE_HOME to absolute paths"
)]
pub struct FoldersError(&'static str);

impl Folders {
    /// Finds the folders: the XDG variables when absolute, else below the home directory; never anywhere else.
    pub fn find(env: &Env) -> Result<Self, FoldersError> {
        let absolute = |name: &str| env.get(name).map(Path::new).filter(|p| p.is_absolute());
        let home = absolute("HOME").map(Path::to_owned).or_else(dirs::home_dir);
        let pick = |variable: &str, below: &str, what: &'static str| {
            let base = absolute(variable).map(Path::to_owned).or_else(|| {
                home.as_ref()
                    .filter(|h| h.is_absolute())
                    .map(|h| h.join(below))
            });
            base.map(|base| base.join(NAMESPACE))
                .ok_or(FoldersError(what))
        };
        Ok(Self {
            config: pick("XDG_CONFIG_HOME", ".config", "configuration")?,
            state: pick("XDG_STATE_HOME", ".local/state", "state")?,
            cache: pick("XDG_CACHE_HOME", ".cache", "cache")?,
        })
    }

    /// The credential file.
    pub fn credential_file(&self) -> PathBuf {
        self.config.join("workstation.json")
    }

    /// The settings file.
    pub fn settings_file(&self) -> PathBuf {
        self.config.join("workstation.toml")
    }

    /// The folder of the job folders.
    pub fn agent_root(&self) -> PathBuf {
        self.state.join("workstation-agent")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // WS-038
    #[test]
    fn ws_038_relative_overrides_are_ignored_and_xdg_is_honoured() {
        let env = Env::from_pairs([
            ("HOME", "/home/ada"),
            ("XDG_CONFIG_HOME", "etc"),
            ("XDG_STATE_HOME", "/s"),
        ]);
        let folders = Folders::find(&env).unwrap();
        assert_eq!(
            folders.credential_file(),
            Path::new("/home/ada/.config/runt/workstation.json")
        );
        assert_eq!(folders.agent_root(), Path::new("/s/runt/workstation-agent"));
        assert_eq!(folders.cache, Path::new("/home/ada/.cache/runt"));
    }
}
