//! JSON request bodies, read whatever their content type (CP 2.1, 2.2).

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::ApiError;

/// How long a whole JSON body may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The raw bytes of a JSON body; 413 past the limit, 408 past 30 seconds. Parse it with [`json_object`] after the
/// caller is known, so that the order of checks holds (CP 2.3).
#[derive(Debug, Clone)]
pub struct JsonBody(pub Bytes);

impl FromRequest<App> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let limit = app.config().settings.limits.json_body_bytes;
        tokio::time::timeout(DEADLINE, read_body(request, limit))
            .await
            .map_err(|_| {
                let seconds = DEADLINE.as_secs();
                ApiError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    format!("the request body did not come within {seconds} seconds"),
                )
            })?
            .map(Self)
    }
}

/// Reads a whole body; 413 past the limit.
///
/// # Errors
/// It is too large or broke off.
pub async fn read_body(request: Request, limit: u64) -> Result<Bytes, ApiError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    axum::body::to_bytes(request.into_body(), most)
        .await
        .map_err(|_| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("request body is larger than {limit} bytes, or broke off"),
            )
        })
}

/// Parses a body that must be a JSON object, named in the messages.
///
/// # Errors
/// `<name> must be JSON` or `<name> must be a JSON object`.
pub fn json_object(bytes: &[u8], name: &str) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(bytes) {
        Err(_) => Err(ApiError::bad_request(format!("{name} must be JSON"))),
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ApiError::bad_request(format!(
            "{name} must be a JSON object"
        ))),
    }
}

#[cfg(test)]
mod tests;
