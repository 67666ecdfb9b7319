//! `GET /n/:id/r/latest/ogImage.png`: the picture of a public notebook, for previews of its link
//! (CP 3.11).

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use control_plane::access::{self, Downgrade};
use control_plane::{Caller, Refusal};
use http::{Method, StatusCode, header};
use store::{Notebooks as _, Revisions as _};
use wire::Scope;

use super::reading::{open, set};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Facts;
use crate::routes::path::NotebookPath;

/// What previews can show.
const KINDS: [&str; 2] = ["image/png", "image/jpeg"];

/// Nobody signs in here; whatever keeps the picture away reads as its absence.
pub(in crate::routes) async fn read(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Response {
    let head = facts.method == Method::HEAD;
    let found = find(&app, &id, head).await.unwrap_or_else(|cause| {
        tracing::debug!(%cause, "a notebook's picture is not served");
        None
    });
    found.unwrap_or_else(|| ApiError::not_found("notebook image not found").into_response())
}

async fn find(app: &App, id: &str, head: bool) -> Result<Option<Response>, Refusal> {
    let catalog = app.catalog();
    let nobody = Caller::nobody();
    let access = access::authorize(catalog, &nobody, id, Scope::Viewer, Downgrade::Never).await?;
    let Some(latest) = access.notebook.latest_revision_id else {
        return Ok(None);
    };
    let revision = catalog.revision(id, &latest).await?;
    let cover = revision.and_then(|revision| revision.cover);
    let Some(cover) = cover.filter(|cover| KINDS.contains(&cover.mime.as_str())) else {
        return Ok(None);
    };
    let Some(row) = catalog.blob(id, &cover.blob_hash).await? else {
        return Ok(None);
    };
    let size = u64::try_from(row.size_bytes).unwrap_or_default();
    let Ok(body) = open(app.blobs(), &cover.blob_hash, 0..size, head).await else {
        return Ok(None);
    };
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    let etag = format!("\"{}\"", cover.blob_hash);
    for (name, value) in [
        (header::CONTENT_TYPE, cover.mime.as_str()),
        (header::ETAG, &etag),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        set(headers, &name, value);
    }
    headers.insert(header::CONTENT_LENGTH, size.into());
    Ok(Some(response))
}
