//! How many sockets are open, and how many one person or machine may hold.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::{Stream, StreamExt as _};
use http::StatusCode;
use tokio_tungstenite::tungstenite;

use crate::error::ApiError;

/// A client that was told there are too many waits this long; sockets last, so it is not short.
const RETRY_SECONDS: u64 = 30;

/// Whether a frame or message is larger than the socket takes.
pub fn is_too_large(cause: &axum::Error) -> bool {
    let cause = cause.source().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}

/// How long a peer may take to answer a close.
const LINGER: Duration = Duration::from_secs(1);

/// Reads what a peer still sends after it was told the close, until it answers or goes. A connection that is let go with
/// something unread is reset, and the peer may then lose the close and all that was said before it (RFC 9293, 3.10.4).
pub async fn linger<E>(mut stream: impl Stream<Item = Result<Message, E>> + Unpin) {
    let drained = async {
        loop {
            match stream.next().await {
                Some(Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
                // It cannot be read on, as after a message that is too large: the peer is given the time instead.
                Some(Err(_)) | None => std::future::pending().await,
            }
        }
    };
    // Whoever does not answer by then is reset.
    let _ = tokio::time::timeout(LINGER, drained).await;
}

/// How often an open socket asks whether what opened it still holds.
pub const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Whether a socket's credential still opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Allowed,
    /// It was taken back or has run out.
    Revoked,
    /// That could not be found out just now.
    Unknown,
}

impl Standing {
    /// Reads the answer to the questions of a dial: whether it grants the same as then.
    pub fn of(asked: Result<bool, ApiError>) -> Self {
        match asked {
            Ok(true) => Self::Allowed,
            Err(refused)
                if refused.status().is_server_error()
                    || refused.status() == StatusCode::TOO_MANY_REQUESTS =>
            {
                Self::Unknown
            }
            Ok(false) | Err(_) => Self::Revoked,
        }
    }
}

/// Comes back once a socket's credential is known to be good no more; `ask` is asked each [`ASK_AGAIN`].
pub async fn revoked<F: Future<Output = Standing>>(ask: impl Fn() -> F) {
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        if ask().await == Standing::Revoked {
            return;
        }
    }
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// A peer of a room.
    Room,
    /// A workstation's events.
    Events,
}

impl SocketKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Room, Self::Events];

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Events => "events",
        }
    }

    /// The name of its limit in metrics.
    pub fn limit(self) -> &'static str {
        match self {
            Self::Room => "room_sockets",
            Self::Events => "event_sockets",
        }
    }
}

/// The open sockets by kind and holder.
#[derive(Debug, Clone, Default)]
pub struct Sockets(Arc<Mutex<HashMap<(SocketKind, String), u64>>>);

/// An open socket; leaving scope gives its place up.
#[derive(Debug)]
pub struct SocketPlace {
    sockets: Sockets,
    key: (SocketKind, String),
}

impl Sockets {
    /// Takes a place for a socket of `holder`, of which there may be `limit`.
    ///
    /// # Errors
    /// 429 with `Retry-After` when there are as many already.
    pub fn open(
        &self,
        kind: SocketKind,
        holder: &str,
        limit: u64,
    ) -> Result<SocketPlace, ApiError> {
        let key = (kind, holder.to_owned());
        let mut open = self.lock();
        let count = open.entry(key.clone()).or_default();
        if *count >= limit {
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!("{limit} sockets are open already\nHint: close some, and try again"),
            )
            .retry_after(RETRY_SECONDS));
        }
        *count += 1;
        drop(open);
        Ok(SocketPlace {
            sockets: self.clone(),
            key,
        })
    }

    /// How many sockets of a kind are open.
    pub fn count(&self, kind: SocketKind) -> u64 {
        let open = self.lock();
        let of_kind = open.iter().filter(|((found, _), _)| *found == kind);
        of_kind.map(|(_, count)| *count).sum()
    }

    /// The lock guards counts; a panic elsewhere leaves them whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<(SocketKind, String), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        let mut open = self.sockets.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_has_a_limit_and_gets_a_place_back() {
        let sockets = Sockets::default();
        let first = sockets.open(SocketKind::Room, "ada", 2).unwrap();
        let _second = sockets.open(SocketKind::Room, "ada", 2).unwrap();
        let refused = sockets.open(SocketKind::Room, "ada", 2).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let _other = sockets.open(SocketKind::Room, "bob", 2).unwrap();
        let _events = sockets.open(SocketKind::Events, "ada", 2).unwrap();
        assert_eq!(sockets.count(SocketKind::Room), 3);
        drop(first);
        assert!(sockets.open(SocketKind::Room, "ada", 2).is_ok());
        assert_eq!(sockets.count(SocketKind::Room), 2);
        assert_eq!(sockets.count(SocketKind::Events), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_asks_each_minute_and_ends_at_a_plain_no_only() {
        let answers = [Standing::Allowed, Standing::Unknown, Standing::Revoked];
        let asked = std::cell::Cell::new(0);
        let began = tokio::time::Instant::now();
        revoked(|| async {
            asked.set(asked.get() + 1);
            answers[asked.get() - 1]
        })
        .await;
        assert_eq!((asked.get(), began.elapsed()), (3, 3 * ASK_AGAIN));
        let of = |status, grants| {
            let refused = ApiError::new(status, "no");
            (Standing::of(Err(refused)), Standing::of(Ok(grants)))
        };
        let (busy, same) = of(StatusCode::TOO_MANY_REQUESTS, true);
        assert_eq!((busy, same), (Standing::Unknown, Standing::Allowed));
        let (out, less) = of(StatusCode::UNAUTHORIZED, false);
        assert_eq!((out, less), (Standing::Revoked, Standing::Revoked));
        let (broken, _) = of(StatusCode::SERVICE_UNAVAILABLE, true);
        assert_eq!(broken, Standing::Unknown);
    }
}
