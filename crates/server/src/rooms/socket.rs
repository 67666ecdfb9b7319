//! One open room socket: reads into the room's inbox, writes from its outbox, answers liveness.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Ws, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use room::{Join, Message};
use tokio::sync::{mpsc, oneshot};
use wire::close::{ACCESS_REVOKED, CODE_RESTART, Close, SYNC_FAILED};
use wire::{LIVENESS_PING, LIVENESS_PONG};

use super::Rooms;
use super::command::Command;
use super::outbox::{Ended, Outbox, Outgoing, Outgoings, outbox};
use crate::app::App;

/// How long the network may take for one message before the peer counts as gone.
const SEND_LIMIT: Duration = Duration::from_secs(60);
/// How long a close frame may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
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
    /// The browser session used, if one was.
    pub session_id: Option<String>,
}

/// Serves a socket until either side ends it. `still_allowed` is asked once the room knows the
/// peer, so that no revocation falls between the check of the upgrade and the join.
pub async fn serve(
    app: App,
    socket: WebSocket,
    dial: Dial,
    still_allowed: impl Future<Output = bool>,
) {
    let peer_id = dial.join.peer_id.clone();
    let (outbox, outgoings) = outbox();
    let _open = Rooms::note_socket(&app, &peer_id, dial.session_id, outbox.ended().clone());
    let (sink, stream) = socket.split();
    let writing = write(sink, outgoings, outbox.ended().clone());
    let inbox = app.rooms().inbox(&app, &dial.notebook_id);
    let reading = async {
        let (answer, joined) = oneshot::channel();
        let join = Command::Join(Box::new(dial.join), outbox.clone(), answer);
        if inbox.send(join).await.is_err() || joined.await.is_err() {
            outbox.ended().now(SYNC_FAILED);
            return std::future::pending().await;
        }
        if !still_allowed.await {
            outbox.put(Outgoing::Close(ACCESS_REVOKED));
            return std::future::pending().await;
        }
        read(stream, &inbox, &outbox, &peer_id).await;
    };
    let closing = app.closing().clone();
    let stopping = async {
        closing.cancelled().await;
        outbox.ended().now(RESTARTING);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
        () = stopping => {}
    }
    let _ = inbox.send(Command::Leave(peer_id)).await;
}

async fn read(
    mut stream: SplitStream<WebSocket>,
    inbox: &mpsc::Sender<Command>,
    outbox: &Outbox,
    peer_id: &wire::PeerId,
) {
    while let Some(Ok(message)) = stream.next().await {
        let message = match message {
            Ws::Text(text) if text.as_str() == LIVENESS_PING => {
                // Answered here, so that a busy room reads as alive as it is.
                outbox.put(Outgoing::Text(LIVENESS_PONG));
                continue;
            }
            Ws::Text(text) => Message::Text(text.as_str().to_owned()),
            Ws::Binary(bytes) => Message::Binary(bytes.into()),
            Ws::Ping(_) | Ws::Pong(_) => continue,
            Ws::Close(_) => {
                // Reading on sends the answer to the close.
                let _ = tokio::time::timeout(CLOSE_LIMIT, stream.next()).await;
                return;
            }
        };
        let command = Command::Message(peer_id.clone(), message);
        if inbox.send(command).await.is_err() {
            outbox.ended().now(SYNC_FAILED);
            return std::future::pending().await;
        }
    }
}

async fn write(mut sink: SplitSink<WebSocket, Ws>, mut outgoings: Outgoings, ended: Ended) {
    let close = tokio::select! {
        close = write_all(&mut sink, &mut outgoings) => close,
        close = ended.wait() => close,
    };
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
