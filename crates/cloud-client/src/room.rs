//! Dialling a notebook's room (spec 4.2).

use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

use crate::base_url::{BaseUrl, encode_segment};
use crate::error::CloudError;
use crate::events::bearer;
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
}

impl RoomDial {
    /// A dial with a bearer token and no metadata.
    pub fn new(base: BaseUrl, notebook_id: &str, scope: &str, token: SecretString) -> Self {
        Self {
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
        }
    }

    fn headers(&self) -> Result<HeaderMap, CloudError> {
        let mut headers = HeaderMap::new();
        let scope = HeaderValue::from_str(&self.scope).map_err(|e| CloudError::Request {
            call: CALL,
            cause: e.to_string(),
        })?;
        headers.insert("x-scope", scope);
        match &self.auth {
            RoomAuth::Bearer(token) => {
                headers.insert(header::AUTHORIZATION, bearer(CALL, token)?);
            }
            RoomAuth::Dev { token, user } => {
                put(
                    &mut headers,
                    "x-notebook-cloud-dev-token",
                    Some(token.expose_secret()),
                    512,
                );
                put(&mut headers, "x-user", Some(user), 128);
            }
        }
        put(&mut headers, "x-operator", self.operator.as_deref(), 160);
        let metadata = [
            ("x-nteract-workstation-id", &self.workstation_id, 128),
            (
                "x-nteract-runtime-session-id",
                &self.runtime_session_id,
                128,
            ),
            (
                "x-nteract-workstation-display-name",
                &self.workstation_display_name,
                160,
            ),
            (
                "x-nteract-workstation-default-environment",
                &self.default_environment,
                160,
            ),
            (
                "x-nteract-workstation-environment-policy",
                &self.environment_policy,
                80,
            ),
            (
                "x-nteract-workstation-working-directory",
                &self.working_directory,
                512,
            ),
        ];
        for (name, value, limit) in metadata {
            put(&mut headers, name, value.as_deref(), limit);
        }
        Ok(headers)
    }
}

const CALL: &str = "joining the room";

/// Dials the room and returns the two halves of its socket; the ready handshake is the caller's.
pub async fn dial_room(room: &RoomDial) -> Result<(SocketSink, SocketStream), CloudError> {
    let path = format!("/n/{}/sync", encode_segment(&room.notebook_id));
    let socket = dial(CALL, &room.base, &path, room.headers()?).await?;
    Ok(socket.split())
}

/// Adds a metadata header: trimmed, cut, skipped when blank or not fit for a header.
fn put(headers: &mut HeaderMap, name: &'static str, value: Option<&str>, limit: usize) {
    let Some(value) = value.map(str::trim).filter(|v| !v.is_empty()) else {
        return;
    };
    let cut: String = value.chars().take(limit).collect();
    // `from_str` takes visible ASCII only; other text would be read differently by each server.
    match HeaderValue::from_str(&cut) {
        Ok(value) if cut.is_ascii() => {
            headers.insert(HeaderName::from_static(name), value);
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
        let mut room = RoomDial::new(base, "n", "runtime_peer", SecretString::from("nwc_t"));
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
            room.working_directory = Some("/tmp/\u{1F600}".into());
        });
        assert_eq!(headers["x-nteract-workstation-id"].len(), 128);
        assert!(!headers.contains_key("x-nteract-workstation-display-name"));
        assert!(!headers.contains_key("x-nteract-workstation-working-directory"));
    }
}
