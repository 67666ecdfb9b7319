//! Carrying out what the control plane's rules ask for on live sockets and rooms.

use std::time::Duration;

use control_plane::{Effect, jobs};
use wire::WorkstationId;
use wire::http::WorkstationEvent;

use crate::app::App;

/// How long a room may take over one effect (CP-171).
pub(crate) const ROOM_LIMIT: Duration = Duration::from_secs(5);

impl App {
    /// Carries effects out in order, also when the request that caused them is dropped.
    /// Best effort: a failure is logged and never fails the request.
    pub async fn carry_out(&self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let app = self.clone();
        let running = self.tasks().spawn(async move {
            for effect in effects {
                app.carry_out_one(effect).await;
            }
        });
        if let Err(cause) = running.await {
            tracing::error!(%cause, "an effect on live sockets broke off");
        }
    }

    async fn carry_out_one(&self, effect: Effect) {
        match &effect {
            Effect::NotifyJob(job) => {
                // Only ids, status and times of the job ride the event; the address does not.
                let event = WorkstationEvent::attach_jobs(&jobs::to_wire(job, ""));
                let frame = event.encode();
                self.event_sockets()
                    .send(&job.owner_principal, &job.workstation_id, &frame);
            }
            Effect::WentOffline {
                owner_principal,
                workstation_id,
                reason,
            } => {
                let id = WorkstationId::from(workstation_id.as_str());
                let frame = WorkstationEvent::went_offline(id, *reason).encode();
                self.event_sockets()
                    .send(owner_principal, workstation_id, &frame);
            }
            Effect::CloseCredential { credential_id } => {
                self.event_sockets().close_credential(credential_id);
                self.tell_rooms(effect).await;
            }
            Effect::CloseSession { session_id } => {
                self.event_sockets().close_credential(session_id);
                self.tell_rooms(effect).await;
            }
            Effect::ClosePrincipal { principal, .. } => {
                self.event_sockets().close_owner(principal);
                self.tell_rooms(effect).await;
            }
            Effect::PublishAttachment { .. }
            | Effect::RepairRoom { .. }
            | Effect::AccessChanged { .. }
            | Effect::IdleMinutes { .. }
            | Effect::EndRoom { .. } => self.tell_rooms(effect).await,
        }
    }

    async fn tell_rooms(&self, effect: Effect) {
        #[cfg(test)]
        self.told().remember(effect.clone());
        let told = self.rooms().carry_out(self, effect);
        if tokio::time::timeout(ROOM_LIMIT, told).await.is_err() {
            tracing::warn!(limit = ?ROOM_LIMIT, "a room did not answer in time");
        }
    }
}

/// What rooms were told, for tests.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Told(std::sync::Mutex<Vec<Effect>>);

#[cfg(test)]
impl Told {
    fn remember(&self, effect: Effect) {
        self.0.lock().unwrap().push(effect);
    }

    /// The effects since the last question.
    pub(crate) fn take(&self) -> Vec<Effect> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
