//! What every route shares: settings, clock, and the doors to storage and rooms.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;

/// The server's shared parts; cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    config: Config,
    clock: Clock,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl App {
    /// Puts the parts together.
    pub fn new(config: Config, clock: Clock) -> Self {
        Self(Arc::new(Parts {
            config,
            clock,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// The checked settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Cancelled when the server begins to stop.
    pub fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    /// Long-lived tasks (sockets, rooms) that the server waits for when it stops.
    pub fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }
}
