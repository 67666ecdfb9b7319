//! The process's environment as a value, so that tests can give another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cloud_client::{CA_FILE_VARIABLE, Network, NetworkError};

use crate::WorkstationSettings;

/// Overrides the stored credential's token.
pub const TOKEN_VARIABLE: &str = "RUNT_CLOUD_TOKEN";
/// Overrides the stored credential's cloud.
pub const URL_VARIABLE: &str = "RUNT_CLOUD_URL";
/// Set to `1`: plain HTTP to other machines is allowed.
pub const INSECURE_HTTP_VARIABLE: &str = "RUNT_ALLOW_INSECURE_HTTP";

/// A copy of environment variables; ones that are not text are left out.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        write!(f, "Env({} variables)", self.0.len())
    }
}

impl Env {
    /// The variables of this process.
    pub fn of_process() -> Self {
        let vars = std::env::vars_os();
        Self(
            vars.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// Variables given one by one.
    pub fn from_pairs<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
        )
    }

    /// A variable as it is.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A variable trimmed; blank counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// The way to the cloud: proxies as this environment names them, and further certificate authorities of the file that
    /// is asked for, else of the environment's, else of the settings'.
    pub fn network(
        &self,
        asked: Option<&Path>,
        settings: &WorkstationSettings,
    ) -> Result<Network, NetworkError> {
        let file = self.ca_file(asked, settings);
        Network::find(|name| self.raw(name).map(str::to_owned), file.as_deref())
    }

    /// The file of further certificate authorities, if there is one.
    pub fn ca_file(&self, asked: Option<&Path>, settings: &WorkstationSettings) -> Option<PathBuf> {
        let named = || self.get(CA_FILE_VARIABLE).map(PathBuf::from);
        let asked = asked.map(Path::to_owned).or_else(named);
        asked.or_else(|| settings.ca_file.clone())
    }

    /// Whether plain HTTP to other machines is allowed.
    pub fn allows_insecure_http(&self) -> bool {
        self.get(INSECURE_HTTP_VARIABLE) == Some("1")
    }
}
