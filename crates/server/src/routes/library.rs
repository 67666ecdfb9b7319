//! `GET /api/n`: a person's list of notebooks (CP 3.2), in pages, by view and by title.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use control_plane::library::{self, ListQuery};
use http::StatusCode;
use store::{
    Account, Accounts as _, Library as _, ListedCompute, ListedNotebook, Notebook, RevisionCover,
    Revisions as _,
};
use wire::http::{Cover, NotebookEntry, NotebooksResponse};
use wire::{NotebookId, Scope, UnixMs};

use super::notebooks::{endpoints, viewer_url};
use super::sign_in::add_cookie;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::{Accept, session};
use crate::request::Facts;
use crate::rooms::Occupants;

/// What the list adds to the rows; each part may be missing (CP-274).
struct Enrichment {
    accounts: HashMap<String, Account>,
    compute: HashMap<String, ListedCompute>,
    occupants: HashMap<String, Occupants>,
    covers: HashMap<String, Cover>,
}

pub(super) async fn list(State(app): State<App>, facts: Facts) -> Result<Response, ApiError> {
    let member = |name: &str| facts.query(name);
    let query = ListQuery::parse(
        member("limit").as_deref(),
        member("view").as_deref(),
        member("q").as_deref(),
        member("cursor").as_deref(),
    )?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    let listing = library::list(app.catalog(), &caller, &query).await?;
    let mut more = Enrichment::of(&app, &listing.notebooks, &caller.principal).await;
    let notebooks = listing
        .notebooks
        .into_iter()
        .map(|listed| entry(&app, listed, &mut more))
        .collect();
    let current_user_display = match identity.display_name {
        Some(name) => Some(name),
        None => name_of(&app, &identity.principal).await,
    };
    let mut response = json_response(
        StatusCode::OK,
        &NotebooksResponse {
            ok: true,
            notebooks,
            total_count: u64::try_from(listing.total).unwrap_or_default(),
            next_cursor: listing.next_cursor,
            current_user_principal: identity.principal,
            current_user_display,
            current_user_avatar: None,
        },
    );
    if let Some(cookie) = session::renewal(&app, &facts).await {
        add_cookie(&mut response, &cookie);
    }
    Ok(response)
}

/// The name that an account has; none is no reason to show no list.
async fn name_of(app: &App, principal: &str) -> Option<String> {
    let account = app.catalog().account(principal).await.ok().flatten();
    account?.display_name
}

/// The picture of a notebook's latest revision.
async fn cover_of(app: &App, notebook: &Notebook) -> Option<Cover> {
    let latest = notebook.latest_revision_id.as_deref()?;
    let revision = app.catalog().revision(&notebook.id, latest).await.ok()??;
    let RevisionCover { blob_hash, mime } = revision.cover?;
    Some(Cover { blob_hash, mime })
}

impl Enrichment {
    async fn of(app: &App, rows: &[ListedNotebook], principal: &str) -> Self {
        let mut accounts = HashMap::new();
        for owner in rows.iter().map(|row| &row.notebook.owner_principal) {
            if !accounts.contains_key(owner)
                && let Ok(Some(account)) = app.catalog().account(owner).await
            {
                accounts.insert(owner.clone(), account);
            }
        }
        let mut covers = HashMap::new();
        for row in rows {
            if let Some(cover) = cover_of(app, &row.notebook).await {
                covers.insert(row.notebook.id.clone(), cover);
            }
        }
        let compute = app.catalog().library_compute(principal).await;
        let compute = compute.unwrap_or_else(|cause| {
            tracing::warn!(%cause, "the list is shown without compute");
            Vec::new()
        });
        Self {
            accounts,
            compute: compute
                .into_iter()
                .map(|compute| (compute.job.notebook_id.clone(), compute))
                .collect(),
            occupants: app.rooms().occupants(principal),
            covers,
        }
    }
}

fn entry(app: &App, listed: ListedNotebook, more: &mut Enrichment) -> NotebookEntry {
    let ListedNotebook { notebook, scope } = listed;
    let id = &notebook.id;
    let scope = scope.parse().unwrap_or(Scope::Viewer);
    let occupants = more.occupants.remove(id).unwrap_or_default();
    let compute = more.compute.remove(id).filter(|_| scope == Scope::Owner);
    let owner_display = more
        .accounts
        .get(&notebook.owner_principal)
        .and_then(|account| account.display_name.clone());
    NotebookEntry {
        viewer_url: viewer_url(app, id, notebook.title.as_deref().unwrap_or("notebook")),
        endpoints: endpoints(&[
            ("catalog", format!("/api/n/{id}")),
            ("acl", format!("/api/n/{id}/acl")),
            ("access_requests", format!("/api/n/{id}/access-requests")),
        ]),
        notebook_id: NotebookId::from(id.as_str()),
        title: notebook.title,
        owner_principal: notebook.owner_principal,
        scope,
        created_at: UnixMs(notebook.created_ms),
        updated_at: UnixMs(notebook.updated_ms),
        trashed_at: notebook.trashed_ms.map(UnixMs),
        latest_revision_id: notebook.latest_revision_id,
        owner_resolved: owner_display.is_some(),
        owner_display,
        owner_avatar: None,
        composition: parse(notebook.cell_composition.as_deref()),
        preview: parse(notebook.preview_cells.as_deref()),
        cover: more.covers.remove(id),
        language: notebook.language,
        compute_session: compute
            .map(|compute| library::compute_session(compute, occupants.runtime_peers)),
        peers: (!occupants.people.is_empty()).then_some(occupants.people),
    }
}

/// A stored JSON text; a malformed one drops this member only (CP-271).
fn parse<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Option<T> {
    serde_json::from_str(text?).ok()
}

#[cfg(test)]
mod tests;
