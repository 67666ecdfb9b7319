//! JSON shapes of the control plane, shared by the server and its clients.
//!
//! Requests are read with tolerance (the server checks fields itself); responses are exact.

#![allow(
    missing_docs,
    reason = "field names are those of control-plane.md, which explains them"
)]

mod downloads;
mod jobs;
mod notebooks;
mod pairing;
mod workstations;

pub use downloads::*;
pub use jobs::*;
pub use notebooks::*;
pub use pairing::*;
pub use workstations::*;

use serde::{Deserialize, Serialize};

/// Body of every refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub error: String,
    /// A stable code where one exists, such as `workstation_not_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl ErrorBody {
    /// Makes a body with a text alone.
    pub fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            code: None,
        }
    }
}

/// `GET /api/health` (3.13); the inner shapes are open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    pub status: String,
    pub service: String,
    #[serde(default)]
    pub deployment_env: String,
    #[serde(default)]
    pub build: BuildInfo,
    #[serde(default)]
    pub auth: serde_json::Value,
}

/// The running build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    #[serde(default)]
    pub sha: Option<String>,
    /// The server's version; additive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// `POST /api/n/:notebookId/runtime-state-repair` request (2.24).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default)]
    pub force: bool,
}

/// `POST /api/n/:notebookId/runtime-state-repair` answer (2.24).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairResponse {
    pub ok: bool,
    pub changed: bool,
    pub forced: bool,
    pub checkpoint_persisted: bool,
    pub runtime_peer_count: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
}

#[cfg(test)]
mod tests;
