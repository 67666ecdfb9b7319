//! The workstation agent as a state machine without I/O (workstation.md 3).
//!
//! [`Agent::handle`] takes the time and an [`Event`] and returns [`Effect`]s; the edge (`workstation`) carries them out
//! and reports back. Registration and lease, polling with the event socket as a wake-up, the life of each attach job,
//! reports that are repeated until the cloud has them, adoption after a restart, cooldowns and shutdown are decided
//! here. Nothing here opens a socket, starts a process, reads a clock or draws a random number: time comes with each
//! event, jitter from a seed.

mod admission;
mod agent;
mod backoff;
mod config;
mod control;
mod cooldown;
mod events_link;
mod exit;
mod failure;
mod job;
mod message;
mod plan;
mod report;
mod slug;

pub use admission::Admission;
pub use agent::{Agent, CREDENTIAL_REJECTED};
pub use backoff::Jitter;
pub use config::{AgentConfig, CRASH_RESTARTS, StopPolicy};
pub use control::{AgentStatus, Answer, CONTROL_LINE_LIMIT, JobLine, Order};
pub use cooldown::{Step, cooldown_wait, retry_hint};
pub use failure::CloudFailure;
pub use job::CRASH_WINDOW_MS;
pub use message::{Effect, Event, JobList, JobOrder, LinkEvent, LocalPeer, LogLevel, PeerExit};
pub use plan::{
    OutputLimits, SpawnPlan, SpawnPlanError, SpawnSettings, peer_environment, spawn_plan,
};
pub use slug::slug;

/// Milliseconds on a clock that never goes back; its origin does not matter.
pub type Millis = u64;
