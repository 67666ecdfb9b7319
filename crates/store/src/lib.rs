//! Storage traits, the SQL text and the migrations shared by every backend.
//!
//! What lives here: rows as plain types, one trait per noun, and the SQL each backend runs.
//! What never lives here: a database driver, a rule, a clock, a secret in clear text
//! (rows carry hashes). Start at [`Catalog`].

mod accounts;
mod api_tokens;
mod attach_jobs;
mod audit;
pub mod document_log;
mod error;
mod invitations;
mod library;
mod machines;
mod migration;
mod notebooks;
mod pairing;
mod people;
mod revisions;
mod room_tokens;
pub mod sql;
mod upkeep;
mod workstations;

pub use accounts::{Account, Accounts, NewSession, Session};
pub use api_tokens::{ApiToken, ApiTokens, NewApiToken};
pub use attach_jobs::{
    AttachJob, AttachJobs, JobCreation, JobPlace, NewAttachJob, job_status, job_trigger,
};
pub use audit::{AuditEvent, AuditLine, AuditOf, AuditTrail};
pub use error::StoreError;
pub use invitations::{AccessRequest, Invitations, Invite, NewInvite};
pub use library::{Library, ListPlace, ListedCompute};
pub use machines::{HistoryPage, MachineEvent, MachineSettings, Machines};
pub use migration::Migration;
pub use notebooks::{
    AclRemoval, AclRow, BlobRow, FirstBlobs, ListedNotebook, NewAclRow, NewNotebook, Notebook,
    Notebooks, SubjectKind,
};
pub use pairing::{
    Credential, NewCredential, NewPairing, Pairing, PairingStore, RedeemedPairing, Rotation,
};
pub use people::{AccountLink, People, Person, ProviderSignIn, Standing};
pub use revisions::{
    Artifact, BlobReferences, Revision, RevisionCover, RevisionDocument, RevisionPlace, Revisions,
};
pub use room_tokens::{NewRoomToken, RoomToken, RoomTokens};
pub use upkeep::{Outdated, Upkeep};
pub use workstations::{ExpiredLease, Lease, Registration, Workstation, Workstations};

/// Result of every storage call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Everything the cloud keeps apart from documents and blob bytes.
pub trait Catalog:
    Accounts
    + AuditTrail
    + ApiTokens
    + People
    + Invitations
    + Notebooks
    + Library
    + Revisions
    + BlobReferences
    + PairingStore
    + Workstations
    + AttachJobs
    + Upkeep
    + Machines
    + RoomTokens
    + Clone
    + Send
    + Sync
    + 'static
{
}
