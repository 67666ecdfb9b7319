//! Stopping compute that nobody uses (room protocol 7.6).

use documents::DocKind;
use wire::UnixMs;
use wire::attachment::status;
use wire::close::IDLE_TIMEOUT;

use crate::Room;
use crate::runtime_doc::{self, Lifecycle, Queue};

impl Room {
    /// Looks whether anything runs; an armed alarm is not moved by later idleness.
    pub(crate) fn watch_idleness(&mut self, now: UnixMs) {
        if self.has_activity() {
            self.idle_since = None;
        } else if self.runtime_peer_count() > 0 {
            self.idle_since.get_or_insert(now);
        }
    }

    /// Idleness without execution after which compute stops: the owner's word for the notebook, else the machine's, else
    /// the operator's setting; `None` is never.
    fn idle_ttl_ms(&self) -> Option<i64> {
        let of_machine = || {
            let runtime = self.peers.values().filter(|peer| peer.is_runtime());
            let mut headers = runtime.filter_map(|peer| peer.join.workstation.as_ref());
            headers.find_map(|headers| headers.idle_minutes)
        };
        match self.idle_minutes.or_else(of_machine) {
            None => Some(self.settings.idle_ttl_ms),
            Some(0) => None,
            Some(minutes) => Some(
                i64::try_from(minutes)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(60_000),
            ),
        }
    }

    /// The owner has just looked at it: what they allow counts from now.
    pub(crate) fn set_idle_minutes(&mut self, now: UnixMs, minutes: Option<u64>) {
        if self.idle_minutes != minutes {
            self.idle_minutes = minutes;
            self.idle_since = None;
            self.watch_idleness(now);
        }
    }

    /// The alarm that went by while no runtime peer was here does not end the one that comes.
    pub(crate) fn forget_missed_alarm(&mut self, now: UnixMs) {
        if let Some(ttl) = self.idle_ttl_ms() {
            self.idle_since = self.idle_since.filter(|since| now < since.plus(ttl));
        }
    }

    fn has_activity(&mut self) -> bool {
        if self.index.has_work() {
            return true;
        }
        let queue = runtime_doc::queue(self.doc(DocKind::RuntimeState));
        queue.executing.is_some() || !queue.queued.is_empty()
    }

    pub(crate) fn idle_deadline(&self) -> Option<UnixMs> {
        if self.runtime_peer_count() == 0 {
            return None;
        }
        Some(self.idle_since?.plus(self.idle_ttl_ms()?))
    }

    pub(crate) fn idle_tick(&mut self, now: UnixMs) {
        if self.idle_deadline().is_none_or(|at| now < at) {
            return;
        }
        let minutes = self.idle_ttl_ms().unwrap_or_default() / 60_000;
        self.idle_since = None;
        if self.has_activity() {
            return;
        }
        let reason =
            format!("Compute stopped after {minutes} minutes without queued or active execution.");
        self.finish_job(false, &reason);
        let kind = DocKind::RuntimeState;
        let live = runtime_doc::is_live(self.doc(kind));
        let written = self.author(kind, |doc| {
            runtime_doc::write_queue(doc, &Queue::default())?;
            if live {
                runtime_doc::write_lifecycle(doc, Lifecycle::Shutdown, "")?;
            }
            Ok::<(), automerge::AutomergeError>(())
        });
        if let Err(error) = written {
            tracing::error!(%error, "the stop of idle compute cannot be written");
        }
        if let Some(mut attachment) = self.attachment.clone() {
            status::IDLE.clone_into(&mut attachment.status);
            attachment.status_message = Some(reason);
            self.publish(&attachment);
        }
        self.close_runtime_peers(now, IDLE_TIMEOUT);
    }
}
