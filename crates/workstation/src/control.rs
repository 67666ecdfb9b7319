//! The command line's side of the agent's control socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::{AgentStatus, Answer, Order};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use crate::control_desk::{ControlDesk, Reply};
use crate::limits::LimitsInForce;
use crate::{Folders, socket_path};

/// How long an agent may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Longest answer: every job's line, with room to spare.
const ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// An agent that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningAgent {
    /// Its process.
    pub pid: u32,
    /// Its build.
    pub version: String,
    /// How it holds the limits of its jobs.
    pub limits: LimitsInForce,
    /// The Python that it starts kernels with, where it says so.
    pub python: Option<PathBuf>,
    /// How it stands.
    pub status: AgentStatus,
}

/// Why there is no answer to an order.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No agent runs here for the workstation.
    #[error("no agent runs on this machine\nHint: start it with `runt workstation run`")]
    NoAgent,
    /// It does not answer.
    #[error(
        "the agent on this machine does not answer: {0}\nHint: see its log; `runt workstation doctor` looks for causes"
    )]
    Silent(String),
    /// It is about to be gone.
    #[error("the agent on this machine is ending\nHint: try again in a moment")]
    Ending,
    /// It refuses.
    #[error("{0}")]
    Refused(String),
}

/// Gives the agent of a workstation an order.
pub async fn tell_agent(
    folders: &Folders,
    workstation_id: &str,
    order: &Order,
) -> Result<RunningAgent, ControlError> {
    let path = ControlDesk::path(&folders.state, workstation_id);
    let silent = |error: io::Error| ControlError::Silent(error.to_string());
    let line = match timeout(ANSWER_LIMIT, exchange(&path, order)).await {
        Err(_) => {
            let wait = ANSWER_LIMIT.as_secs();
            return Err(ControlError::Silent(format!(
                "nothing came within {wait} seconds"
            )));
        }
        Ok(Err(error)) => {
            return Err(match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ControlError::NoAgent,
                _ => silent(error),
            });
        }
        Ok(Ok(line)) => line,
    };
    if line.is_empty() {
        // It ended before it could say so.
        return Err(ControlError::Ending);
    }
    let reply: Reply = serde_json::from_str(&line).map_err(|error| silent(error.into()))?;
    match reply.answer {
        Answer::Ok(status) => Ok(RunningAgent {
            pid: reply.pid,
            version: reply.version,
            limits: reply.limits,
            python: reply.python,
            status,
        }),
        Answer::Refused(reason) => Err(ControlError::Refused(reason)),
        Answer::Ending => Err(ControlError::Ending),
    }
}

async fn exchange(path: &Path, order: &Order) -> io::Result<String> {
    let stream = socket_path::connect(path).await?;
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(read.take(ANSWER_BYTES))
        .read_line(&mut answer)
        .await?;
    Ok(answer)
}
