//! The trash and the copy: what an owner does to a notebook as a whole (additive to CP 3).

use axum::extract::State;
use axum::response::Response;
use control_plane::access::{self, Downgrade};
use control_plane::{Caller, notebooks as rules, trash};
use http::StatusCode;
use serde_json::{Map, json};
use wire::{Scope, UnixMs};

use super::body::{JsonBody, json_object};
use super::notebooks::{created, new_notebook};
use super::path::NotebookPath;
use crate::app::App;
use crate::error::{ApiError, json as json_response};
use crate::identity::Accept;
use crate::notebook_file::{self, First};
use crate::request::Facts;

async fn caller(app: &App, facts: &Facts) -> Result<Caller, ApiError> {
    facts.check_origin(app)?;
    Ok(app.identify(facts, Accept::PEOPLE).await?.caller())
}

fn answer(id: &str, trashed_ms: Option<i64>) -> Response {
    let trashed_at = trashed_ms.map(UnixMs);
    json_response(
        StatusCode::OK,
        &json!({ "ok": true, "notebook_id": id, "trashed_at": trashed_at }),
    )
}

/// `POST /api/n/:id/trash`.
pub(super) async fn put(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let caller = caller(&app, &facts).await?;
    let (notebook, effects) = trash::put(app.catalog(), &caller, &id, app.now_ms()).await?;
    app.carry_out(effects).await;
    Ok(answer(&id, notebook.trashed_ms))
}

/// `POST /api/n/:id/restore`.
pub(super) async fn restore(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let caller = caller(&app, &facts).await?;
    let notebook = trash::restore(app.catalog(), &caller, &id, app.now_ms()).await?;
    Ok(answer(&id, notebook.trashed_ms))
}

/// `DELETE /api/n/:id`: for good, out of the trash only.
pub(super) async fn delete(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let caller = caller(&app, &facts).await?;
    let effects = trash::delete(app.catalog(), &caller, &id, app.now_ms()).await?;
    app.carry_out(effects).await;
    Ok(json_response(
        StatusCode::OK,
        &json!({ "ok": true, "notebook_id": id }),
    ))
}

/// `POST /api/n/:id/duplicate`: whoever may read a notebook may have a copy of its own, with the
/// outputs. Access, comments and compute stay with the first.
pub(super) async fn duplicate(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    facts.check_origin(&app)?;
    let identity = app.identify(&facts, Accept::PEOPLE).await?;
    let caller = identity.caller();
    rules::may_create(&caller, identity.scope)?;
    let access =
        access::authorize(app.catalog(), &caller, &id, Scope::Viewer, Downgrade::Never).await?;
    let members = if body.is_empty() {
        Map::new()
    } else {
        json_object(&body, "duplicate body")?
    };
    let mut input = rules::parse_create(&members)?;
    input.title = Some(rules::title_of_copy(
        input.title,
        access.notebook.title.as_deref(),
    ));
    let copied = notebook_file::copy_of(&app, &access.notebook).await?;
    let first = First::Copy { of: id, copied };
    let notebook = new_notebook(&app, &caller, &input, first).await?;
    Ok(created(&app, notebook, input))
}

#[cfg(test)]
mod tests;
