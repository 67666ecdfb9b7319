//! The versions of a notebook, as the page keeps and shows them (additive to CP 3.9): made by the
//! server from what the room has shown, listed, and begun anew as a notebook of its own.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use control_plane::Caller;
use control_plane::access::{self, Access, Downgrade};
use control_plane::{Fields, limits, notebooks as rules};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use store::{Accounts as _, AuditEvent, AuditTrail as _, Revision, RevisionPlace, Revisions as _};
use wire::Scope;

use super::body::{JsonBody, json_object};
use super::notebooks::{created, new_notebook};
use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::notebook_file::{Copied, First};
use crate::request::Facts;
use crate::revision;

/// Versions of one page, unless fewer are asked for.
const PAGE: i64 = 50;

async fn allowed(app: &App, caller: &Caller, id: &str, scope: Scope) -> Result<Access, ApiError> {
    Ok(access::authorize(app.catalog(), caller, id, scope, Downgrade::Never).await?)
}

fn members(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    json_object(body, "revision body")
}

/// `GET /api/n/:id/revisions`: whoever may read the notebook.
pub(super) async fn list(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let after = match facts.query("cursor").filter(|text| !text.is_empty()) {
        None => RevisionPlace::START,
        Some(text) => {
            read_cursor(&text).ok_or_else(|| ApiError::bad_request("cursor is invalid"))?
        }
    };
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    allowed(&app, &caller, &id, Scope::Viewer).await?;
    let mut revisions = app.catalog().revisions(&id, &after, PAGE + 1).await?;
    let more = revisions.len() > PAGE as usize;
    revisions.truncate(PAGE as usize);
    let mut shown = Vec::with_capacity(revisions.len());
    for revision in &revisions {
        shown.push(with_author(&app, revision).await);
    }
    let mut answer = json!({ "notebook_id": id, "revisions": shown });
    if let Some(last) = revisions.last().filter(|_| more) {
        answer["next_cursor"] = format!("{:x}.{}", last.created_ms, last.id).into();
    }
    Ok(json_response(StatusCode::OK, &answer))
}

fn read_cursor(text: &str) -> Option<RevisionPlace> {
    let (created, id) = text.split_once('.')?;
    let created_ms = i64::from_str_radix(created, 16).ok()?;
    (!id.is_empty() && id.len() <= limits::ID).then(|| RevisionPlace {
        created_ms,
        id: id.to_owned(),
    })
}

async fn with_author(app: &App, revision: &Revision) -> Value {
    let mut value = revision::to_wire(revision);
    let principal = revision.actor_label.split('/').next().unwrap_or_default();
    if let Ok(Some(account)) = app.catalog().account(principal).await {
        value["author_display"] = account.display_name.into();
    }
    value
}

/// `POST /api/n/:id/revisions`: keeps what the room shows now; owners only, nothing becomes public.
pub(super) async fn create(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let access = allowed(&app, &caller, &id, Scope::Owner).await?;
    let members = members(&body)?;
    let title = Fields::new(&members).optional("title", limits::TITLE)?;
    let revision = revision::take(&app, &access.notebook, title, &caller.actor_label).await?;
    let shown = with_author(&app, &revision).await;
    Ok(json_response(
        StatusCode::CREATED,
        &json!({ "ok": true, "notebook_id": id, "revision": shown }),
    ))
}

/// `GET /api/n/:id/revisions/:revision`.
pub(super) async fn get(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    Path((_, revision)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let access = allowed(&app, &caller, &id, Scope::Viewer).await?;
    let revision = find(&app, &id, &revision).await?;
    let shown = with_author(&app, &revision).await;
    let title = access.notebook.title;
    Ok(json_response(
        StatusCode::OK,
        &json!({ "notebook_id": id, "notebook_title": title, "revision": shown }),
    ))
}

/// `DELETE /api/n/:id/revisions/:revision`: owners only.
pub(super) async fn delete(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    Path((_, revision)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    allowed(&app, &caller, &id, Scope::Owner).await?;
    let gone = app.catalog().delete_revision(&id, &revision).await?;
    if !gone {
        return Err(absent());
    }
    let event = AuditEvent {
        at_ms: app.now_ms(),
        actor_label: caller.actor_label,
        action: "revision.delete",
        notebook_id: Some(id.clone()),
        subject: Some(revision.clone()),
        detail: None,
    };
    app.catalog().audit(&event).await?;
    Ok(json_response(
        StatusCode::OK,
        &json!({ "ok": true, "notebook_id": id, "revision_id": revision }),
    ))
}

/// `POST /api/n/:id/revisions/:revision/restore`: a new notebook of the caller that begins with
/// the version; the notebook itself stays as it is.
pub(super) async fn restore(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    Path((_, revision)): Path<(String, String)>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    rules::may_create(&caller, identity.scope)?;
    let access = allowed(&app, &caller, &id, Scope::Viewer).await?;
    let mut input = rules::parse_create(&members(&body)?)?;
    let revision = find(&app, &id, &revision).await?;
    let title = revision
        .title
        .as_deref()
        .or(access.notebook.title.as_deref());
    input.title = Some(rules::title_of_copy(input.title, title));
    let pair = revision::open(&app, &revision).await?;
    let copied = Copied {
        cells: pair.notebook,
        states: pair.runtime,
    };
    let first = First::Copy { of: id, copied };
    let notebook = new_notebook(&app, &caller, &input, first).await?;
    Ok(created(&app, notebook, input))
}

/// `GET /api/n/:id/revisions/:revision/documents/:document`: `notebook` or `runtime`, as it was saved.
pub(super) async fn document(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    Path((_, revision, document)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    allowed(&app, &caller, &id, Scope::Viewer).await?;
    let revision = find(&app, &id, &revision).await?;
    let blob_hash = match document.as_str() {
        "notebook" => revision.notebook.blob_hash,
        "runtime" => revision.runtime.blob_hash,
        _ => return Err(ApiError::not_found("not found")),
    };
    let mut response = app.blobs().bytes(&blob_hash).await?.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, revision::DOCUMENT_TYPE),
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

async fn find(app: &App, id: &str, revision: &str) -> Result<Revision, ApiError> {
    let found = app.catalog().revision(id, revision).await?;
    found.ok_or_else(absent)
}

fn absent() -> ApiError {
    ApiError::not_found("revision not found")
}

#[cfg(test)]
mod tests;
