//! The workstation's event socket: wake-ups from the cloud (control plane 2.21).

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::base_url::{BaseUrl, encode_segment};
use crate::error::{CloudError, chain};
use crate::network::Network;
use crate::socket::{Socket, dial};

/// A message from the cloud, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventMessage {
    /// The first message: the cloud knows us.
    Ready,
    /// Something about an attach job changed: poll now.
    AttachJobs,
    /// The cloud considers this workstation offline: register now.
    WentOffline,
    /// Anything else; it only shows that the connection lives.
    Other,
}

impl EventMessage {
    /// Reads a text frame; whatever it does not know is [`EventMessage::Other`].
    pub fn parse(text: &str) -> Self {
        let value = serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
        match value.get("event").and_then(Value::as_str) {
            Some("ready") => Self::Ready,
            Some("attach_jobs") => Self::AttachJobs,
            Some("went_offline") => Self::WentOffline,
            _ => Self::Other,
        }
    }
}

/// An open event socket.
pub struct EventSocket {
    socket: Socket,
}

/// Opens the event socket of a workstation.
pub async fn dial_events(
    network: &Network,
    base: &BaseUrl,
    workstation_id: &str,
    token: &SecretString,
) -> Result<EventSocket, CloudError> {
    const CALL: &str = "opening the event socket";
    let path = format!(
        "/api/workstations/{}/events",
        encode_segment(workstation_id)
    );
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, bearer(CALL, token)?);
    Ok(EventSocket {
        socket: dial(CALL, network, base, &path, headers).await?,
    })
}

impl EventSocket {
    /// The next message; `Ok(None)` is a clean end, `Err` a broken one. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<EventMessage>, String> {
        let Some(message) = self.socket.next().await else {
            return Ok(None);
        };
        Ok(match message.map_err(|e| chain(&e))? {
            Message::Text(text) => Some(EventMessage::parse(&text)),
            Message::Binary(bytes) => Some(EventMessage::parse(&String::from_utf8_lossy(&bytes))),
            Message::Close(_) => None,
            _ => Some(EventMessage::Other),
        })
    }

    /// Sends the liveness probe.
    pub async fn ping(&mut self) -> Result<(), String> {
        self.socket
            .send(Message::text(wire::EVENTS_PING))
            .await
            .map_err(|e| chain(&e))
    }

    /// Closes the socket politely; errors no longer matter.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
    }
}

pub(crate) fn bearer(call: &'static str, token: &SecretString) -> Result<HeaderValue, CloudError> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| {
            CloudError::Request {
                call,
                cause: "the credential holds characters that cannot be sent".to_owned(),
            }
        })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    // WS-160 WS-162
    #[test]
    fn ws_160_162_only_known_events_matter() {
        let parse = EventMessage::parse;
        assert_eq!(
            parse(r#"{"event":"attach_jobs","data":{}}"#),
            EventMessage::AttachJobs
        );
        assert_eq!(parse(r#"{"event":"ready"}"#), EventMessage::Ready);
        assert_eq!(
            parse(r#"{"event":"went_offline"}"#),
            EventMessage::WentOffline
        );
        for other in [
            "{\"event\":\"x\"}",
            "{",
            wire::EVENTS_PONG,
            "[1]",
            r#"{"event":7}"#,
        ] {
            assert_eq!(parse(other), EventMessage::Other, "{other}");
        }
    }
}
