//! What can go wrong between a client and the cloud, in classes a caller can act on.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// The cloud's answer when it is not a success.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Which call was refused, in words.
    pub call: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The body, or an object with `error` when it was not JSON.
    pub body: Value,
    /// The first characters of the body as text, for messages.
    pub snippet: String,
    /// The `Retry-After` header when it was understood.
    pub retry_after: Option<Duration>,
}

/// The classes of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// 401: the credential is missing, wrong or revoked.
    Unauthorized,
    /// 403: the credential may not do this.
    Forbidden,
    /// 404 and 410: not there, or not the caller's to know.
    NotFound,
    /// 409: the state does not allow it.
    Conflict,
    /// 429: too often.
    RateLimited,
    /// 5xx: the cloud's own trouble.
    Server,
    /// Every other status.
    Other,
}

impl Refusal {
    /// The class of this refusal.
    pub fn kind(&self) -> RefusalKind {
        match self.status {
            401 => RefusalKind::Unauthorized,
            403 => RefusalKind::Forbidden,
            404 | 410 => RefusalKind::NotFound,
            409 => RefusalKind::Conflict,
            429 => RefusalKind::RateLimited,
            500..=599 => RefusalKind::Server,
            _ => RefusalKind::Other,
        }
    }

    /// The `error` text of the body, when it has one.
    pub fn error_text(&self) -> Option<&str> {
        self.body.get("error").and_then(Value::as_str)
    }

    /// Whether a room token's time is over: it is to be renewed, nothing else is wrong.
    pub fn is_expired_room_token(&self) -> bool {
        self.status == 401 && self.code() == Some(wire::ROOM_TOKEN_EXPIRED)
    }

    /// The machine-readable `code` of the body, when it has one.
    pub fn code(&self) -> Option<&str> {
        self.body.get("code").and_then(Value::as_str)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} failed: the cloud answered {}",
            self.call, self.status
        )?;
        if !self.snippet.is_empty() {
            write!(f, ": {}", self.snippet)?;
        }
        Ok(())
    }
}

/// A call to the cloud that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CloudError {
    /// No answer: name, connection, TLS or time-out.
    #[error("could not reach {base}: {cause}")]
    Unreachable {
        /// The cloud's address.
        base: String,
        /// The chain of causes in one line.
        cause: String,
    },
    /// A success status whose body is not JSON, as captive portals send.
    #[error(
        "{call} failed: invalid JSON response from {base} (status {status}): {cause}\nHint: check the address; a proxy or sign-in portal may have answered in place of the cloud"
    )]
    NotJson {
        /// Which call.
        call: &'static str,
        /// The cloud's address.
        base: String,
        /// The HTTP status.
        status: u16,
        /// What the parser says.
        cause: String,
    },
    /// JSON without what the protocol promises.
    #[error("{call} failed: the response lacks {missing}")]
    Incomplete {
        /// Which call.
        call: &'static str,
        /// The missing members.
        missing: String,
    },
    /// The cloud said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The request could not be made (a header value that cannot be sent, for example).
    #[error("{call}: {cause}")]
    Request {
        /// Which call.
        call: &'static str,
        /// Why.
        cause: String,
    },
}

impl CloudError {
    /// The refusal, when the cloud answered with one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The HTTP status, when the cloud answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::NotJson { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// An error and its causes in one line, without repetitions.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let line = cause.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        next = cause.source();
    }
    text
}

/// At most `limit` characters of a text, on one line, without control characters.
pub(crate) fn snippet(text: &str, limit: usize) -> String {
    let clean = text.trim().chars().take(limit);
    clean
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
