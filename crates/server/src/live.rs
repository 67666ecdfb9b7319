//! Live event sockets of workstations, and in tests a memory of what rooms were told.

mod events;

pub use events::{EventHub, EventSubscription};

/// The event sockets.
#[derive(Debug, Default)]
pub struct Live {
    events: EventHub,
    #[cfg(test)]
    told: std::sync::Mutex<Vec<control_plane::Effect>>,
}

impl Live {
    /// The event sockets of workstations.
    pub fn events(&self) -> &EventHub {
        &self.events
    }

    /// Remembers an effect on rooms.
    #[cfg(test)]
    pub fn remember(&self, effect: control_plane::Effect) {
        self.told.lock().unwrap().push(effect);
    }

    /// The effects on rooms since the last question.
    #[cfg(test)]
    pub fn told(&self) -> Vec<control_plane::Effect> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}
