//! One socket of a room.

use documents::DocKind;
use std::collections::VecDeque;

use documents::policy::may_write;
use wire::control::RosterEntry;
use wire::{ActorLabel, JobId, Scope, WorkstationId};

use crate::document::PeerDocument;
use crate::held::Held;
use crate::settings::{PARKED_BYTES_MAX, PARKED_MESSAGES_MAX};
use crate::{Join, Message};

/// A joined peer with its four sync conversations.
pub(crate) struct Peer {
    pub(crate) join: Join,
    pub(crate) actor_label: String,
    pub(crate) documents: [PeerDocument; 4],
    pub(crate) streak: u32,
    /// Set while a request of this peer waits for an answer about compute; its later frames wait
    /// behind it so that their order is kept.
    pub(crate) waiting: Option<Waiting>,
    /// Requests that wait for changes of the notebook, in order.
    pub(crate) held: VecDeque<Held>,
    /// Order of arrival, which decides between equal connect times.
    pub(crate) arrival: u64,
}

/// A request that waits for compute, and what arrived after it.
pub(crate) struct Waiting {
    pub(crate) request: u64,
    pub(crate) payload: Vec<u8>,
    pub(crate) parked: VecDeque<Message>,
    parked_bytes: usize,
}

impl Waiting {
    pub(crate) fn new(request: u64, payload: &[u8]) -> Self {
        Self {
            request,
            payload: payload.to_vec(),
            parked: VecDeque::new(),
            parked_bytes: 0,
        }
    }

    /// Whether as much has arrived behind the request as may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.parked.len() >= PARKED_MESSAGES_MAX || self.parked_bytes >= PARKED_BYTES_MAX
    }

    pub(crate) fn park(&mut self, message: Message) {
        self.parked_bytes += match &message {
            Message::Binary(bytes) => bytes.len(),
            Message::Text(text) => text.len(),
        };
        self.parked.push_back(message);
    }
}

impl Peer {
    pub(crate) fn new(join: Join, arrival: u64) -> Self {
        let scope = join.scope;
        let documents = DocKind::ALL.map(|kind| PeerDocument::new(!may_write(kind, scope)));
        let actor_label = join.actor.to_string();
        Self {
            join,
            actor_label,
            documents,
            streak: 0,
            waiting: None,
            held: VecDeque::new(),
            arrival,
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        self.join.scope
    }

    pub(crate) fn actor(&self) -> &ActorLabel {
        &self.join.actor
    }

    pub(crate) fn is_runtime(&self) -> bool {
        self.join.scope == Scope::RuntimePeer
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.join.actor.principal.is_anonymous()
    }

    pub(crate) fn workstation_id(&self) -> &str {
        self.join
            .workstation
            .as_ref()
            .and_then(|workstation| workstation.workstation_id.as_ref())
            .map(WorkstationId::as_str)
            .filter(|id| !id.is_empty())
            .unwrap_or(WorkstationId::RUNTIME_PEER)
    }

    pub(crate) fn runtime_session_id(&self) -> Option<&str> {
        self.join
            .workstation
            .as_ref()
            .and_then(|workstation| workstation.runtime_session_id.as_ref())
            .map(JobId::as_str)
            .filter(|id| !id.is_empty())
    }

    pub(crate) fn participant_key(&self) -> String {
        if self.is_anonymous() {
            format!("anonymous:{}", self.join.peer_id)
        } else {
            self.join.actor.principal.to_string()
        }
    }

    pub(crate) fn roster_entry(&self) -> RosterEntry {
        RosterEntry {
            peer_id: self.join.peer_id.clone(),
            actor_label: self.actor_label.clone(),
            connection_scope: self.join.scope,
            participant_key: self.participant_key(),
            identity_provider: self.join.identity_provider.clone(),
            principal_namespace: self.join.principal_namespace.clone(),
            display_name: self.join.display_name.clone(),
            connected_at: self.join.connected_at,
        }
    }
}
