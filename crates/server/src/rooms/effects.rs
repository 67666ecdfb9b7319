//! What the control plane's rules want done in rooms.

use control_plane::Effect;
use wire::close::{ATTACHMENT_REPLACED, ATTACHMENT_SWITCHED, Close, RESTART_REQUESTED};

use super::Rooms;
use crate::app::App;

impl Rooms {
    /// Carries out the part of an effect that concerns rooms.
    pub async fn carry_out(&self, app: &App, effect: Effect) {
        let done = match effect {
            Effect::PublishAttachment {
                notebook_id,
                attachment,
                close_peers,
            } => {
                let close = close_peers.and_then(close_for);
                self.publish_attachment(app, &notebook_id, *attachment, close)
                    .await
            }
            Effect::RepairRoom {
                notebook_id,
                reason,
                expected_session,
            } => self
                .repair(
                    app,
                    &notebook_id,
                    &reason,
                    expected_session.as_deref(),
                    false,
                )
                .await
                .map(drop),
            Effect::CloseCredential { credential_id } => {
                self.revoke_credential(app, &credential_id).await;
                Ok(())
            }
            Effect::IdleMinutes {
                notebook_id,
                minutes,
            } => {
                self.idle_minutes(app, &notebook_id, minutes).await;
                Ok(())
            }
            Effect::AccessChanged {
                notebook_id,
                principal,
            } => {
                self.access_changed(app, &notebook_id, principal.as_deref())
                    .await;
                Ok(())
            }
            Effect::CloseSession { session_id } => {
                self.session_ended(&session_id);
                Ok(())
            }
            Effect::EndRoom { notebook_id, end } => {
                self.end_room(app, &notebook_id, end).await;
                Ok(())
            }
            Effect::ClosePrincipal {
                principal,
                for_good,
            } => {
                self.person_ended(app, &principal, for_good).await;
                Ok(())
            }
            Effect::NotifyJob(_) | Effect::WentOffline { .. } => Ok(()),
        };
        if let Err(cause) = done {
            tracing::warn!(%cause, "a room did not take an effect");
        }
    }
}

/// The close that a reason of the control plane names.
fn close_for(reason: &str) -> Option<Close> {
    [RESTART_REQUESTED, ATTACHMENT_REPLACED, ATTACHMENT_SWITCHED]
        .into_iter()
        .find(|close| close.reason == reason)
}
