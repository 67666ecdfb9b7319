//! Whether notebook code is kept from this machine's secrets (decision D18).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::timeout;

/// How long the daemon may take to try.
const LIMIT: Duration = Duration::from_secs(10);

/// How notebook code is kept from the credential, the room tokens and the agent's sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Protection {
    /// Why it is not.
    pub unprotected: Option<String>,
    /// Why no kernel can be started now: it would have to be, and cannot.
    pub trouble: Option<String>,
}

/// Lets the daemon try it with a process of its own.
pub async fn probe_protection(runtimed: &Path) -> Protection {
    let mut command = Command::new(runtimed);
    command
        .args(["confined", "--probe"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let answer = match timeout(LIMIT, command.output()).await {
        Ok(Ok(output)) => serde_json::from_slice(&output.stdout).map_err(|error| error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    };
    answer.unwrap_or_else(|error| Protection {
        unprotected: Some(format!("{} cannot tell: {error}", runtimed.display())),
        trouble: None,
    })
}
