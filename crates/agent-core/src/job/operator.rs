//! A job as the operator sees it, refuses it and ends it.

use wire::http::JobStatus;

use super::{Job, Phase, Why};
use crate::control::JobLine;
use crate::{Effect, JobOrder, Millis};

impl Job {
    /// A job that the operator does not want here; its owner reads why.
    pub(crate) fn refused(
        order: JobOrder,
        reason: String,
        now: Millis,
        out: &mut Vec<Effect>,
    ) -> Self {
        let mut job = Self::new(order, Phase::Accepting { since: now }, now);
        job.over(now, JobStatus::Failed, Some(reason), out);
        job
    }

    /// Whether only its report is left.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    /// The peer said how its kernel is.
    pub(crate) fn kernel_is(&mut self, state: String) {
        self.kernel = Some(state);
    }

    /// The job as the operator sees it.
    pub(crate) fn line(&self) -> JobLine {
        let phase = match self.phase {
            Phase::Running => "running",
            Phase::Stopping { .. } => "stopping",
            Phase::Over { .. } => "ended",
            _ => "starting",
        };
        JobLine {
            job_id: self.id(),
            notebook_id: self.order.notebook_id.clone(),
            phase: phase.to_owned(),
            kernel: self.kernel.clone(),
        }
    }

    /// The operator ends the job: what runs is asked to end, the rest is over at once.
    pub(crate) fn stop_by_operator(&mut self, now: Millis, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Spawning => self.stop_when_spawned = Some(Why::Shutdown),
            Phase::Starting { .. } | Phase::Running => self.stop(now, Why::Shutdown, out),
            Phase::Accepting { .. } | Phase::Respawning { .. } => {
                let text = "Stopped on the machine by its operator".to_owned();
                self.over(now, JobStatus::Failed, Some(text), out);
            }
            Phase::Inspecting { .. } | Phase::Stopping { .. } | Phase::Over { .. } => {}
        }
    }
}
