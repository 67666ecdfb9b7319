//! Notebooks: create, get, rename (CP 3.1, 3.3, 3.4).

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::response::Response;
use control_plane::Caller;
use control_plane::access::{self, Downgrade};
use control_plane::notebooks::{self as rules, CreateInput};
use control_plane::quotas;
use documents::ipynb::ImportedNotebook;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use store::{Notebook, Notebooks as _, RevisionPlace, Revisions as _};
use wire::actor::percent_encode;
use wire::http::CreateNotebookResponse;
use wire::{NotebookId, Scope, UnixMs};

use super::body::{JsonBody, json_object, read_body, read_json};
use super::path::NotebookPath;
use super::sign_in::add_cookie;
use crate::app::App;
use crate::audit::Note;
use crate::error::{ApiError, json as json_response};
use crate::identity::{Accept, session};
use crate::notebook_file::{self, First, NotebookFileError};
use crate::request::Facts;
use crate::revision;

/// Revisions and blobs shown with a notebook.
const SHOWN: i64 = 50;

/// `POST /api/n`.
pub(super) async fn create(
    State(app): State<App>,
    facts: Facts,
    request: Request,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    rules::may_create(&caller, identity.scope)?;
    let body = read_body(request, app.config().settings.limits.notebook_body_bytes).await?;
    let mut members = optional_object(&facts, &body)?.unwrap_or_default();
    let input = rules::parse_create(&members)?;
    let first = match members.remove("content") {
        None | Some(Value::Null) => First::Nothing,
        Some(content @ Value::Object(_)) => First::File(Box::new(first_content(content).await?)),
        Some(_) => return Err(ApiError::bad_request("content must be a JSON object")),
    };
    let notebook = new_notebook(&app, &caller, &input, first).await?;
    Ok(created(&app, notebook, input))
}

/// Creates a notebook of the caller, whose first documents are durable before anybody can open it.
pub(super) async fn new_notebook(
    app: &App,
    caller: &Caller,
    input: &CreateInput,
    first: First,
) -> Result<Notebook, ApiError> {
    let most = app.config().settings.limits.notebooks_per_owner;
    quotas::may_own_another(app.catalog(), caller, most).await?;
    let mut entropy_failed = false;
    let now = app.now_ms();
    let id = rules::free_id(app.catalog(), now, || {
        let mut bytes = [0; 10];
        entropy_failed |= getrandom::fill(&mut bytes).is_err();
        bytes
    })
    .await?;
    let making = app.making().begin(&id);
    let blobs = first.store(app, &id).await?;
    let title = input.effective_title();
    let notebook = rules::create_as(app.catalog(), caller, title, now, id, &blobs).await?;
    drop(making);
    if entropy_failed {
        tracing::warn!("a notebook id was made without randomness of the system");
    }
    app.note(Note {
        actor_label: caller.actor_label.clone(),
        action: "notebook.create",
        notebook_id: Some(notebook.id.clone()),
        ..Note::default()
    })
    .await;
    Ok(notebook)
}

/// The answer that names a new notebook.
pub(super) fn created(app: &App, notebook: Notebook, input: CreateInput) -> Response {
    let id = &notebook.id;
    json_response(
        StatusCode::CREATED,
        &CreateNotebookResponse {
            ok: true,
            notebook_id: NotebookId::from(id.as_str()),
            viewer_url: viewer_url(app, id, input.slug()),
            title: notebook.title,
            endpoints: endpoints(&[
                ("catalog", format!("/api/n/{id}")),
                ("blobs", format!("/api/n/{id}/blobs/{{hash}}")),
                (
                    "runtime_snapshots",
                    format!("/api/n/{id}/runtime-snapshots/{{runtimeHeadsHash}}"),
                ),
                (
                    "comms_snapshots",
                    format!("/api/n/{id}/comms-snapshots/{{commsHeadsHash}}"),
                ),
                (
                    "snapshots",
                    format!("/api/n/{id}/snapshots/{{notebookHeadsHash}}"),
                ),
            ]),
            vanity_name: input.vanity_name,
            source_notebook_id: input.source_notebook_id,
            source_notebook_name: input.source_notebook_name,
        },
    )
}

/// Reads the file that a new notebook begins with; what it cannot hold is the caller's mistake.
async fn first_content(content: Value) -> Result<ImportedNotebook, ApiError> {
    notebook_file::read(content)
        .await
        .map_err(|cause| match cause {
            NotebookFileError::Import(_) | NotebookFileError::File(_) => {
                ApiError::bad_request(format!("content: {cause}"))
            }
            other => other.into(),
        })
}

/// `GET /api/n/:id`.
pub(super) async fn get(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    let requested = rules::page_scope(&caller);
    let access = access::authorize(app.catalog(), &caller, &id, requested, Downgrade::Live).await?;
    let blobs = app.catalog().blobs_of(&id, SHOWN).await?;
    let revisions = app
        .catalog()
        .revisions(&id, &RevisionPlace::START, SHOWN)
        .await?;
    let revisions: Vec<Value> = revisions.iter().map(revision::to_wire).collect();
    let blobs: Vec<Value> = blobs
        .into_iter()
        .map(|blob| {
            json!({
                "notebook_id": blob.notebook_id,
                "r2_key": format!("n/{}/blobs/{}", blob.notebook_id, blob.hash),
                "hash": blob.hash,
                "size": blob.size_bytes,
                "content_type": blob.content_type,
                "uploaded_at": UnixMs(blob.uploaded_ms),
            })
        })
        .collect();
    let mut response = json_response(
        StatusCode::OK,
        &json!({
            "notebook": row(&access.notebook),
            "revisions": revisions,
            "blobs": blobs,
            "access": { "scope": access.scope, "may_run": access.may_run },
        }),
    );
    // An open page asks this: whoever is at it stays signed in.
    if let Some(cookie) = session::renewal(&app, &facts).await {
        add_cookie(&mut response, &cookie);
    }
    Ok(response)
}

/// `PATCH /api/n/:id`.
pub(super) async fn rename(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    access::authorize(app.catalog(), &caller, &id, Scope::Editor, Downgrade::Never).await?;
    let title = rules::parse_rename(optional_object(&facts, &body)?.as_ref())?;
    let now = app.now();
    rules::rename(app.catalog(), &id, title.as_deref(), now.0).await?;
    Ok(json_response(
        StatusCode::OK,
        &json!({
            "ok": true,
            "notebook_id": id,
            "title": title,
            "updated_at": now,
            "viewer_url": viewer_url(&app, &id, title.as_deref().unwrap_or("notebook")),
        }),
    ))
}

/// `PATCH /api/n/:id/compute` (additive): when this notebook's unused compute stops.
pub(super) async fn compute(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    access::authorize(app.catalog(), &caller, &id, Scope::Owner, Downgrade::Never).await?;
    let minutes = rules::parse_compute(&json_object(&body, "compute body")?)?;
    let effects = rules::set_idle_minutes(app.catalog(), &id, minutes).await?;
    app.carry_out(effects).await;
    let body = json!({ "ok": true, "notebook_id": id, "idle_minutes": minutes });
    Ok(json_response(StatusCode::OK, &body))
}

/// The address of a notebook's page.
pub(super) fn viewer_url(app: &App, id: &str, slug: &str) -> String {
    format!("{}/n/{id}/{}", app.config().public, percent_encode(slug))
}

fn row(notebook: &Notebook) -> Value {
    json!({
        "id": notebook.id,
        "owner_principal": notebook.owner_principal,
        "title": notebook.title,
        "created_at": UnixMs(notebook.created_ms),
        "updated_at": UnixMs(notebook.updated_ms),
        "latest_revision_id": notebook.latest_revision_id,
        "cell_composition": notebook.cell_composition,
        "preview_cells": notebook.preview_cells,
        "language": notebook.language,
        "idle_minutes": notebook.idle_minutes,
    })
}

pub(super) fn endpoints(pairs: &[(&str, String)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, path)| ((*name).to_owned(), path.clone()))
        .collect()
}

/// The body as an object, when the content type says JSON; other bodies are ignored (CP-263).
fn optional_object(facts: &Facts, body: &[u8]) -> Result<Option<Map<String, Value>>, ApiError> {
    let is_json = facts
        .header(header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("application/json"));
    if !is_json {
        return Ok(None);
    }
    match read_json(body) {
        Err(_) => Err(ApiError::bad_request("request body must be valid JSON")),
        Ok(Value::Object(members)) => Ok(Some(members)),
        Ok(_) => Err(ApiError::bad_request("request body must be a JSON object")),
    }
}

#[cfg(test)]
mod tests;
