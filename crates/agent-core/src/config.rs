//! The agent's numbers and policies.

use crate::{Admission, Millis};

/// Crashes of one job's peer in ten minutes that are answered with another peer (D4).
pub const CRASH_RESTARTS: u32 = 5;

/// What happens to peers when the agent is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPolicy {
    /// They end with it and are reported.
    End,
    /// They live on and are adopted by the next agent.
    Detach,
}

/// The agent's numbers.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Time between polls without a wake-up.
    pub poll_ms: Millis,
    /// Time between registrations.
    pub heartbeat_ms: Millis,
    /// Time between repeated reports of an active job.
    pub repeat_ms: Millis,
    /// How long a peer may take to become ready.
    pub ready_ms: Millis,
    /// How long a peer may take to end when asked.
    pub grace_ms: Millis,
    /// How long the cloud may reject the credential before the agent ends.
    pub rejected_ms: Millis,
    /// How many crashes of a job's peer in ten minutes are answered with another peer; 0 fails the job at once.
    pub crash_restarts: u32,
    /// Which jobs are taken.
    pub admission: Admission,
    /// What happens to peers when the agent ends.
    pub on_stop: StopPolicy,
    /// Whether everything ends with the agent anyhow: it is the first process of a container.
    pub is_first: bool,
    /// Seed of the jitter.
    pub seed: u64,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            poll_ms: 60_000,
            heartbeat_ms: 60_000,
            repeat_ms: 30_000,
            ready_ms: 120_000,
            grace_ms: 15_000,
            rejected_ms: 600_000,
            crash_restarts: CRASH_RESTARTS,
            admission: Admission::default(),
            on_stop: StopPolicy::End,
            is_first: false,
            seed: 1,
        }
    }
}
