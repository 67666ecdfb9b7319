//! One task per live room: takes commands in order, drives the room core, and releases what the
//! core wants done once it is durable.

mod epochs;
mod opening;

use std::collections::HashMap;
use std::time::Duration;

use documents::DocKind;
use room::{ComputeOutcome, Effect, Event, FinishedJob, Message, Room, StoredDocuments};
use store::Notebooks as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use wire::close::SYNC_FAILED;
use wire::{PeerId, WorkstationAttachment};

use super::Registered;
use super::command::Command;
use super::held::{Answer, Held};
use super::log::RoomLog;
use super::outbox::{Outbox, Outgoing};
use crate::app::App;
use opening::open;

/// How long an empty room stays in memory.
const LINGER: Duration = Duration::from_secs(60);
/// Messages from this size on are worked on where they do not hold up other rooms' sockets.
const HEAVY: usize = 16 * 1024;
/// Batches that may wait for the disk before the room takes no further commands.
const BATCHES: usize = 256;
/// A notebook's change time in the catalog moves at most this often.
const TOUCH: Duration = Duration::from_secs(30);
/// The furthest a wake-up is planned ahead at once.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// Why a room cannot be live.
#[derive(Debug, thiserror::Error)]
pub enum ActorError {
    /// The log cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The stored documents do not load.
    #[error(transparent)]
    Room(#[from] room::RoomError),
}

/// What ended beside the room and must be told to it.
enum Finished {
    Compute(u64, ComputeOutcome),
    Fold(DocKind),
    Nothing,
}

struct Actor {
    app: App,
    notebook_id: String,
    room: Room,
    log: RoomLog,
    held: Held,
    peers: HashMap<PeerId, Outbox>,
    gone: Vec<PeerId>,
    wake: Option<Instant>,
    touched: Option<Instant>,
    /// The room wants to start over: it takes nothing in until it did.
    starting_over: bool,
    /// What was published and is to take the place of the room's documents, and who waits to hear whether it did.
    publication: Option<(Box<StoredDocuments>, oneshot::Sender<bool>)>,
    beside: JoinSet<Finished>,
}

/// Runs a room until it is empty for a while, the server stops, or its storage fails.
pub(super) async fn run(app: App, registered: Registered, commands: mpsc::Receiver<Command>) {
    let notebook_id = registered.notebook_id.clone();
    let outcome = match start(&app, &notebook_id).await {
        Ok(mut actor) => actor.live(commands, registered).await,
        Err(cause) => Err(cause),
    };
    if let Err(cause) = outcome {
        tracing::error!(notebook_id, %cause, "a room ended");
    }
}

/// Opens a room; one that has outgrown its epoch begins the next at once.
async fn start(app: &App, notebook_id: &str) -> Result<Actor, ActorError> {
    let mut actor = open(app, notebook_id).await?;
    if actor.held.is_empty() && actor.begin_epoch().await {
        actor = open(app, notebook_id).await?;
    }
    Ok(actor)
}

/// Long work must not hold up the sockets that share this thread.
fn heavy<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

impl Actor {
    async fn live(
        &mut self,
        mut commands: mpsc::Receiver<Command>,
        registered: Registered,
    ) -> Result<(), ActorError> {
        let closing = self.app.closing().clone();
        let mut empty_since = Instant::now();
        loop {
            if !self.peers.is_empty() || !self.held.is_empty() {
                empty_since = Instant::now();
            }
            let wake = self.wake.unwrap_or_else(|| Instant::now() + FAR);
            tokio::select! {
                biased;
                released = self.held.next() => {
                    if let Err(cause) = self.release(released) {
                        self.fail(&cause);
                        return Err(cause.into());
                    }
                }
                Some(finished) = self.beside.join_next() => self.finished(finished).await?,
                command = commands.recv(),
                    if self.held.batches() < BATCHES && !self.starting_over => match command {
                    Some(command) => self.command(command).await?,
                    None => return Ok(()),
                },
                () = std::future::ready(()),
                    if self.starting_over && self.held.is_empty() && self.beside.is_empty() =>
                {
                    if self.start_over().await {
                        registered.leave();
                        return Ok(());
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    self.wake = None;
                    self.event(Event::Tick).await?;
                }
                () = tokio::time::sleep_until(empty_since + LINGER), if self.peers.is_empty()
                    && self.held.is_empty() && self.beside.is_empty() && commands.is_empty() =>
                {
                    self.begin_epoch().await;
                    registered.leave();
                    return Ok(());
                }
                () = closing.cancelled(), if self.peers.is_empty() && self.held.is_empty() => {
                    registered.leave();
                    return Ok(());
                }
            }
            self.forget_slow().await?;
            self.fold_if_due();
        }
    }

    async fn command(&mut self, command: Command) -> Result<(), ActorError> {
        match command {
            Command::Admit(headers, answer) => {
                let _ = answer.send(self.room.admit(&headers));
            }
            Command::Join(join, outbox, answer) => {
                self.peers.insert(join.peer_id.clone(), outbox);
                self.handle(Event::Join(join), true).await?;
                let _ = answer.send(());
            }
            Command::Message(peer_id, message, _line) => {
                // A socket that the room closed may still have had messages in line.
                if self.peers.contains_key(&peer_id) {
                    self.message(peer_id, message).await?;
                }
            }
            Command::Leave(peer_id) => {
                if self.peers.remove(&peer_id).is_some() {
                    self.event(Event::Leave { peer_id }).await?;
                }
            }
            Command::Publish(update, answer) => {
                self.event(Event::AttachmentPublished(update)).await?;
                self.held.answer(told(answer, ()));
            }
            Command::Repair(repair, answer) => {
                let session = repair.expected_session.map(wire::JobId::from);
                let outcome = self.room.repair(
                    self.app.now(),
                    &repair.reason,
                    repair.force,
                    session.as_ref(),
                );
                let outcome = match outcome {
                    Ok((outcome, effects)) => {
                        self.take(effects).await?;
                        Ok(outcome)
                    }
                    Err(refused) => Err(refused),
                };
                self.held.answer(told(answer, outcome));
            }
            Command::Event(event, answer) => {
                self.event(*event).await?;
                self.held.answer(told(answer, ()));
            }
            Command::Published(documents, answer) => {
                self.publication = Some((documents, answer));
                self.starting_over = true;
            }
            #[cfg(test)]
            Command::Panic => panic!("a test asked for it"),
        }
        Ok(())
    }

    async fn message(&mut self, peer_id: PeerId, message: Message) -> Result<(), ActorError> {
        let is_heavy = matches!(&message, Message::Binary(bytes) if bytes.len() >= HEAVY);
        self.handle(Event::Message { peer_id, message }, is_heavy)
            .await
    }

    async fn event(&mut self, event: Event) -> Result<(), ActorError> {
        self.handle(event, false).await
    }

    /// Lets the room handle an event. What it appends is on its way to the disk while it writes what waits for that.
    async fn handle(&mut self, event: Event, is_heavy: bool) -> Result<(), ActorError> {
        let now = self.app.now();
        let begin = || self.room.begin(now, event);
        let appends = if is_heavy { heavy(begin) } else { begin() };
        if !appends.is_empty() {
            self.take(appends).await?;
            // The log's writer may be behind this task.
            tokio::task::yield_now().await;
        }
        let mut rest = || self.room.rest();
        let effects = if is_heavy { heavy(rest) } else { rest() };
        self.take(effects).await
    }

    /// Takes effects in their order: appends go to the log, the rest waits for them.
    async fn take(&mut self, effects: Vec<Effect>) -> Result<(), ActorError> {
        let mut appends = Vec::new();
        for effect in effects {
            if let Effect::Append { document, changes } = effect {
                if document == DocKind::Notebook {
                    self.touch();
                }
                appends.push((document, changes));
                continue;
            }
            self.append(&mut appends).await?;
            if let Some(effect) = self.held.pass(effect) {
                self.perform(effect);
            }
        }
        self.append(&mut appends).await
    }

    async fn append(&mut self, appends: &mut Vec<(DocKind, Vec<u8>)>) -> Result<(), ActorError> {
        if appends.is_empty() {
            return Ok(());
        }
        match self.log.append(std::mem::take(appends)).await {
            Ok(durable) => {
                self.held.wait_for(durable);
                Ok(())
            }
            Err(cause) => {
                self.fail(&cause);
                Err(cause.into())
            }
        }
    }

    fn release(
        &mut self,
        released: store::Result<(store::document_log::Position, Vec<Effect>)>,
    ) -> store::Result<()> {
        let (position, effects) = released?;
        self.log.durable(position);
        for effect in effects {
            self.perform(effect);
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { peer_id, bytes } => self.send(&peer_id, Outgoing::Frame(bytes.into())),
            Effect::SendText { peer_id, text } => self.send(&peer_id, Outgoing::Text(text)),
            Effect::Close { peer_id, close } => {
                self.send(&peer_id, Outgoing::Close(close));
                self.peers.remove(&peer_id);
            }
            // Taken out before.
            Effect::Append { .. } => {}
            Effect::ResolveCompute {
                request,
                attachment,
            } => self.resolve(request, *attachment),
            Effect::Ran { actor_label, cells } => {
                self.app.note_run(&self.notebook_id, actor_label, cells);
            }
            Effect::FinishJob(job) => self.finish_job(job),
            Effect::StartOver => self.starting_over = true,
            Effect::WakeAt(at) => {
                let ms = u64::try_from(at.since(self.app.now())).unwrap_or_default();
                self.wake = Some(Instant::now() + Duration::from_millis(ms).min(FAR));
            }
        }
    }

    fn send(&mut self, peer_id: &PeerId, message: Outgoing) {
        if let Some(outbox) = self.peers.get(peer_id)
            && !outbox.put(message)
        {
            self.gone.push(peer_id.clone());
        }
    }

    /// Peers that read too slowly have left the room.
    async fn forget_slow(&mut self) -> Result<(), ActorError> {
        while let Some(peer_id) = self.gone.pop() {
            if self.peers.remove(&peer_id).is_some() {
                self.event(Event::Leave { peer_id }).await?;
            }
        }
        Ok(())
    }

    fn resolve(&mut self, request: u64, attachment: WorkstationAttachment) {
        let (app, notebook_id) = (self.app.clone(), self.notebook_id.clone());
        self.beside.spawn(async move {
            let outcome = match app.resume_compute(&notebook_id, &attachment).await {
                Ok(Some(resumed)) => ComputeOutcome::Resumed(Box::new(resumed)),
                Ok(None) => ComputeOutcome::Unavailable,
                Err(cause) => {
                    tracing::error!(%cause, notebook_id, "compute could not be resumed");
                    ComputeOutcome::Unavailable
                }
            };
            Finished::Compute(request, outcome)
        });
    }

    fn finish_job(&mut self, finished: FinishedJob) {
        let app = self.app.clone();
        self.beside.spawn(async move {
            if let Err(cause) = end_job(&app, &finished).await {
                tracing::error!(%cause, "the end of a job could not be stored");
            }
            Finished::Nothing
        });
    }

    async fn finished(
        &mut self,
        finished: Result<Finished, tokio::task::JoinError>,
    ) -> Result<(), ActorError> {
        match finished {
            Ok(Finished::Compute(request, outcome)) => {
                self.event(Event::ComputeResolved { request, outcome })
                    .await
            }
            Ok(Finished::Fold(kind)) => {
                self.log.folded(kind);
                Ok(())
            }
            Ok(Finished::Nothing) => Ok(()),
            Err(cause) => {
                tracing::error!(%cause, "work beside a room broke off");
                Ok(())
            }
        }
    }

    fn fold_if_due(&mut self) {
        let Some(kind) = self.log.due() else { return };
        let snapshot = heavy(|| self.room.snapshot(kind));
        let fold = self.log.fold(kind, snapshot);
        self.beside.spawn(async move {
            if let Err(cause) = fold.await {
                tracing::warn!(%cause, "a document's log could not be folded; it goes on growing");
            }
            Finished::Fold(kind)
        });
    }

    fn touch(&mut self) {
        if self.touched.is_some_and(|at| at.elapsed() < TOUCH) {
            return;
        }
        self.touched = Some(Instant::now());
        let (app, id) = (self.app.clone(), self.notebook_id.clone());
        self.beside.spawn(async move {
            if let Err(cause) = app.catalog().touch_notebook(&id, app.now_ms()).await {
                tracing::warn!(%cause, "the time of a notebook's change could not be stored");
            }
            Finished::Nothing
        });
    }

    /// Storage failed: nobody may see what is not durable. Everybody is told and sent away; the
    /// next dial loads the room as it was durable.
    fn fail(&mut self, cause: &impl std::fmt::Display) {
        tracing::error!(notebook_id = self.notebook_id, %cause, "a room cannot store its changes");
        let now = self.app.now();
        let peers: Vec<PeerId> = self.peers.keys().cloned().collect();
        for peer_id in peers {
            let reason = "database or disk is full, or cannot be written".to_owned();
            for effect in self.room.handle(
                now,
                Event::Degraded {
                    peer_id: peer_id.clone(),
                    reason,
                },
            ) {
                if let Effect::Send { peer_id, bytes } = effect {
                    self.send(&peer_id, Outgoing::Frame(bytes.into()));
                }
            }
            self.send(&peer_id, Outgoing::Close(SYNC_FAILED));
        }
        self.peers.clear();
    }
}

/// An answer that an asker who is gone does not miss.
fn told<T: Send + 'static>(answer: oneshot::Sender<T>, value: T) -> Answer {
    Box::new(move || {
        let _ = answer.send(value);
    })
}

async fn end_job(app: &App, finished: &FinishedJob) -> control_plane::Result<()> {
    let failure = finished.failed.then_some(finished.reason.as_str());
    let job_id = finished.job_id.as_str();
    let effects = control_plane::jobs::end(app.catalog(), job_id, failure, app.now_ms()).await?;
    app.carry_out(effects).await;
    Ok(())
}
