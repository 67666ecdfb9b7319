//! What keeps this machine from serving, and what helps: `runt workstation doctor`.
//!
//! Each check answers with findings; none changes anything. [`examine`] makes them all, the nearest first, so that the
//! first problem is usually the cause of those behind it.

mod local;
mod network;

use std::path::PathBuf;

use serde::Serialize;

use crate::{Env, Folders, WorkstationSettings};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It may fail, or not everything works.
    Warning,
    /// It cannot work.
    Problem,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `credential`, `program`, `python`, `folders`, `disk`, `loopback`, `gpu`, `protection`, `linger`,
    /// `agent`, `proxy`, `dns`, `connection`, `certificate`, `answer`, `clock`, `access`, `version` or `websocket`.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, message, None)
    }

    fn warning(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, message, Some(hint.into()))
    }

    fn problem(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(check, Level::Problem, message, Some(hint.into()))
    }

    fn new(
        check: &'static str,
        level: Level,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self {
            check,
            level,
            message: message.into(),
            hint,
        }
    }

    /// From an error of ours: its `Hint:` lines become the hint.
    fn of_error(check: &'static str, error: &dyn std::fmt::Display) -> Self {
        let text = error.to_string();
        let (message, hint) = match text.split_once("\nHint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        Self::new(check, Level::Problem, message, hint)
    }
}

/// What the examination needs to know.
pub struct Patient {
    /// The environment.
    pub env: Env,
    /// The folders.
    pub folders: Folders,
    /// This machine's id.
    pub workstation_id: String,
    /// The settings, or why they cannot be read.
    pub settings: Result<WorkstationSettings, String>,
    /// The running program.
    pub program: PathBuf,
}

/// Makes every check.
pub async fn examine(patient: &Patient) -> Vec<Finding> {
    let mut findings = Vec::new();
    let credential = local::credential(patient, &mut findings);
    findings.push(local::program(patient).await);
    findings.extend(local::settings(patient));
    let agent = local::ask_agent(patient).await;
    findings.extend(local::python(patient, &agent).await);
    findings.extend(local::folders(patient));
    findings.extend(local::sockets(patient));
    findings.push(local::loopback().await);
    findings.extend(local::gpu().await);
    findings.extend(local::protection(patient).await);
    findings.extend(local::linger(patient));
    findings.push(local::agent(agent));
    if let Some(credential) = credential {
        network::examine(patient, &credential, &mut findings).await;
    }
    findings
}
