//! The agent's own credential while it runs: rotated when the cloud asks for it, and picked up when
//! the file was written anew by somebody else (decision D7).

use std::path::PathBuf;

use cloud_client::{BaseUrl, CloudClient, CloudError, ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{Fit, StoredCredential, installed_build};

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

    /// The file's token when it is another than this one: the machine was paired again, or the
    /// credential was rotated by another program.
    pub fn other_than(&self, token: &SecretString) -> Option<SecretString> {
        let stored = self.stored()?;
        (stored.token.expose_secret() != token.expose_secret()).then_some(stored.token)
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
