//! One open room socket: reads into the room's inbox, writes from its outbox, answers liveness.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Ws, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use room::{Join, Message};
use tokio::sync::{Semaphore, mpsc, oneshot};
use wire::close::{ACCESS_REVOKED, CODE_RESTART, Close, MESSAGE_TOO_LARGE, SYNC_FAILED};
use wire::{LIVENESS_PING, LIVENESS_PONG};

use super::command::Command;
use super::outbox::{Ended, Outbox, Outgoing, Outgoings, outbox};
use super::{ATTEMPTS, Rooms, SocketEntry};
use crate::app::App;
use crate::sockets::{Standing, is_too_large, linger, revoked};

/// How long the network may take for one message before the peer counts as gone.
const SEND_LIMIT: Duration = Duration::from_secs(60);
/// How long a close frame may take, behind what the network still holds.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// Messages written before the socket is flushed.
const BURST: usize = 64;
/// The server stops; a client dials again.
const RESTARTING: Close = Close {
    code: CODE_RESTART,
    reason: "server is restarting",
};

/// Everything about an accepted dial.
#[derive(Debug)]
pub struct Dial {
    /// The notebook.
    pub notebook_id: String,
    /// What the room must know.
    pub join: Join,
    /// The browser session or API token used, if one was.
    pub session_id: Option<String>,
    /// Whether what was presented may lapse while the socket is open.
    pub may_lapse: bool,
    /// Bytes of its largest message, and of what may wait for the room together.
    pub message_max: usize,
}

/// The inbox of the room that a socket last asked to join.
type Entered = Mutex<Option<mpsc::Sender<Command>>>;

/// Serves a socket until either side ends it. `standing` is asked once the room knows the peer, so
/// that no revocation falls between the check of the upgrade and the join, and, where it may lapse,
/// each [`crate::sockets::ASK_AGAIN`].
pub async fn serve<F: Future<Output = Standing>>(
    app: &App,
    socket: WebSocket,
    dial: Dial,
    standing: impl Fn() -> F,
) {
    let peer_id = dial.join.peer_id.clone();
    let (outbox, outgoings) = outbox();
    let entry = SocketEntry::new(&dial, outbox.ended().clone());
    let _open = Rooms::note_socket(app, &peer_id, entry);
    let (mut sink, mut stream) = socket.split();
    let writing = write(&mut sink, outgoings, outbox.ended().clone());
    let entered = Entered::default();
    let reading = async {
        let Some(inbox) = enter(app, &dial, &outbox, &entered).await else {
            return outbox.close(SYNC_FAILED).await;
        };
        match standing().await {
            Standing::Allowed => {}
            Standing::Revoked => return outbox.close(ACCESS_REVOKED).await,
            Standing::Unknown => return outbox.close(SYNC_FAILED).await,
        }
        tokio::select! {
            () = read(&mut stream, &inbox, &outbox, &dial) => {}
            () = revoked(&standing), if dial.may_lapse => outbox.close(ACCESS_REVOKED).await,
            // The room ended, perhaps without a word; what it said comes first.
            () = inbox.closed() => outbox.close(SYNC_FAILED).await,
        }
    };
    let closing = app.closing().clone();
    let stopping = async {
        closing.cancelled().await;
        outbox.ended().now(RESTARTING);
        std::future::pending::<()>().await;
    };
    let said_close = tokio::select! {
        () = writing => true,
        () = reading => false,
        () = stopping => false,
    };
    let inbox = entered
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(inbox) = inbox {
        let _ = inbox.send(Command::Leave(peer_id)).await;
    }
    if said_close {
        linger(stream).await;
    }
}

/// Joins the room; a room that ends just then (it was empty, or it broke) is started anew.
async fn enter(
    app: &App,
    dial: &Dial,
    outbox: &Outbox,
    entered: &Entered,
) -> Option<mpsc::Sender<Command>> {
    for _ in 0..ATTEMPTS {
        let inbox = app.rooms().inbox(app, &dial.notebook_id);
        *entered.lock().unwrap_or_else(PoisonError::into_inner) = Some(inbox.clone());
        let (answer, joined) = oneshot::channel();
        let join = Command::Join(Box::new(dial.join.clone()), outbox.clone(), answer);
        if inbox.send(join).await.is_ok() && joined.await.is_ok() {
            return Some(inbox);
        }
    }
    None
}

async fn read(
    stream: &mut SplitStream<WebSocket>,
    inbox: &mpsc::Sender<Command>,
    outbox: &Outbox,
    dial: &Dial,
) {
    let most = dial.message_max;
    let line = Arc::new(Semaphore::new(most));
    loop {
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            Some(Err(cause)) if is_too_large(&cause) => {
                return outbox.close(MESSAGE_TOO_LARGE).await;
            }
            Some(Err(_)) | None => return,
        };
        let (message, size) = match message {
            Ws::Text(text) if text.as_str() == LIVENESS_PING => {
                // Answered here, so that a busy room reads as alive as it is.
                outbox.put(Outgoing::Text(LIVENESS_PONG));
                continue;
            }
            Ws::Text(text) => (Message::Text(text.as_str().to_owned()), text.len()),
            Ws::Binary(bytes) => {
                let size = bytes.len();
                (Message::Binary(bytes.into()), size)
            }
            Ws::Ping(_) | Ws::Pong(_) => continue,
            Ws::Close(_) => {
                // Reading on sends the answer to the close.
                let _ = tokio::time::timeout(CLOSE_LIMIT, stream.next()).await;
                return;
            }
        };
        let size = u32::try_from(size.min(most)).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&line).acquire_many_owned(size).await else {
            return;
        };
        let command = Command::Message(dial.join.peer_id.clone(), message, permit);
        if inbox.send(command).await.is_err() {
            return outbox.close(SYNC_FAILED).await;
        }
    }
}

async fn write(sink: &mut SplitSink<WebSocket, Ws>, mut outgoings: Outgoings, ended: Ended) {
    let close = tokio::select! {
        close = write_all(sink, &mut outgoings) => close,
        close = ended.wait() => close,
    };
    drop(outgoings);
    // The room let go without a word: it ended.
    let close = close.unwrap_or(SYNC_FAILED);
    let frame = Ws::Close(Some(CloseFrame {
        code: close.code,
        reason: close.reason.into(),
    }));
    let _ = tokio::time::timeout(CLOSE_LIMIT, sink.send(frame)).await;
}

/// Writes until a close comes, the room lets go, or the network does not take it.
async fn write_all(
    sink: &mut SplitSink<WebSocket, Ws>,
    outgoings: &mut Outgoings,
) -> Option<Close> {
    while let Some(first) = outgoings.next().await {
        let mut next = Some(first);
        let mut burst = 0;
        while let Some(message) = next {
            let message = match message {
                Outgoing::Frame(bytes) => Ws::Binary(bytes),
                Outgoing::Text(text) => Ws::Text(text.into()),
                Outgoing::Close(close) => {
                    let _ = tokio::time::timeout(SEND_LIMIT, sink.flush()).await;
                    return Some(close);
                }
            };
            match tokio::time::timeout(SEND_LIMIT, sink.feed(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return None,
            }
            burst += 1;
            next = if burst < BURST {
                outgoings.try_next()
            } else {
                None
            };
        }
        match tokio::time::timeout(SEND_LIMIT, sink.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return None,
        }
    }
    None
}
