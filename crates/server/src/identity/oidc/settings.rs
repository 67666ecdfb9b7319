//! The settings of an OpenID Connect provider, as given and as checked.

use serde::{Deserialize, Serialize};

use super::{OidcConfig, Secret};
use crate::origin::Origin;

/// An OpenID Connect provider that people sign in by; off unless issuer and client id are set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OidcSettings {
    /// The provider's address, for example `https://id.example.org`.
    pub issuer: Option<String>,
    /// What the provider calls this server.
    pub client_id: Option<String>,
    /// The secret that goes with it; none for a public client. Better set in the environment.
    pub client_secret: Option<Secret>,
    /// Whom the provider's bearer tokens must be meant for (`aud`); the client id when empty.
    pub audiences: Vec<String>,
    /// What the principals of its people begin with.
    pub namespace: String,
    /// What is asked for at sign-in beside `openid`.
    pub scopes: Vec<String>,
    /// Who may sign in: verified e-mail addresses, or `*@example.org`; everybody whom the
    /// provider knows when empty.
    pub allow: Vec<String>,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret: None,
            audiences: Vec::new(),
            namespace: super::DEFAULT_NAMESPACE.into(),
            scopes: vec!["profile".into(), "email".into()],
            allow: Vec::new(),
        }
    }
}

/// What is wrong with the settings of a provider.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// Half of what is needed.
    #[error(
        "signing in by a provider needs both oidc.issuer and oidc.client_id, and only one is set\nHint: register this server at the provider and set both, or neither"
    )]
    Partial,
    /// Not an address that can be trusted.
    #[error(
        "oidc.issuer `{0}` must be an https address (http on this machine only)\nHint: use a form like https://id.example.org"
    )]
    Issuer(String),
    /// Not a namespace.
    #[error("oidc.namespace `{0}` cannot begin principals: {1}\nHint: use a form like user:oidc")]
    Namespace(String, wire::actor::ActorError),
    /// A namespace that is somebody else's.
    #[error(
        "oidc.namespace `{0}` belongs to another way to sign in\nHint: use a form like user:oidc"
    )]
    Reserved(String),
}

impl OidcSettings {
    /// Checks the settings; none when no provider is wanted.
    ///
    /// # Errors
    /// Each with a hint.
    pub fn check(&self) -> Result<Option<OidcConfig>, OidcError> {
        let given = |text: &Option<String>| {
            let text = text.as_deref().map(str::trim).unwrap_or_default();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let (issuer, client_id) = match (given(&self.issuer), given(&self.client_id)) {
            (None, None) if self.client_secret.is_none() && self.audiences.is_empty() => {
                return Ok(None);
            }
            (Some(issuer), Some(client_id)) => (issuer, client_id),
            _ => return Err(OidcError::Partial),
        };
        let trusted =
            Origin::parse(&issuer).is_some_and(|origin| origin.is_https() || origin.is_loopback());
        if !trusted {
            return Err(OidcError::Issuer(issuer));
        }
        wire::Principal::with_subject(&self.namespace, "x")
            .map_err(|cause| OidcError::Namespace(self.namespace.clone(), cause))?;
        let reserved = ["user:local", "user:dev", "anonymous", "account", "system"];
        if reserved.iter().any(|taken| {
            self.namespace == *taken || self.namespace.starts_with(&format!("{taken}:"))
        }) {
            return Err(OidcError::Reserved(self.namespace.clone()));
        }
        let audiences = if self.audiences.is_empty() {
            vec![client_id.clone()]
        } else {
            self.audiences.clone()
        };
        let plain = issuer.split(['?', '#']).next().unwrap_or_default();
        Ok(Some(OidcConfig {
            issuer: plain.trim_end_matches('/').to_owned(),
            client_id,
            client_secret: self.client_secret.clone(),
            audiences,
            namespace: self.namespace.clone(),
            scopes: self.scopes.clone(),
            allow: self.allow.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(issuer: &str) -> OidcSettings {
        OidcSettings {
            issuer: Some(issuer.into()),
            client_id: Some("cloud".into()),
            ..OidcSettings::default()
        }
    }

    #[test]
    fn none_whole_or_refused() {
        assert!(matches!(OidcSettings::default().check(), Ok(None)));
        let config = with(" https://id.example.org/realm/?x#y ")
            .check()
            .unwrap()
            .unwrap();
        assert_eq!(config.issuer, "https://id.example.org/realm");
        assert_eq!(config.audiences, ["cloud"]);
        let half = OidcSettings {
            client_id: None,
            ..with("https://id.example.org")
        };
        assert!(matches!(half.check(), Err(OidcError::Partial)));
        for issuer in ["http://id.example.org", "id.example.org", "ftp://x"] {
            assert!(
                matches!(with(issuer).check(), Err(OidcError::Issuer(_))),
                "{issuer}"
            );
        }
        assert!(with("http://127.0.0.1:9000").check().unwrap().is_some());
        let taken = OidcSettings {
            namespace: "user:dev".into(),
            ..with("https://id.example.org")
        };
        assert!(matches!(taken.check(), Err(OidcError::Reserved(_))));
    }

    #[test]
    fn the_secret_is_in_no_log() {
        let settings = OidcSettings {
            client_secret: Some(Secret("hush".into())),
            ..with("https://id.example.org")
        };
        assert!(!format!("{settings:?} {:?}", settings.check()).contains("hush"));
    }
}
