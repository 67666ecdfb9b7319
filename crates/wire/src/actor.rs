//! Principals, operators and the actor labels made of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a principal, an operator or a label does not parse; the texts are those of control plane 1.1 and 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActorError {
    /// The principal is empty.
    #[error("principal cannot be empty")]
    EmptyPrincipal,
    /// The principal has a slash.
    #[error("principal cannot contain '/'")]
    PrincipalContainsSlash,
    /// The principal is not `system` and has no colon.
    #[error("principal must be 'system' or '<scheme>:<id>'")]
    PrincipalMissingScheme,
    /// Nothing stands before the principal's first colon.
    #[error("principal scheme cannot be empty")]
    PrincipalEmptyScheme,
    /// Nothing stands after the principal's first colon.
    #[error("principal id cannot be empty")]
    PrincipalEmptyId,
    /// The operator is empty.
    #[error("operator cannot be empty")]
    EmptyOperator,
    /// The operator has a slash.
    #[error("operator cannot contain '/'")]
    OperatorContainsSlash,
    /// The operator begins with a colon.
    #[error("operator kind cannot be empty")]
    EmptyOperatorKind,
    /// The label has no slash.
    #[error("actor label must be '<principal>/<operator>'")]
    ActorLabelMissingDelimiter,
}

macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ActorError;

            fn from_str(text: &str) -> Result<Self, ActorError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ActorError;

            fn try_from(text: String) -> Result<Self, ActorError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

/// Names an account or a machine authority: `system` or `<scheme>:<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Principal(String);
checked_text!(Principal);

impl Principal {
    /// Parses a principal.
    pub fn parse(text: &str) -> Result<Self, ActorError> {
        if text.is_empty() {
            return Err(ActorError::EmptyPrincipal);
        }
        if text.contains('/') {
            return Err(ActorError::PrincipalContainsSlash);
        }
        if text != "system" {
            match text.split_once(':') {
                None => return Err(ActorError::PrincipalMissingScheme),
                Some(("", _)) => return Err(ActorError::PrincipalEmptyScheme),
                Some((_, "")) => return Err(ActorError::PrincipalEmptyId),
                Some(_) => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes `<namespace>:<pct(subject)>`.
    pub fn with_subject(namespace: &str, subject: &str) -> Result<Self, ActorError> {
        Self::parse(&format!("{namespace}:{}", percent_encode(subject)))
    }

    /// Returns whether this is the server itself.
    pub fn is_system(&self) -> bool {
        self.0 == "system"
    }

    /// Returns whether this is an anonymous viewer.
    pub fn is_anonymous(&self) -> bool {
        self.0.starts_with("anonymous:")
    }

    /// Returns the short form that presence shows when nothing better is known.
    pub fn compact(&self) -> &str {
        if self.is_anonymous() {
            return "Anonymous";
        }
        self.0
            .rsplit(':')
            .find(|part| !part.is_empty())
            .unwrap_or(&self.0)
    }
}

/// Names which client acts for a principal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Operator(String);
checked_text!(Operator);

impl Operator {
    /// Parses an operator.
    pub fn parse(text: &str) -> Result<Self, ActorError> {
        if text.is_empty() {
            return Err(ActorError::EmptyOperator);
        }
        if text.contains('/') {
            return Err(ActorError::OperatorContainsSlash);
        }
        if text.starts_with(':') {
            return Err(ActorError::EmptyOperatorKind);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Names the author of changes: `<principal>/<operator>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActorLabel {
    /// Who.
    pub principal: Principal,
    /// Through which client.
    pub operator: Operator,
}

impl ActorLabel {
    /// Joins a principal and an operator.
    pub const fn new(principal: Principal, operator: Operator) -> Self {
        Self {
            principal,
            operator,
        }
    }

    /// Parses a label, splitting at its first slash.
    pub fn parse(text: &str) -> Result<Self, ActorError> {
        let (principal, operator) = text
            .split_once('/')
            .ok_or(ActorError::ActorLabelMissingDelimiter)?;
        Ok(Self {
            principal: Principal::parse(principal)?,
            operator: Operator::parse(operator)?,
        })
    }
}

impl fmt::Display for ActorLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.principal, self.operator)
    }
}

impl FromStr for ActorLabel {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ActorLabel {
    type Error = ActorError;

    fn try_from(text: String) -> Result<Self, ActorError> {
        Self::parse(&text)
    }
}

impl From<ActorLabel> for String {
    fn from(label: ActorLabel) -> Self {
        label.to_string()
    }
}

/// Returns the 16 hex digits of FNV-1a-64 over a notebook id (documents 2.3).
pub fn room_key(notebook_id: &str) -> String {
    let hash = notebook_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// Returns the label under which a hosted room writes.
pub fn room_actor_label(notebook_id: &str) -> String {
    format!("system:notebook-cloud-room/room:{}", room_key(notebook_id))
}

/// Returns the text as readers show an actor id: UTF-8, else lower-case hex.
pub fn actor_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => hex::encode(bytes),
    }
}

/// Percent-encodes with the alphabet of ECMAScript's `encodeURIComponent`.
pub fn percent_encode(text: &str) -> String {
    percent_encode_but(text, |byte| {
        byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
    })
}

/// Percent-encodes all bytes but those that stay as they are, which must be ASCII.
pub(crate) fn percent_encode_but(text: &str, stays: impl Fn(u8) -> bool) -> String {
    use std::fmt::Write as _;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            if stays(byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
}

#[cfg(test)]
mod tests;
