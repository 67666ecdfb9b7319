//! What the event socket and the room dial have in common.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use http::HeaderMap;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::base_url::BaseUrl;
use crate::error::{CloudError, chain};
use crate::http::refused;
use crate::network::{Connection, Network, connect};

pub(crate) type Socket = WebSocketStream<Box<dyn Connection>>;
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

/// Dials a WebSocket; a refused upgrade becomes the same error as over HTTP.
pub(crate) async fn dial(
    call: &'static str,
    network: &Network,
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
    let proxy = network.proxy_before(base)?;
    let tls = network.tls(base, proxy.as_ref())?;
    let proxied = proxy.is_some();
    let dialled = tokio::time::timeout(DIAL_TIMEOUT, async {
        let connection = connect(base, proxy.as_ref(), tls, DIAL_TIMEOUT)
            .await
            .map_err(|error| CloudError::unreachable(base, &*error, proxied))?;
        match client_async_with_config(request, connection, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err(refused(call, base, answer.status(), answer.headers(), body))
            }
            Err(error) => Err(CloudError::unreachable(base, &error, proxied)),
        }
    });
    dialled
        .await
        .unwrap_or_else(|_| Err(CloudError::no_answer(base, proxied)))
}
