//! The client's half of the cloud's HTTP and WebSocket surface, typed.
//!
//! For `runt`, `runtimed` and tests: base URL rules, pairing, workstations, attach jobs, blobs, the event socket and the
//! room dial. It answers with typed errors ([`CloudError`]) and holds no policy: no retries, no timers beyond the
//! limits of one call, no files. Start reading at [`CloudClient`] and [`dial_room`].

mod base_url;
mod downloads;
mod error;
mod events;
mod http;
mod network;
mod obstacle;
mod probe;
mod proxy;
mod retry_after;
mod room;
mod socket;
mod trust;
mod types;

pub use base_url::{BaseUrl, BaseUrlError, encode_segment};
pub use error::{CloudError, Refusal, RefusalKind};
pub use events::{EventMessage, EventSocket, dial_events};
pub use http::CloudClient;
pub use network::{CA_FILE_VARIABLE, Network, NetworkError};
pub use obstacle::Obstacle;
pub use probe::Probe;
pub use proxy::{Proxy, ProxyError};
pub use retry_after::parse_retry_after;
pub use room::{RoomAuth, RoomDial, dial_room};
pub use secrecy::{ExposeSecret, SecretString};
pub use socket::{SocketSink, SocketStream};
pub use tokio_tungstenite::tungstenite::{
    Error as SocketError, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
pub use types::{AttachJob, BlobStored, JobPatch, PairedCredential, PolledJobs, RoomToken};
