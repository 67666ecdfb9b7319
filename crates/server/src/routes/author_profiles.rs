//! `GET /api/n/:id/author-profiles`: names for comments (CP 3.8).

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use control_plane::access::{self, Downgrade};
use control_plane::author_profiles as rules;
use documents::CommentsDoc;
use http::StatusCode;
use serde_json::{Value, json};
use store::Notebook;
use store::document_log::{DocumentKind, DocumentLog as _};
use wire::Scope;

use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::notebook_file::{joined, key};
use crate::request::Facts;

/// Whoever may read the notebook may know who wrote its comments.
pub(super) async fn read(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let catalog = app.catalog();
    let access = access::authorize(catalog, &caller, &id, Scope::Viewer, Downgrade::Never).await?;
    let asked = rules::asked(&facts.queries("actor_label"))?;
    let authors = authors(&app, &access.notebook).await?;
    let now = app.now_ms();
    let found = rules::read(catalog, &access.notebook, &asked, &authors, now).await?;
    let profiles: Vec<Value> = found
        .into_iter()
        .map(|profile| {
            json!({
                "principal": profile.principal,
                "resolved": profile.label.is_some(),
                "label": profile.label,
                "image_url": null,
            })
        })
        .collect();
    Ok(json_response(
        StatusCode::OK,
        &json!({"notebook_id": id, "profiles": profiles}),
    ))
}

/// The labels that wrote the comments as they are durable now.
async fn authors(app: &App, notebook: &Notebook) -> Result<BTreeSet<String>, ApiError> {
    let stored = app.documents().load(&key(notebook)).await?;
    let bytes = joined(&stored.documents, DocumentKind::Comments);
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let work = move || CommentsDoc::load(&bytes, "system/reader").map(|doc| doc.authors());
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)
}

#[cfg(test)]
mod tests;
