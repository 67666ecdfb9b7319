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

/// A comm and one of its traits.
pub(crate) type Trait = (String, String);

/// A message that brings the kernel what people changed, until the kernel has dealt with it. There is one for each comm:
/// of what changes meanwhile the kernel is told the last value, as by the widgets of a Jupyter page.
#[derive(Debug)]
struct OnItsWay {
    msg_id: String,
    keys: BTreeSet<String>,
    held: BTreeSet<String>,
}

/// Those messages by comm.
#[derive(Debug, Default)]
pub(crate) struct OnTheirWay(HashMap<String, OnItsWay>);

#[derive(Debug, Default)]
pub(crate) struct Widgets {
    pub on_their_way: OnTheirWay,
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

impl OnTheirWay {
    /// Whether a trait waits until the kernel has dealt with what it was told before.
    pub fn hold(&mut self, (comm_id, key): &Trait) -> bool {
        let before = self.0.get_mut(comm_id);
        before
            .map(|before| before.held.insert(key.clone()))
            .is_some()
    }

    pub fn is_holding(&self) -> bool {
        self.0.values().any(|message| !message.held.is_empty())
    }

    pub fn sent(&mut self, comm_id: &str, keys: BTreeSet<String>, msg_id: &str) {
        let message = OnItsWay {
            msg_id: msg_id.to_owned(),
            keys,
            held: BTreeSet::new(),
        };
        self.0.insert(comm_id.to_owned(), message);
    }

    /// The kernel has dealt with a message; what waited for that.
    fn processed(&mut self, msg_id: &str) -> BTreeSet<Trait> {
        let mut of_it = self.0.extract_if(|_, message| message.msg_id == msg_id);
        let Some((comm_id, message)) = of_it.next() else {
            return BTreeSet::new();
        };
        let held = message.held.into_iter();
        held.map(|key| (comm_id.clone(), key)).collect()
    }

    /// Leaves out what the kernel said before it got what a person did since: that will be its last word.
    pub fn drop_overtaken(&self, comm_id: &str, parent: &str, state: &mut State) {
        if let Some(OnItsWay { msg_id, keys, held }) = self.0.get(comm_id) {
            state.retain(|key, _| !held.contains(key) && (msg_id == parent || !keys.contains(key)));
        }
    }
}

impl Widgets {
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
        self.on_their_way.0.remove(comm_id);
        self.remembered.remove(comm_id);
    }

    pub fn all_closed(&mut self) {
        self.fetches = Fetches::default();
        self.on_their_way.0.clear();
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
    /// The kernel has dealt with a request: what waited for that is told now.
    pub(crate) fn comm_processed(&mut self, msg_id: &str) {
        let held = self.widgets.on_their_way.processed(msg_id);
        if !held.is_empty() {
            self.forward(held);
        }
    }

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
