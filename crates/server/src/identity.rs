//! Who is calling: the typed identity that routes and rooms receive, and the order in which
//! credentials are looked at (CP 1.5 to 1.13).

mod bearer;
mod dev;
mod dispatch;
pub mod oidc;
pub mod session;

pub use dispatch::{Accept, has_credential_subprotocol};
pub use wire::Scope;

use control_plane::CallerCredential;

use crate::error::ApiError;

/// Who vouches for an identity, as reported in the room's ready message (RP 1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Nobody: a viewer without an account.
    Anonymous,
    /// The development identity.
    Dev,
    /// A browser session.
    AppSession,
    /// The OpenID Connect provider.
    Oidc,
    /// A token that a person made for a program.
    ApiToken,
    /// A workstation's credential.
    WorkstationCredential,
}

impl Provider {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Dev => "dev",
            Self::AppSession => "app-session",
            Self::Oidc => "oidc",
            Self::ApiToken => "api-token",
            Self::WorkstationCredential => "workstation-credential",
        }
    }
}

/// A caller, as the server itself has established it; nothing here is the client's word alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account or machine authority, `<scheme>:<id>`.
    pub principal: String,
    /// Which client acts for it.
    pub operator: String,
    /// The requested scope; routes with a fixed scope ignore it (CP 1.3).
    pub scope: Scope,
    /// Who vouches.
    pub provider: Provider,
    /// The namespace of the principal.
    pub principal_namespace: String,
    /// A name for people, when known.
    pub display_name: Option<String>,
    /// The workstation credential used, if one was.
    pub credential: Option<CallerCredential>,
    /// The browser session or API token used, if one was.
    pub session_id: Option<String>,
    /// The most that an API token allows.
    pub ceiling: Option<Scope>,
}

impl Identity {
    /// `<principal>/<operator>`, as audit columns hold it.
    pub fn actor_label(&self) -> String {
        format!("{}/{}", self.principal, self.operator)
    }

    /// Whether nobody vouches for the caller (CP 1.8).
    pub fn is_anonymous(&self) -> bool {
        self.scope == Scope::Viewer && self.principal.starts_with("anonymous:")
    }
}

/// Failures of identity grammar are answered with 400 and the text behind `Error: ` (CP 1.6).
fn grammar_error(text: impl std::fmt::Display) -> ApiError {
    ApiError::bad_request(format!("Error: {text}"))
}

#[cfg(test)]
mod tests;
