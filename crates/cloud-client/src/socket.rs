//! What the event socket and the room dial have in common.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use http::{HeaderMap, header};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::base_url::BaseUrl;
use crate::error::{CloudError, Refusal, chain, snippet};
use crate::http::{SNIPPET, parse_tolerant, unix_ms};
use crate::retry_after::parse_retry_after;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
/// The sending half of a WebSocket.
pub type SocketSink = SplitSink<Socket, Message>;
/// The receiving half of a WebSocket.
pub type SocketStream = SplitStream<Socket>;

/// Limit for name, TCP, TLS and upgrade together (WS-171).
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Read and write buffers; the library's default costs 134 kB a connection.
const BUFFER: usize = 4096;
/// Largest message, above the largest frame of the room protocol (64 MiB) with its type byte.
const MAX_MESSAGE: usize = 64 * 1024 * 1024 + 1024;

/// Dials a WebSocket; a refused upgrade becomes the same [`Refusal`] as over HTTP.
pub(crate) async fn dial(
    call: &'static str,
    base: &BaseUrl,
    path: &str,
    headers: HeaderMap,
) -> Result<Socket, CloudError> {
    let mut request =
        base.join_ws(path)
            .into_client_request()
            .map_err(|e| CloudError::Request {
                call,
                cause: chain(&e),
            })?;
    request.headers_mut().extend(headers);
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(2 * MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let unreachable = |cause: String| CloudError::Unreachable {
        base: base.to_string(),
        cause,
    };
    let no_delay = true;
    match tokio::time::timeout(
        DIAL_TIMEOUT,
        connect_async_with_config(request, Some(config), no_delay),
    )
    .await
    {
        Err(_) => Err(unreachable("no answer in 30 seconds".to_owned())),
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(response))) => {
            let text = response
                .body()
                .as_deref()
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            let body = parse_tolerant(&text);
            let shown = body
                .get("error")
                .and_then(serde_json::Value::as_str)
                .unwrap_or(&text);
            let retry_after = response.headers().get(header::RETRY_AFTER);
            Err(CloudError::Refused(Box::new(Refusal {
                call,
                status: response.status().as_u16(),
                snippet: snippet(shown, SNIPPET),
                retry_after: retry_after
                    .and_then(|value| value.to_str().ok())
                    .and_then(|value| parse_retry_after(value, unix_ms())),
                body,
            })))
        }
        Ok(Err(error)) => Err(unreachable(chain(&error))),
    }
}
