//! What can go wrong between a client and the cloud, in classes a caller can act on.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::base_url::BaseUrl;
use crate::network::NetworkError;
use crate::obstacle::Obstacle;

/// The cloud's answer when it is not a success.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Which call was refused, in words.
    pub call: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The body, or an object with `error` when it was not JSON.
    pub body: Value,
    /// Whether the body was an object of JSON with `error`, as the cloud's are and those of proxies and portals are not.
    pub in_cloud_words: bool,
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
    #[error("could not reach {base}: {cause}\nHint: {}", obstacle.hint())]
    Unreachable {
        /// The cloud's address.
        base: String,
        /// The chain of causes in one line.
        cause: String,
        /// What stands in the way.
        obstacle: Obstacle,
    },
    /// This machine's own network settings cannot be used.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A redirect, or a success status whose body is not what a cloud sends there, as captive portals answer.
    #[error(
        "{call} failed: {cause} in place of the answer of {base} (status {status})\nHint: a sign-in portal or a proxy may have answered: open the address in a browser on this network and sign in, or check the address"
    )]
    Foreign {
        /// Which call.
        call: &'static str,
        /// The cloud's address.
        base: String,
        /// The HTTP status.
        status: u16,
        /// What came, or what the parser says.
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
    /// No connection or no answer, because of this error.
    pub(crate) fn unreachable(
        base: &BaseUrl,
        error: &(dyn std::error::Error + 'static),
        proxied: bool,
    ) -> Self {
        Self::behind(base, Obstacle::of(error, proxied), chain(error))
    }

    /// Nothing came within the limit of the call.
    pub(crate) fn no_answer(base: &BaseUrl, proxied: bool) -> Self {
        let obstacle = if proxied {
            Obstacle::Proxy
        } else {
            Obstacle::Connection
        };
        Self::behind(base, obstacle, "no answer in time".to_owned())
    }

    /// An obstacle in plain words, before those of the libraries.
    pub(crate) fn behind(base: &BaseUrl, obstacle: Obstacle, cause: String) -> Self {
        Self::Unreachable {
            base: base.to_string(),
            cause: match obstacle.words() {
                Some(words) => format!("{words} ({cause})"),
                None => cause,
            },
            obstacle,
        }
    }

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
            Self::Foreign { status, .. } => Some(*status),
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
