//! A request's body that must not dawdle: whoever sends it holds a place among the requests that are answered.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// How long a body may pause.
const PAUSE: Duration = Duration::from_secs(60);
/// How long the server waits for a body in all, before what comes counts...
const GRACE: Duration = Duration::from_secs(60);
/// ...and bytes that buy another second.
const BYTES_PER_SECOND: u64 = 4 * 1024;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
#[error("the request body comes too slowly")]
pub(super) struct TooSlow;

/// A body that ends with an error when it pauses, or comes slower than a minimum. What the server itself takes before it
/// asks for more does not count.
#[derive(Debug)]
pub(super) struct PacedBody {
    body: Body,
    /// How long the server may still wait.
    left: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl PacedBody {
    /// A body that has not begun to come.
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            left: GRACE,
            waiting: None,
        }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some((since, _)) = this.waiting.take() {
                this.left = this.left.saturating_sub(since.elapsed());
            }
            let size = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            this.left += Duration::from_secs_f64(size as f64 / BYTES_PER_SECOND as f64);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let (_, sleep) = this.waiting.get_or_insert_with(|| {
            let wait = this.left.min(PAUSE);
            (Instant::now(), Box::pin(tokio::time::sleep(wait)))
        });
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
