//! The HTTP surface: which path goes where, and the conventions that hold on every path (CP 2.1).

mod acl;
mod attach_jobs;
mod blobs;
mod body;
mod conventions;
mod credentials;
mod download;
mod events;
mod health;
mod notebooks;
mod page;
mod pairing;
mod path;
mod refusal;
mod repair;
mod sign_in;
mod sync;
mod workstations;

pub use body::{JsonBody, json_object};
pub use path::NotebookPath;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get, post};
use http::StatusCode;
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::error::ApiError;

/// Every route of the server.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .merge(api())
        .merge(pairing::router())
        .merge(credentials::router())
        .merge(workstations::router())
        .merge(attach_jobs::router())
        .merge(events::router())
        .merge(pages());
    let routes = routes
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(middleware::from_fn_with_state(
            app.clone(),
            page::output_host,
        ));
    conventions::apply(routes, &app).with_state(app)
}

fn api() -> Router<App> {
    Router::new()
        .route("/api/health", get(health::health))
        .route("/api/config", get(page::config))
        .route(
            "/api/auth/session",
            get(sign_in::read)
                .post(sign_in::create)
                .delete(sign_in::delete),
        )
        .route("/api/n", get(notebooks::list).post(notebooks::create))
        .route("/api/n/{notebook_id}", notebook())
        .route("/api/n/{notebook_id}/", notebook())
        .route("/api/n/{notebook_id}/acl", any(acl::acl))
        .route("/api/n/{notebook_id}/acl/", any(acl::acl))
        .route("/api/n/{notebook_id}/download", get(download::download))
        .route(
            "/api/n/{notebook_id}/runtime-state-repair",
            post(repair::repair),
        )
        .route("/api/n/{notebook_id}/blobs/{hash}", any(blobs::blob))
        .route("/n/{notebook_id}/sync", any(sync::sync))
        .route("/n/{notebook_id}/sync/", any(sync::sync))
}

fn notebook() -> axum::routing::MethodRouter<App> {
    get(notebooks::get).patch(notebooks::rename)
}

fn pages() -> Router<App> {
    let mut pages = Router::new().route("/sign-in", get(sign_in::sign_in));
    for address in [
        "/",
        "/index.html",
        "/n",
        "/n/{notebook_id}",
        "/n/{notebook_id}/{slug}",
        "/workstations",
    ] {
        pages = pages.route(address, get(page::index));
    }
    pages
        .route("/assets/{*path}", get(page::file))
        .route("/favicon.svg", get(page::file))
        .layer(CompressionLayer::new())
}

async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not found")
}

#[cfg(test)]
mod tests;
