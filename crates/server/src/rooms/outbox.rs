//! What a peer is to be sent: in order, bounded by bytes, never waited for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wire::close::{Close, SLOW_CONSUMER};

/// Bytes that may wait for one peer before the next message ends it. One message of any size always fits behind them: a
/// large first sync does not end the peer that asked for it, not even one that is sent it twice, as a peer that
/// begins with nothing is.
const BYTES: usize = 64 * 1024 * 1024;
/// The most messages that may wait for one peer.
const MESSAGES: usize = 16 * 1024;

/// One thing to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A typed frame.
    Frame(Bytes),
    /// A liveness answer.
    Text(&'static str),
    /// The end, after everything before it.
    Close(Close),
}

impl Outgoing {
    fn bytes(&self) -> usize {
        match self {
            Self::Frame(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
            Self::Close(_) => 0,
        }
    }
}

/// The room's end: puts messages in, and can end the socket at once.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    waiting: Arc<AtomicUsize>,
    ended: Ended,
}

/// The socket's end.
#[derive(Debug)]
pub struct Outgoings {
    queue: mpsc::Receiver<Outgoing>,
    waiting: Arc<AtomicUsize>,
}

/// Says that a socket must end now, and with which word.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    token: CancellationToken,
    close: Arc<Mutex<Option<Close>>>,
}

impl Ended {
    /// Ends the socket without sending what waits; the first word counts.
    pub fn now(&self, close: Close) {
        self.close
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(close);
        self.token.cancel();
    }

    /// Resolves when the socket must end.
    pub async fn wait(&self) -> Option<Close> {
        self.token.cancelled().await;
        *self.close.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes an outbox.
pub fn outbox() -> (Outbox, Outgoings) {
    let (sender, queue) = mpsc::channel(MESSAGES);
    let waiting = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox {
        queue: sender,
        waiting: Arc::clone(&waiting),
        ended: Ended::default(),
    };
    (outbox, Outgoings { queue, waiting })
}

impl Outbox {
    /// Puts a message in; `false` when the peer reads too slowly and was therefore ended.
    pub fn put(&self, message: Outgoing) -> bool {
        let size = message.bytes();
        let before = self.waiting.fetch_add(size, Ordering::Relaxed);
        if before > BYTES {
            self.ended.now(SLOW_CONSUMER);
            return false;
        }
        match self.queue.try_send(message) {
            // Taken; or the socket is gone, and its end is told elsewhere.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => true,
            Err(mpsc::error::TrySendError::Full(Outgoing::Close(close))) => {
                self.ended.now(close);
                true
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.ended.now(SLOW_CONSUMER);
                false
            }
        }
    }

    /// Ends the socket after everything that waits, and lets the writing end see to it.
    pub async fn close(&self, close: Close) {
        self.put(Outgoing::Close(close));
        std::future::pending::<()>().await;
    }

    /// How to end the socket at once.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }
}

impl Outgoings {
    /// The next message; none when the room has let go of the peer.
    pub async fn next(&mut self) -> Option<Outgoing> {
        let message = self.queue.recv().await?;
        self.taken(&message);
        Some(message)
    }

    /// The next message if one waits.
    pub fn try_next(&mut self) -> Option<Outgoing> {
        let message = self.queue.try_recv().ok()?;
        self.taken(&message);
        Some(message)
    }

    fn taken(&self, message: &Outgoing) {
        self.waiting.fetch_sub(message.bytes(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(size: usize) -> Outgoing {
        Outgoing::Frame(Bytes::from(vec![0; size]))
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_ended() {
        let (outbox, _unread) = outbox();
        assert!(outbox.put(frame(BYTES + 1)), "one message always fits");
        assert!(!outbox.put(frame(1)));
        assert_eq!(outbox.ended().wait().await, Some(SLOW_CONSUMER));
    }

    #[tokio::test]
    async fn what_was_read_makes_room() {
        let (outbox, mut outgoings) = outbox();
        for _ in 0..4 {
            assert!(outbox.put(frame(BYTES)));
            assert!(outgoings.next().await.is_some());
        }
    }
}
