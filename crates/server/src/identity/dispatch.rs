//! The order in which credentials are looked at (CP 1.6).

use control_plane::credentials;

use super::{CredentialRef, Identity, Provider, dev, grammar_error, session};
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
}

impl Accept {
    /// People, by any way they sign in.
    pub const PEOPLE: Self = Self {
        cookie: true,
        workstation: false,
    };
    /// Machines and command lines, but no cookie.
    pub const MACHINES: Self = Self {
        cookie: false,
        workstation: true,
    };
    /// Both.
    pub const ALL: Self = Self {
        cookie: true,
        workstation: true,
    };
}

const CONFLICT: &str = "multiple identity credentials presented";

impl App {
    /// Establishes who calls an HTTP route.
    ///
    /// # Errors
    /// 400, 401 or 403 as CP 1.6 orders them.
    pub async fn identify(&self, facts: &Facts, accept: Accept) -> Result<Identity, ApiError> {
        if let Some(token) = facts.bearer().filter(|token| token.starts_with("nwc_")) {
            if !accept.workstation {
                return Err(ApiError::forbidden(
                    "workstation credentials cannot access this resource",
                ));
            }
            return self.identify_workstation(facts, token).await;
        }
        check_subprotocols(facts)?;
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
                || facts.header("x-notebook-cloud-dev-token").is_some()
                || credential_subprotocols(facts).next().is_some();
            if explicit {
                return Err(ApiError::bad_request(CONFLICT));
            }
            session::dial(&mut identity, facts)?;
            return Ok(identity);
        }
        self.identify(
            facts,
            Accept {
                cookie: false,
                workstation: true,
            },
        )
        .await
    }

    /// The identity of a workstation credential; the token is checked before the scope (CP-066).
    async fn identify_workstation(&self, facts: &Facts, token: &str) -> Result<Identity, ApiError> {
        let scope = facts.input("x-scope", "scope");
        let (credential, scope) =
            credentials::authenticate(self.catalog(), token, scope.as_deref(), self.now_ms())
                .await?;
        let operator = facts
            .input("x-operator", "operator")
            .unwrap_or_else(|| credentials::OPERATOR.into());
        wire::Operator::parse(&operator).map_err(grammar_error)?;
        Ok(Identity {
            principal: credential.owner_principal,
            operator,
            scope,
            provider: Provider::WorkstationCredential,
            principal_namespace: credential.principal_namespace,
            display_name: None,
            credential: Some(CredentialRef {
                credential_id: credential.id,
                pairing_id: credential.pairing_code_id,
            }),
            session_id: None,
        })
    }
}

fn credential_subprotocols(facts: &Facts) -> impl Iterator<Item = &str> {
    facts.subprotocols().filter(|token| {
        token.starts_with("nteract-bearer.") || token.starts_with("nteract-dev-token.")
    })
}

/// Whether a credential rides in the subprotocol list, which makes `Origin` required (CP 1.16).
pub fn has_credential_subprotocol(facts: &Facts) -> bool {
    credential_subprotocols(facts).next().is_some()
}

fn check_subprotocols(facts: &Facts) -> Result<(), ApiError> {
    let bearers = facts
        .subprotocols()
        .filter(|token| token.starts_with("nteract-bearer."))
        .count();
    if credential_subprotocols(facts).count() > 1 {
        return Err(ApiError::bad_request(
            "multiple WebSocket credential subprotocols presented",
        ));
    }
    if bearers == 0 {
        return Ok(());
    }
    if facts.bearer().is_some() {
        return Err(ApiError::bad_request(CONFLICT));
    }
    Err(ApiError::unavailable("OIDC auth is not configured"))
}
