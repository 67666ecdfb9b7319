//! The link to the room: dial, wait for ready, carry frames, dial again for ever (D1).
//!
//! The main loop hears events in order and sends frames with the number of the connection they
//! are meant for; a frame for a connection that is gone is dropped, since every new connection
//! starts with fresh sync states.

mod failure;

use std::time::Duration;

use bytes::Bytes;
use cloud_client::{Message, RoomDial, SocketSink, SocketStream, dial_room};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use wire::FrameType;
use wire::close::{EPOCH_CHANGED, TOO_MANY_REJECTED, Verdict, verdict};

use crate::backoff::{Backoff, FLOOR};
use crate::end::End;
use failure::{Doubt, JoinFailure};

/// How long the room may take to say ready (WS-271).
const READY_WAIT: Duration = Duration::from_secs(30);
/// How often the link is probed, and after how much silence it is given up.
const PING_EVERY: Duration = Duration::from_secs(15);
const SILENCE_LIMIT: Duration = Duration::from_secs(45);
/// Frames that may wait in each direction.
const QUEUE: usize = 1024;
/// Data frames kept that come before ready.
const EARLY_FRAMES: usize = 256;
/// How long a close frame may take.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// What the link tells the main loop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// The room said ready on a new connection.
    Up {
        /// The connection's number, from 1.
        connection: u64,
        /// What of the label that the room gave this peer stands before the first `/`.
        principal: String,
        /// Whether it is one of our rooms, which carries more than those of the reference.
        is_ours: bool,
    },
    /// A frame from the room: type byte and payload.
    Frame { connection: u64, bytes: Bytes },
    /// The connection is gone; the link dials again by itself.
    Down { connection: u64, reason: String },
    /// The link is over for good.
    Over(End),
}

struct Outbound {
    connection: u64,
    bytes: Vec<u8>,
}

/// The main loop's handle.
#[derive(Debug)]
pub(crate) struct RoomLink {
    pub(crate) events: mpsc::Receiver<LinkEvent>,
    outbound: mpsc::Sender<Outbound>,
    cut: watch::Sender<u64>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// Makes each dial's data: the token may be renewed between dials (D16).
pub(crate) trait DialSource: Send + 'static {
    /// The next dial.
    fn next_dial(&mut self) -> RoomDial;
    /// The cloud says that the token's time is over.
    fn token_expired(&mut self) {}
}

impl<F: FnMut() -> RoomDial + Send + 'static> DialSource for F {
    fn next_dial(&mut self) -> RoomDial {
        self()
    }
}

impl RoomLink {
    /// Starts dialling. With `patient` even the first connect is tried for ever (a peer that
    /// found its job's kernel running has something to lose). `last_dial` is that of an earlier link.
    pub(crate) fn start(
        source: impl DialSource,
        patient: bool,
        last_dial: Option<Instant>,
    ) -> Self {
        let (events_in, events) = mpsc::channel(QUEUE);
        let (outbound, outgoing) = mpsc::channel(QUEUE);
        let (cut, cuts) = watch::channel(0);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut run = Run {
                source,
                events: events_in,
                outgoing,
                cuts,
                stopped,
                connection: 0,
            };
            let end = run.dial_for_ever(patient, last_dial).await;
            if let Some(end) = end {
                // Nobody listens when the peer ends at the same moment.
                let _ = run.events.send(LinkEvent::Over(end)).await;
            }
        });
        Self {
            events,
            outbound,
            cut,
            stop,
            task,
        }
    }

    /// Queues a frame. A queue that is full means a link that does not move: it is cut.
    pub(crate) fn send(&self, connection: u64, bytes: Vec<u8>) {
        if self
            .outbound
            .try_send(Outbound { connection, bytes })
            .is_err()
        {
            self.cut(connection);
        }
    }

    /// Whether more output may be produced.
    pub(crate) fn has_room(&self) -> bool {
        self.outbound.capacity() > QUEUE / 2
    }

    /// Ends this connection and dials anew, to start with fresh sync states.
    pub(crate) fn cut(&self, connection: u64) {
        self.cut.send_replace(connection);
    }

    /// Flushes what is queued, says goodbye, and stops.
    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        self.events.close();
        if timeout(2 * CLOSE_WAIT, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

struct Run<S> {
    source: S,
    events: mpsc::Sender<LinkEvent>,
    outgoing: mpsc::Receiver<Outbound>,
    cuts: watch::Receiver<u64>,
    stopped: CancellationToken,
    connection: u64,
}

/// Why one connection ended.
enum Lost {
    Again(String),
    Over(End),
    Stopped,
}

impl<S: DialSource> Run<S> {
    async fn dial_for_ever(
        &mut self,
        patient: bool,
        mut last_dial: Option<Instant>,
    ) -> Option<End> {
        let mut doubt = Doubt::new(patient);
        let mut backoff = Backoff::default();
        let mut away_since = Instant::now();
        loop {
            let wait = backoff.next_wait(away_since.elapsed(), rand::random());
            let since = last_dial.map_or(FLOOR, |last| last.elapsed());
            let wait = wait.max(FLOOR.saturating_sub(since));
            let stopped = self.stopped.clone();
            tokio::select! {
                () = sleep(wait) => {}
                () = stopped.cancelled() => return None,
            }
            last_dial = Some(Instant::now());
            let dial = self.source.next_dial();
            let joined = tokio::select! {
                joined = join(&dial) => joined,
                () = stopped.cancelled() => return None,
            };
            match joined {
                Ok(joined) => {
                    backoff.reset();
                    doubt.joined();
                    // The dial worked, so the next one may be immediate, but not sooner than the
                    // floor after this one.
                    self.connection += 1;
                    match self.carry(joined).await {
                        Lost::Stopped => return None,
                        Lost::Over(end) => return Some(end),
                        Lost::Again(reason) => {
                            away_since = Instant::now();
                            tracing::info!("[cloud-transport] the room link is down: {reason}");
                            let connection = self.connection;
                            let down = LinkEvent::Down { connection, reason };
                            if self.events.send(down).await.is_err() {
                                return None;
                            }
                        }
                    }
                }
                Err(failure) => {
                    tracing::info!("[cloud-transport] the room cannot be joined: {failure}");
                    if failure.is_expired_token() {
                        // Nothing else is wrong: another token, and again.
                        self.source.token_expired();
                        continue;
                    }
                    if let Some(end) = doubt.weigh(&failure, Instant::now()) {
                        return Some(end);
                    }
                }
            }
        }
    }

    async fn carry(&mut self, joined: Joined) -> Lost {
        let Joined {
            sink,
            mut stream,
            actor_label,
            principal,
            is_ours,
            early,
        } = joined;
        let connection = self.connection;
        tracing::info!("[cloud-transport] joined the room as {actor_label}");
        let up = LinkEvent::Up {
            connection,
            principal,
            is_ours,
        };
        if self.events.send(up).await.is_err() {
            return Lost::Stopped;
        }
        for bytes in early {
            if self
                .events
                .send(LinkEvent::Frame { connection, bytes })
                .await
                .is_err()
            {
                return Lost::Stopped;
            }
        }
        let events = self.events.clone();
        let mut reader =
            tokio::spawn(async move { read_frames(&mut stream, connection, &events).await });
        let lost = tokio::select! {
            lost = &mut reader => lost.unwrap_or_else(|error| Lost::Again(error.to_string())),
            lost = self.write_frames(sink) => lost,
        };
        reader.abort();
        lost
    }

    async fn write_frames(&mut self, mut sink: SocketSink) -> Lost {
        let mut ping = interval(PING_EVERY);
        let stopped = self.stopped.clone();
        loop {
            let message = tokio::select! {
                biased;
                out = self.outgoing.recv() => match out {
                    None => return Lost::Stopped,
                    Some(out) if out.connection != self.connection => continue,
                    Some(out) => Message::Binary(out.bytes.into()),
                },
                () = stopped.cancelled() => {
                    // The queue is empty: everything was sent before this branch was looked at.
                    let _ = timeout(CLOSE_WAIT, sink.close()).await;
                    return Lost::Stopped;
                }
                cut = self.cuts.changed() => {
                    if cut.is_ok() && *self.cuts.borrow() == self.connection {
                        return Lost::Again("fresh sync states are needed".to_owned());
                    }
                    continue;
                }
                _ = ping.tick() => Message::Ping(Bytes::new()),
            };
            match timeout(SILENCE_LIMIT, sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Lost::Again(error.to_string()),
                Err(_) => return Lost::Again("a frame could not be sent in time".to_owned()),
            }
        }
    }
}

/// What one binary message is; empty ones and unknown types are skipped (4.10).
fn frame_type(message: &Bytes) -> Option<FrameType> {
    FrameType::from_byte(*message.first()?)
}

async fn read_frames(
    stream: &mut SocketStream,
    connection: u64,
    events: &mpsc::Sender<LinkEvent>,
) -> Lost {
    loop {
        let message = match timeout(SILENCE_LIMIT, stream.next()).await {
            Err(_) => return Lost::Again("the room was silent for too long".to_owned()),
            Ok(None) => return Lost::Again("the connection ended".to_owned()),
            Ok(Some(Err(error))) => return Lost::Again(error.to_string()),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Binary(bytes) => {
                if frame_type(&bytes).is_none() {
                    continue;
                }
                if events
                    .send(LinkEvent::Frame { connection, bytes })
                    .await
                    .is_err()
                {
                    return Lost::Stopped;
                }
            }
            Message::Close(close) => {
                return closed(close.as_ref().map_or("", |close| close.reason.as_str()));
            }
            _ => {}
        }
    }
}

/// What a close means; the code is not considered, only the reason (4.23).
fn closed(reason: &str) -> Lost {
    match verdict(reason) {
        _ if reason == EPOCH_CHANGED.reason => Lost::Over(End::Anew),
        // A kernel is not ended because of what a room does not want to hear.
        _ if reason == TOO_MANY_REJECTED.reason => Lost::Over(End::Conflict(reason.to_owned())),
        Verdict::Graceful => Lost::Over(End::Idle),
        Verdict::Terminal => Lost::Over(End::Closed(reason.trim().to_owned())),
        Verdict::Recoverable if reason.trim().is_empty() => {
            Lost::Again("the room closed the connection".to_owned())
        }
        Verdict::Recoverable => Lost::Again(format!("the room closed: {}", reason.trim())),
    }
}

struct Joined {
    sink: SocketSink,
    stream: SocketStream,
    actor_label: String,
    principal: String,
    is_ours: bool,
    early: Vec<Bytes>,
}

async fn join(dial: &RoomDial) -> Result<Joined, JoinFailure> {
    let (sink, mut stream) = dial_room(dial).await?;
    let mut early = Vec::new();
    let ready = timeout(READY_WAIT, wait_for_ready(&mut stream, &mut early)).await;
    let Ready {
        actor_label,
        principal,
        is_ours,
    } = ready.unwrap_or(Err(JoinFailure::NotReady))?;
    Ok(Joined {
        sink,
        stream,
        actor_label,
        principal,
        is_ours,
        early,
    })
}

/// What of the ready message matters.
struct Ready {
    actor_label: String,
    principal: String,
    is_ours: bool,
}

/// Waits for `cloud_room_ready` with a usable label; keeps data frames for later (4.3).
async fn wait_for_ready(
    stream: &mut SocketStream,
    early: &mut Vec<Bytes>,
) -> Result<Ready, JoinFailure> {
    loop {
        let message = match stream.next().await {
            None | Some(Err(_)) => return Err(JoinFailure::Ended),
            Some(Ok(message)) => message,
        };
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Close(Some(close)) if !close.reason.trim().is_empty() => {
                return Err(JoinFailure::Closed(close.reason.trim().to_owned()));
            }
            Message::Close(_) => return Err(JoinFailure::Ended),
            _ => continue,
        };
        let Some(frame) = frame_type(&bytes) else {
            continue;
        };
        if frame != FrameType::SessionControl {
            if early.len() < EARLY_FRAMES {
                early.push(bytes);
            }
            continue;
        }
        // Read loosely: of a ready message only the label matters, whatever else a room leaves out.
        let Ok(control) = serde_json::from_slice::<Value>(&bytes[1..]) else {
            continue;
        };
        match control["type"].as_str() {
            Some("cloud_room_ready") => {
                let label = control["actor_label"].as_str().unwrap_or_default();
                if let Some(principal) = principal_of(label) {
                    return Ok(Ready {
                        actor_label: label.to_owned(),
                        principal: principal.to_owned(),
                        is_ours: control["room_epoch"].is_i64(),
                    });
                }
            }
            Some("cloud_frame_rejected") => {
                let reason = control["reason"].as_str().unwrap_or("no reason given");
                return Err(JoinFailure::Rejected(reason.to_owned()));
            }
            _ => {}
        }
    }
}

/// The principal of a label: what stands before the first `/`, unless nothing does (WS-274).
fn principal_of(label: &str) -> Option<&str> {
    let principal = label.split('/').next()?.trim();
    (!principal.is_empty()).then_some(principal)
}

#[cfg(test)]
mod tests;
