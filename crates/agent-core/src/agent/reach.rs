//! What follows when the cloud is reached again after an outage: it hears of the machine before its lease ends, and of the
//! jobs before it looks for those that it has not heard of.

use super::{Agent, Millis, POLL_SPACING_MS};

/// How long a poll waits for the jobs' reports after the cloud was not reached: a cloud may end at a poll what it has not
/// heard of.
const REPORTS_FIRST_MS: Millis = 10_000;

impl Agent {
    /// A call succeeded. After an outage everything is due again: the waits that grew in it would outlast the lease. What
    /// the cloud itself asked to wait for stays, and what fails while other calls succeed is not an outage.
    pub(super) fn reached(&mut self, now: Millis) {
        let heard = std::mem::replace(&mut self.heard_at, now);
        if !std::mem::take(&mut self.unreached) {
            return;
        }
        (self.reached_at, self.heard_before) = (now, heard);
        for periodic in [&mut self.register, &mut self.poll] {
            if periodic.plain > 0 && periodic.hinted == 0 && periodic.failing_since >= heard {
                periodic.due = periodic.due.min(now + 1_000);
            }
        }
        for job in self.jobs.values_mut() {
            job.report_again(now, heard);
        }
    }

    /// When to poll; none: once the cloud is reached otherwise, so that the jobs' reports come first.
    pub(super) fn poll_at(&self) -> Option<Millis> {
        let failing = self.poll.plain > 0 || self.poll.hinted > 0;
        let due = if self.poll_wanted && !failing {
            self.last_poll.map_or(0, |at| at + POLL_SPACING_MS)
        } else {
            self.poll.due
        };
        let heard = if self.unreached {
            self.heard_at
        } else {
            self.heard_before
        };
        if !self.jobs.values().any(|job| job.is_unheard(heard)) {
            return Some(due);
        }
        (!self.unreached).then(|| due.max(self.reached_at + REPORTS_FIRST_MS))
    }
}
