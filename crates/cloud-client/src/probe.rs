//! A look at what answers under the cloud's address, for diagnosis.

use std::time::Duration;

use reqwest::header;
use serde_json::Value;

use crate::error::snippet;
use crate::http::is_page;
use crate::{CloudClient, CloudError};

/// How long an answer may take.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// Longest words of another server in a message.
const WORDS: usize = 120;

/// What answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The server's clock, milliseconds since 1970.
    pub date_ms: Option<i64>,
    /// The body when it is JSON.
    pub json: Option<Value>,
    /// Whether the body is a web page, as sign-in portals send.
    pub is_page: bool,
}

impl CloudClient {
    /// Asks for a path without the credential; whatever answers counts.
    pub async fn probe(&self, path: &str) -> Result<Probe, CloudError> {
        let (status, headers, body) = self.get_bare("asking the cloud", path, PROBE_LIMIT).await?;
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let date = text(header::DATE).and_then(|date| jiff::fmt::rfc2822::parse(&date).ok());
        Ok(Probe {
            status,
            location: text(header::LOCATION).map(|location| snippet(&location, WORDS)),
            date_ms: date.map(|date| date.timestamp().as_millisecond()),
            json: serde_json::from_slice(&body).ok(),
            is_page: is_page(&headers, &body),
        })
    }
}
