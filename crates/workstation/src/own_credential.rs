//! The agent's own credential while it runs: rotated when the cloud asks for it, and picked up when
//! the file was written anew by somebody else (decision D7).

use std::path::PathBuf;

use cloud_client::{BaseUrl, CloudClient, CloudError, ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{CredentialError, Fit, StoredCredential, installed_build};

/// What the cloud says of the credential when it takes a registration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Notice {
    /// Accepted jobs can be exchanged for room tokens.
    pub room_tokens: bool,
    /// The credential's id, when it should be rotated now.
    pub rotate: Option<String>,
    /// What is to be said about this build, if anything.
    pub build: Option<String>,
}

impl Notice {
    /// Reads it from the answer to a registration.
    pub fn of(answer: &Value) -> Self {
        let rotate = answer.pointer("/credential/rotate") == Some(&Value::Bool(true));
        let id = answer.pointer("/credential/credential_id");
        Self {
            room_tokens: answer["room_tokens"] == true,
            build: Fit::of(answer, &installed_build()).told(),
            rotate: id
                .and_then(Value::as_str)
                .filter(|_| rotate)
                .map(str::to_owned),
        }
    }
}

/// The credential's place on disk, for an agent whose token is stored there.
#[derive(Debug, Clone)]
pub(crate) struct OwnCredential {
    file: PathBuf,
    base: BaseUrl,
    workstation_id: String,
    /// The token that the file had when it was read last.
    read: SecretString,
}

impl OwnCredential {
    /// `None` when the agent's token is not the file's: then it is somebody else's to keep.
    pub fn find(
        file: Option<PathBuf>,
        base: &BaseUrl,
        workstation_id: &str,
        token: &SecretString,
    ) -> Option<Self> {
        let own = Self {
            file: file?,
            base: base.clone(),
            workstation_id: workstation_id.to_owned(),
            read: token.clone(),
        };
        let stored = own.stored()?;
        (stored.token.expose_secret() == token.expose_secret()).then_some(own)
    }

    /// The file's credential, if it still is for this workstation and this cloud.
    fn stored(&self) -> Option<StoredCredential> {
        let stored = StoredCredential::read(&self.file).ok()??;
        let home = BaseUrl::parse(&stored.cloud_url, true).ok()?;
        let same = home.same_origin(&self.base) && stored.workstation_id == self.workstation_id;
        same.then_some(stored)
    }

    /// The file's token when it has another one than before and than this one: the machine was paired again, or the
    /// credential was rotated by another program. One that could only not be stored is not followed back.
    pub fn other_than(&mut self, token: &SecretString) -> Option<SecretString> {
        let found = self.stored()?.token;
        let is = |known: &SecretString| found.expose_secret() == known.expose_secret();
        if is(&self.read) || is(token) {
            return None;
        }
        self.read = found.clone();
        Some(found)
    }

    /// Why a new token could not be stored, if so: then none is to be asked for.
    pub fn obstacle(&self) -> Option<CredentialError> {
        StoredCredential::check_writable(&self.file).err()
    }

    /// Asks for a new token and writes it. The former one stays valid for a while, so that nothing
    /// is lost when the file cannot be written or this process ends in between.
    pub async fn rotate(
        &self,
        client: &CloudClient,
        credential_id: &str,
    ) -> Result<SecretString, CloudError> {
        let token = client.rotate_credential(credential_id).await?;
        match self.stored() {
            Some(mut stored) if stored.credential_id == credential_id => {
                stored.token = token.clone();
                if let Err(error) = stored.write(&self.file) {
                    tracing::warn!(
                        "[workstation-agent] the rotated credential is not stored: {error}"
                    );
                }
            }
            _ => tracing::warn!(
                "[workstation-agent] the credential file holds another credential now"
            ),
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_changed_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("runt/credential.json");
        let write = |token: &str| {
            let stored = StoredCredential {
                cloud_url: "https://x".into(),
                token: SecretString::from(token),
                credential_id: "c".into(),
                workstation_id: "ws-1".into(),
                display_name: "Lab".into(),
                connected_at: "2026-11-20T14:00:00Z".into(),
            };
            stored.write(&file).unwrap();
        };
        let base = BaseUrl::parse("https://x", false).unwrap();
        let token = |token: &str| SecretString::from(token);
        write("nwc_0");
        assert!(OwnCredential::find(Some(file.clone()), &base, "ws-1", &token("nwc_9")).is_none());
        let own = OwnCredential::find(Some(file.clone()), &base, "ws-1", &token("nwc_0"));
        let mut own = own.unwrap();
        let mut other = |known| {
            let found = own.other_than(&token(known));
            found.map(|found| found.expose_secret().to_owned())
        };
        assert_eq!(other("nwc_0"), None);
        // Rotated, and not stored: the former one is not good for long.
        assert_eq!(other("nwc_1"), None);
        write("nwc_1");
        assert_eq!(other("nwc_1"), None);
        write("nwc_2");
        assert_eq!(other("nwc_1").as_deref(), Some("nwc_2"));
        assert_eq!(other("nwc_2"), None);
    }
}
