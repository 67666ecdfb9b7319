//! The agent's own credential while it runs: rotated when the cloud asks for it, and picked up when
//! the file was written anew by somebody else (decision D7).

use std::path::PathBuf;

use cloud_client::{BaseUrl, ExposeSecret as _, SecretString};
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
    /// The token that the file had when it was read or written last.
    read: SecretString,
    /// A new token that is not in the file yet.
    unstored: Option<Unstored>,
}

#[derive(Debug, Clone)]
struct Unstored {
    credential_id: String,
    token: SecretString,
    /// Why, as it was said last.
    said: String,
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
            unstored: None,
        };
        let stored = own.stored()?;
        (stored.token.expose_secret() == token.expose_secret()).then_some(own)
    }

    /// The file's credential, if it still is for this workstation and this cloud.
    fn stored(&self) -> Option<StoredCredential> {
        let stored = StoredCredential::read(&self.file).ok()??;
        self.is_ours(&stored).then_some(stored)
    }

    fn is_ours(&self, stored: &StoredCredential) -> bool {
        BaseUrl::parse(&stored.cloud_url, true).is_ok_and(|home| home.same_origin(&self.base))
            && stored.workstation_id == self.workstation_id
    }

    /// The file's token when it has another one than before and than this one: the machine was paired again, or the
    /// credential was rotated by another program. One that could only not be stored is not followed back.
    fn other_than(&mut self, token: &SecretString) -> Option<SecretString> {
        let found = self.stored()?.token;
        let is = |known: &SecretString| found.expose_secret() == known.expose_secret();
        if is(&self.read) || is(token) {
            return None;
        }
        self.read = found.clone();
        Some(found)
    }

    /// What a heartbeat does: writes a token that could not be stored before, and returns the file's if that is another.
    pub fn settle(&mut self, token: &SecretString) -> Option<SecretString> {
        self.store();
        self.other_than(token)
    }

    /// Why a new token could not be stored, if so: then none is to be asked for.
    pub fn obstacle(&self) -> Option<CredentialError> {
        StoredCredential::check_writable(&self.file).err()
    }

    /// Writes a new token. The former one is taken for a day, and for minutes once the new one was seen; until the file has
    /// the new one, a restart after that would lock the machine out.
    pub fn keep(&mut self, credential_id: String, token: SecretString) {
        self.unstored = Some(Unstored {
            credential_id,
            token,
            said: String::new(),
        });
        self.store();
    }

    fn store(&mut self) {
        let Some(mut unstored) = self.unstored.take() else {
            return;
        };
        match self.write(&unstored) {
            Ok(()) if unstored.said.is_empty() => {}
            Ok(()) => tracing::info!("[workstation-agent] the rotated credential is stored now"),
            Err(error) => {
                let why = error.to_string();
                if why != unstored.said {
                    tracing::warn!(
                        "[workstation-agent] the rotated credential is not stored: {why}\n\
                         Hint: let this account write that file, and free its disk if it is full; it is tried again with \
                         each heartbeat, and until then keep this agent running, or pair the machine anew after a restart"
                    );
                }
                unstored.said = why;
                self.unstored = Some(unstored);
            }
        }
    }

    fn write(&mut self, new: &Unstored) -> Result<(), CredentialError> {
        let stored = StoredCredential::read(&self.file)?;
        let same = |stored: &StoredCredential| {
            stored.credential_id == new.credential_id
                && stored.token.expose_secret() == self.read.expose_secret()
                && self.is_ours(stored)
        };
        let Some(mut stored) = stored.filter(same) else {
            tracing::warn!("[workstation-agent] the credential file holds another credential now");
            return Ok(());
        };
        stored.token = new.token.clone();
        stored.write(&self.file)?;
        self.read = stored.token;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(token: &str) -> StoredCredential {
        StoredCredential {
            cloud_url: "https://x".into(),
            token: SecretString::from(token),
            credential_id: "c".into(),
            workstation_id: "ws-1".into(),
            display_name: "Lab".into(),
            connected_at: "2026-11-20T14:00:00Z".into(),
        }
    }

    #[test]
    fn a_new_token_is_written_as_soon_as_that_can_be() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("runt/credential.json");
        stored("nwc_0").write(&file).unwrap();
        let base = BaseUrl::parse("https://x", false).unwrap();
        let token = SecretString::from("nwc_0");
        let own = OwnCredential::find(Some(file.clone()), &base, "ws-1", &token);
        let mut own = own.unwrap();
        let in_file = || {
            let stored = StoredCredential::read(&file).unwrap().unwrap();
            stored.token.expose_secret().to_owned()
        };
        let elsewhere = place.path().join("elsewhere.json");
        std::fs::rename(&file, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        own.keep("c".into(), SecretString::from("nwc_1"));
        assert_eq!(in_file(), "nwc_0", "a symbolic link is not replaced");
        own.store();
        std::fs::remove_file(&file).unwrap();
        std::fs::rename(&elsewhere, &file).unwrap();
        own.store();
        assert_eq!(in_file(), "nwc_1");
        own.keep("c".into(), SecretString::from("nwc_2"));
        assert_eq!(in_file(), "nwc_2");
        // What somebody else wrote since stays.
        stored("nwc_3").write(&file).unwrap();
        own.keep("c".into(), SecretString::from("nwc_4"));
        assert_eq!(in_file(), "nwc_3");
    }

    #[test]
    fn only_a_file_that_changed_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("runt/credential.json");
        let write = |token: &str| stored(token).write(&file).unwrap();
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
