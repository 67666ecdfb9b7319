//! Kernels that reply and never say that they are idle.
//!
//! The end of an execution is the kernel's `idle`, since outputs may follow the reply; without it a cell would run for
//! ever.

use wire::UnixMs;

use crate::event::{Channel, JournalEntry};
use crate::session::Session;

/// An execution that the kernel has replied to, and not been idle after.
#[derive(Debug, Clone)]
pub(crate) struct Replied {
    pub execution_id: String,
    /// The kernel's last word.
    heard_at: UnixMs,
    /// Whether what it said since may lie in the journal unread.
    has_unread: bool,
}

impl Session {
    /// Notes the reply to what the kernel is at, and what it says after it.
    pub(crate) fn heard_after_reply(&mut self, parent: &str, entry: &JournalEntry) {
        let is_at_it = self
            .current
            .as_ref()
            .is_some_and(|current| current.id == parent)
            || self
                .gate
                .as_ref()
                .is_some_and(|gate| gate.execution_id == parent);
        match entry.channel {
            Channel::Shell if entry.msg_type == "execute_reply" && is_at_it => {
                self.replied = Some(Replied {
                    execution_id: parent.to_owned(),
                    heard_at: self.now,
                    has_unread: false,
                });
            }
            Channel::Iopub => {
                if let Some(replied) = &mut self.replied {
                    replied.heard_at = self.now;
                }
            }
            _ => {}
        }
    }

    /// When the kernel is taken to be done.
    pub(crate) fn replied_due(&self) -> Option<UnixMs> {
        let replied = self.replied.as_ref().filter(|_| self.hears_the_kernel())?;
        Some(replied.heard_at.plus(self.settings.idle_wait_ms))
    }

    /// Ends what the kernel has replied to, if nothing came for long enough.
    pub(crate) fn end_replied(&mut self) {
        let (now, hears) = (self.now, self.hears_the_kernel());
        let Some(replied) = &mut self.replied else {
            return;
        };
        // Its `idle` may be in the journal, unread.
        let had_unread = std::mem::replace(&mut replied.has_unread, !hears);
        if !hears || had_unread {
            replied.heard_at = now;
        } else if self.replied_due().is_some_and(|due| due <= now)
            && let Some(replied) = self.replied.take()
        {
            self.kernel_is_done(&replied.execution_id);
        }
    }

    /// Says whether entries of the journal wait that could be read only later.
    pub fn journal_waits(&mut self, waits: bool) {
        self.journal_waits = waits;
    }

    /// Whether the journal is read as it grows.
    fn hears_the_kernel(&self) -> bool {
        self.caught_up && self.wants_journal() && !self.journal_waits
    }
}
