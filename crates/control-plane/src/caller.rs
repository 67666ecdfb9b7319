//! Who asks, as the edge has established it.

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
        if self.anonymous {
            Err(crate::Refusal::SignIn(otherwise))
        } else {
            Ok(())
        }
    }
}
