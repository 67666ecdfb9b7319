//! The workstation's event socket: wake-ups from the server to the agent (2.21).

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::extract::{Path, State};
use axum::response::Response;
use control_plane::{jobs, workstations};
use wire::close::ACCESS_REVOKED;
use wire::http::{ReadyEvent, WorkstationEvent};

use super::table::Routes;
use super::upgrade::Upgrade;
use crate::app::App;
use crate::error::ApiError;
use crate::event_sockets::EventSubscription;
use crate::identity::Accept;
use crate::request::Facts;
use crate::sockets::{SocketKind, Standing, is_too_large, linger, revoked};

/// Bytes of a frame that an agent may send; it has nothing to say but the ping.
const FRAME_LIMIT: usize = 64 * 1024;
/// Buffers of a socket that is idle nearly always.
const BUFFER: usize = 4096;
/// How long a frame may take to be taken by the network.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// The route of the event socket.
pub(super) fn routes() -> Routes {
    Routes::new().get("/api/workstations/{workstation_id}/events[/]", open)
}

async fn open(
    State(app): State<App>,
    Path(workstation_id): Path<String>,
    facts: Facts,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let identity = app.identify(&facts, Accept::MACHINES).await?;
    let caller = identity.caller();
    workstations::for_events(app.catalog(), &caller, &workstation_id).await?;
    let place = app.open_socket(SocketKind::Events, &identity, &facts)?;
    let upgrade = upgrade.whole()?;
    let credential_id = caller
        .credential
        .as_ref()
        .map(|credential| credential.id.clone())
        .or(identity.session_id);
    let owner = caller.principal;
    // Collecting begins before the pending jobs are read, so that none falls between.
    let subscription = app
        .event_sockets()
        .subscribe(&owner, &workstation_id, credential_id);
    let tasks = app.tasks().clone();
    let token = tasks.token();
    Ok(upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(2 * FRAME_LIMIT)
        .max_message_size(FRAME_LIMIT)
        .on_upgrade(move |socket| async move {
            let again = || async {
                let asked = app.identify(&facts, Accept::MACHINES).await;
                Standing::of(asked.map(|identity| identity.principal == owner))
            };
            serve(&app, socket, subscription, (&owner, &workstation_id), again).await;
            drop((token, place));
        }))
}

/// Why a socket ends: the close frame to send, if it can still be sent.
struct End(u16, &'static str);

/// Serves a workstation's socket. `standing` is asked once the socket is known, so that no revocation falls between the
/// check of the upgrade and that, and again while it is open.
async fn serve<F: Future<Output = Standing>>(
    app: &App,
    mut socket: WebSocket,
    mut subscription: EventSubscription,
    (owner, workstation_id): (&str, &str),
    standing: impl Fn() -> F,
) {
    let lapsed = || Some(End(ACCESS_REVOKED.code, ACCESS_REVOKED.reason));
    let end = if standing().await == Standing::Revoked {
        lapsed()
    } else {
        tokio::select! {
            end = converse(app, &mut socket, &mut subscription, owner, workstation_id) => end,
            () = revoked(&standing) => lapsed(),
        }
    };
    drop(subscription);
    if let Some(End(code, reason)) = end {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        // The other side may be gone; there is nobody else to tell.
        let said = tokio::time::timeout(SEND_LIMIT, socket.send(Message::Close(Some(frame)))).await;
        if matches!(said, Ok(Ok(()))) {
            linger(socket).await;
        }
    }
}

async fn converse(
    app: &App,
    socket: &mut WebSocket,
    subscription: &mut EventSubscription,
    owner: &str,
    workstation_id: &str,
) -> Option<End> {
    match greet(app, socket, owner, workstation_id).await {
        Ok(()) => relay(app, socket, subscription).await,
        Err(end) => Some(end),
    }
}

/// `ready`, then one wake-up for each pending job (decision D6).
async fn greet(
    app: &App,
    socket: &mut WebSocket,
    owner: &str,
    workstation_id: &str,
) -> Result<(), End> {
    let ready = ReadyEvent {
        ok: true,
        connected_at: app.now(),
    };
    send(socket, WorkstationEvent::Ready(ready).encode()).await?;
    let pending = jobs::pending(app.catalog(), owner, workstation_id)
        .await
        .unwrap_or_else(|cause| {
            // The agent polls on connecting in any case.
            tracing::warn!(%cause, "pending jobs could not be announced");
            Vec::new()
        });
    for job in pending {
        let event = WorkstationEvent::attach_jobs(&jobs::to_wire(&job, ""));
        send(socket, event.encode()).await?;
    }
    Ok(())
}

async fn relay(
    app: &App,
    socket: &mut WebSocket,
    subscription: &mut EventSubscription,
) -> Option<End> {
    loop {
        tokio::select! {
            // What was said before the end is heard before it.
            biased;
            frame = subscription.frames.recv() => {
                let Some(frame) = frame else { return Some(delivery_failed()) };
                if let Err(end) = send(socket, frame).await {
                    return Some(end);
                }
            }
            () = subscription.revoked.cancelled() => {
                return Some(End(close_code::POLICY, "workstation credential revoked"));
            }
            () = app.closing().cancelled() => {
                return Some(End(close_code::RESTART, "server is restarting"));
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) if text.as_str() == wire::EVENTS_PING => {
                    if let Err(end) = send(socket, wire::EVENTS_PONG.to_owned()).await {
                        return Some(end);
                    }
                }
                Some(Ok(Message::Close(_))) => {
                    // Reading on sends the answer to the close.
                    let _ = tokio::time::timeout(SEND_LIMIT, socket.recv()).await;
                    return None;
                }
                Some(Err(cause)) if is_too_large(&cause) => {
                    return Some(End(close_code::SIZE, "message is too large"));
                }
                Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            },
        }
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), End> {
    match tokio::time::timeout(SEND_LIMIT, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(delivery_failed()),
    }
}

fn delivery_failed() -> End {
    End(close_code::ERROR, "workstation event delivery failed")
}
