//! Carrying out what the control plane's rules ask for on live sockets and rooms.

use control_plane::Effect;

use crate::app::App;

impl App {
    /// Carries effects out in order. Best effort: a failure is logged and never fails the request.
    pub async fn carry_out(&self, effects: Vec<Effect>) {
        for effect in effects {
            self.rooms().carry_out(self, effect).await;
        }
    }
}
