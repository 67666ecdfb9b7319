//! A runtime peer that is away, and the end of its work (decisions D1, D2; room protocol 7.5).
//!
//! Going away ends nothing: the attachment reads `disconnected`, *unreachable since*, and the
//! records stay as they are. Work ends when the agent says so, when the owner acts, or when the
//! peer was away for the configured limit.

use documents::DocKind;
use documents::runtime_state::DISCONNECTED_PREFIX;
use wire::attachment::status;
use wire::{JobId, UnixMs, WorkstationAttachment, WorkstationId};

use crate::attachment::default_attachment;
use crate::runtime_doc::{self, Lifecycle, Queue};
use crate::runtime_index::Status;
use crate::{Effect, FinishedJob, JobEnd, JobOutcome, Room};

const AWAY: &str = "unreachable since ";
/// How an attachment's message begins after the room reconciled it; the peer may still come back.
const RECONCILED_MESSAGE: &str = "compute disconnected:";

/// What happens to executions that nobody has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    Cancel,
    Keep,
}

/// Returns whether the attachment's runtime peer is away while its job goes on.
pub(crate) fn is_away(attachment: &WorkstationAttachment) -> bool {
    away_since(attachment).is_some()
}

/// Returns whether the attachment's job is over, as the control plane said: its peer, should it
/// still be here, is about to end and takes no more work.
pub(crate) fn is_over(attachment: &WorkstationAttachment) -> bool {
    let ended = [status::DISCONNECTED, status::ERROR].contains(&attachment.status.as_str());
    let message = attachment.status_message.as_deref().unwrap_or_default();
    ended && !is_away(attachment) && !message.starts_with(RECONCILED_MESSAGE)
}

fn away_since(attachment: &WorkstationAttachment) -> Option<UnixMs> {
    if attachment.status != status::DISCONNECTED {
        return None;
    }
    UnixMs::parse(attachment.status_message.as_deref()?.strip_prefix(AWAY)?).ok()
}

impl Room {
    /// Returns the job whose runtime peer the room expects to have, to get, or to see again.
    pub fn expected_job(&self) -> Option<JobId> {
        let attachment = self.attachment.as_ref()?;
        let open = [status::CONNECTING, status::READY, status::BUSY];
        let expected = open.contains(&attachment.status.as_str()) || is_away(attachment);
        attachment.job_id().filter(|_| expected)
    }

    /// Marks the attachment when its last runtime peer went away.
    pub(crate) fn runtime_peer_away(&mut self, now: UnixMs) {
        self.return_by = None;
        let Some(mut attachment) = self.attachment.clone() else {
            return;
        };
        if ![status::READY, status::BUSY].contains(&attachment.status.as_str()) {
            return;
        }
        status::DISCONNECTED.clone_into(&mut attachment.status);
        attachment.status_message = Some(format!("{AWAY}{now}"));
        self.publish(&attachment);
    }

    /// After a load: a runtime peer that was here is given a moment to come back.
    pub(crate) fn expect_return(&mut self, now: UnixMs) {
        let ready = self.attachment.as_ref().is_some_and(|attachment| {
            [status::READY, status::BUSY].contains(&attachment.status.as_str())
        });
        self.return_by = ready.then(|| now.plus(self.settings.restart_grace_ms));
    }

    /// Ends the work of a session whose job is over.
    pub(crate) fn job_ended(&mut self, now: UnixMs, end: &JobEnd) {
        let Some(current) = &self.attachment else {
            return;
        };
        if current.job_id().as_ref() != Some(&end.runtime_session_id)
            || current.status == status::IDLE
        {
            return;
        }
        let reason = end
            .message
            .clone()
            .unwrap_or_else(|| "the runtime session ended".to_owned());
        let failed = end.outcome == JobOutcome::Failed;
        self.end_session(&reason, failed);
        self.watch_idleness(now);
    }

    /// Ends running and queued work and says so in the attachment; returns whether that changed
    /// anything.
    pub(crate) fn end_session(&mut self, reason: &str, failed: bool) -> bool {
        let changed = self.end_work(reason, Queued::Cancel);
        let mut attachment = match &self.attachment {
            Some(current) if current.status == status::IDLE => return changed,
            Some(current) => current.clone(),
            None if changed => default_attachment(WorkstationId::RUNTIME_PEER),
            None => return false,
        };
        if attachment.status != status::ERROR && !is_over(&attachment) {
            let new = if failed {
                status::ERROR
            } else {
                status::DISCONNECTED
            };
            new.clone_into(&mut attachment.status);
            attachment.status_message = Some(format!("{RECONCILED_MESSAGE} {reason}"));
        }
        let changed = changed || self.attachment.as_ref() != Some(&attachment);
        self.publish(&attachment);
        changed
    }

    /// Ends what runs, and what waits if told so; the caller's publication carries it to the peers.
    pub(crate) fn end_work(&mut self, reason: &str, queued: Queued) -> bool {
        let ending: Vec<(String, Status)> = self
            .index
            .active()
            .into_iter()
            .filter(|(_, status)| queued == Queued::Cancel || *status == Status::Running)
            .collect();
        let kind = DocKind::RuntimeState;
        let live = runtime_doc::is_live(self.doc(kind));
        let written = self.author(kind, |doc| {
            for (id, status) in &ending {
                runtime_doc::end_execution(doc, id, *status)?;
            }
            let mut queue = runtime_doc::queue(doc);
            queue.executing = None;
            if queued == Queued::Cancel {
                queue = Queue::default();
            }
            runtime_doc::write_queue(doc, &queue)?;
            if live {
                let details = format!("{DISCONNECTED_PREFIX} {reason}");
                runtime_doc::write_lifecycle(doc, Lifecycle::Error, &details)?;
            }
            Ok::<(), automerge::AutomergeError>(())
        });
        self.refresh_index(ending.iter().map(|(id, _)| id.as_str()));
        match written {
            Ok(changed) => {
                if changed {
                    self.relay(kind, None);
                }
                changed
            }
            Err(error) => {
                tracing::error!(%error, "the end of a session cannot be written");
                false
            }
        }
    }

    pub(crate) fn tick(&mut self, now: UnixMs) {
        if self.return_by.is_some_and(|at| now >= at) {
            self.runtime_peer_away(now);
        }
        if self.away_deadline().is_some_and(|at| now >= at) && self.runtime_peer_count() == 0 {
            self.away_too_long();
        }
        self.idle_tick(now);
        self.release_held(now);
    }

    fn away_too_long(&mut self) {
        let minutes = self.settings.away_limit_ms / 60_000;
        let reason =
            format!("runtime peer left the room and did not return within {minutes} minutes");
        self.finish_job(true, &reason);
        self.end_session(&reason, false);
    }

    /// Asks for the end of the job that the attachment belongs to, if there is one.
    pub(crate) fn finish_job(&mut self, failed: bool, reason: &str) {
        let attachment = self.attachment.as_ref();
        if let Some(job_id) = attachment.and_then(WorkstationAttachment::job_id) {
            self.work.push(Effect::FinishJob(FinishedJob {
                job_id,
                failed,
                reason: reason.to_owned(),
            }));
        }
    }

    fn away_deadline(&self) -> Option<UnixMs> {
        let since = self.attachment.as_ref().and_then(away_since)?;
        Some(since.plus(self.settings.away_limit_ms))
    }

    /// Tells the edge when the next deadline is, if that changed.
    pub(crate) fn plan_wake(&mut self) {
        let deadlines = [
            self.return_by,
            self.away_deadline(),
            self.idle_deadline(),
            self.start_over_at(),
            self.held_deadline(),
        ];
        let next = deadlines.into_iter().flatten().min();
        if next != self.planned_wake {
            self.planned_wake = next;
            if let Some(next) = next {
                self.work.push(Effect::WakeAt(next));
            }
        }
    }
}
