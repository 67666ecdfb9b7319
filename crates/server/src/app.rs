//! What every route shares: settings, clock, and the doors to storage and rooms.

use std::sync::Arc;

use blob_store::BlobStore;
use store_sql::{SqlCatalog, SqlDocumentLog};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::places::AddressPlaces;
use crate::backup::Restored;
use crate::builds::Builds;
use crate::clock::Clock;
use crate::config::Config;
use crate::downloads::Downloads;
use crate::event_sockets::EventSockets;
use crate::identity::oidc::Oidc;
use crate::making::Making;
use crate::metrics::Metrics;
use crate::rooms::Rooms;
use crate::sockets::Sockets;
use crate::throttle::Throttle;
use crate::throttle::requests::RequestThrottle;

/// The server's shared parts; cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    config: Config,
    clock: Clock,
    storage: Arc<Storage>,
    rooms: Rooms,
    event_sockets: EventSockets,
    throttle: Throttle,
    requests: RequestThrottle,
    places: Semaphore,
    address_places: AddressPlaces,
    sockets: Sockets,
    making: Making,
    metrics: Metrics,
    oidc: Option<Oidc>,
    builds: Builds,
    downloads: Downloads,
    closing: CancellationToken,
    tasks: TaskTracker,
    #[cfg(test)]
    told: crate::effects::Told,
}

/// Everything that outlives the process.
#[derive(Debug)]
pub struct Storage {
    /// Accounts, access, pairing, workstations, jobs.
    pub catalog: SqlCatalog,
    /// The documents of rooms.
    pub documents: SqlDocumentLog,
    /// Bytes of blobs.
    pub blobs: BlobStore,
    /// That and when the data folder was made from a backup.
    pub restored: Option<Restored>,
}

impl App {
    /// Everything that outlives the process.
    pub fn storage(&self) -> &Arc<Storage> {
        &self.0.storage
    }

    /// Puts the parts together.
    pub fn new(config: Config, clock: Clock, storage: Storage) -> Self {
        let limits = &config.settings.limits;
        let places = usize::try_from(limits.requests_in_flight).unwrap_or(usize::MAX);
        Self(Arc::new(Parts {
            requests: RequestThrottle::new(limits),
            places: Semaphore::new(places.min(Semaphore::MAX_PERMITS)),
            address_places: AddressPlaces::default(),
            sockets: Sockets::default(),
            making: Making::default(),
            metrics: Metrics::default(),
            oidc: config.oidc.clone().map(Oidc::new),
            builds: Builds::new(config.latest_builds.clone()),
            downloads: Downloads::new(config.downloads.clone()),
            config,
            clock,
            storage: Arc::new(storage),
            rooms: Rooms::default(),
            event_sockets: EventSockets::default(),
            throttle: Throttle::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            #[cfg(test)]
            told: crate::effects::Told::default(),
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

    /// Now, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// Now.
    pub fn now(&self) -> wire::UnixMs {
        wire::UnixMs(self.now_ms())
    }

    /// The catalog.
    pub fn catalog(&self) -> &SqlCatalog {
        &self.0.storage.catalog
    }

    /// The document log.
    pub fn documents(&self) -> &SqlDocumentLog {
        &self.0.storage.documents
    }

    /// The bytes of blobs.
    pub fn blobs(&self) -> &BlobStore {
        &self.0.storage.blobs
    }

    /// That and when the data folder was made from a backup.
    pub fn restored(&self) -> Option<&Restored> {
        self.0.storage.restored.as_ref()
    }

    /// The live rooms.
    pub fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// The event sockets of workstations.
    pub fn event_sockets(&self) -> &EventSockets {
        &self.0.event_sockets
    }

    /// The limiters of pairing and registration.
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// The limiters of all requests.
    pub fn requests(&self) -> &RequestThrottle {
        &self.0.requests
    }

    /// One place for each request that may be answered at a time.
    pub fn places(&self) -> &Semaphore {
        &self.0.places
    }

    /// The places of each address among them.
    pub fn address_places(&self) -> &AddressPlaces {
        &self.0.address_places
    }

    /// The notebooks that are being made.
    pub fn making(&self) -> &Making {
        &self.0.making
    }

    /// The open sockets.
    pub fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    /// Figures about this process.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The provider that people sign in by, if there is one.
    pub fn oidc(&self) -> Option<&Oidc> {
        self.0.oidc.as_ref()
    }

    /// What is known of the newest builds.
    pub fn builds(&self) -> &Builds {
        &self.0.builds
    }

    /// What is offered to other machines.
    pub fn downloads(&self) -> &Downloads {
        &self.0.downloads
    }

    /// Cancelled when the server begins to stop.
    pub fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    /// Long-lived tasks (sockets, rooms) that the server waits for when it stops.
    pub fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// What rooms were told.
    #[cfg(test)]
    pub(crate) fn told(&self) -> &crate::effects::Told {
        &self.0.told
    }
}
