//! The HTTP surface: which path goes where, and the conventions that hold on every path (CP 2.1).

mod access_requests;
mod acl;
mod api_tokens;
mod attach_jobs;
mod audit;
mod author_profiles;
mod blobs;
mod body;
mod conventions;
mod credentials;
mod download;
mod downloads;
mod events;
mod health;
mod invites;
mod library;
mod machines;
mod notebooks;
mod oidc;
mod openapi;
mod paced_body;
mod page;
mod pairing;
mod path;
mod refusal;
mod repair;
mod revisions;
mod room_tokens;
mod sessions;
mod sign_in;
mod snapshots;
mod sync;
mod table;
mod trash;
mod upgrade;
mod workstations;

pub use body::{JsonBody, json_object};
pub use path::NotebookPath;
pub use table::Route;

use axum::Router;
use axum::middleware;
use http::{Method, StatusCode};
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::error::ApiError;
use table::Routes;

/// Every route of the server.
pub fn router(app: App) -> Router {
    let routes = all()
        .router()
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(middleware::from_fn_with_state(
            app.clone(),
            page::output_host,
        ));
    conventions::apply(routes, &app).with_state(app)
}

/// What [`router`] serves, one entry for each method of each path.
pub fn table() -> Vec<Route> {
    all().table()
}

fn all() -> Routes {
    api()
        .merge(openapi::routes())
        .merge(audit::routes())
        .merge(invites::routes())
        .merge(access_requests::routes())
        .merge(oidc::routes())
        .merge(sessions::routes())
        .merge(api_tokens::routes())
        .merge(pairing::routes())
        .merge(credentials::routes())
        .merge(workstations::routes())
        .merge(attach_jobs::routes())
        .merge(events::routes())
        .merge(machines::routes())
        .merge(room_tokens::routes())
        .merge(downloads::routes())
        .merge(pages())
}

/// One version of a notebook.
const REVISION: &str = "/api/n/{notebook_id}/revisions/{revision}";

fn api() -> Routes {
    Routes::new()
        .get("/api/health", health::health)
        .get("/healthz", health::alive)
        .get("/readyz", health::ready)
        .get("/api/config", page::config)
        .get("/api/auth/session", sign_in::read)
        .post("/api/auth/session", sign_in::create)
        .delete("/api/auth/session", sign_in::delete)
        .get("/api/n", library::list)
        .post("/api/n", notebooks::create)
        .get("/api/n/{notebook_id}[/]", notebooks::get)
        .patch("/api/n/{notebook_id}[/]", notebooks::rename)
        .delete("/api/n/{notebook_id}[/]", trash::delete)
        .any(
            "/api/n/{notebook_id}/acl[/]",
            &[Method::GET, Method::POST, Method::DELETE],
            &acl::acl,
        )
        .get(
            "/api/n/{notebook_id}/author-profiles[/]",
            author_profiles::read,
        )
        .patch("/api/n/{notebook_id}/compute", notebooks::compute)
        .get("/api/n/{notebook_id}/download", download::download)
        .post("/api/n/{notebook_id}/duplicate", trash::duplicate)
        .post("/api/n/{notebook_id}/restore", trash::restore)
        .post("/api/n/{notebook_id}/trash", trash::put)
        .post(
            "/api/n/{notebook_id}/runtime-state-repair[/]",
            repair::repair,
        )
        .get("/api/n/{notebook_id}/revisions", revisions::list)
        .post("/api/n/{notebook_id}/revisions", revisions::create)
        .get(REVISION, revisions::get)
        .delete(REVISION, revisions::delete)
        .post(
            "/api/n/{notebook_id}/revisions/{revision}/restore",
            revisions::restore,
        )
        .get(
            "/api/n/{notebook_id}/revisions/{revision}/documents/{document}",
            revisions::document,
        )
        .any(
            "/api/n/{notebook_id}/snapshots/{hash}",
            &[Method::GET, Method::PUT],
            &snapshots::notebook,
        )
        .any(
            "/api/n/{notebook_id}/runtime-snapshots/{hash}",
            &[Method::GET, Method::PUT],
            &snapshots::runtime,
        )
        .any(
            "/api/n/{notebook_id}/comms-snapshots/{hash}",
            &[Method::GET, Method::PUT],
            &snapshots::comms,
        )
        .post("/api/n/{notebook_id}/blobs", blobs::batch)
        .post("/api/n/{notebook_id}/blobs/read", blobs::together)
        .any(
            "/api/n/{notebook_id}/blobs/{hash}",
            &[Method::GET, Method::HEAD, Method::PUT],
            &blobs::blob,
        )
        .get("/n/{notebook_id}/r/latest/ogImage.png", blobs::cover)
        .any("/n/{notebook_id}/sync[/]", &[Method::GET], &sync::sync)
}

fn pages() -> Routes {
    let mut pages = Routes::new().get("/sign-in", sign_in::sign_in);
    for address in [
        "/",
        "/index.html",
        "/n",
        "/n/{notebook_id}",
        "/n/{notebook_id}/{slug}",
        "/n/{notebook_id}/r/{revision}",
        "/workstations",
        "/account",
    ] {
        pages = pages.get(address, page::index);
    }
    pages
        .get("/assets/{*path}", page::file)
        .get("/favicon.svg", page::file)
        .wrap(|pages| pages.layer(CompressionLayer::new()))
}

async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not found")
}

#[cfg(test)]
mod tests;
