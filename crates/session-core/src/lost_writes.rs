//! What a session that was refused leaves to the next one in the same process. A room that fell back to an older snapshot
//! shows executions as waiting or running that had ended; the journal that tells of them may be given back already. They
//! are written again as they were, and none runs twice.

use documents::RuntimeStateDoc;
use documents::runtime_state::status;

use crate::session::Session;

/// The documents as that session had written them.
#[derive(Debug)]
pub(crate) struct WrittenBefore {
    doc: RuntimeStateDoc,
    /// What it had handed to the kernel, and had not seen the end of.
    running: Option<String>,
    /// Whether it had written again itself what an earlier one left: that may be what the room refused.
    has_restored: bool,
}

impl Session {
    /// Takes out of a session that was refused what the next one compares.
    pub(crate) fn leave_written(&mut self) -> Option<WrittenBefore> {
        // One that did not look around knows nothing of its own.
        if let Some(kept) = self.written_before.take() {
            return Some(kept);
        }
        let state = self.state.take().filter(|_| self.is_refused)?;
        let current = self.current.take().filter(|current| !current.ending);
        Some(WrittenBefore {
            doc: state.doc,
            running: current.map(|current| current.id),
            has_restored: self.has_restored,
        })
    }

    /// At the first look at the room's document: what it shows as open that had ended ends as it did.
    pub(crate) fn restore_lost(&mut self) {
        let (Some(before), Some(state)) = (self.written_before.take(), self.state.as_mut()) else {
            return;
        };
        let mut open = state.doc.all_with_status(status::RUNNING);
        open.extend(state.doc.all_with_status(status::QUEUED));
        for id in open {
            let ended = before.doc.execution(&id);
            let Some(ended) = ended.filter(|ended| status::is_terminal(&ended.status)) else {
                continue;
            };
            let doc = &mut state.doc;
            // A put into the document fails only for an object that is gone; then there is nothing left to write to.
            if !before.has_restored {
                if let Some(count) = ended.execution_count {
                    let _ = doc.set_execution_count(&id, count);
                }
                let _ = doc.append_outputs(&id, &ended.outputs);
            }
            if ended.status == status::CANCELLED {
                let _ = doc.cancel(&id);
            }
            let _ = doc.finish(&id, ended.status == status::DONE);
            self.taken.insert(id.clone());
            self.waiting.retain(|(_, waiting), _| *waiting != id);
            self.has_restored = true;
            self.dirty = true;
            self.urgent = true;
        }
        // The kernel that was left at work has its widgets still.
        for comm_id in before.doc.comm_ids() {
            let entry = before.doc.comm_entry(&comm_id);
            if let Some(entry) = entry.filter(|_| !state.doc.has_comm(&comm_id)) {
                let _ = state.doc.put_comm_entry(&comm_id, &entry);
                self.dirty = true;
            }
        }
        self.take_up_running(before.running);
        if self.has_restored {
            self.write_queue();
        }
    }

    /// What the kernel was handed runs, though the room shows it as waiting.
    fn take_up_running(&mut self, running: Option<String>) {
        let Some(id) = running.filter(|id| self.waiting.keys().any(|(_, waiting)| waiting == id))
        else {
            return;
        };
        self.take_up(id, false);
    }
}
