//! The pipeline of one message, in its normative order (room protocol 2.5).

use documents::DocKind;
use wire::attachment::check_fence;
use wire::close::{SLOW_CONSUMER, STALE_SESSION, TOO_MANY_REJECTED};
use wire::control::SessionControl;
use wire::frame::split;
use wire::{
    FrameError, FrameType, LIVENESS_PING, LIVENESS_PONG, PeerId, REJECTION_STREAK_LIMIT, Scope,
    UnixMs, WorkstationAttachment,
};

use crate::roster::Departure;
use crate::{Effect, Message, Room};

/// Whether a refusal counts towards closing the socket (room protocol 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Yes,
    No,
}

/// What every broadcast has (room protocol 5.11).
#[derive(serde::Deserialize)]
struct Hint {
    #[serde(rename = "event")]
    _event: String,
}

impl Room {
    pub(crate) fn message(&mut self, now: UnixMs, peer_id: &PeerId, message: Message) {
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return;
        };
        if message == Message::Text(LIVENESS_PING.to_owned()) {
            let text = LIVENESS_PONG;
            self.work.push(Effect::SendText {
                peer_id: peer_id.clone(),
                text,
            });
            return;
        }
        if let Some(waiting) = &mut peer.waiting {
            if waiting.is_full() {
                self.close(now, peer_id, SLOW_CONSUMER, Departure::Away);
            } else {
                waiting.park(message);
            }
            return;
        }
        match message {
            Message::Text(_) => self.reject_framing(now, peer_id, FrameError::NotBinary),
            Message::Binary(bytes) => self.frame(now, peer_id, &bytes),
        }
    }

    fn frame(&mut self, now: UnixMs, peer_id: &PeerId, bytes: &[u8]) {
        let (frame_type, payload) = match split(bytes) {
            Ok(parts) => parts,
            Err(error) => return self.reject_framing(now, peer_id, error),
        };
        let Some(peer) = self.peers.get(peer_id) else {
            return;
        };
        if peer.is_runtime() && !self.passes_fence(peer_id) {
            return self.close(now, peer_id, STALE_SESSION, Departure::Ended);
        }
        let scope = self.frame_scope(peer_id, frame_type);
        if let Err(error) = frame_type.check(payload.len(), scope) {
            // A hint that is too large must not end a compute session (decision D13).
            let counted = match (scope, frame_type) {
                (Scope::RuntimePeer, FrameType::Broadcast) => Counted::No,
                _ => Counted::Yes,
            };
            return self.reject(now, peer_id, Some(frame_type), error.to_string(), counted);
        }
        match frame_type {
            FrameType::Presence => self.presence(now, peer_id, payload),
            FrameType::Response => self.response(now, peer_id, payload),
            FrameType::Request => self.request(now, peer_id, payload),
            FrameType::PutBlob | FrameType::PoolStateSync => {
                let reason = format!("{frame_type} frames are not carried by this room");
                self.reject(now, peer_id, Some(frame_type), reason, Counted::No);
            }
            FrameType::Broadcast => self.broadcast(now, peer_id, payload),
            FrameType::SessionControl => {}
            FrameType::AutomergeSync
            | FrameType::RuntimeStateSync
            | FrameType::CommsDocSync
            | FrameType::CommentsDocSync => {
                if let Some(kind) = DocKind::of_frame(frame_type) {
                    self.sync_frame(now, peer_id, kind, payload);
                }
            }
        }
    }

    /// Hands on what a kernel says to everybody, such as a widget's own message (Appendix B, Q-01). What no reader could
    /// parse (5.11) is refused, not counted: it must not end a compute session (decision D13).
    fn broadcast(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) {
        if let Err(error) = serde_json::from_slice::<Hint>(payload) {
            let reason = format!("decode broadcast: {error}");
            return self.reject(
                now,
                peer_id,
                Some(FrameType::Broadcast),
                reason,
                Counted::No,
            );
        }
        for other in self.others(peer_id) {
            if self
                .peers
                .get(&other)
                .is_some_and(|peer| !peer.is_runtime())
            {
                self.send(&other, FrameType::Broadcast, payload);
            }
        }
        self.accept(now, peer_id, FrameType::Broadcast, payload.len());
    }

    /// Returns whether a runtime peer still matches the selected session (7.3).
    fn passes_fence(&self, peer_id: &PeerId) -> bool {
        let Some(peer) = self.peers.get(peer_id) else {
            return false;
        };
        let selected = self
            .attachment
            .as_ref()
            .and_then(WorkstationAttachment::selected);
        check_fence(selected, peer.workstation_id(), peer.runtime_session_id()).is_ok()
    }

    /// The scope that decides about a frame: who holds the *run* right sends requests like an
    /// owner (decision D14).
    pub(crate) fn frame_scope(&self, peer_id: &PeerId, frame_type: FrameType) -> Scope {
        match self.peers.get(peer_id) {
            Some(peer)
                if frame_type == FrameType::Request
                    && peer.join.may_run
                    && peer.scope() == Scope::Editor =>
            {
                Scope::Owner
            }
            Some(peer) => peer.scope(),
            None => Scope::Viewer,
        }
    }

    pub(crate) fn accept(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        frame_type: FrameType,
        len: usize,
    ) {
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return;
        };
        peer.streak = 0;
        let control = SessionControl::accepted(
            self.notebook_id.clone(),
            peer_id.clone(),
            frame_type,
            len,
            now,
        );
        self.send_control(peer_id, &control);
    }

    fn reject_framing(&mut self, now: UnixMs, peer_id: &PeerId, error: FrameError) {
        self.reject(
            now,
            peer_id,
            error.frame_type(),
            error.to_string(),
            Counted::Yes,
        );
    }

    pub(crate) fn reject(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        frame_type: Option<FrameType>,
        reason: String,
        counted: Counted,
    ) {
        if counted == Counted::Yes && self.count_rejection(now, peer_id) {
            return;
        }
        let control = SessionControl::rejected(
            self.notebook_id.clone(),
            peer_id.clone(),
            frame_type,
            reason,
            now,
        );
        self.send_control(peer_id, &control);
    }

    /// Refuses a frame on behalf of the document host; such refusals never count.
    pub(crate) fn reject_host(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        frame_type: FrameType,
        text: &str,
    ) {
        let reason = format!("room host rejected {frame_type} frame: Error: {text}");
        self.reject(now, peer_id, Some(frame_type), reason, Counted::No);
    }

    /// Counts a rejection and returns whether it closed the socket.
    pub(crate) fn count_rejection(&mut self, now: UnixMs, peer_id: &PeerId) -> bool {
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return true;
        };
        peer.streak += 1;
        if peer.streak < REJECTION_STREAK_LIMIT {
            return false;
        }
        self.close(now, peer_id, TOO_MANY_REJECTED, Departure::Away);
        true
    }
}
