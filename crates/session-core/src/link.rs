//! The link to the room: sync, acknowledgements, rejections, the end.

use std::collections::BTreeSet;

use documents::runtime_state::DISCONNECTED_PREFIX;
use documents::{CommsDoc, RuntimeStateDoc};
use wire::close::{Verdict, verdict};
use wire::control::SessionControl;
use wire::{Frame, FrameType, UnixMs};

use crate::commit::OpKind;
use crate::event::{Effect, Outcome};
use crate::replica::Replica;
use crate::session::{Kernel, Session};

/// Parts of what a room says of a change that fits no more what it has: to an execution that it has ended by itself
/// (documents 5.5), or by somebody else (room protocol 4.6), as when it fell back to an older snapshot and is handed the
/// changes of others that it had itself told of.
const ROOM_HAS_MOVED: [&str; 5] = [
    "terminal execution outputs are append-only",
    "terminal execution result metadata is immutable",
    "invalid runtime-peer status transition",
    "actor label",
    "is not authorized for authenticated principal",
];

impl Session {
    pub(crate) fn link_up(&mut self, principal: &str) {
        self.linked = true;
        self.links += 1;
        self.blocked = false;
        self.doubtful_frames = 0;
        self.resync.link_up();
        self.widgets.broadcasts.link_up(self.is_ours);
        let nonce = self.settings.nonce.clone();
        if self.state.is_none() {
            principal.clone_into(&mut self.principal);
            let state = RuntimeStateDoc::from_seed(&self.agent_id());
            let comms = CommsDoc::from_seed(&format!("{principal}/runtime:kernel:{nonce}"));
            match (state, comms) {
                (Ok(state), Ok(comms)) => {
                    self.state = Some(Replica::new(state));
                    self.comms = Some(Replica::new(comms));
                }
                (Err(error), _) | (_, Err(error)) => {
                    return self.exit(Outcome::Failed(format!("the seed does not load: {error}")));
                }
            }
        }
        if let (Some(state), Some(comms)) = (&mut self.state, &mut self.comms) {
            state.reset();
            comms.reset();
        }
        self.generate(FrameType::RuntimeStateSync);
        self.generate(FrameType::CommsDocSync);
    }

    pub(crate) fn link_down(&mut self, reason: &str) {
        self.linked = false;
        // What was not accepted is sent again by the sync of the next link; so is its position.
        if let Some(position) = self.acks.reset() {
            self.push_op(OpKind::Position(position), Vec::new());
        }
        self.dirty = true;
        self.queries.clear();
        self.widgets.link_down();
        match verdict(reason) {
            Verdict::Recoverable => {}
            Verdict::Graceful => {
                self.effects.push(Effect::ShutdownKernel);
                self.exit(Outcome::Completed);
            }
            Verdict::Terminal => {
                self.effects.push(Effect::ShutdownKernel);
                self.exit(Outcome::Failed(reason.trim().to_owned()));
            }
        }
    }

    pub(crate) fn frame(&mut self, bytes: &[u8]) {
        let Ok(frame) = Frame::decode(bytes) else {
            return;
        };
        match frame.frame_type {
            FrameType::RuntimeStateSync => self.state_sync(&frame.payload),
            FrameType::CommsDocSync => self.comms_sync(&frame.payload),
            FrameType::Request => self.request(&frame.payload),
            FrameType::SessionControl => self.control(&frame.payload),
            _ => {}
        }
    }

    fn state_sync(&mut self, payload: &[u8]) {
        self.blocked = false;
        let Some(state) = self.state.as_mut() else {
            return;
        };
        let known = state.in_sync();
        match state.receive(payload) {
            Ok(changed) => {
                if !changed.is_empty() {
                    self.output_place = None;
                }
                let kernel_told = changed
                    .iter()
                    .any(|keys| keys.first().is_some_and(|first| first == "kernel"));
                // A new record changes many keys; it is read once.
                let executions = changed.iter().filter_map(|keys| match keys.as_slice() {
                    [first, id, ..] if first == "executions" => Some(id.as_str()),
                    _ => None,
                });
                for id in executions.collect::<BTreeSet<_>>() {
                    self.look_at(id);
                }
                if self.in_sync() {
                    self.look_around();
                    if kernel_told || !known {
                        self.reassert_kernel();
                    }
                }
                self.reply_due = true;
            }
            Err(_) => self.effects.push(Effect::Reconnect),
        }
    }

    fn comms_sync(&mut self, payload: &[u8]) {
        self.blocked = false;
        let Some(comms) = self.comms.as_mut() else {
            return;
        };
        match comms.receive(payload) {
            Ok(changed) => {
                // The first look at a document is not news for the kernel.
                if self.comms_known {
                    self.forward_comm_changes(&changed);
                }
                if !changed.is_empty() {
                    self.widgets.look_for_orphans(self.now);
                }
                self.comms_known |= self.comms.as_ref().is_some_and(Replica::in_sync);
                self.generate(FrameType::CommsDocSync);
            }
            Err(_) => self.effects.push(Effect::Reconnect),
        }
    }

    fn control(&mut self, payload: &[u8]) {
        match SessionControl::decode(payload) {
            // What comes once the room has left a frame out says nothing of those after it.
            Ok(SessionControl::FrameAccepted { .. }) if !self.is_open() => {}
            Ok(SessionControl::FrameAccepted { frame_type, .. })
                if [FrameType::RuntimeStateSync, FrameType::CommsDocSync]
                    .iter()
                    .any(|document| document.byte() == frame_type) =>
            {
                if let Some(position) = self.acks.accepted() {
                    self.effects.push(Effect::PersistPosition(position));
                }
                if self.is_settled() && self.acks.all_accepted() {
                    self.resync.works();
                    self.has_restored = false;
                }
            }
            Ok(SessionControl::FrameAccepted { frame_type, .. })
                if frame_type == FrameType::Broadcast.byte() =>
            {
                self.broadcast_accepted();
            }
            Ok(SessionControl::RoomDegraded { reason, .. }) => self.room_degraded(&reason),
            Ok(SessionControl::FrameRejected {
                frame_type, reason, ..
            }) => {
                self.rejected(frame_type.and_then(FrameType::from_byte), &reason);
            }
            _ => {}
        }
    }

    /// A rejected sync frame ends the session unless the room's own document library failed, or the room may have done
    /// something meanwhile that the session did not know: after an outage it may have ended executions, or lost what it had
    /// taken. Any other rejected frame is dropped (decisions D3 and D13, WS-334, WS-359, WS-368).
    fn rejected(&mut self, frame_type: Option<FrameType>, reason: &str) {
        let library_fault = [
            "recursive use of an object detected",
            "PatchLogMismatch",
            "patch logs cannot be shared between documents",
        ]
        .iter()
        .any(|text| reason.contains(text));
        match frame_type {
            Some(FrameType::RuntimeStateSync | FrameType::CommsDocSync) if library_fault => {
                self.effects.push(Effect::Reconnect);
            }
            Some(FrameType::RuntimeStateSync | FrameType::CommsDocSync) | None
                if self.may_have_missed(reason) =>
            {
                self.is_refused = true;
                self.exit(Outcome::Anew(reason.to_owned()));
            }
            Some(FrameType::RuntimeStateSync | FrameType::CommsDocSync) | None => {
                self.effects.push(Effect::ShutdownKernel);
                self.exit(Outcome::Failed(format!(
                    "the room refused a change: {reason}"
                )));
            }
            Some(FrameType::Broadcast) => self.widgets.broadcasts.refused(),
            Some(_) => {}
        }
    }

    /// Whether a refusal may be due to what the room did while this session was not there.
    fn may_have_missed(&self, reason: &str) -> bool {
        self.links > 1
            || self.settings.adopted
            || ROOM_HAS_MOVED.iter().any(|text| reason.contains(text))
    }

    /// Sends one sync message if there is one to send.
    pub(crate) fn generate(&mut self, frame_type: FrameType) {
        if !self.is_open() {
            return;
        }
        let message = match frame_type {
            FrameType::CommsDocSync => self.comms.as_mut().and_then(Replica::generate),
            _ => self.state.as_mut().and_then(Replica::generate),
        };
        if let Some(message) = message {
            self.acks.sent();
            self.effects
                .push(Effect::SendFrame(wire::frame::encode(frame_type, &message)));
        }
    }

    /// Sends what was written: ends of executions at once, outputs at their pace. The answer to
    /// a frame of the room goes with it, or else alone.
    pub(crate) fn send_changes(&mut self) {
        let reply_due = std::mem::take(&mut self.reply_due);
        let due = self.send_at().is_none_or(|at| self.now >= at);
        if !self.dirty || self.blocked || !self.in_sync() || !(self.urgent || due) {
            let held = self.dirty && self.waits_until.is_some_and(|until| self.now < until);
            if held && self.in_sync() && !self.blocked {
                // The answer would carry what waits.
                self.reply_due = reply_due;
            } else if reply_due {
                self.generate(FrameType::RuntimeStateSync);
            }
            return;
        }
        self.pace.sent(self.now, self.urgent);
        self.generate(FrameType::RuntimeStateSync);
        self.generate(FrameType::CommsDocSync);
        // A message that asks the room to begin anew carries nothing; what was written goes with the next.
        let sent = self.state.as_mut().is_none_or(Replica::all_sent)
            && self.comms.as_mut().is_none_or(Replica::all_sent);
        self.dirty = !sent;
        self.waits_until = None;
        self.blocked = !sent;
        self.urgent &= !sent;
        if sent && let Some(position) = self.acks.settled() {
            self.effects.push(Effect::PersistPosition(position));
        }
    }

    /// When ordinary writes may be sent next; none: at once.
    pub(crate) fn send_at(&self) -> Option<UnixMs> {
        let next = self.pace.next(self.settings.send_every_ms);
        next.max(self.waits_until)
    }

    /// Writes the kernel's state again where the document has an older word (WS-360, WS-361).
    fn reassert_kernel(&mut self) {
        let own = self.agent_id();
        let Some(state) = self.state.as_mut() else {
            return;
        };
        if self.kernel != Kernel::Ready {
            return;
        }
        let kernel = state.doc.kernel();
        let stale = match kernel.lifecycle.lifecycle.as_str() {
            "NotStarted" => true,
            "Error" => kernel
                .error_details
                .is_some_and(|details| details.starts_with(DISCONNECTED_PREFIX)),
            "Running" => kernel.runtime_agent_id != own,
            _ => false,
        };
        if stale {
            self.assert_running();
        }
    }
}
