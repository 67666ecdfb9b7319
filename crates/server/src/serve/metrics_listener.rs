//! The listener that answers `/metrics` and nothing else, apart from the one that people reach.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use tokio::net::TcpListener;

use crate::app::App;
use crate::error::ApiError;

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers until the server stops.
pub(super) async fn serve(app: App, listener: TcpListener) {
    let closing = app.closing().clone();
    let router = Router::new()
        .route("/metrics", get(metrics))
        .with_state(app);
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { closing.cancelled().await })
        .await;
    if let Err(cause) = served {
        tracing::error!(%cause, "metrics are no longer served");
    }
}

async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let text = app.metrics().text(&app).map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, TEXT)], text).into_response())
}
