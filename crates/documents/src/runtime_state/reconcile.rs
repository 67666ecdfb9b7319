//! What a room writes when its runtime is gone or idle (documents 5.10, room protocol 7.5, 7.6).

use wire::WorkstationAttachment;
use wire::attachment::status as attachment_status;

use super::{Lifecycle, RuntimeStateDoc, status};
use crate::value::DocError;

/// Begins the error details of a lost runtime.
pub const DISCONNECTED_PREFIX: &str = "runtime peer disconnected:";
/// The attachment's message after an idle shutdown.
pub const IDLE_MESSAGE: &str =
    "Compute stopped after 30 minutes without queued or active execution.";

impl RuntimeStateDoc {
    /// Ends what the lost runtime left open; a second call changes nothing.
    pub fn runtime_gone(&mut self, reason: &str) -> Result<bool, DocError> {
        let current = self.workstation();
        if current
            .as_ref()
            .is_some_and(|at| at.status == attachment_status::IDLE)
        {
            return Ok(false);
        }
        let mut changed = false;
        for id in self.all_with_status(status::RUNNING) {
            changed |= self.finish(&id, false)?;
        }
        for id in self.all_with_status(status::QUEUED) {
            changed |= self.cancel(&id)?;
        }
        changed |= self.clear_queue()?;
        if self.kernel().lifecycle.is_live() {
            let details = format!("{DISCONNECTED_PREFIX} {reason}");
            self.set_lifecycle_with_error(&Lifecycle::new("Error"), None, Some(&details))?;
            changed = true;
        }
        let attachment = match current {
            Some(at) if at.status == attachment_status::ERROR => return Ok(changed),
            Some(at) => at,
            None if !changed => return Ok(false),
            None => WorkstationAttachment {
                workstation_id: "runtime-peer".into(),
                display_name: "Attached workstation".into(),
                provider: "runtime_peer".into(),
                default_environment_label: "Current Python".into(),
                environment_policy: "runtime_peer".into(),
                ..WorkstationAttachment::default()
            },
        };
        if attachment.status != attachment_status::DISCONNECTED || changed {
            let attachment = WorkstationAttachment {
                status: attachment_status::DISCONNECTED.into(),
                status_message: Some(format!("compute disconnected: {reason}")),
                ..attachment
            };
            changed |= self.set_workstation(Some(&attachment))?;
        }
        Ok(changed)
    }

    /// Returns whether anything runs or waits; reads every execution.
    pub fn is_active(&self) -> bool {
        let queue = self.stored_queue();
        queue.executing.is_some()
            || !queue.queued.is_empty()
            || !self.all_with_status(status::RUNNING).is_empty()
            || !self.all_with_status(status::QUEUED).is_empty()
    }

    /// Stops an idle runtime; does nothing while anything runs or waits.
    pub fn idle_shutdown(&mut self, message: &str) -> Result<bool, DocError> {
        if self.is_active() {
            return Ok(false);
        }
        self.clear_queue()?;
        if self.kernel().lifecycle.is_live() {
            self.set_lifecycle(&Lifecycle::new("Shutdown"))?;
        }
        if let Some(attachment) = self.workstation() {
            self.set_workstation(Some(&WorkstationAttachment {
                status: attachment_status::IDLE.into(),
                status_message: Some(message.to_owned()),
                ..attachment
            }))?;
        }
        Ok(true)
    }
}
