//! Dialling a notebook's room (spec 4.2).

use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use wire::headers as names;

use crate::base_url::{BaseUrl, encode_segment};
use crate::error::CloudError;
use crate::events::bearer;
use crate::network::Network;
use crate::socket::{SocketSink, SocketStream, dial};

/// How a room dial proves who it is.
#[derive(Clone)]
pub enum RoomAuth {
    /// A bearer token: a workstation's credential or a room token.
    Bearer(SecretString),
    /// The development identity: its shared token and the user's label.
    Dev {
        /// The shared token.
        token: SecretString,
        /// The user.
        user: String,
    },
}

/// What a room dial says about itself.
#[derive(Clone)]
pub struct RoomDial {
    /// The way to the cloud.
    pub network: Network,
    /// The cloud.
    pub base: BaseUrl,
    /// The notebook.
    pub notebook_id: String,
    /// The scope asked for, for example `runtime_peer`.
    pub scope: String,
    /// The operator part of the actor label.
    pub operator: Option<String>,
    /// Who dials.
    pub auth: RoomAuth,
    /// The attach job's id.
    pub runtime_session_id: Option<String>,
    /// The workstation's id.
    pub workstation_id: Option<String>,
    /// The workstation's name for people.
    pub workstation_display_name: Option<String>,
    /// Name of the default environment (80 to 160 characters).
    pub default_environment: Option<String>,
    /// Policy of environments.
    pub environment_policy: Option<String>,
    /// The folder kernels start in.
    pub working_directory: Option<String>,
    /// Whether fresh documents are taken up when the room starts over (decision D11).
    pub rejoins: bool,
}

impl RoomDial {
    /// A dial with a bearer token and no metadata.
    pub fn new(
        network: Network,
        base: BaseUrl,
        notebook_id: &str,
        scope: &str,
        token: SecretString,
    ) -> Self {
        Self {
            network,
            base,
            notebook_id: notebook_id.to_owned(),
            scope: scope.to_owned(),
            operator: None,
            auth: RoomAuth::Bearer(token),
            runtime_session_id: None,
            workstation_id: None,
            workstation_display_name: None,
            default_environment: None,
            environment_policy: None,
            working_directory: None,
            rejoins: false,
        }
    }

    fn headers(&self) -> Result<HeaderMap, CloudError> {
        let mut headers = HeaderMap::new();
        let scope = HeaderValue::from_str(&self.scope).map_err(|e| CloudError::Request {
            call: CALL,
            cause: e.to_string(),
        })?;
        headers.insert(names::SCOPE, scope);
        match &self.auth {
            RoomAuth::Bearer(token) => {
                headers.insert(header::AUTHORIZATION, bearer(CALL, token)?);
            }
            RoomAuth::Dev { token, user } => {
                let token = token.expose_secret().to_owned();
                put(&mut headers, names::DEV_TOKEN, Some(token));
                put(&mut headers, names::USER, Some(user.clone()));
            }
        }
        put(&mut headers, names::OPERATOR, self.operator.clone());
        for (name, value) in [
            (names::WORKSTATION_ID, &self.workstation_id),
            (names::RUNTIME_SESSION_ID, &self.runtime_session_id),
            (names::DEFAULT_ENVIRONMENT, &self.default_environment),
            (names::ENVIRONMENT_POLICY, &self.environment_policy),
        ] {
            let sent = value.as_deref().and_then(|value| name.send(value));
            put(&mut headers, name.name, sent);
        }
        self.put_texts(&mut headers);
        if self.rejoins {
            put(&mut headers, names::EPOCHS, Some(names::REJOIN.to_owned()));
        }
        Ok(headers)
    }

    /// Name and folder in any script: as they are where a header can carry them, else percent-encoded (WS-281).
    fn put_texts(&self, headers: &mut HeaderMap) {
        let texts = [
            (
                names::DISPLAY_NAME,
                self.workstation_display_name.as_deref(),
            ),
            (names::WORKING_DIRECTORY, self.working_directory.as_deref()),
        ];
        let is_plain = |(name, value): &(names::MetadataHeader, Option<&str>)| {
            let value = value.and_then(|value| name.accept(value));
            value.is_none_or(|value| name.send(&value).is_some())
        };
        let plain = texts.iter().all(is_plain);
        for (name, value) in texts {
            let sent = value.and_then(|value| {
                if plain {
                    name.send(value)
                } else {
                    name.send_encoded(value)
                }
            });
            put(headers, name.name, sent);
        }
        if !plain {
            let encoding = names::PERCENT.to_owned();
            put(headers, names::METADATA_ENCODING, Some(encoding));
        }
    }
}

const CALL: &str = "joining the room";

/// Dials the room and returns the two halves of its socket; the ready handshake is the caller's.
pub async fn dial_room(room: &RoomDial) -> Result<(SocketSink, SocketStream), CloudError> {
    let path = format!("/n/{}/sync", encode_segment(&room.notebook_id));
    let socket = dial(CALL, &room.network, &room.base, &path, room.headers()?).await?;
    Ok(socket.split())
}

/// Adds a header; one that is blank or cannot carry its value is left out.
fn put(headers: &mut HeaderMap, name: &'static str, value: Option<String>) {
    let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
        return;
    };
    // `from_str` takes more than visible ASCII; other text would be read differently by each server.
    match HeaderValue::from_str(value.trim()) {
        Ok(sent) if value.is_ascii() => {
            headers.insert(HeaderName::from_static(name), sent);
        }
        _ => tracing::warn!(
            header = name,
            "skipped a header that cannot carry its value"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial_with(f: impl FnOnce(&mut RoomDial)) -> HeaderMap {
        let base = BaseUrl::parse("https://x", false).unwrap();
        let token = SecretString::from("nwc_t");
        let mut room = RoomDial::new(Network::direct(), base, "n", "runtime_peer", token);
        f(&mut room);
        room.headers().unwrap()
    }

    // WS-266 WS-269
    #[test]
    fn ws_266_269_plain_bearer_scope_and_session() {
        let headers = dial_with(|room| room.runtime_session_id = Some("job-1".into()));
        assert_eq!(headers["authorization"], "Bearer nwc_t");
        assert_eq!(headers["x-scope"], "runtime_peer");
        assert_eq!(headers["x-nteract-runtime-session-id"], "job-1");
        assert!(!headers.contains_key("x-notebook-cloud-auth-provider"));
    }

    // WS-268
    #[test]
    fn ws_268_metadata_is_trimmed_cut_and_skipped() {
        let headers = dial_with(|room| {
            room.workstation_id = Some(format!("  {}  ", "a".repeat(200)));
            room.workstation_display_name = Some("   ".into());
            room.default_environment = Some("größer".into());
        });
        assert_eq!(headers["x-nteract-workstation-id"].len(), 128);
        assert!(!headers.contains_key("x-nteract-workstation-display-name"));
        assert!(!headers.contains_key("x-nteract-workstation-default-environment"));
        assert!(!headers.contains_key(names::METADATA_ENCODING));
    }

    // WS-281
    #[test]
    fn ws_281_names_and_folders_of_any_script_are_encoded_and_others_are_not() {
        let headers = dial_with(|room| {
            room.workstation_display_name = Some(" Größe 1 ".into());
            room.working_directory = Some("/data/100%".into());
        });
        let (name, folder) = (names::DISPLAY_NAME.name, names::WORKING_DIRECTORY.name);
        assert_eq!(headers[name], "Gr%C3%B6%C3%9Fe 1");
        assert_eq!(headers[folder], "/data/100%25");
        assert_eq!(headers[names::METADATA_ENCODING], "percent");
        let headers = dial_with(|room| {
            room.workstation_display_name = Some("lab".into());
            room.working_directory = Some("/data/100%".into());
        });
        assert_eq!(headers[folder], "/data/100%");
        assert!(!headers.contains_key(names::METADATA_ENCODING));
    }
}
