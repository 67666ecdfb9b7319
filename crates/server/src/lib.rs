//! The notebook-cloud edges: HTTP and WebSocket, room actors, sign-in, the embedded page.
//!
//! Holds sockets, tasks and the translation between HTTP and the cores. Never holds the rules of
//! rooms (`room`) or of accounts, pairing and workstations (`control-plane`), nor SQL.

#[cfg(test)]
extern crate self as server;

pub mod admission;
pub mod app;
pub mod audit;
pub mod backup;
pub mod builds;
pub mod check;
pub mod client;
pub mod clock;
pub mod collection;
pub mod compute;
pub mod config;
pub mod downloads;
pub mod effects;
pub mod error;
pub mod event_sockets;
pub mod identity;
pub mod making;
pub mod metrics;
pub mod notebook_file;
pub mod origin;
pub mod people;
pub mod readiness;
pub mod request;
pub mod retention;
pub mod revision;
pub mod rooms;
pub mod routes;
pub mod serve;
pub mod settings;
pub mod sockets;
pub mod sweeps;
#[cfg(test)]
pub mod testing;
pub mod throttle;
