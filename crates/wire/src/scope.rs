//! The four connection scopes and what each may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The authority of one connection (control plane 1.3); not a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reads.
    Viewer,
    /// Reads and writes cells.
    Editor,
    /// Reads and writes runtime state: a machine authority.
    RuntimePeer,
    /// Everything but writing runtime state.
    Owner,
}

/// Says that a scope text is none of the four.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown connection scope: {0}")]
pub struct UnknownScope(pub String);

impl Scope {
    /// All scopes in their conventional order.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::RuntimePeer, Self::Owner];

    /// Returns the exact text on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::RuntimePeer => "runtime_peer",
            Self::Owner => "owner",
        }
    }

    /// Returns whether the scope may upload blobs.
    pub const fn may_upload_blobs(self) -> bool {
        matches!(self, Self::RuntimePeer | Self::Owner)
    }

    /// Returns whether an access row of this scope covers a request for `requested` (1.4).
    pub const fn covers(self, requested: Self) -> bool {
        match self {
            Self::Viewer => matches!(requested, Self::Viewer),
            Self::Editor => matches!(requested, Self::Viewer | Self::Editor),
            Self::RuntimePeer => matches!(requested, Self::Viewer | Self::RuntimePeer),
            Self::Owner => !matches!(requested, Self::RuntimePeer),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
