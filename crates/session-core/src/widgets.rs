//! What a session remembers about comms: values on their way to the kernel, and state that belongs to nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use documents::manifest::Blob;
use serde_json::{Map, Value};
use wire::UnixMs;

use crate::comm_messages::{Broadcasts, Held};
use crate::forwarding::Fetches;
use crate::session::Session;

/// State without an entry is looked for this long after others changed the document, and is removed if it is still
/// there the next time.
const ORPHANS_EVERY_MS: i64 = 30_000;

type State = Map<String, Value>;

#[derive(Debug, Default)]
pub(crate) struct Widgets {
    /// The message that brings each trait to the kernel, until the kernel has dealt with it.
    on_their_way: HashMap<String, HashMap<String, String>>,
    /// What a second reading of the journal found so far.
    remembered: BTreeMap<String, (State, Vec<Blob>)>,
    /// Messages of people that wait for the state they come after.
    pub held: Held,
    pub broadcasts: Broadcasts,
    pub fetches: Fetches,
    /// A kernel ended or begins: state that has no entry now belongs to nobody, though it may not be here yet.
    pub all_gone: bool,
    orphans: BTreeSet<String>,
    orphans_at: Option<UnixMs>,
}

impl Widgets {
    pub fn forwarded(&mut self, comm_id: &str, keys: Vec<String>, msg_id: &str) {
        let traits = self.on_their_way.entry(comm_id.to_owned()).or_default();
        traits.extend(keys.into_iter().map(|key| (key, msg_id.to_owned())));
    }

    /// The kernel has dealt with a message.
    pub fn processed(&mut self, msg_id: &str) {
        self.on_their_way.retain(|_, traits| {
            traits.retain(|_, on_its_way| on_its_way != msg_id);
            !traits.is_empty()
        });
    }

    /// Leaves out what the kernel said before it got what a person did since: that will be its last word.
    pub fn drop_overtaken(&self, comm_id: &str, parent: &str, state: &mut State) {
        if let Some(traits) = self.on_their_way.get(comm_id) {
            state.retain(|key, _| traits.get(key).is_none_or(|msg_id| msg_id == parent));
        }
    }

    /// Keeps what was read a second time until all of it is read.
    pub fn remember(&mut self, comm_id: &str, state: State, blobs: Vec<Blob>) {
        let (known, needed) = self.remembered.entry(comm_id.to_owned()).or_default();
        known.extend(state);
        needed.extend(blobs);
    }

    /// What the kernel got from the document is there, and newer than what the kernel said before.
    pub fn forget(&mut self, comm_id: &str, state: &State) {
        if let Some((known, _)) = self.remembered.get_mut(comm_id) {
            known.retain(|key, _| !state.contains_key(key));
        }
    }

    pub fn take_remembered(&mut self) -> BTreeMap<String, (State, Vec<Blob>)> {
        std::mem::take(&mut self.remembered)
    }

    pub fn closed(&mut self, comm_id: &str) {
        self.on_their_way.remove(comm_id);
        self.remembered.remove(comm_id);
    }

    pub fn all_closed(&mut self) {
        self.fetches = Fetches::default();
        self.on_their_way.clear();
        self.remembered.clear();
    }

    pub fn link_down(&mut self) {
        self.held.clear();
        self.broadcasts = Broadcasts::default();
    }

    pub fn look_for_orphans(&mut self, now: UnixMs) {
        self.orphans_at.get_or_insert(now.plus(ORPHANS_EVERY_MS));
    }

    /// When something is to be done.
    pub fn due(&self) -> Option<UnixMs> {
        self.orphans_at.into_iter().chain(self.held.due()).min()
    }
}

impl Session {
    /// Removes the state of what a kernel that ended had open, as soon as it is here.
    pub(crate) fn remove_gone(&mut self) {
        let comms = self.comms.as_mut().filter(|comms| comms.in_sync());
        let (Some(state), Some(comms), true) = (self.state.as_ref(), comms, self.widgets.all_gone)
        else {
            return;
        };
        self.widgets.all_gone = false;
        for comm_id in comms.doc.comm_ids() {
            if !state.doc.has_comm(&comm_id) {
                self.dirty |= comms.doc.remove(&comm_id).unwrap_or(false);
            }
        }
    }

    /// Removes state whose comm was not open this time and the last (WS-331).
    pub(crate) fn remove_orphans(&mut self) {
        if self.widgets.orphans_at.is_none_or(|at| self.now < at) {
            return;
        }
        let (Some(state), Some(comms)) = (self.state.as_ref(), self.comms.as_mut()) else {
            return;
        };
        let mut orphans: BTreeSet<String> = comms.doc.comm_ids().into_iter().collect();
        orphans.retain(|id| !state.doc.has_comm(id));
        let gone: Vec<String> = orphans
            .intersection(&self.widgets.orphans)
            .cloned()
            .collect();
        for comm_id in gone {
            self.dirty |= comms.doc.remove(&comm_id).unwrap_or(false);
            orphans.remove(&comm_id);
        }
        let is_more = !orphans.is_empty();
        self.widgets.orphans_at = is_more.then(|| self.now.plus(ORPHANS_EVERY_MS));
        self.widgets.orphans = orphans;
    }
}
