//! The order in which credentials are looked at (CP 1.6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control_plane::{CallerCredential, RoomGrant, credentials, room_tokens};
use wire::{
    ROOM_TOKEN_PREFIX, SUBPROTOCOL_BEARER_PREFIX, SUBPROTOCOL_DEV_TOKEN_PREFIX,
    WORKSTATION_TOKEN_PREFIX, headers,
};

use super::{Identity, Provider, bearer, dev, grammar_error, session};
use crate::app::App;
use crate::error::ApiError;
use crate::request::Facts;

/// Which credentials a route takes beside bearer, development identity and nothing (CP 1.13, 1.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept {
    /// The browser session's cookie.
    pub cookie: bool,
    /// A workstation's credential.
    pub workstation: bool,
    /// A room token.
    pub room_token: bool,
}

impl Accept {
    /// People, by any way they sign in.
    pub const PEOPLE: Self = Self {
        cookie: true,
        workstation: false,
        room_token: false,
    };
    /// Machines and command lines, but no cookie.
    pub const MACHINES: Self = Self {
        cookie: false,
        workstation: true,
        room_token: false,
    };
    /// What a runtime peer presents in its room and for its blobs.
    pub const PEERS: Self = Self {
        room_token: true,
        ..Self::MACHINES
    };
    /// People, and runtime peers in their room.
    pub const READERS: Self = Self {
        room_token: true,
        ..Self::PEOPLE
    };
    /// Both.
    pub const ALL: Self = Self {
        cookie: true,
        ..Self::MACHINES
    };
}

/// What is answered to more than one word about who is calling.
pub(super) const CONFLICT: &str = "multiple identity credentials presented";

impl App {
    /// Establishes who calls an HTTP route.
    ///
    /// # Errors
    /// 400, 401, 403 or 503 as CP 1.6 orders them.
    pub async fn identify(&self, facts: &Facts, accept: Accept) -> Result<Identity, ApiError> {
        let identity = self.settle(self.establish(facts, accept).await?).await?;
        self.admit_identity(&identity)?;
        Ok(identity)
    }

    async fn establish(&self, facts: &Facts, accept: Accept) -> Result<Identity, ApiError> {
        if let Some(token) = presented(facts, ROOM_TOKEN_PREFIX) {
            if !accept.room_token {
                return Err(ApiError::forbidden(
                    "room tokens cannot access this resource",
                ));
            }
            return self.identify_room_token(facts, token).await;
        }
        if let Some(token) = presented(facts, WORKSTATION_TOKEN_PREFIX) {
            if !accept.workstation {
                return Err(ApiError::forbidden(
                    "workstation credentials cannot access this resource",
                ));
            }
            // A cookie beside it is ambient and does not count; whoever names another identity
            // is told so (HAZ-2).
            if dev::is_presented(facts) || credential_subprotocols(facts).next().is_some() {
                return Err(ApiError::bad_request(CONFLICT));
            }
            return self.identify_workstation(facts, token).await;
        }
        if let Some(token) = presented_bearer(facts)? {
            return bearer::identify(self, facts, &token).await;
        }
        if let Some(identity) = dev::presented(self, facts)? {
            return Ok(identity);
        }
        if accept.cookie
            && let Some(identity) = session::identify(self, facts).await?
        {
            return Ok(identity);
        }
        // An unknown scope is refused even where nobody is signed in (RP-008).
        dev::requested_scope(facts)?;
        Ok(dev::anonymous(facts))
    }

    /// Establishes who dials a room: the cookie first, and nothing beside it (CP 1.6, CP-058).
    ///
    /// # Errors
    /// As for [`App::identify`].
    pub async fn identify_socket(&self, facts: &Facts) -> Result<Identity, ApiError> {
        if let Some(mut identity) = session::identify(self, facts).await? {
            let explicit = facts.header("authorization").is_some()
                || facts.header(headers::DEV_TOKEN).is_some()
                || credential_subprotocols(facts).next().is_some();
            if explicit {
                return Err(ApiError::bad_request(CONFLICT));
            }
            session::dial(&mut identity, facts)?;
            let identity = self.settle(identity).await?;
            self.admit_identity(&identity)?;
            return Ok(identity);
        }
        self.identify(facts, Accept::PEERS).await
    }

    /// A machine that is not known may have been paired after the backup that this server came from.
    fn after_restore(&self, error: ApiError) -> ApiError {
        match self.restored() {
            Some(restored) if error.status() == http::StatusCode::UNAUTHORIZED => {
                error.with("hint", restored.hint(&self.config().public.to_string()))
            }
            _ => error,
        }
    }

    /// The identity of a workstation credential; the token is checked before the scope (CP-066).
    async fn identify_workstation(&self, facts: &Facts, token: &str) -> Result<Identity, ApiError> {
        let scope = facts.input(headers::SCOPE, "scope");
        let (credential, scope) =
            credentials::authenticate(self.catalog(), token, scope.as_deref(), self.now_ms())
                .await
                .map_err(|refusal| self.after_restore(refusal.into()))?;
        Ok(Identity {
            operator: operator(facts)?,
            scope,
            provider: Provider::WorkstationCredential,
            display_name: None,
            credential: Some(credentials::caller_credential(&credential, token)),
            principal: credential.owner_principal,
            principal_namespace: credential.principal_namespace,
            session_id: None,
            ceiling: None,
        })
    }

    /// The identity of a room token: its credential's, held to one room.
    async fn identify_room_token(&self, facts: &Facts, token: &str) -> Result<Identity, ApiError> {
        let scope = facts.input(headers::SCOPE, "scope");
        let token =
            room_tokens::authenticate(self.catalog(), token, scope.as_deref(), self.now_ms())
                .await?;
        Ok(Identity {
            operator: operator(facts)?,
            scope: wire::Scope::RuntimePeer,
            provider: Provider::WorkstationCredential,
            display_name: None,
            principal: token.owner_principal,
            principal_namespace: token.principal_namespace,
            credential: Some(CallerCredential {
                id: token.credential_id,
                workstation_id: Some(token.workstation_id.clone()),
                room: Some(RoomGrant {
                    notebook_id: token.notebook_id,
                    job_id: token.job_id,
                    workstation_id: token.workstation_id,
                }),
                ..CallerCredential::default()
            }),
            session_id: None,
            ceiling: None,
        })
    }
}

/// The bearer token, if it is of the kind with this prefix.
fn presented<'a>(facts: &'a Facts, prefix: &str) -> Option<&'a str> {
    facts.bearer().filter(|token| token.starts_with(prefix))
}

/// The operator that a machine names, or the default one.
fn operator(facts: &Facts) -> Result<String, ApiError> {
    let operator = facts
        .input(headers::OPERATOR, "operator")
        .unwrap_or_else(|| credentials::OPERATOR.into());
    wire::Operator::parse(&operator).map_err(grammar_error)?;
    Ok(operator)
}

pub(super) fn credential_subprotocols(facts: &Facts) -> impl Iterator<Item = &str> {
    facts.subprotocols().filter(|token| {
        token.starts_with(SUBPROTOCOL_BEARER_PREFIX)
            || token.starts_with(SUBPROTOCOL_DEV_TOKEN_PREFIX)
    })
}

/// Whether a credential rides in the subprotocol list, which makes `Origin` required (CP 1.16).
pub fn has_credential_subprotocol(facts: &Facts) -> bool {
    credential_subprotocols(facts).next().is_some()
}

/// The bearer token of the header or of the subprotocol list, and never of both (CP 1.6).
fn presented_bearer(facts: &Facts) -> Result<Option<String>, ApiError> {
    if credential_subprotocols(facts).count() > 1 {
        return Err(ApiError::bad_request(
            "multiple WebSocket credential subprotocols presented",
        ));
    }
    let in_list = facts
        .subprotocols()
        .find_map(|token| token.strip_prefix(SUBPROTOCOL_BEARER_PREFIX));
    match (facts.bearer(), in_list) {
        (Some(_), Some(_)) => Err(ApiError::bad_request(CONFLICT)),
        (Some(token), None) => Ok(Some(token.to_owned())),
        (None, Some(encoded)) => {
            // What cannot be decoded is no token of anybody's; it is judged as one all the same.
            let decoded = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('='));
            let text = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Ok(Some(text.unwrap_or_default()))
        }
        (None, None) => Ok(None),
    }
}
