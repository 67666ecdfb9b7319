//! The open event sockets: who listens for a workstation's events (2.21). The route that opens them is `routes::events`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_plane::workstations::Presence;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events a socket may lag behind before it is dropped; wake-ups repeat by themselves.
const BACKLOG: usize = 64;

type Key = (String, String);

/// The open event sockets by owner and workstation.
#[derive(Debug, Clone, Default)]
pub struct EventSockets(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    sockets: HashMap<Key, Vec<Socket>>,
}

#[derive(Debug)]
struct Socket {
    id: u64,
    credential_id: Option<String>,
    frames: mpsc::Sender<String>,
    revoked: CancellationToken,
}

/// One socket's place among them; leaving scope gives it up.
#[derive(Debug)]
pub struct EventSubscription {
    sockets: EventSockets,
    key: Key,
    id: u64,
    /// Text frames to send. It ends when the socket was too slow.
    pub frames: mpsc::Receiver<String>,
    /// Cancelled when the credential behind the socket is revoked.
    pub revoked: CancellationToken,
}

impl EventSockets {
    /// Begins to collect a workstation's events.
    pub fn subscribe(
        &self,
        owner: &str,
        workstation_id: &str,
        credential_id: Option<String>,
    ) -> EventSubscription {
        let key = (owner.to_owned(), workstation_id.to_owned());
        let (sender, frames) = mpsc::channel(BACKLOG);
        let revoked = CancellationToken::new();
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        let socket = Socket {
            id,
            credential_id,
            frames: sender,
            revoked: revoked.clone(),
        };
        state.sockets.entry(key.clone()).or_default().push(socket);
        drop(state);
        EventSubscription {
            sockets: self.clone(),
            key,
            id,
            frames,
            revoked,
        }
    }

    /// Sends a frame to every socket of the workstation; one that lags too far is dropped.
    pub fn send(&self, owner: &str, workstation_id: &str, frame: &str) {
        let key = (owner.to_owned(), workstation_id.to_owned());
        let mut state = self.lock();
        if let Some(sockets) = state.sockets.get_mut(&key) {
            sockets.retain(|socket| socket.frames.try_send(frame.to_owned()).is_ok());
            if sockets.is_empty() {
                state.sockets.remove(&key);
            }
        }
    }

    /// Whether a socket is open for exactly this owner and workstation.
    pub fn presence(&self, owner: &str, workstation_id: &str) -> Presence {
        let key = (owner.to_owned(), workstation_id.to_owned());
        if self.lock().sockets.contains_key(&key) {
            Presence::Connected
        } else {
            Presence::Disconnected
        }
    }

    /// Closes every socket that a credential opened.
    pub fn close_credential(&self, credential_id: &str) {
        let state = self.lock();
        for socket in state.sockets.values().flatten() {
            if socket.credential_id.as_deref() == Some(credential_id) {
                socket.revoked.cancel();
            }
        }
    }

    /// Closes every socket of a person's workstations.
    pub fn close_owner(&self, owner: &str) {
        let state = self.lock();
        for ((of, _), sockets) in &state.sockets {
            if of == owner {
                for socket in sockets {
                    socket.revoked.cancel();
                }
            }
        }
    }

    fn leave(&self, key: &Key, id: u64) {
        let mut state = self.lock();
        if let Some(sockets) = state.sockets.get_mut(key) {
            sockets.retain(|socket| socket.id != id);
            if sockets.is_empty() {
                state.sockets.remove(key);
            }
        }
    }

    /// The lock guards a map; a panic elsewhere leaves the map whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for EventSubscription {
    fn drop(&mut self) {
        self.sockets.leave(&self.key, self.id);
    }
}

#[cfg(test)]
mod tests;
