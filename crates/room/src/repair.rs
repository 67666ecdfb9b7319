//! Repair of a stuck runtime state on the owner's word (room protocol 5.8).

use wire::attachment::status;
use wire::close::STATE_REPAIR;
use wire::{JobId, UnixMs, WorkstationAttachment};

use crate::{Effect, Room};

/// What a repair did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairOutcome {
    /// Whether anything was written.
    pub changed: bool,
    /// Whether connected runtime peers were closed for it.
    pub forced: bool,
    /// Whether another session is selected than the one expected, so that nothing was done.
    pub skipped: bool,
    /// Runtime peers that were connected when it began.
    pub runtime_peer_count: usize,
}

/// Says that a connected runtime peer makes a repair unnecessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("runtime peer is connected; reconnecting compute should reconcile live state")]
pub struct RepairRefused {
    /// Runtime peers that are connected.
    pub runtime_peer_count: usize,
}

impl Room {
    /// Ends stuck work; with `force` also while a runtime peer is connected, which is then closed.
    pub fn repair(
        &mut self,
        now: UnixMs,
        reason: &str,
        force: bool,
        expected_session: Option<&JobId>,
    ) -> Result<(RepairOutcome, Vec<Effect>), RepairRefused> {
        let runtime_peer_count = self.runtime_peer_count();
        let session = self
            .attachment
            .as_ref()
            .and_then(WorkstationAttachment::job_id);
        if expected_session.is_some_and(|expected| session.as_ref() != Some(expected)) {
            let skipped = RepairOutcome {
                skipped: true,
                runtime_peer_count,
                ..RepairOutcome::default()
            };
            return Ok((skipped, Vec::new()));
        }
        if runtime_peer_count > 0 && !force {
            return Err(RepairRefused { runtime_peer_count });
        }
        let idle = self
            .attachment
            .as_ref()
            .is_some_and(|old| old.status == status::IDLE);
        let changed = !idle && self.end_session(reason, false);
        let forced = runtime_peer_count > 0;
        if forced {
            self.close_runtime_peers(now, STATE_REPAIR);
        }
        self.watch_idleness(now);
        self.plan_wake();
        let outcome = RepairOutcome {
            changed,
            forced,
            skipped: false,
            runtime_peer_count,
        };
        Ok((outcome, self.effects()))
    }
}
