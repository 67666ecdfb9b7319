//! A job of which the cloud could not be told.

use super::{Job, Phase};
use crate::Millis;

impl Job {
    /// Whether the cloud was not reached when it was last told of a job at work, nor since it was `heard`.
    pub(crate) fn is_unheard(&self, heard: Millis) -> bool {
        self.report
            .unheard_since
            .is_some_and(|since| since >= heard)
            && matches!(self.phase, Phase::Starting { .. } | Phase::Running)
    }

    /// The cloud is reached again, for the first time since it was `heard`.
    pub(crate) fn report_again(&mut self, now: Millis, heard: Millis) {
        if self.is_unheard(heard) && !self.report.in_flight {
            self.report.due = self.report.due.min(now.max(self.report.tried_at + 1_000));
        }
    }
}
