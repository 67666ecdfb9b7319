//! The room host: one live notebook, its four documents, the peers on them, and the rules.
//!
//! [`Room::handle`] takes an [`Event`] and returns [`Effect`]s in order; the edge carries them out. ([`Room::begin`] and
//! [`Room::rest`] are its two halves.)
//! Nothing here opens a socket, reads a clock, makes randomness or knows a database: time is an
//! argument and ids come from the injected [`IdSource`].
//!
//! The one promise the edge must keep: an effect that stands after an [`Effect::Append`] (in this
//! list or in a later one) is released only when that append is durable.
//!
//! Start reading at [`Room`], then `ingress.rs` (the pipeline of one message), `sync.rs` (one frame of a document) and
//! `document.rs` (the trial of its changes).

mod access;
mod attachment;
mod bootstrap;
mod compute;
mod departure;
mod document;
mod effect;
mod epoch;
mod event;
mod execution;
mod held;
mod idle;
mod ingress;
mod notebook_doc;
mod peer;
mod presence;
mod publication;
mod queries;
mod repair;
mod requests;
mod room;
mod roster;
mod runtime_doc;
mod runtime_index;
mod settings;
mod stored;
mod sync;
mod work;

pub use effect::{Effect, FinishedJob};
pub use epoch::NextEpoch;
pub use event::{
    AccessChange, AttachmentUpdate, ComputeOutcome, Event, JobEnd, JobOutcome, Join, Message,
    Revocation, WorkstationHeaders,
};
pub use publication::Publication;
pub use repair::{RepairOutcome, RepairRefused};
pub use room::{IdSource, Room, RoomError};
pub use settings::Settings;
pub use stored::StoredDocuments;
