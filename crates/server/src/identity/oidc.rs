//! An OpenID Connect provider: its keys, the bearers it issues, and signing in by it with an
//! authorization code and PKCE (CP 1.9).
//!
//! The provider is asked when it is first needed, so the server starts without it. Keys are kept
//! for five minutes, and asked for again when a token names one that is not known.

mod http;
mod settings;
mod token;

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DiscoveryError, IssuerUrl,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::ApiError;
use http::Http;
pub use settings::{OidcError, OidcSettings};
pub(super) use token::Claims;
pub use token::TokenError;

/// How long keys are used without asking again.
const KEYS_KEPT: Duration = Duration::from_secs(300);
/// The shortest time between two questions, however many tokens name unknown keys.
const KEYS_AGAIN: Duration = Duration::from_secs(1);
/// How far the provider's clock may be from ours.
pub(super) const TOLERANCE_SECONDS: i64 = 60;

/// What a provider's principals begin with unless it is set otherwise.
pub const DEFAULT_NAMESPACE: &str = "user:oidc";

/// What the provider is known by, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// Where it is.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// What this server proves itself with; none for a public client.
    pub client_secret: Option<Secret>,
    /// Whom its bearers must be meant for: any of these.
    pub audiences: Vec<String>,
    /// What its principals begin with.
    pub namespace: String,
    /// What is asked for at sign-in beside `openid`.
    pub scopes: Vec<String>,
    /// Who may sign in, as e-mail addresses or `*@domain`; everybody when empty.
    pub allow: Vec<String>,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A person as the provider describes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The subject.
    pub subject: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// The e-mail address, only if the provider has verified it.
    pub email: Option<String>,
}

/// A sign-in that has begun: where to send the browser, and what must come back.
#[derive(Debug)]
pub struct Begun {
    /// The provider's page.
    pub address: String,
    /// Comes back in the answer's address.
    pub state: String,
    /// Comes back in the id token.
    pub nonce: String,
    /// Proves at the exchange that it was this server who asked.
    pub verifier: String,
}

/// The provider.
#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    http: Http,
    // Async, since it is held over the question: one asks, the others wait for its answer.
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    metadata: CoreProviderMetadata,
    keys: Arc<CoreJsonWebKeySet>,
    asked: Instant,
}

/// Why a sign-in did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider cannot be used now.
    #[error("the identity provider cannot be reached: {0}")]
    Provider(String),
    /// The provider refused the code, or answered what does not hold.
    #[error("the identity provider's answer was refused: {0}")]
    Answer(String),
}

impl Oidc {
    /// A provider that has not been asked yet.
    pub fn new(config: OidcConfig) -> Self {
        Self {
            config,
            http: Http::default(),
            known: Mutex::new(None),
        }
    }

    /// What it is known by.
    pub fn config(&self) -> &OidcConfig {
        &self.config
    }

    /// Whether somebody may come in, as far as the configured list says.
    pub fn allows(&self, email: Option<&str>) -> bool {
        let rules = &self.config.allow;
        rules.is_empty()
            || email.is_some_and(|email| {
                rules.iter().any(|rule| match rule.strip_prefix('*') {
                    Some(domain) => email.ends_with(&domain.to_lowercase()),
                    None => email == rule.to_lowercase(),
                })
            })
    }

    /// Checks a bearer of the provider at `now` (epoch seconds) and says whose it is.
    ///
    /// # Errors
    /// 401 with the text of CP 1.9, 503 when the provider's keys cannot be had.
    pub(super) async fn verify(&self, text: &str, now: i64) -> Result<Claims, ApiError> {
        let mut known = self.known(false).await?;
        let mut read = token::verify(text, &known.keys, &self.expected(&known), now);
        if matches!(read, Err(TokenError::UnknownKey)) {
            // Perhaps the keys were changed since.
            known = self.known(true).await?;
            read = token::verify(text, &known.keys, &self.expected(&known), now);
        }
        read.map_err(|cause| ApiError::unauthorized(cause.to_string()))
    }

    fn expected<'a>(&'a self, known: &'a Known) -> token::Expected<'a> {
        token::Expected {
            issuer: known.metadata.issuer().as_str(),
            client_id: &self.config.client_id,
            audiences: &self.config.audiences,
        }
    }

    /// Begins a sign-in that leads back to `redirect`.
    ///
    /// # Errors
    /// The provider cannot be reached.
    pub async fn begin(&self, redirect: &str) -> Result<Begun, SignInError> {
        let known = self
            .known(false)
            .await
            .map_err(|cause| unreachable(&cause))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = CoreClient::from_provider_metadata(
            known.metadata,
            ClientId::new(self.config.client_id.clone()),
            None,
        )
        .set_redirect_uri(redirect_url(redirect)?);
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &self.config.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (address, state, nonce) = request.url();
        Ok(Begun {
            address: address.to_string(),
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Exchanges the code that the browser brought back and says who has signed in.
    ///
    /// # Errors
    /// The provider cannot be reached, or what it answers does not hold.
    pub async fn finish(
        &self,
        redirect: &str,
        code: &str,
        nonce: &str,
        verifier: &str,
        now_ms: i64,
    ) -> Result<Profile, SignInError> {
        // Fresh keys: the id token may be signed with the newest one.
        let known = self
            .known(true)
            .await
            .map_err(|cause| unreachable(&cause))?;
        let metadata = known
            .metadata
            .clone()
            .set_jwks(CoreJsonWebKeySet::clone(&known.keys));
        let secret = &self.config.client_secret;
        let auth = auth_type(&metadata);
        let algorithms = metadata.id_token_signing_alg_values_supported().clone();
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.config.client_id.clone()),
            secret
                .as_ref()
                .map(|secret| ClientSecret::new(secret.0.clone())),
        )
        .set_auth_type(auth)
        .set_redirect_uri(redirect_url(redirect)?);
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(refused)?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
            .request_async(&self.http)
            .await
            .map_err(refused)?;
        let id_token = answer
            .id_token()
            .ok_or_else(|| SignInError::Answer("it holds no id token".into()))?;
        let late = chrono_at(now_ms - TOLERANCE_SECONDS * 1000);
        let trusted = token::asymmetric(&algorithms);
        let checks = client
            .id_token_verifier()
            .set_allowed_algs(trusted)
            .set_time_fn(move || late);
        let nonce = Nonce::new(nonce.to_owned());
        let claims = id_token.claims(&checks, &nonce).map_err(refused)?;
        let mut profile = token::profile(&members(claims));
        if profile.email.is_none() || profile.display_name.is_none() {
            let subject = Some(claims.subject().clone());
            // Many providers tell name and address only here; without it both stay unknown.
            if let Ok(asking) = client.user_info(answer.access_token().clone(), subject) {
                let told: Result<CoreUserInfoClaims, _> = asking.request_async(&self.http).await;
                match told {
                    Ok(more) => profile = merged(profile, token::profile(&members(&more))),
                    Err(cause) => tracing::warn!(%cause, "the provider's user info was not read"),
                }
            }
        }
        Ok(profile)
    }

    /// Metadata and keys: those kept, unless they are old or (`newer`) did not do.
    async fn known(&self, newer: bool) -> Result<Known, ApiError> {
        let mut known = self.known.lock().await;
        let Some(kept) = known.as_mut() else {
            let metadata = self.discover().await?;
            let fresh = Known {
                keys: Arc::new(metadata.jwks().clone()),
                metadata,
                asked: Instant::now(),
            };
            *known = Some(fresh.clone());
            return Ok(fresh);
        };
        let age = kept.asked.elapsed();
        if age >= KEYS_KEPT || (newer && age >= KEYS_AGAIN) {
            kept.asked = Instant::now();
            match CoreJsonWebKeySet::fetch_async(kept.metadata.jwks_uri(), &self.http).await {
                Ok(keys) => kept.keys = Arc::new(keys),
                // Those known still hold; a token that needs others is refused.
                Err(cause) => tracing::warn!(%cause, "the provider's keys were not renewed"),
            }
        }
        Ok(kept.clone())
    }

    /// Asks the provider what it is; its name may or may not end in a slash.
    async fn discover(&self) -> Result<CoreProviderMetadata, ApiError> {
        let plain = self.config.issuer.trim_end_matches('/');
        let mut last = None;
        for name in [plain.to_owned(), format!("{plain}/")] {
            let issuer = IssuerUrl::new(name)
                .map_err(|_| ApiError::unavailable("OIDC issuer must be a valid URL"))?;
            match CoreProviderMetadata::discover_async(issuer, &self.http).await {
                Ok(metadata) => return Ok(metadata),
                Err(cause) => {
                    let other_name = matches!(cause, DiscoveryError::Validation(_));
                    last = Some(whole(&cause));
                    if !other_name {
                        break;
                    }
                }
            }
        }
        let cause = last.unwrap_or_default();
        tracing::warn!(
            cause,
            issuer = plain,
            "the identity provider does not answer"
        );
        Err(ApiError::unavailable("OIDC provider cannot be reached").retry_after(5))
    }
}

fn redirect_url(text: &str) -> Result<RedirectUrl, SignInError> {
    RedirectUrl::new(text.to_owned()).map_err(refused)
}

fn unreachable(cause: &ApiError) -> SignInError {
    SignInError::Provider(cause.text().to_owned())
}

fn refused(cause: impl std::error::Error) -> SignInError {
    SignInError::Answer(whole(&cause))
}

/// An error with its causes, for the log.
fn whole(cause: &dyn std::error::Error) -> String {
    let mut text = cause.to_string();
    let mut inner = cause.source();
    while let Some(cause) = inner {
        text = format!("{text}: {cause}");
        inner = cause.source();
    }
    text
}

/// The secret goes where the provider takes it: in the header, unless it wants it in the body.
fn auth_type(metadata: &CoreProviderMetadata) -> AuthType {
    use openidconnect::core::CoreClientAuthMethod::{ClientSecretBasic, ClientSecretPost};
    match metadata.token_endpoint_auth_methods_supported() {
        Some(ways) if ways.contains(&ClientSecretPost) && !ways.contains(&ClientSecretBasic) => {
            AuthType::RequestBody
        }
        _ => AuthType::BasicAuth,
    }
}

/// Claims as JSON, whichever document they came in.
fn members(claims: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn merged(profile: Profile, more: Profile) -> Profile {
    Profile {
        subject: profile.subject,
        display_name: profile.display_name.or(more.display_name),
        email: profile.email.or(more.email),
    }
}

fn chrono_at(ms: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests;
