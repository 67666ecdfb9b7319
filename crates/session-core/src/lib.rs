//! The runtime session as a state machine: what a runtime peer does between a room and a kernel.
//!
//! `Session::handle(now, Event) -> Vec<Effect>`. It holds replicas of RuntimeStateDoc and CommsDoc,
//! takes queued executions, turns the kernel keeper's journal into document changes and uploads
//! blobs first. It never opens a socket, never starts a process, never reads a clock, and never
//! authors a change while it is not in sync with the room (decision D3). Start reading at
//! [`Session`].

mod capture;
mod comm_messages;
mod commit;
mod comms;
mod early_end;
mod event;
mod forwarding;
mod handover;
mod input;
mod journal;
mod kernel;
mod lane;
mod late;
mod link;
mod lost_writes;
mod pace;
mod queue;
mod refused_blobs;
mod replica;
mod replies;
mod reply_and_idle;
mod requests;
mod resync;
mod session;
mod settings;
mod widgets;

pub use event::{
    BlobUpload, Channel, Echo, Effect, Event, JournalEntry, KernelInfo, KernelMessage, Outcome,
};
pub use handover::Handover;
pub use session::Session;
pub use settings::{DEFAULT_OUTPUT_LIMIT_BYTES, LaunchMode, Settings};
