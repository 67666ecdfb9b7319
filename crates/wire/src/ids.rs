//! String newtypes for every id on the wire.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! string_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a string without checking it.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the id's own string.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self(value)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

string_id! {
    /// Names a notebook (a ULID in our own service).
    NotebookId;
    /// Names a cell of a notebook.
    CellId;
    /// Names one execution of a cell (a UUID).
    ExecutionId;
    /// Names one output of an execution.
    OutputId;
    /// Names one socket of a room (a UUID v4, never reused).
    PeerId;
    /// Names a registered workstation of an owner.
    WorkstationId;
    /// Names an attach job; the same text is the runtime session id of its peer.
    JobId;
    /// Names a workstation credential.
    CredentialId;
    /// Names a pairing code row; not secret.
    PairingId;
    /// Names a widget comm.
    CommId;
    /// Names an access request.
    AccessRequestId;
    /// Names an invite.
    InviteId;
}

impl WorkstationId {
    /// The id a runtime peer has when its header is absent (room protocol 7.1).
    pub const RUNTIME_PEER: &'static str = "runtime-peer";
}
