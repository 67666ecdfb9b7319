//! The end of a room whose notebook nobody reaches any more, and who is in a room.

use std::collections::HashMap;

use control_plane::RoomEnd;
use store::document_log::DocumentLog as _;
use wire::close::{Close, NOTEBOOK_DELETED, NOTEBOOK_TRASHED};
use wire::http::ListedPeer;
use wire::{ActorLabel, Scope};

use super::{Rooms, lock};
use crate::app::App;

/// People shown with a listed notebook at most (CP 3.2).
const PEOPLE: usize = 8;

/// Who is behind an open socket.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) actor: ActorLabel,
    pub(super) scope: Scope,
    pub(super) display_name: Option<String>,
}

/// Who is in a room now.
#[derive(Debug, Default)]
pub struct Occupants {
    /// People who may edit, each once.
    pub people: Vec<ListedPeer>,
    /// Open sockets of runtime peers.
    pub runtime_peers: u64,
}

impl Rooms {
    /// Closes every socket of a room. A deleted notebook's room ends at once, whatever it holds.
    pub async fn end_room(&self, app: &App, notebook_id: &str, end: RoomEnd) {
        let close: Close = match end {
            RoomEnd::Trashed => NOTEBOOK_TRASHED,
            RoomEnd::Deleted => NOTEBOOK_DELETED,
        };
        for socket in lock(&self.sockets).values() {
            if socket.notebook_id == notebook_id {
                socket.ended.now(close);
            }
        }
        if end == RoomEnd::Deleted {
            // Its task ends with the last sender; what it still had in line is dropped behind it.
            lock(&self.live).remove(notebook_id);
            if let Err(cause) = app.documents().forget(notebook_id).await {
                tracing::warn!(%cause, "a deleted notebook's documents stay until the next sweep");
            }
        }
    }

    /// Who is in each room that has anybody, without one principal (the asker).
    pub fn occupants(&self, without: &str) -> HashMap<String, Occupants> {
        let mut rooms: HashMap<String, Occupants> = HashMap::new();
        for socket in lock(&self.sockets).values() {
            let Present {
                actor,
                scope,
                display_name,
            } = &socket.present;
            let room = rooms.entry(socket.notebook_id.clone()).or_default();
            let principal = actor.principal.as_str();
            match scope {
                Scope::RuntimePeer => room.runtime_peers += 1,
                Scope::Viewer => {}
                Scope::Editor | Scope::Owner if principal == without => {}
                Scope::Editor | Scope::Owner => {
                    let known = room
                        .people
                        .iter()
                        .any(|peer| peer.participant_key == principal);
                    if !known && room.people.len() < PEOPLE {
                        room.people.push(ListedPeer {
                            participant_key: principal.to_owned(),
                            actor_label: actor.to_string(),
                            display_name: display_name.clone(),
                            connection_scope: *scope,
                        });
                    }
                }
            }
        }
        rooms
    }
}
