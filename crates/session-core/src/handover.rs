//! What a session leaves to the one that takes its place in the same process: the documents say neither what Output widgets
//! capture nor what the kernel was told of what people changed, nor what a room lost that refused the session.

use std::collections::BTreeSet;

use documents::CommsDoc;
use serde_json::{Map, Value};

use crate::capture::Captured;
use crate::commit::OpKind;
use crate::forwarding::CANVAS_KEY;
use crate::lost_writes::WrittenBefore;
use crate::session::{Kernel, Session};
use crate::widgets::{OnTheirWay, Trait};

/// Left by a session that ended, for another one.
#[derive(Debug, Default)]
pub struct Handover {
    captured: Captured,
    on_their_way: OnTheirWay,
    comms: Option<CommsBefore>,
    written: Option<WrittenBefore>,
}

/// The values of widgets as the session before knew them.
#[derive(Debug)]
pub(crate) struct CommsBefore {
    /// None where that session's process is gone: then what others wrote last may be new to the kernel.
    doc: Option<CommsDoc>,
    /// Up to here in the journal the room has what the kernel said.
    taken_to: u64,
    /// What was written since: the kernel knows it.
    said_again: BTreeSet<Trait>,
}

impl CommsBefore {
    /// What a peer knows that finds a kernel at work.
    pub fn unknown() -> Self {
        Self {
            doc: None,
            taken_to: 0,
            said_again: BTreeSet::new(),
        }
    }
}

/// Whether an actor is neither a kernel's nor the room's (documents 2.7).
fn is_a_person(actor: &str) -> bool {
    !["rt:kernel:", "system:"]
        .iter()
        .any(|kind| actor.starts_with(kind))
        && !actor.contains("/runtime:kernel:")
}

impl Session {
    /// Takes out of a session that ends what the next one needs.
    pub fn hand_over(&mut self) -> Handover {
        let to = self.read_to.unwrap_or_default();
        let widgets = std::mem::take(&mut self.output_widgets);
        let is_taken = self.ops.is_empty() && !self.dirty && self.acks.all_accepted();
        let comms = self.comms.take().filter(|_| self.caught_up);
        Handover {
            // One that did not get as far as the session before hands on what that one left.
            captured: self
                .captured_before
                .take()
                .unwrap_or(Captured { widgets, to }),
            on_their_way: std::mem::take(&mut self.widgets.on_their_way),
            written: self.leave_written(),
            comms: self.comms_before.take().or(comms.map(|comms| CommsBefore {
                doc: Some(comms.doc),
                taken_to: if is_taken { to } else { 0 },
                said_again: BTreeSet::new(),
            })),
        }
    }

    /// Gives a new session what the one before left. Until it has read as far as that one, it follows only which outputs
    /// its Output widgets take.
    #[must_use]
    pub fn taking_over(mut self, before: Handover) -> Self {
        let Handover {
            captured,
            on_their_way,
            comms,
            written,
        } = before;
        self.captured_before = (!captured.widgets.is_empty()).then_some(captured);
        self.widgets.on_their_way = on_their_way;
        self.comms_before = comms.or(self.comms_before);
        self.written_before = written;
        self
    }

    /// Whether the room has what the kernel said there, or what people made of it since.
    pub(crate) fn is_known_to_the_room(&self, position: u64) -> bool {
        let before = self.comms_before.as_ref();
        before.is_some_and(|before| position < before.taken_to)
    }

    /// What this session writes is not what people changed.
    pub(crate) fn said_again(&mut self, comm_id: &str, state: &Map<String, Value>) {
        if let Some(before) = &mut self.comms_before {
            let keys = state.keys().map(|key| (comm_id.to_owned(), key.clone()));
            before.said_again.extend(keys);
        }
    }

    /// Tells the kernel, once all is read and written again, what people changed while no session was there to see it.
    pub(crate) fn forward_missed(&mut self) {
        let waits =
            |kind: &OpKind| matches!(kind, OpKind::CommState { .. } | OpKind::Captured { .. });
        let is_ready = self.caught_up && self.kernel == Kernel::Ready;
        let is_ready = is_ready && self.comms_known;
        if self.comms_before.is_none() || !is_ready || self.ops.iter().any(|op| waits(&op.kind)) {
            return;
        }
        let (Some(before), Some(comms)) = (self.comms_before.take(), self.comms.as_mut()) else {
            return;
        };
        // A room that fell back to an older snapshot has lost those of open widgets.
        for comm_id in before.doc.iter().flat_map(CommsDoc::comm_ids) {
            let is_open = self
                .state
                .as_ref()
                .is_some_and(|state| state.doc.has_comm(&comm_id));
            let lost = before.doc.as_ref().and_then(|doc| doc.state(&comm_id));
            if let Some(lost) = lost.filter(|_| is_open && comms.doc.state(&comm_id).is_none()) {
                // A write fails only for an object that is gone.
                let _ = comms.doc.merge_state(&comm_id, &lost);
                self.dirty = true;
            }
        }
        let mut missed = BTreeSet::new();
        for comm_id in before.doc.as_ref().unwrap_or(&comms.doc).comm_ids() {
            let then = before.doc.as_ref().map(|doc| doc.state(&comm_id));
            for (key, value) in comms.doc.state(&comm_id).into_iter().flatten() {
                let changed = match &then {
                    Some(then) => then.as_ref().and_then(|then| then.get(&key)) != Some(&value),
                    None => comms
                        .doc
                        .author(&comm_id, &key)
                        .as_deref()
                        .is_some_and(is_a_person),
                };
                let one = (comm_id.clone(), key);
                if changed && one.1 != CANVAS_KEY && !before.said_again.contains(&one) {
                    missed.insert(one);
                }
            }
        }
        if !missed.is_empty() {
            self.forward(missed);
        }
    }
}
