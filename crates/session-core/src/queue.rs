//! Executions: taken from the document in order, one at a time, each at most once ever.

use documents::runtime_state::status;
use serde_json::{Value, json};
use wire::UnixMs;

use crate::commit::OpKind;
use crate::event::{Channel, Effect, JournalEntry, KernelMessage};
use crate::session::{Kernel, Session};

/// How long an execution that the kernel was handed stays unwritten if nothing else happens.
const START_UNWRITTEN_MS: i64 = 3;

/// An execution that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub source: String,
    pub cell_id: Option<String>,
}

/// The execution in the kernel.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub id: String,
    pub failed: bool,
    /// Whether it wrote something to stderr.
    pub has_stderr: bool,
    pub has_replied: bool,
    /// The error that its reply tells of, as long as no output does.
    pub replied_error: Option<Box<JournalEntry>>,
    /// Whether the kernel gave it a count.
    pub is_counted: bool,
    /// Its end stands in the list of writes already.
    pub ending: bool,
    /// Whether the journal has shown that the kernel got it.
    pub confirmed: bool,
}

impl Current {
    fn new(id: String, confirmed: bool) -> Self {
        Self {
            id,
            failed: false,
            has_stderr: false,
            has_replied: false,
            replied_error: None,
            is_counted: false,
            ending: false,
            confirmed,
        }
    }
}

/// An interrupted execution that has not reported idle.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub execution_id: String,
    pub escalate_at: Option<UnixMs>,
}

impl Session {
    /// The first look at the document: what waits, and what an earlier peer left running.
    pub(crate) fn look_around(&mut self) {
        if self.looked_around {
            return;
        }
        self.looked_around = true;
        self.restore_lost();
        let Some(state) = self.state.as_ref() else {
            return;
        };
        let mut running = state.doc.all_with_status(status::RUNNING);
        running.retain(|id| {
            self.current
                .as_ref()
                .is_none_or(|current| current.id != *id)
        });
        if self.settings.adopted && self.current.is_none() && !running.is_empty() {
            let id = running.remove(0);
            self.taken.insert(id.clone());
            self.current = Some(Current::new(id, false));
        }
        self.taken.extend(running.iter().cloned());
        self.orphans = running;
    }

    /// Marks what runs nowhere any more.
    pub(crate) fn settle_orphans(&mut self) {
        for id in std::mem::take(&mut self.orphans) {
            self.push_op(
                OpKind::Finish {
                    execution_id: id,
                    success: false,
                    cancel: Vec::new(),
                },
                Vec::new(),
            );
            self.apply_ops();
        }
    }

    /// Everything is read: an execution the kernel never got is lost.
    pub(crate) fn journal_caught_up(&mut self) {
        self.caught_up = true;
        self.restore_captured(u64::MAX);
        self.write_captured();
        self.hold_back_again();
        self.write_comms_again();
        if let Some(current) = &self.current
            && !current.confirmed
            && !current.ending
            && self.settings.adopted
        {
            let id = current.id.clone();
            self.finish(&id, false, Vec::new());
        }
        self.settle_journal();
    }

    /// An earlier session interrupted an execution that the kernel is still at: nothing is given to it until it is done.
    fn hold_back_again(&mut self) {
        let Some(execution_id) = self.unfinished.take() else {
            return;
        };
        let is_over = self.state.as_ref().is_some_and(|state| {
            let now = state.doc.status(&execution_id);
            now.is_some_and(|now| status::is_terminal(&now))
        });
        if is_over && self.gate.is_none() {
            self.gate = Some(Gate {
                execution_id,
                escalate_at: None,
            });
        }
    }

    /// Looks at one execution that the room changed.
    pub(crate) fn look_at(&mut self, id: &str) {
        let Some(state) = self.state.as_ref() else {
            return;
        };
        if state.doc.status(id).as_deref() != Some(status::QUEUED) {
            self.waiting.retain(|(_, waiting), _| waiting != id);
            return;
        }
        if self.taken.contains(id) {
            return;
        }
        let Some(record) = state.doc.execution_head(id) else {
            return;
        };
        // Without source it waits for a later sync (WS-301).
        if let Some(source) = record.source {
            let key = (record.seq.unwrap_or(u64::MAX), id.to_owned());
            self.waiting.insert(
                key,
                Waiting {
                    source,
                    cell_id: record.cell_id,
                },
            );
        }
    }

    /// Hands the next execution to the kernel when it is free.
    pub(crate) fn pump(&mut self) {
        self.launch_if_wanted();
        if self.kernel != Kernel::Ready
            || self.current.is_some()
            || self.gate.is_some()
            || !self.caught_up
            || self.stopping.is_some()
        {
            return;
        }
        while let Some(((_, id), next)) = self.waiting.pop_first() {
            let Some(state) = self.state.as_ref() else {
                return;
            };
            let queued = state.doc.status(&id).as_deref() == Some(status::QUEUED);
            if !queued || !self.taken.insert(id.clone()) {
                continue;
            }
            let request = execute_request(&id, &next, self.is_ours && !self.settings.for_file);
            self.effects.push(Effect::SendToKernel(Box::new(request)));
            self.current = Some(Current::new(id.clone(), true));
            // What waits for blobs is of executions that have ended.
            self.push_op_first(OpKind::Start(id), Vec::new());
            if self.urgent {
                // The room hears of it with the end of the one before.
                self.apply_ops();
            } else {
                // The processor is the kernel's first; this is written with its first word at the latest.
                self.start_due = Some(self.now.plus(START_UNWRITTEN_MS));
                self.dirty_soon();
            }
            return;
        }
    }

    /// An earlier peer handed this execution to the kernel and ended before the room knew of it:
    /// it runs, and is never sent again.
    pub(crate) fn adopt_sent(&mut self, id: &str) {
        let waits = self.waiting.keys().any(|(_, waiting)| waiting == id);
        if self.caught_up || !waits || self.current.as_ref().is_some_and(|c| !c.ending) {
            return;
        }
        self.take_up(id.to_owned(), true);
    }

    /// What the room shows as waiting runs in the kernel already.
    pub(crate) fn take_up(&mut self, id: String, confirmed: bool) {
        self.waiting.retain(|(_, waiting), _| *waiting != id);
        self.taken.insert(id.clone());
        self.push_op(OpKind::Start(id.clone()), Vec::new());
        self.current = Some(Current::new(id, confirmed));
    }

    /// Takes all that waits out of the queue.
    pub(crate) fn drain_waiting(&mut self) -> Vec<String> {
        let ids: Vec<String> = std::mem::take(&mut self.waiting)
            .into_keys()
            .map(|(_, id)| id)
            .collect();
        self.taken.extend(ids.iter().cloned());
        ids
    }

    /// Cancels executions that wait in the document: at once, whatever waits for blobs.
    pub(crate) fn cancel(&mut self, ids: Vec<String>) {
        if !ids.is_empty() {
            self.push_op_first(OpKind::Cancel(ids), Vec::new());
        }
    }

    /// Ends an execution after all its outputs (DOC-162, WS-307).
    pub(crate) fn finish(&mut self, id: &str, success: bool, cancel: Vec<String>) {
        self.flush_streams(id);
        if let Some(current) = self.current.as_mut().filter(|current| current.id == id) {
            current.ending = true;
        }
        let execution_id = id.to_owned();
        self.push_op(
            OpKind::Finish {
                execution_id,
                success,
                cancel,
            },
            Vec::new(),
        );
    }

    /// Interrupts: ends what runs, cancels what waits, holds back what comes (WS-337 to WS-341).
    pub(crate) fn interrupt(&mut self) {
        if self.kernel != Kernel::Ready {
            return;
        }
        self.effects.push(Effect::InterruptKernel {
            force_signal: false,
        });
        let cancel = self.drain_waiting();
        self.end_idle();
        // What has come to its end already stays what it is.
        let Some(current) = self.current.as_ref().filter(|current| !current.ending) else {
            return self.cancel(cancel);
        };
        let execution_id = current.id.clone();
        self.gate = Some(Gate {
            execution_id: execution_id.clone(),
            escalate_at: Some(self.now.plus(self.settings.interrupt_escalation_ms)),
        });
        self.end_early(&execution_id, cancel);
    }

    /// Sends a signal to a kernel that ignored the interrupt (WS-342).
    pub(crate) fn escalate_interrupt(&mut self) {
        let now = self.now;
        if let Some(gate) = &mut self.gate
            && gate.escalate_at.is_some_and(|at| at <= now)
        {
            gate.escalate_at = None;
            self.effects
                .push(Effect::InterruptKernel { force_signal: true });
        }
    }
}

fn execute_request(id: &str, next: &Waiting, allow_stdin: bool) -> KernelMessage {
    let mut metadata = json!({"execution_id": id});
    if let Some(cell_id) = &next.cell_id {
        metadata["cellId"] = cell_id.as_str().into();
        metadata["cell_id"] = cell_id.as_str().into();
    }
    KernelMessage {
        channel: Channel::Shell,
        msg_type: "execute_request".to_owned(),
        msg_id: id.to_owned(),
        content: json!({
            "code": next.source, "silent": false, "store_history": true,
            "user_expressions": {}, "allow_stdin": allow_stdin, "stop_on_error": true,
        }),
        metadata,
        parent_header: Value::Null,
        buffers: Vec::new(),
        echo: None,
    }
}
