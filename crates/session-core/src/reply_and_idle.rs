//! An execution ends when the kernel has replied and is idle: outputs may follow the reply, and only the reply tells of some
//! errors. The two come on two sockets, so that either may be the first; and a kernel may keep one of them back for ever.

use wire::UnixMs;

use crate::event::{Channel, JournalEntry};
use crate::session::Session;

/// What of the two came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Reply,
    Idle,
}

/// An execution of which one of the two is missing.
#[derive(Debug, Clone)]
pub(crate) struct HalfEnded {
    pub execution_id: String,
    first: First,
    /// The kernel's last word.
    heard_at: UnixMs,
    /// Whether what it said since may lie in the journal unread.
    has_unread: bool,
}

impl Session {
    /// Notes the reply to what the kernel is at, and what it says after it.
    pub(crate) fn heard_after_reply(&mut self, parent: &str, entry: &JournalEntry) {
        let is_gate = self
            .gate
            .as_ref()
            .is_some_and(|gate| gate.execution_id == parent);
        let current = self.current.as_mut().filter(|current| current.id == parent);
        let is_at_it = is_gate || current.is_some();
        match entry.channel {
            Channel::Shell if entry.msg_type == "execute_reply" && is_at_it => {
                if let Some(current) = current {
                    current.has_replied = true;
                }
                if !self.is_idle_before_reply(parent) {
                    self.half_ended = Some(self.half_ended(parent, First::Reply));
                }
            }
            Channel::Iopub => {
                if let Some(half) = &mut self.half_ended {
                    half.heard_at = self.now;
                }
            }
            _ => {}
        }
    }

    fn half_ended(&self, execution_id: &str, first: First) -> HalfEnded {
        HalfEnded {
            execution_id: execution_id.to_owned(),
            first,
            heard_at: self.now,
            has_unread: false,
        }
    }

    fn is_idle_before_reply(&self, execution_id: &str) -> bool {
        self.half_ended
            .as_ref()
            .is_some_and(|half| half.first == First::Idle && half.execution_id == execution_id)
    }

    /// The kernel is idle after a request.
    pub(crate) fn kernel_idle(&mut self, parent: &str) {
        let current = self.current.as_ref().filter(|current| current.id == parent);
        if current.is_some_and(|current| !current.ending && !current.has_replied) {
            self.half_ended = Some(self.half_ended(parent, First::Idle));
        } else {
            self.kernel_is_done(parent);
        }
    }

    /// The reply to a request is taken in: that is the end if the kernel was idle before.
    pub(crate) fn kernel_replied(&mut self, parent: &str) {
        if self.is_idle_before_reply(parent) {
            self.kernel_is_done(parent);
        }
    }

    /// What the kernel was idle after has ended, as whoever interrupts it may know before its reply is here.
    pub(crate) fn end_idle(&mut self) {
        let half = self.half_ended.take_if(|half| half.first == First::Idle);
        if let Some(half) = half {
            self.kernel_is_done(&half.execution_id);
        }
    }

    /// When the kernel is taken to be done.
    pub(crate) fn half_ended_due(&self) -> Option<UnixMs> {
        let half = self
            .half_ended
            .as_ref()
            .filter(|_| self.hears_the_kernel())?;
        let wait = match half.first {
            First::Reply => self.settings.idle_wait_ms,
            First::Idle => self.settings.reply_wait_ms,
        };
        Some(half.heard_at.plus(wait))
    }

    /// Ends what the kernel has replied to or is idle after, if nothing came for long enough.
    pub(crate) fn end_half_ended(&mut self) {
        let (now, hears) = (self.now, self.hears_the_kernel());
        let Some(half) = &mut self.half_ended else {
            return;
        };
        // What is missing may be in the journal, unread.
        let had_unread = std::mem::replace(&mut half.has_unread, !hears);
        if !hears || had_unread {
            half.heard_at = now;
        } else if self.half_ended_due().is_some_and(|due| due <= now)
            && let Some(half) = self.half_ended.take()
        {
            self.kernel_is_done(&half.execution_id);
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
