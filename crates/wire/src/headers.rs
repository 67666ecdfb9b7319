//! Header names of the room dial, their lengths, and how values are cut.

use crate::actor::percent_encode_but;

/// A header with the longest value that is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataHeader {
    /// Its lower-case name.
    pub name: &'static str,
    /// Its longest value in characters.
    pub max: usize,
}

/// The registered machine.
pub const WORKSTATION_ID: MetadataHeader = MetadataHeader {
    name: "x-nteract-workstation-id",
    max: 128,
};
/// The attach job.
pub const RUNTIME_SESSION_ID: MetadataHeader = MetadataHeader {
    name: "x-nteract-runtime-session-id",
    max: 128,
};
/// The machine's label.
pub const DISPLAY_NAME: MetadataHeader = MetadataHeader {
    name: "x-nteract-workstation-display-name",
    max: 160,
};
/// The default environment's label.
pub const DEFAULT_ENVIRONMENT: MetadataHeader = MetadataHeader {
    name: "x-nteract-workstation-default-environment",
    max: 160,
};
/// The environment policy, such as `current_python`.
pub const ENVIRONMENT_POLICY: MetadataHeader = MetadataHeader {
    name: "x-nteract-workstation-environment-policy",
    max: 80,
};
/// The working directory.
pub const WORKING_DIRECTORY: MetadataHeader = MetadataHeader {
    name: "x-nteract-workstation-working-directory",
    max: 512,
};
/// Says that name and working directory are percent-encoded UTF-8, with [`PERCENT`]; additive (GAP-32).
pub const METADATA_ENCODING: &str = "x-nteract-workstation-encoding";
/// The one encoding.
pub const PERCENT: &str = "percent";
/// Says, with [`REJOIN`], that a client takes up fresh documents when the room starts over; additive (decision D11).
pub const EPOCHS: &str = "x-notebook-cloud-epochs";
/// The query parameter that says the same for browsers, which cannot set headers.
pub const EPOCHS_QUERY: &str = "epochs";
/// What a client says that can.
pub const REJOIN: &str = "rejoin";
/// The requested scope.
pub const SCOPE: &str = "x-scope";
/// The operator.
pub const OPERATOR: &str = "x-operator";
/// The session.
pub const SESSION: &str = "x-session";
/// The anonymous session.
pub const VIEWER_SESSION: &str = "x-viewer-session";
/// The development user.
pub const USER: &str = "x-user";
/// The explicit principal (development).
pub const PRINCIPAL: &str = "x-principal";
/// The development token.
pub const DEV_TOKEN: &str = "x-notebook-cloud-dev-token";
/// The authentication provider of a bearer key.
pub const AUTH_PROVIDER: &str = "x-notebook-cloud-auth-provider";

impl MetadataHeader {
    /// Trims and cuts a received value; an empty one counts as absent (RP-028).
    pub fn accept(self, value: &str) -> Option<String> {
        let cut: String = value.trim().chars().take(self.max).collect();
        (!cut.is_empty()).then_some(cut)
    }

    /// Returns the value to send percent-encoded; it is cut before. What a header can carry stays as it is, so that a room
    /// that does not know the encoding shows a plain folder beside a name that it cannot read.
    pub fn send_encoded(self, value: &str) -> Option<String> {
        let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'%';
        self.accept(value)
            .map(|cut| percent_encode_but(&cut, is_plain))
    }

    /// Returns the value to send, or nothing when it is empty or not legal in a header.
    pub fn send(self, value: &str) -> Option<String> {
        self.accept(value)
            .filter(|cut| cut.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
    }
}

#[cfg(test)]
mod tests;
