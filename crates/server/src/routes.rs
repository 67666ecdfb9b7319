//! The HTTP surface: which path goes where, and the conventions that hold on every path (CP 2.1).

mod body;
mod conventions;
mod health;

pub use body::{JsonBody, json_object};

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use crate::app::App;
use crate::error::ApiError;

/// Every route of the server.
pub fn router(app: App) -> Router {
    let api = Router::new().route("/api/health", get(health::health));
    conventions::apply(
        api.fallback(not_found)
            .method_not_allowed_fallback(not_found),
        &app,
    )
    .with_state(app)
}

async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not found")
}
