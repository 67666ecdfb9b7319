//! The listening socket: plain or encrypted, with limits on what comes before a request is known.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;

/// How long a client may take over the head of a request.
const HEAD_PAUSE: Duration = Duration::from_secs(60);
/// Bytes of a connection that wait to be read, at least.
const BUFFER: u64 = 64 * 1024;

/// Answers on a listener until the handle says stop.
///
/// # Errors
/// The accept loop failed.
pub(super) async fn serve(
    router: Router,
    listener: TcpListener,
    certificate: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
    header_bytes: u64,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum_server::from_tcp(listener.into_std()?)?.handle(handle);
    // A small write must not wait for an acknowledgement: outputs would stall for 40 ms.
    let quick = NoDelayAcceptor::new();
    match certificate {
        None => {
            let server = server.acceptor(quick);
            limited(server, header_bytes).serve(service).await
        }
        Some(config) => {
            let server = server.acceptor(RustlsAcceptor::new(config).acceptor(quick));
            limited(server, header_bytes).serve(service).await
        }
    }
}

/// A head that is far too large ends here, without a word from the application; the application
/// answers those that are somewhat too large.
fn limited<A>(mut server: Server<SocketAddr, A>, header_bytes: u64) -> Server<SocketAddr, A> {
    let most = usize::try_from(header_bytes.saturating_mul(2).max(BUFFER)).unwrap_or(usize::MAX);
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PAUSE)
        .max_buf_size(most);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(most).unwrap_or(u32::MAX));
    server
}
