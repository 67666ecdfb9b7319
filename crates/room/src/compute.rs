//! The gate before execution: is there compute, is it away, or can it be resumed (5.4)?

use wire::attachment::{check_fence, status};
use wire::request::{Action, Request};
use wire::{PeerId, UnixMs, WorkstationAttachment};

use crate::departure::{is_away, is_over};
use crate::event::ComputeOutcome;
use crate::peer::Waiting;
use crate::{Effect, Room};

impl Room {
    /// Returns the runtime peer that serves this room: of several, the newest; none when its job
    /// is over.
    pub(crate) fn active_runtime_peer(&self, asker: &PeerId) -> Option<PeerId> {
        if self.attachment.as_ref().is_some_and(is_over) {
            return None;
        }
        let selected = self
            .attachment
            .as_ref()
            .and_then(WorkstationAttachment::selected);
        self.peers
            .iter()
            .filter(|(peer_id, peer)| *peer_id != asker && peer.is_runtime())
            .filter(|(_, peer)| {
                check_fence(selected, peer.workstation_id(), peer.runtime_session_id()).is_ok()
            })
            .max_by_key(|(_, peer)| (peer.join.connected_at, peer.arrival))
            .map(|(peer_id, _)| peer_id.clone())
    }

    pub(crate) fn execution_request(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) {
        if self.is_compute_expected(peer_id) {
            return self.execute(now, peer_id, payload);
        }
        match &self.attachment {
            Some(attachment) if attachment.is_resumable() => {
                let attachment = Box::new(attachment.clone());
                let request = self.next_request;
                self.next_request += 1;
                if let Some(peer) = self.peers.get_mut(peer_id) {
                    peer.waiting = Some(Waiting::new(request, payload));
                }
                self.work.push(Effect::ResolveCompute {
                    request,
                    attachment,
                });
            }
            _ => self.reject_execution(now, peer_id, payload),
        }
    }

    /// Whether queued work will find a runtime peer without anybody's doing: one is here, one is
    /// on its way, or one is away while its job goes on (decision D2).
    fn is_compute_expected(&self, peer_id: &PeerId) -> bool {
        self.active_runtime_peer(peer_id).is_some()
            || self.return_by.is_some()
            || self.attachment.as_ref().is_some_and(|attachment| {
                attachment.status == status::CONNECTING || is_away(attachment)
            })
    }

    pub(crate) fn compute_resolved(&mut self, now: UnixMs, request: u64, outcome: ComputeOutcome) {
        let asker = self.peers.iter_mut().find_map(|(peer_id, peer)| {
            let waits = peer
                .waiting
                .as_ref()
                .is_some_and(|waiting| waiting.request == request);
            if waits {
                Some((peer_id.clone(), peer.waiting.take()?))
            } else {
                None
            }
        });
        // The job was made whether or not its asker stayed.
        let resumed = match outcome {
            ComputeOutcome::Resumed(attachment) => {
                self.publish(&attachment);
                true
            }
            ComputeOutcome::Unavailable => false,
        };
        let Some((peer_id, waiting)) = asker else {
            return;
        };
        if resumed || self.is_compute_expected(&peer_id) {
            if self.may_still_ask(now, &peer_id, &waiting.payload) {
                self.execute(now, &peer_id, &waiting.payload);
            }
        } else {
            self.reject_execution(now, &peer_id, &waiting.payload);
        }
        for message in waiting.parked {
            self.message(now, &peer_id, message);
        }
    }

    fn reject_execution(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) {
        let request = Request::parse(payload).ok();
        let action = request
            .as_ref()
            .map_or("execute_cell", |request| request.action.name());
        self.reject_without_compute(now, peer_id, action);
    }

    fn execute(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) {
        let Ok(request) = Request::parse(payload) else {
            return;
        };
        let result = match request.action {
            Action::ExecuteCell {
                cell_id,
                execution_id,
                ..
            } => self.execute_cell(now, peer_id, cell_id, execution_id),
            Action::RunAllCells {
                cell_execution_ids, ..
            } => self.run_all_cells(now, peer_id, cell_execution_ids.as_ref()),
            _ => return,
        };
        match result {
            Ok(()) => self.accept(now, peer_id, wire::FrameType::Request, payload.len()),
            Err(error) => {
                let text = error.to_string();
                self.reject_host(now, peer_id, wire::FrameType::Request, &text);
            }
        }
    }
}
