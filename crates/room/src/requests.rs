//! Requests: who handles which action (room protocol 5.3).

use automerge::ChangeHash;
use documents::DocKind;
use wire::request::{Action, Request};
use wire::{FrameType, PeerId, UnixMs};

use crate::Room;
use crate::ingress::Counted;

impl Room {
    pub(crate) fn request(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) {
        let request = match Request::parse(payload) {
            Ok(request) => request,
            Err(error) => {
                return self.reject_host(now, peer_id, FrameType::Request, &error.to_string());
            }
        };
        if !self.hold(now, peer_id, &request, payload) {
            self.carry_out(now, peer_id, request, payload);
        }
    }

    /// Goes on with a request that has waited long enough.
    pub(crate) fn judge_request(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        request: Request,
        payload: &[u8],
    ) {
        if self.may_still_ask(now, peer_id, payload) {
            self.carry_out(now, peer_id, request, payload);
        }
    }

    /// Refuses a request that has waited if its sender may not send any now (decision D7).
    pub(crate) fn may_still_ask(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) -> bool {
        let kind = FrameType::Request;
        let refused = kind.check(payload.len(), self.frame_scope(peer_id, kind));
        if let Err(error) = refused {
            self.reject(now, peer_id, Some(kind), error.to_string(), Counted::No);
            return false;
        }
        true
    }

    fn carry_out(&mut self, now: UnixMs, peer_id: &PeerId, request: Request, payload: &[u8]) {
        let name = request.action.name().to_owned();
        if let Some(missing) = self.missing_head(&request) {
            let text =
                format!("notebook change {missing} has not reached the room; sync and ask again");
            return self.reject_host(now, peer_id, FrameType::Request, &text);
        }
        if request.action == Action::RestartKernel {
            self.note_kernelspec();
        }
        if request.action.is_execution() {
            self.execution_request(now, peer_id, payload);
        } else if request.action.is_command() {
            self.command(now, peer_id, &name, payload);
        } else if request.action.is_query() {
            self.query(now, peer_id, &name, request.id, payload);
        } else if request.action.is_unsupported() {
            let reason = format!(
                "hosted cloud rooms do not yet support response-bearing runtime request {name}"
            );
            self.reject(now, peer_id, Some(FrameType::Request), reason, Counted::No);
        } else {
            // Accepted without effect, as clients of the reference expect (5.3).
            self.accept(now, peer_id, FrameType::Request, payload.len());
        }
    }

    /// Forwards a command to the active runtime peer, byte for byte (5.6).
    fn command(&mut self, now: UnixMs, peer_id: &PeerId, action: &str, payload: &[u8]) {
        match self.active_runtime_peer(peer_id) {
            Some(runtime_peer) => {
                self.send(&runtime_peer, FrameType::Request, payload);
                self.accept(now, peer_id, FrameType::Request, payload.len());
            }
            None => self.reject_without_compute(now, peer_id, action),
        }
    }

    pub(crate) fn reject_without_compute(&mut self, now: UnixMs, peer_id: &PeerId, action: &str) {
        let reason = format!("no runtime peer is attached for {action}");
        self.reject(now, peer_id, Some(FrameType::Request), reason, Counted::No);
    }

    /// Returns the first head the requester has seen and the room has not (Appendix B, Q-14). Asked only for what reads
    /// the notebook: sources to run, or the kernel and packages that a restart takes. Nothing else depends on it (5.1).
    pub(crate) fn missing_head(&mut self, request: &Request) -> Option<ChangeHash> {
        let observed = match &request.action {
            Action::ExecuteCell { observed_heads, .. }
            | Action::RunAllCells { observed_heads, .. } => observed_heads.as_deref(),
            Action::RestartKernel => None,
            _ => return None,
        };
        let doc = self.doc(DocKind::Notebook);
        request
            .required_heads
            .iter()
            .chain(observed.unwrap_or_default())
            .find_map(|head| {
                // A text that is no hash claims nothing that could be checked.
                let hash: ChangeHash = head.parse().ok()?;
                doc.get_change_meta_by_hash(&hash).is_none().then_some(hash)
            })
    }
}
