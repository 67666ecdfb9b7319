//! Who asks, as the edge has established it.

use wire::Scope;

use crate::access::{self, AccountAct};

/// An authenticated (or anonymous) caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Principal, canonical where a canonical account exists.
    pub principal: String,
    /// Namespace of the principal.
    pub namespace: String,
    /// `<principal>/<operator>`.
    pub actor_label: String,
    /// Nobody signed in.
    pub anonymous: bool,
    /// The workstation credential used, if one was.
    pub credential: Option<CallerCredential>,
    /// The most that the credential used allows, where it allows less than the person may: the
    /// scope of an API token.
    pub ceiling: Option<Scope>,
}

/// The workstation credential behind a caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallerCredential {
    /// Its public id.
    pub id: String,
    /// The pairing it came from.
    pub pairing_id: Option<String>,
    /// The workstation it first registered.
    pub workstation_id: Option<String>,
    /// Whether it may serve other workstations too.
    pub may_serve_several: bool,
    /// When it was made.
    pub created_ms: i64,
    /// When it was last rotated.
    pub rotated_ms: Option<i64>,
    /// When it ends unless it is rotated, if it ends at all.
    pub expires_ms: Option<i64>,
    /// The former token was presented, which is taken only for a while after a rotation.
    pub by_former_token: bool,
    /// The room token presented in its place, if one was: good for this room and nothing else.
    pub room: Option<RoomGrant>,
}

/// What a room token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomGrant {
    /// The one notebook.
    pub notebook_id: String,
    /// The one runtime session.
    pub job_id: String,
    /// The workstation that serves it.
    pub workstation_id: String,
}

impl Caller {
    /// Somebody without an account, who sees what the public link shows.
    pub fn nobody() -> Self {
        Self {
            principal: "anonymous:nobody".to_owned(),
            namespace: "anonymous".to_owned(),
            actor_label: "anonymous:nobody/browser:nobody".to_owned(),
            anonymous: true,
            credential: None,
            ceiling: None,
        }
    }

    /// Refuses an anonymous caller with the route's own words.
    pub fn signed_in(&self, otherwise: &'static str) -> crate::Result<()> {
        access::authorize_account(self, AccountAct::See, otherwise)
    }

    /// Refuses callers who may only look at what the account has.
    pub fn manages(&self, otherwise: &'static str) -> crate::Result<()> {
        access::authorize_account(self, AccountAct::Manage, otherwise)
    }

    /// Refuses a workstation credential what is another workstation's (HAZ-4).
    pub fn may_serve(&self, workstation_id: &str) -> crate::Result<()> {
        match &self.credential {
            Some(credential) if !credential.serves(workstation_id) => {
                Err(crate::Refusal::Forbidden(format!(
                    "this workstation credential belongs to another workstation than {workstation_id}\n\
                     Hint: use that workstation's own credential, or let this one serve several in the workstations panel"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl CallerCredential {
    /// Whether the credential may act for a workstation: its first, any before that, or several.
    pub fn serves(&self, workstation_id: &str) -> bool {
        self.may_serve_several
            || self
                .workstation_id
                .as_deref()
                .is_none_or(|own| own == workstation_id)
    }
}
