//! Live rooms: found by notebook, started on demand.

use control_plane::Effect;

use crate::app::App;

/// The rooms that are live on this server.
#[derive(Debug, Default)]
pub struct Rooms {}

impl Rooms {
    /// Carries out the part of an effect that concerns rooms.
    #[expect(clippy::unused_async, reason = "rooms answer asynchronously")]
    pub async fn carry_out(&self, _app: &App, effect: Effect) {
        tracing::debug!(?effect, "no room is live");
    }

    /// Closes the sockets of a browser session that ended.
    #[expect(clippy::unused_async, reason = "rooms answer asynchronously")]
    pub async fn session_ended(&self, session_id: &str) {
        tracing::debug!(session_id, "no room is live");
    }
}
