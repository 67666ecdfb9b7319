//! The commands, one file each.

pub mod config;
pub mod connect;
pub mod disconnect;
pub mod doctor;
pub mod drain;
pub mod jobs;
pub mod logs;
pub mod output;
pub mod run;
pub mod service;
pub mod status;
pub mod stop;
pub mod upgrade;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use cloud_client::{Network, NetworkError};
use tokio::time::{Instant, sleep};
use workstation::{
    AgentStatus, ControlError, Env, Folders, LocalJob, Order, RunningAgent, StoredCredential,
    default_workstation_id, hostname, local_jobs, tell_agent,
};

/// How long between two questions to an agent that is ending or beginning.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// This machine's folders and the id under which its agent serves.
pub struct Here {
    pub env: Env,
    pub folders: Folders,
    pub workstation_id: String,
}

impl Here {
    /// Needs no credential: what runs here can be seen and ended without the cloud.
    pub fn find() -> Result<Self> {
        let env = Env::of_process();
        let folders = Folders::find(&env)?;
        // A broken file must not keep anybody from ending what runs.
        let stored = StoredCredential::read(&folders.credential_file())
            .ok()
            .flatten();
        let workstation_id = stored.map_or_else(
            || default_workstation_id(&hostname(&env)),
            |stored| stored.workstation_id,
        );
        Ok(Self {
            env,
            folders,
            workstation_id,
        })
    }

    /// The way to the cloud; settings that cannot be read name no file of authorities.
    pub fn network(&self, ca_file: Option<&Path>) -> Result<Network, NetworkError> {
        let settings = config::settings(self).unwrap_or_default();
        self.env.network(ca_file, &settings)
    }

    /// Gives the agent an order.
    pub async fn tell(&self, order: &Order) -> Result<RunningAgent, ControlError> {
        tell_agent(&self.folders, &self.workstation_id, order).await
    }

    /// Gives the agent an order at which it ends, and waits until it has.
    pub async fn end_agent(&self, order: &Order, limit: Duration) -> Result<()> {
        match self.tell(order).await {
            Ok(_) | Err(ControlError::NoAgent | ControlError::Ending) => {}
            Err(error) => return Err(error.into()),
        }
        let end = Instant::now() + limit;
        while !matches!(self.tell(&Order::Status).await, Err(ControlError::NoAgent)) {
            if Instant::now() >= end {
                bail!(
                    "the agent does not end\nHint: `runt workstation jobs` shows what it waits for"
                );
            }
            sleep(ASK_AGAIN).await;
        }
        Ok(())
    }

    /// What this machine serves, in the words of `agent` where it is that one's.
    pub async fn jobs(&self, agent: Option<&RunningAgent>) -> Vec<LocalJob> {
        let status = agent.map(|agent| &agent.status);
        local_jobs(&self.folders, &self.workstation_id, status).await
    }

    /// The agent, if one runs.
    pub async fn agent(&self) -> Result<Option<RunningAgent>> {
        match self.tell(&Order::Status).await {
            Ok(agent) => Ok(Some(agent)),
            Err(ControlError::NoAgent) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Notebooks that an agent serves: ended ones are only still being reported.
pub fn served(status: &AgentStatus) -> usize {
    status
        .jobs
        .iter()
        .filter(|job| job.phase != "ended")
        .count()
}

/// The one job whose id, or notebook's id, begins with what was asked for.
pub fn pick<'a, T>(
    asked: &str,
    jobs: &'a [T],
    names: impl Fn(&'a T) -> (&'a str, Option<&'a str>),
) -> Result<&'a T> {
    let fits = |name: &str| !asked.is_empty() && name.starts_with(asked);
    let found: Vec<&T> = jobs
        .iter()
        .filter(|job| {
            let (job_id, notebook_id) = names(job);
            fits(job_id) || notebook_id.is_some_and(fits)
        })
        .collect();
    match found[..] {
        [one] => Ok(one),
        [] => bail!(
            "no job or notebook {asked:?} is here\nHint: `runt workstation jobs` lists what this machine serves"
        ),
        _ => bail!(
            "{} jobs begin with {asked:?}\nHint: give more of the id",
            found.len()
        ),
    }
}

/// A value from the cloud, fit for a terminal: without control characters.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
