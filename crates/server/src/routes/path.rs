//! Path parameters: decoded once, refused where they could be read two ways.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::app::App;
use crate::error::ApiError;

/// The longest notebook id; ids are 26 characters, older ones may differ.
const ID_LIMIT: usize = 128;

/// The notebook id of a path.
#[derive(Debug, Clone)]
pub struct NotebookPath(pub String);

impl FromRequestParts<App> for NotebookPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(segments) = Path::<Vec<(String, String)>>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::bad_request("request path has a malformed escape"))?;
        let id = segments
            .into_iter()
            .find(|(name, _)| name == "notebook_id")
            .map(|(_, id)| id)
            .unwrap_or_default();
        check(&id)?;
        Ok(Self(id))
    }
}

/// A notebook id has no slash, no dots that walk, and nothing invisible.
fn check(id: &str) -> Result<(), ApiError> {
    if id.is_empty() {
        return Err(ApiError::bad_request("notebook id is required"));
    }
    if id.contains(['/', '\\']) {
        return Err(ApiError::bad_request("notebook id cannot contain '/'"));
    }
    if id == "." || id == ".." || id.len() > ID_LIMIT || id.chars().any(char::is_control) {
        return Err(ApiError::not_found("notebook not found"));
    }
    Ok(())
}
