//! The rules of accounts, access, pairing, workstations and attach jobs.
//!
//! Each rule takes the store, the caller, the time and whatever is random, and returns what to
//! answer and which [`Effect`]s to carry out on live sockets and rooms. Never here: HTTP, SQL,
//! sockets, a clock, a source of randomness. Start at [`access`] for who may do what, at
//! [`attach`] for the way a notebook gets its compute.

pub mod access;
pub mod api_tokens;
pub mod attach;
pub mod audit;
pub mod author_profiles;
pub mod builds;
mod caller;
pub mod credentials;
mod effect;
mod fields;
pub mod invitations;
pub mod jobs;
pub mod leases;
pub mod library;
pub mod limits;
pub mod machines;
pub mod notebooks;
pub mod pairing;
pub mod people;
pub mod quotas;
mod refusal;
pub mod registration;
pub mod room_tokens;
mod secrets;
pub mod sessions;
pub mod sharing;
pub mod trash;
pub mod withdrawal;
pub mod workstations;

pub use caller::{Caller, CallerCredential, RoomGrant};
pub use effect::{Effect, RoomEnd};
pub use fields::Fields;
pub use refusal::Refusal;
pub use secrets::{API_TOKEN_PREFIX, api_token, hash_secret, same_hash, workstation_token};

/// Result of a rule.
pub type Result<T> = std::result::Result<T, Refusal>;
