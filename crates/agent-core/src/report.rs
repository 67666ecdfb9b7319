//! What the cloud is to be told of a job, and whether it knows.

use wire::http::JobStatus;

use crate::Millis;

/// Longest error message sent.
const MESSAGE_LIMIT: usize = 500;

/// The newest state of a job on its way to the cloud.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) status: JobStatus,
    pub(crate) message: Option<String>,
    pub(crate) due: Millis,
    pub(crate) in_flight: bool,
    pub(crate) delivered: bool,
    pub(crate) failures: u32,
    pub(crate) not_found: u32,
    pub(crate) tried_at: Millis,
    /// Since when attempts are not answered at all.
    pub(crate) unheard_since: Option<Millis>,
}

impl Report {
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            status: JobStatus::Accepted,
            message: None,
            due: now,
            in_flight: false,
            delivered: false,
            failures: 0,
            not_found: 0,
            tried_at: 0,
            unheard_since: None,
        }
    }

    /// There is news: it is due at once.
    pub(crate) fn tell(&mut self, now: Millis, status: JobStatus, message: Option<String>) {
        self.status = status;
        self.message = message.map(|text| text.chars().take(MESSAGE_LIMIT).collect());
        self.due = now;
        self.delivered = false;
        self.failures = 0;
        self.not_found = 0;
    }

    /// When to send it: repetitions wait for the end of a cooldown, news does not.
    pub(crate) fn due_at(&self, quiet_until: Millis) -> Millis {
        if self.delivered {
            self.due.max(quiet_until)
        } else {
            self.due
        }
    }
}
