//! The kernel's life, and the end of the session.

use documents::runtime_state::Lifecycle;
use serde_json::json;

use crate::event::{Effect, JournalEntry, KernelInfo, Outcome};
use crate::session::{Kernel, Session};

/// The name of the error that a cell shows whose kernel ended.
const KERNEL_DIED: &str = "KernelDied";
/// The part of the output ids at the journal's end that this error gets.
const DEATH_PART: u32 = u32::MAX - 2;

/// A lifecycle write that waits until the session is in sync.
#[derive(Debug, Clone)]
pub(crate) struct LifecycleWrite {
    lifecycle: Lifecycle,
    reason: String,
    details: String,
    info: Option<KernelInfo>,
    progress: String,
}

impl Session {
    fn put_lifecycle(&mut self, lifecycle: Lifecycle, reason: &str, details: &str) {
        let runs = lifecycle.lifecycle == "Running";
        let info = runs.then(|| self.kernel_info.clone());
        // A newer word replaces those that were never written.
        self.lifecycle.clear();
        self.lifecycle.push_back(LifecycleWrite {
            lifecycle,
            reason: reason.to_owned(),
            details: details.to_owned(),
            info,
            progress: String::new(),
        });
    }

    /// Shows how far the preparation of the kernel's environment is (WS 4.25: the room lets a peer write the kernel's
    /// state, and `env.progress` it keeps for itself).
    pub(crate) fn kernel_preparing(&mut self, progress: String) {
        if self.kernel == Kernel::Launching {
            self.put_lifecycle(Lifecycle::new("PreparingEnv"), "", "");
            if let Some(write) = self.lifecycle.back_mut() {
                write.progress = progress;
            }
        }
    }

    pub(crate) fn write_lifecycle(&mut self) {
        let agent_id = self.agent_id();
        let Some(state) = self.state.as_mut() else {
            return;
        };
        while let Some(write) = self.lifecycle.pop_front() {
            let doc = &mut state.doc;
            // A put into the document fails only for an object that is gone; then there is
            // nothing to say it in.
            let (reason, details) = (Some(&*write.reason), Some(&*write.details));
            let _ = doc.set_lifecycle_with_error(&write.lifecycle, reason, details);
            let _ = doc.set_kernel_texts(&[("runtime_agent_id", &agent_id)]);
            let _ = doc.set_launch_progress(&write.progress);
            if let Some(info) = write.info {
                let fields = [
                    ("name", info.name.as_str()),
                    ("language", info.language.as_str()),
                    ("env_source", info.env_source.as_str()),
                ];
                let _ = doc.set_kernel_texts(&fields);
            }
            self.dirty = true;
            self.urgent = true;
        }
    }

    pub(crate) fn assert_running(&mut self) {
        let activity = if self.current.is_some() {
            "Busy"
        } else {
            "Idle"
        };
        self.put_lifecycle(Lifecycle::running(activity), "", "");
    }

    /// Launches when the mode asks for it; never before the first sync (WS-283).
    pub(crate) fn launch_if_wanted(&mut self) {
        if self.kernel != Kernel::None || self.stopping.is_some() {
            return;
        }
        let queued = !self.waiting.is_empty();
        if queued && self.launch_failures >= self.settings.launch_attempts {
            // Nothing waits for a kernel that does not come; a restart counts anew.
            let cancel = self.drain_waiting();
            self.cancel(cancel);
            return self.apply_ops();
        }
        if self.launch_armed || queued {
            self.launch_armed = false;
            self.kernel = Kernel::Launching;
            // It knows none of the comms that an earlier one left behind.
            self.drop_comms();
            self.put_lifecycle(Lifecycle::new("Launching"), "", "");
            self.write_lifecycle();
            self.effects.push(Effect::LaunchKernel);
        }
    }

    pub(crate) fn kernel_ready(&mut self, info: KernelInfo) {
        self.kernel = Kernel::Ready;
        self.kernel_info = info;
        self.launch_failures = 0;
        self.launch_armed = false;
        self.assert_running();
    }

    pub(crate) fn launch_failed(&mut self, reason: &str, details: &str) {
        self.kernel = Kernel::None;
        self.launch_failures += 1;
        self.end_work();
        self.put_lifecycle(Lifecycle::new("Error"), reason, details);
    }

    pub(crate) fn kernel_died(&mut self, details: &str) {
        if self.kernel == Kernel::None {
            return; // Told twice (WS-344).
        }
        self.kernel = Kernel::None;
        self.tell_of_death(details);
        self.end_work();
        self.drop_comms();
        self.put_lifecycle(Lifecycle::new("Error"), "", details);
    }

    /// Says in the cell that ran what became of it.
    fn tell_of_death(&mut self, details: &str) {
        let running = self.current.as_ref().filter(|current| !current.ending);
        let Some(id) = running.map(|current| current.id.clone()) else {
            return;
        };
        self.flush_streams(&id);
        // The end of the journal is the same for whoever reads it again.
        let position = self.read_to.unwrap_or_default();
        let entry = JournalEntry::of_nothing(position);
        let content = json!({"ename": KERNEL_DIED, "evalue": details, "traceback": []});
        self.put_built(&id, &entry, "error", DEATH_PART, content);
    }

    /// Ends what runs and cancels what waits.
    pub(crate) fn end_work(&mut self) {
        self.gate = None;
        self.half_ended = None;
        self.unfinished = None;
        let cancel = self.drain_waiting();
        if let Some(current) = self.current.as_ref() {
            let id = current.id.clone();
            self.finish(&id, false, cancel);
        } else {
            self.cancel(cancel);
        }
    }

    pub(crate) fn restart_kernel(&mut self) {
        self.end_work();
        self.drop_comms();
        self.kernel = Kernel::Launching;
        self.launch_failures = 0;
        self.put_lifecycle(Lifecycle::new("Launching"), "", "");
        self.effects.push(Effect::RestartKernel);
    }

    pub(crate) fn shutdown_kernel(&mut self) {
        self.end_work();
        self.drop_comms();
        self.kernel = Kernel::None;
        self.put_lifecycle(Lifecycle::new("Shutdown"), "", "");
        self.effects.push(Effect::ShutdownKernel);
    }

    pub(crate) fn stop(&mut self) {
        if self.stopping.is_none() {
            self.shutdown_kernel();
            self.stopping = Some(self.now);
        }
    }

    /// Exits once the room has the last writes, or after a limit.
    pub(crate) fn finish_stop(&mut self) {
        let Some(since) = self.stopping else { return };
        let flushed = self.ops.is_empty() && !self.dirty && self.acks.all_accepted();
        let late = self.now.since(since) >= self.settings.stop_flush_ms;
        if flushed || late || !self.linked {
            self.exit(Outcome::Completed);
        }
    }
}
