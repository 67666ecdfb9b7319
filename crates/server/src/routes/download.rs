//! `GET /api/n/:id/download`: the notebook as an `.ipynb` file (additive).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use control_plane::access::{self, Downgrade};
use http::{HeaderValue, StatusCode, header};
use wire::Scope;
use wire::actor::percent_encode;

use super::path::NotebookPath;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Accept;
use crate::notebook_file::{self, NotebookFileError};
use crate::request::Facts;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-ipynb+json");
/// The longest file name without its ending.
const NAME_LIMIT: usize = 100;

/// Everybody who may read the notebook may have it as a file.
pub(super) async fn download(
    State(app): State<App>,
    facts: Facts,
    NotebookPath(id): NotebookPath,
) -> Result<Response, ApiError> {
    let caller = app.identify(&facts, Accept::PEOPLE).await?.caller();
    let access =
        access::authorize(app.catalog(), &caller, &id, Scope::Viewer, Downgrade::Never).await?;
    let text = notebook_file::text(app.storage(), &access.notebook).await?;
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let title = access.notebook.title.as_deref().unwrap_or("notebook");
    let disposition = disposition(title.strip_suffix(".ipynb").unwrap_or(title));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A name in plain letters for old clients, and the whole one beside it (RFC 6266).
fn disposition(title: &str) -> String {
    let name: String = title
        .chars()
        .map(|c| {
            if c.is_control() || "/\\:".contains(c) {
                '_'
            } else {
                c
            }
        })
        .take(NAME_LIMIT)
        .collect();
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || " ._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let whole = percent_encode(&name);
    format!("attachment; filename=\"{plain}.ipynb\"; filename*=UTF-8''{whole}.ipynb")
}

impl From<NotebookFileError> for ApiError {
    fn from(error: NotebookFileError) -> Self {
        let text = error.to_string();
        match error {
            NotebookFileError::Import(_) => Self::bad_request(format!("content: {text}")),
            NotebookFileError::File(documents::hosted_file::FileError::Document(cause)) => {
                Self::internal(cause)
            }
            NotebookFileError::File(_) | NotebookFileError::Export(_) => {
                Self::conflict(format!("the notebook does not fit a file: {text}"))
            }
            NotebookFileError::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, text),
            NotebookFileError::Store(cause) => cause.into(),
            NotebookFileError::Blobs(cause) => cause.into(),
            NotebookFileError::Io(cause) => Self::internal(cause),
            NotebookFileError::Broken(cause) => Self::internal(cause),
        }
    }
}

#[cfg(test)]
mod tests;
