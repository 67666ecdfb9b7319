//! JSON shapes of the control plane: what the server answers, what it tells on the events socket, and what machines
//! report of themselves.
//!
//! Bodies of requests have no shape here: the server reads each field by itself, with tolerance.

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

#[cfg(test)]
mod tests;
