//! Live rooms: found by notebook, started on demand, ended when empty for a while.
//!
//! A room is a task that owns its documents; everything else sends it commands through a bounded
//! inbox. A room that panics or cannot store ends alone, and the next call loads it anew.

mod actor;
mod command;
mod effects;
mod ending;
mod held;
mod log;
pub mod outbox;
mod socket;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use control_plane::access::{self, Downgrade};
use room::{
    AccessChange, AttachmentUpdate, Event, RepairOutcome, RepairRefused, Revocation,
    StoredDocuments, WorkstationHeaders,
};
use store::{Notebooks as _, People as _, SubjectKind};
use tokio::sync::{mpsc, oneshot};
use wire::attachment::FenceError;
use wire::close::{ACCESS_REVOKED, CODE_RESTART, Close};
use wire::{CredentialId, PeerId, Principal, Scope, WorkstationAttachment};

pub use command::{Command, Repair};
pub use ending::Occupants;
pub use socket::{Dial, serve};

use crate::app::App;
use outbox::Ended;

/// The account behind a socket changed; its client dials again.
const DIAL_AGAIN: Close = Close {
    code: CODE_RESTART,
    reason: "account changed",
};
/// Commands that may wait for one room; senders wait when its inbox is full.
const INBOX: usize = 1024;
/// How often a command is sent again to a room that ended meanwhile.
const ATTEMPTS: usize = 4;

/// The room could not take a command.
#[derive(Debug, thiserror::Error)]
#[error("the room ended; try again")]
pub struct RoomGone;

/// The rooms that are live on this server, and its sockets.
#[derive(Debug, Default)]
pub struct Rooms {
    live: Mutex<HashMap<String, Live>>,
    sockets: Mutex<HashMap<PeerId, SocketEntry>>,
    next: std::sync::atomic::AtomicU64,
}

#[derive(Debug, Clone)]
struct Live {
    generation: u64,
    inbox: mpsc::Sender<Command>,
}

#[derive(Debug)]
struct SocketEntry {
    notebook_id: String,
    session_id: Option<String>,
    principal: Principal,
    credential_id: Option<CredentialId>,
    present: ending::Present,
    ended: Ended,
}

impl SocketEntry {
    fn new(dial: &Dial, ended: Ended) -> Self {
        Self {
            notebook_id: dial.notebook_id.clone(),
            session_id: dial.session_id.clone(),
            principal: dial.join.actor.principal.clone(),
            credential_id: dial.join.credential_id.clone(),
            present: ending::Present {
                actor: dial.join.actor.clone(),
                scope: dial.join.scope,
                display_name: dial.join.display_name.clone(),
            },
            ended,
        }
    }
}

/// A room's place in the directory; given up when its task ends, however it ends.
#[derive(Debug)]
pub(crate) struct Registered {
    app: App,
    notebook_id: String,
    generation: u64,
}

impl Registered {
    /// Gives the place up.
    fn leave(self) {
        drop(self);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut live = lock(&self.app.rooms().live);
        if live
            .get(&self.notebook_id)
            .is_some_and(|room| room.generation == self.generation)
        {
            live.remove(&self.notebook_id);
        }
    }
}

impl Rooms {
    /// How many rooms are live.
    pub fn count(&self) -> usize {
        lock(&self.live).len()
    }

    /// The inbox of a room, which is started when it is not live.
    fn inbox(&self, app: &App, notebook_id: &str) -> mpsc::Sender<Command> {
        let mut live = lock(&self.live);
        if let Some(room) = live.get(notebook_id)
            && !room.inbox.is_closed()
        {
            return room.inbox.clone();
        }
        let generation = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (inbox, commands) = mpsc::channel(INBOX);
        live.insert(
            notebook_id.to_owned(),
            Live {
                generation,
                inbox: inbox.clone(),
            },
        );
        drop(live);
        let registered = Registered {
            app: app.clone(),
            notebook_id: notebook_id.to_owned(),
            generation,
        };
        app.tasks()
            .spawn(actor::run(app.clone(), registered, commands));
        inbox
    }

    /// Sends a command that has an answer; again when the room just ended.
    async fn ask<T>(
        &self,
        app: &App,
        notebook_id: &str,
        mut command: impl FnMut(oneshot::Sender<T>) -> Command,
    ) -> Result<T, RoomGone> {
        for _ in 0..ATTEMPTS {
            let (answer, wait) = oneshot::channel();
            let inbox = self.inbox(app, notebook_id);
            if inbox.send(command(answer)).await.is_ok()
                && let Ok(answer) = wait.await
            {
                return Ok(answer);
            }
        }
        Err(RoomGone)
    }

    /// Whether a runtime peer may come in, before its upgrade (CP 2.25).
    ///
    /// # Errors
    /// The room cannot be loaded.
    pub async fn admit(
        &self,
        app: &App,
        notebook_id: &str,
        headers: &WorkstationHeaders,
    ) -> Result<Result<(), FenceError>, RoomGone> {
        self.ask(app, notebook_id, |answer| {
            Command::Admit(Box::new(headers.clone()), answer)
        })
        .await
    }

    /// Publishes an attachment unless it is stale, then closes runtime peers if asked (CP 2.19).
    ///
    /// # Errors
    /// The room cannot be loaded.
    pub async fn publish_attachment(
        &self,
        app: &App,
        notebook_id: &str,
        attachment: WorkstationAttachment,
        close: Option<Close>,
    ) -> Result<(), RoomGone> {
        let update = AttachmentUpdate {
            attachment,
            close_runtime_peers: close,
        };
        self.ask(app, notebook_id, |answer| {
            Command::Publish(Box::new(update.clone()), answer)
        })
        .await
    }

    /// Reconciles the runtime state (CP 2.24); refused when a runtime peer is there and `force` is
    /// not set.
    ///
    /// # Errors
    /// The room cannot be loaded.
    pub async fn repair(
        &self,
        app: &App,
        notebook_id: &str,
        reason: &str,
        expected_session: Option<&str>,
        force: bool,
    ) -> Result<Result<RepairOutcome, RepairRefused>, RoomGone> {
        self.ask(app, notebook_id, |answer| {
            let repair = Repair {
                reason: reason.to_owned(),
                force,
                expected_session: expected_session.map(str::to_owned),
            };
            Command::Repair(repair, answer)
        })
        .await
    }

    /// Lets published documents take the place of a room's that lack nothing of their own (RP 4.10); returns whether the
    /// room shows them.
    ///
    /// # Errors
    /// The room cannot be loaded.
    pub async fn published(
        &self,
        app: &App,
        notebook_id: &str,
        documents: &StoredDocuments,
    ) -> Result<bool, RoomGone> {
        self.ask(app, notebook_id, |answer| {
            Command::Published(Box::new(documents.clone()), answer)
        })
        .await
    }

    /// Ends a credential's sockets at once, and has their rooms refuse what is still in line (D7).
    pub async fn revoke_credential(&self, app: &App, credential_id: &str) {
        let credential_id = CredentialId::from(credential_id);
        let mut rooms = HashSet::new();
        for socket in lock(&self.sockets).values() {
            if socket.credential_id.as_ref() == Some(&credential_id) {
                socket.ended.now(ACCESS_REVOKED);
                rooms.insert(socket.notebook_id.clone());
            }
        }
        let revocation = Revocation {
            principal: None,
            credential_id: Some(credential_id),
        };
        // All at once: a busy room must not hold up the others.
        let told = rooms.iter().map(|notebook_id| {
            let event = Event::Revoked(revocation.clone());
            self.tell(app, notebook_id, event)
        });
        futures_util::future::join_all(told).await;
    }

    /// Looks again at the rights of a principal's sockets, or of all who may have come by the public link (`None`):
    /// anonymous ones, and people without a row of their own.
    pub async fn access_changed(&self, app: &App, notebook_id: &str, principal: Option<&str>) {
        self.look_again(app, notebook_id, principal).await;
        if principal.is_none() {
            for named in self.named_viewers(notebook_id) {
                self.look_again(app, notebook_id, Some(named.as_str()))
                    .await;
            }
        }
    }

    /// The people among a notebook's open viewer sockets, each once.
    fn named_viewers(&self, notebook_id: &str) -> HashSet<Principal> {
        let sockets = lock(&self.sockets);
        let viewers = sockets.values().filter(|socket| {
            socket.notebook_id == notebook_id
                && socket.present.scope == Scope::Viewer
                && !socket.principal.is_anonymous()
        });
        viewers.map(|socket| socket.principal.clone()).collect()
    }

    async fn look_again(&self, app: &App, notebook_id: &str, principal: Option<&str>) {
        if !lock(&self.live).contains_key(notebook_id) {
            return;
        }
        let event = match principal.map(Principal::parse) {
            Some(Ok(principal)) => access_now(app, notebook_id, &principal)
                .await
                .map(|change| Some(Event::AccessChanged(change))),
            Some(Err(_)) => return,
            None => has_public_link(app, notebook_id)
                .await
                .map(|has| (!has).then_some(Event::PublicLinkRevoked)),
        };
        let event = match event {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(cause) => {
                tracing::error!(%cause, notebook_id, "access could not be looked up again");
                return;
            }
        };
        self.tell(app, notebook_id, event).await;
    }

    /// Tells a live room when its unused compute stops; others read it as they open.
    pub async fn idle_minutes(&self, app: &App, notebook_id: &str, minutes: Option<i64>) {
        if lock(&self.live).contains_key(notebook_id) {
            let minutes = minutes.and_then(|minutes| u64::try_from(minutes).ok());
            self.tell(app, notebook_id, Event::IdleMinutes(minutes))
                .await;
        }
    }

    async fn tell(&self, app: &App, notebook_id: &str, event: Event) {
        let told = self
            .ask(app, notebook_id, |answer| {
                Command::Event(Box::new(event.clone()), answer)
            })
            .await;
        if told.is_err() {
            tracing::warn!(notebook_id, "a room ended before it heard of a change");
        }
    }

    /// Closes the sockets of a browser session or an API token that ended.
    pub fn session_ended(&self, session_id: &str) {
        for socket in lock(&self.sockets).values() {
            if socket.session_id.as_deref() == Some(session_id) {
                socket.ended.now(ACCESS_REVOKED);
            }
        }
    }

    /// Closes a person's sockets. Of somebody who is not to come back, frames are refused at once, and what waits to run
    /// is cancelled, whether they are there or not.
    pub async fn person_ended(&self, app: &App, principal: &str, for_good: bool) {
        let Ok(parsed) = Principal::parse(principal) else {
            return;
        };
        let close = if for_good { ACCESS_REVOKED } else { DIAL_AGAIN };
        let mut rooms = HashSet::new();
        for socket in lock(&self.sockets).values() {
            if socket.principal == parsed {
                socket.ended.now(close);
                rooms.insert(socket.notebook_id.clone());
            }
        }
        if for_good {
            rooms.extend(lock(&self.live).keys().cloned());
        }
        // What somebody who is not to come back may do needs no question, which could fail.
        let nothing = AccessChange {
            principal: parsed,
            may_run: false,
            allowed: Vec::new(),
        };
        let told = rooms.iter().map(async |notebook_id| {
            if for_good {
                let event = Event::AccessChanged(nothing.clone());
                self.tell(app, notebook_id, event).await;
            } else {
                self.look_again(app, notebook_id, Some(principal)).await;
            }
        });
        futures_util::future::join_all(told).await;
    }

    /// Notes an open socket until the returned guard is dropped.
    fn note_socket(app: &App, peer_id: &PeerId, entry: SocketEntry) -> SocketGuard {
        lock(&app.rooms().sockets).insert(peer_id.clone(), entry);
        SocketGuard {
            app: app.clone(),
            peer_id: peer_id.clone(),
        }
    }
}

/// What a person may do in a notebook from now on.
async fn access_now(
    app: &App,
    notebook_id: &str,
    principal: &Principal,
) -> store::Result<AccessChange> {
    let standing = app
        .catalog()
        .standing(principal.as_str(), app.now_ms())
        .await?;
    // Sockets and rows go by the account, whichever of its names this is.
    let account = standing.canonical.as_deref().unwrap_or(principal.as_str());
    let rows = if standing.disabled {
        Vec::new()
    } else {
        app.catalog().acl_for(notebook_id, account).await?
    };
    let covers = |scope: &Scope| access::decide(&rows, *scope, Downgrade::Never).is_some();
    Ok(AccessChange {
        principal: Principal::parse(account).unwrap_or_else(|_| principal.clone()),
        // Beside editor only: a socket that an owner opened for less stays at less.
        may_run: rows.iter().any(|row| row.may_run),
        allowed: Scope::ALL.into_iter().filter(covers).collect(),
    })
}

async fn has_public_link(app: &App, notebook_id: &str) -> store::Result<bool> {
    let rows = app.catalog().acl_for(notebook_id, "anonymous").await?;
    let mut kinds = rows.iter().map(|row| row.subject_kind);
    Ok(kinds.any(|kind| kind == SubjectKind::Public))
}

/// A socket's place in the list of open ones.
struct SocketGuard {
    app: App,
    peer_id: PeerId,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        lock(&self.app.rooms().sockets).remove(&self.peer_id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
