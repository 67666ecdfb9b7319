//! What the operator's command line says to a running agent, and what it answers: one line of JSON each way.
//!
//! The agent is the one owner of its jobs and of the drain; the command line asks it and never works around it while it
//! lives. Unknown members are ignored and unknown orders refused, so that programs of different versions understand
//! what they have in common.

use serde::{Deserialize, Serialize};

/// Longest line in either direction, in bytes.
pub const CONTROL_LINE_LIMIT: usize = 64 * 1024;

/// An order of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Tell what you do.
    Status,
    /// End a job: its peer, its kernel keeper and its kernel.
    Stop {
        /// The job.
        job_id: String,
    },
    /// End every job, then yourself.
    StopAll,
    /// End, whatever `on_stop` says, and leave peers and kernels to the next agent, which adopts them.
    HandOver,
    /// Finish what runs and take nothing new.
    Drain,
    /// Take new jobs again.
    Undrain,
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The order is being carried out; this is how things stand.
    Ok(AgentStatus),
    /// It cannot be carried out, and why.
    Refused(String),
    /// The agent is ending and takes no orders any more.
    Ending,
}

/// How an agent stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentStatus {
    /// Whether the cloud took a registration since the agent started.
    pub registered: bool,
    /// Whether the event socket is open.
    pub connected: bool,
    /// The last call to the cloud that failed, while none succeeded since.
    pub trouble: Option<String>,
    /// Whether nothing new is taken.
    pub draining: bool,
    /// Whether the agent is ending.
    pub stopping: bool,
    /// Notebooks and people that may use the machine; empty is everyone.
    pub allow: Vec<String>,
    /// Most jobs at once.
    pub max_jobs: Option<u32>,
    /// Why nothing can be stored on this machine.
    pub storage: Option<String>,
    /// How far the machine's clock is ahead of the cloud's, once measured.
    pub clock_skew_ms: Option<i64>,
    /// The jobs.
    pub jobs: Vec<JobLine>,
}

/// A job as the agent sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobLine {
    /// The job.
    pub job_id: String,
    /// Its notebook; empty for one that an earlier agent left.
    pub notebook_id: String,
    /// `starting`, `running`, `stopping` or `ended` (and being reported).
    pub phase: String,
    /// The kernel's state as its peer last said, in the room's words in lower case (`idle`, `busy`, …).
    pub kernel: Option<String>,
}

impl Order {
    /// Reads an order; the error is for the one who sent it.
    pub fn parse(line: &str) -> Result<Self, String> {
        if line.len() > CONTROL_LINE_LIMIT {
            return Err("the order is too long".to_owned());
        }
        serde_json::from_str(line)
            .map_err(|error| format!("this agent does not understand the order: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_newer_programs_are_refused_or_read_as_far_as_they_are_known() {
        let read = |line: &str| Order::parse(line);
        assert_eq!(read(r#"{"order":"status","since":7}"#), Ok(Order::Status));
        let stop = Order::Stop { job_id: "j".into() };
        let line = serde_json::to_string(&stop).unwrap();
        assert_eq!(read(&line), Ok(stop));
        for wrong in ["", "status", r#"{"order":"fly"}"#, r#"{"order":"stop"}"#] {
            assert!(read(wrong).unwrap_err().contains("does not understand"));
        }
        let long = format!(
            r#"{{"order":"status","x":"{}"}}"#,
            "y".repeat(CONTROL_LINE_LIMIT)
        );
        assert!(read(&long).is_err());
        let newer = r#"{"ok":{"registered":true,"mood":"good","jobs":[{"job_id":"j","x":1}]}}"#;
        let Ok(Answer::Ok(status)) = serde_json::from_str(newer) else {
            panic!("not understood");
        };
        assert!(status.registered && status.jobs[0].job_id == "j");
    }
}
