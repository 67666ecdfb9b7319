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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerCredential {
    /// Its public id.
    pub id: String,
    /// The pairing it came from.
    pub pairing_id: Option<String>,
}

impl Caller {
    /// Refuses an anonymous caller with the route's own words.
    pub fn signed_in(&self, otherwise: &'static str) -> crate::Result<()> {
        access::authorize_account(self, AccountAct::See, otherwise)
    }

    /// Refuses callers who may only look at what the account has.
    pub fn manages(&self, otherwise: &'static str) -> crate::Result<()> {
        access::authorize_account(self, AccountAct::Manage, otherwise)
    }
}
