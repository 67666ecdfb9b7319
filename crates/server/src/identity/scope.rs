//! The four scopes a connection may have.

/// What a connection may do (CP 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Reads.
    Viewer,
    /// Reads and writes the notebook document.
    Editor,
    /// A machine that runs the notebook.
    RuntimePeer,
    /// Everything but running as a machine.
    Owner,
}

impl Scope {
    /// Parses a scope's name.
    ///
    /// # Errors
    /// `unknown connection scope: <value>` (CP-004).
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "editor" => Ok(Self::Editor),
            "runtime_peer" => Ok(Self::RuntimePeer),
            "owner" => Ok(Self::Owner),
            other => Err(format!("unknown connection scope: {other}")),
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::RuntimePeer => "runtime_peer",
            Self::Owner => "owner",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
