//! The credential file and its overrides (spec 2.4).

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cloud_client::{BaseUrl, BaseUrlError, ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::{Env, Folders, TOKEN_VARIABLE, URL_VARIABLE, default_workstation_id, hostname};

/// What pairing leaves on the machine.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredCredential {
    /// The cloud's address.
    pub cloud_url: String,
    /// The bearer token.
    #[serde(deserialize_with = "secret")]
    pub token: SecretString,
    /// The credential's id in the panel.
    pub credential_id: String,
    /// The id this machine registers with.
    pub workstation_id: String,
    /// The name this machine registers with.
    pub display_name: String,
    /// When it was paired, RFC 3339.
    pub connected_at: String,
}

/// What can be wrong with the credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file cannot be read.
    #[error("cannot read the credential file {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file is not what it should be.
    #[error(
        "the credential file {} is not valid: {cause}\nHint: remove it and pair this machine again with `runt workstation connect`",
        path.display()
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The file cannot be written.
    #[error("cannot write the credential file {}: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// There is no credential.
    #[error(
        "this machine is not paired with a cloud: {} does not exist\nHint: run `runt workstation connect URL`, or set both {TOKEN_VARIABLE} and {URL_VARIABLE}",
        path.display()
    )]
    NotPaired {
        /// Where it would be.
        path: PathBuf,
    },
    /// The override would send the stored token elsewhere.
    #[error(
        "{URL_VARIABLE} names another cloud ({url}) than this machine is paired with ({stored})\nHint: set {TOKEN_VARIABLE} as well, or unset {URL_VARIABLE}"
    )]
    OtherCloud {
        /// The override.
        url: String,
        /// The stored cloud.
        stored: String,
    },
    /// The cloud's address is refused.
    #[error(transparent)]
    Url(#[from] BaseUrlError),
}

impl StoredCredential {
    /// Reads the file; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, CredentialError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => {
                return Err(CredentialError::Unreadable {
                    path: path.to_owned(),
                    cause,
                });
            }
        };
        // The parser's message could quote a value, and one of the values is the token: say where, not what.
        let stored =
            serde_json::from_slice::<Self>(&bytes).map_err(|error| CredentialError::Invalid {
                path: path.to_owned(),
                cause: describe(&bytes, &error),
            })?;
        Ok(Some(stored))
    }

    /// Writes the file: a new file beside it (0600), flushed, renamed over it; a symbolic link there is refused.
    pub fn write(&self, path: &Path) -> Result<(), CredentialError> {
        let unwritable = |cause: String| CredentialError::Unwritable {
            path: path.to_owned(),
            cause,
        };
        let io = |error: io::Error| unwritable(error.to_string());
        let folder = path
            .parent()
            .ok_or_else(|| unwritable("it has no folder".to_owned()))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(io)?;
        if path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            return Err(unwritable("it is a symbolic link".to_owned()));
        }
        let body = json!({
            "cloud_url": self.cloud_url,
            "token": self.token.expose_secret(),
            "credential_id": self.credential_id,
            "workstation_id": self.workstation_id,
            "display_name": self.display_name,
            "connected_at": self.connected_at,
        });
        // Created with mode 0600 and exclusively.
        let mut file = tempfile::Builder::new()
            .prefix(".workstation-")
            .tempfile_in(folder)
            .map_err(io)?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o600))
            .map_err(io)?;
        file.write_all(format!("{body:#}\n").as_bytes())
            .map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(path)
            .map_err(|error| unwritable(error.error.to_string()))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io)
    }

    /// Makes sure, before a pairing code is spent, that the file could be written.
    pub fn check_writable(path: &Path) -> Result<(), CredentialError> {
        let unwritable = |cause: String| CredentialError::Unwritable {
            path: path.to_owned(),
            cause,
        };
        let existing = path.ancestors().skip(1).find(|folder| folder.exists());
        let folder = existing.ok_or_else(|| unwritable("no folder above it exists".to_owned()))?;
        if path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            return Err(unwritable("it is a symbolic link".to_owned()));
        }
        tempfile::tempfile_in(folder)
            .map(|_| ())
            .map_err(|error| unwritable(error.to_string()))
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(input: D) -> Result<SecretString, D::Error> {
    String::deserialize(input).map(SecretString::from)
}

fn describe(bytes: &[u8], error: &serde_json::Error) -> String {
    let fields = [
        "cloud_url",
        "token",
        "credential_id",
        "workstation_id",
        "display_name",
        "connected_at",
    ];
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(value) => {
            let bad = fields
                .iter()
                .find(|field| !value.get(field).is_some_and(serde_json::Value::is_string));
            bad.map_or_else(
                || "it is not an object".to_owned(),
                |field| format!("{field:?} is missing or not text"),
            )
        }
        Err(_) => format!(
            "not JSON (line {}, column {})",
            error.line(),
            error.column()
        ),
    }
}

/// What a command acts with.
#[derive(Debug, Clone)]
pub struct ResolvedCredential {
    /// The cloud.
    pub base: BaseUrl,
    /// The token.
    pub token: SecretString,
    /// This machine's id.
    pub workstation_id: String,
    /// This machine's name.
    pub display_name: String,
}

/// Puts the file and the environment together.
pub fn resolve_credential(
    env: &Env,
    folders: &Folders,
) -> Result<ResolvedCredential, CredentialError> {
    let path = folders.credential_file();
    let insecure = env.allows_insecure_http();
    let (token, url) = (env.get(TOKEN_VARIABLE), env.get(URL_VARIABLE));
    let both = token.is_some() && url.is_some();
    let stored = match StoredCredential::read(&path) {
        // With both values given, a broken file does not matter.
        Err(_) if both => None,
        other => other?,
    };
    let not_paired = || CredentialError::NotPaired { path: path.clone() };
    let base = match (url, &stored) {
        (Some(url), _) => BaseUrl::parse(url, insecure)?,
        (None, Some(stored)) => BaseUrl::parse(&stored.cloud_url, insecure)?,
        (None, None) => return Err(not_paired()),
    };
    let token = match (token, &stored) {
        (Some(token), _) => SecretString::from(token.to_owned()),
        (None, Some(stored)) => {
            let home = BaseUrl::parse(&stored.cloud_url, insecure)?;
            if !home.same_origin(&base) {
                return Err(CredentialError::OtherCloud {
                    url: base.to_string(),
                    stored: home.to_string(),
                });
            }
            stored.token.clone()
        }
        (None, None) => return Err(not_paired()),
    };
    let host = hostname(env);
    Ok(ResolvedCredential {
        base,
        token,
        workstation_id: stored.as_ref().map_or_else(
            || default_workstation_id(&host),
            |s| s.workstation_id.clone(),
        ),
        display_name: stored.map_or(host, |s| s.display_name),
    })
}

#[cfg(test)]
mod tests;
