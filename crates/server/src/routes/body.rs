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
    match read_json(bytes) {
        Err(_) => Err(ApiError::bad_request(format!("{name} must be JSON"))),
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ApiError::bad_request(format!(
            "{name} must be a JSON object"
        ))),
    }
}

/// Reads JSON as Python and JavaScript write it: half of a surrogate pair (`\ud83d` alone) is a character to them and
/// none to us. It is replaced, as in a text that was cut there: the rest of the body must not be lost for it.
///
/// # Errors
/// It is no JSON.
pub(super) fn read_json(bytes: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(bytes).or_else(|error| match without_halves(bytes) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(error),
    })
}

/// The same text with U+FFFD for each escape that is half of a surrogate pair; none if there is no such.
fn without_halves(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let length = match (unit(bytes, at), unit(bytes, at + ESCAPE)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * ESCAPE,
            (Some(0xD800..=0xDFFF), _) => {
                let mended = mended.get_or_insert_with(|| bytes.to_vec());
                mended[at..at + ESCAPE].copy_from_slice(br"\ufffd");
                ESCAPE
            }
            (Some(_), _) => ESCAPE,
            (None, _) => 2,
        };
        at += length;
    }
    mended
}

/// Bytes of an escape such as `\u00e9`.
const ESCAPE: usize = 6;

/// The UTF-16 unit that an escape at a place names, if one is there.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(br"\u")?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests;
