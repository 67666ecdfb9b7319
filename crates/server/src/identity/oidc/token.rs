//! The checks of a provider's bearer, in the order of CP 1.9, and what a profile is made of.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control_plane::people;
use openidconnect::JsonWebKey as _;
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use serde_json::{Map, Value};

use super::{Profile, TOLERANCE_SECONDS};

/// The longest subject.
const SUBJECT: usize = 256;

/// What a bearer must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The provider's name for itself.
    pub(super) issuer: &'a str,
    /// Who must be authorised where a token is meant for several.
    pub(super) client_id: &'a str,
    /// Whom it may be meant for.
    pub(super) audiences: &'a [String],
}

/// What a bearer that holds says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is.
    pub profile: Profile,
    /// When it ends, in epoch seconds.
    pub expires: i64,
}

/// Why a bearer does not hold; the texts are those of CP 1.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three segments of base64url with JSON in the first two.
    #[error("OIDC token must be a JWT")]
    NoJwt,
    /// Another algorithm.
    #[error("OIDC token must use RS256")]
    Algorithm,
    /// No key of that name.
    #[error("OIDC signing key was not found")]
    UnknownKey,
    /// The signature is not that key's.
    #[error("OIDC token signature is invalid")]
    Signature,
    /// Another issuer.
    #[error("OIDC token issuer is invalid")]
    Issuer,
    /// A refresh token.
    #[error("OIDC token is not an access token")]
    Use,
    /// Meant for somebody else.
    #[error("OIDC token audience is invalid")]
    Audience,
    /// Meant for several, and another client is the authorised one.
    #[error("OIDC token authorized party is invalid")]
    AuthorizedParty,
    /// Over.
    #[error("OIDC token is expired")]
    Expired,
    /// Not yet.
    #[error("OIDC token is not valid yet")]
    NotYet,
    /// Nobody's.
    #[error("OIDC token is missing sub")]
    NoSubject,
    /// A subject past the limit.
    #[error("OIDC token sub is too long")]
    LongSubject,
}

/// Checks a bearer at `now` (epoch seconds).
pub(super) fn verify(
    text: &str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
    now: i64,
) -> Result<Claims, TokenError> {
    let segments: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = segments.as_slice() else {
        return Err(TokenError::NoJwt);
    };
    let decode = |segment: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(segment).ok()?;
        (!bytes.is_empty()).then_some(bytes)
    };
    let object = |segment: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&decode(segment)?).ok()
    };
    let (head, claims) = object(header)
        .zip(object(payload))
        .ok_or(TokenError::NoJwt)?;
    let signature = decode(signature).ok_or(TokenError::NoJwt)?;
    if head.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(TokenError::Algorithm);
    }
    let signed = &text[..header.len() + 1 + payload.len()];
    check_signature(&head, signed.as_bytes(), &signature, keys)?;
    check_claims(&claims, expected, now)
}

fn check_signature(
    head: &Map<String, Value>,
    signed: &[u8],
    signature: &[u8],
    keys: &CoreJsonWebKeySet,
) -> Result<(), TokenError> {
    let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    let name = head.get("kid").and_then(Value::as_str);
    let mut candidates = keys
        .keys()
        .iter()
        .filter(|key| name.is_none() || key.key_id().map(|id| id.as_str()) == name)
        .peekable();
    if candidates.peek().is_none() {
        return Err(TokenError::UnknownKey);
    }
    candidates
        .any(|key| key.verify_signature(&algorithm, signed, signature).is_ok())
        .then_some(())
        .ok_or(TokenError::Signature)
}

fn check_claims(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    now: i64,
) -> Result<Claims, TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenError::Issuer);
    }
    if text("token_use") == Some("refresh") {
        return Err(TokenError::Use);
    }
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audiences
        .iter()
        .any(|one| expected.audiences.iter().any(|known| known == one))
    {
        return Err(TokenError::Audience);
    }
    if audiences.len() > 1 && text("azp") != Some(expected.client_id) {
        return Err(TokenError::AuthorizedParty);
    }
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64).map(|at| at as i64);
    let expires = seconds("exp").ok_or(TokenError::Expired)?;
    if expires + TOLERANCE_SECONDS <= now {
        return Err(TokenError::Expired);
    }
    if seconds("nbf").is_some_and(|from| from - TOLERANCE_SECONDS > now) {
        return Err(TokenError::NotYet);
    }
    let subject = text("sub").unwrap_or_default();
    if subject.trim().is_empty() {
        return Err(TokenError::NoSubject);
    }
    if subject.encode_utf16().count() > SUBJECT {
        return Err(TokenError::LongSubject);
    }
    Ok(Claims {
        profile: profile(claims),
        expires,
    })
}

/// The first that is not blank.
fn first<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let found = texts.find(|text| !text.trim().is_empty())?;
    Some(found.trim().to_owned())
}

/// What claims say of a person, in a token or in the provider's user info. An address counts only
/// if the provider has verified it.
pub(super) fn profile(claims: &Map<String, Value>) -> Profile {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let verified = claims.get("email_verified") == Some(&Value::Bool(true));
    let email = text("email").filter(|_| verified);
    let both = [text("given_name"), text("family_name")];
    let both = both.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let names = [
        text("name"),
        Some(both.as_str()),
        text("preferred_username"),
        email,
    ];
    Profile {
        subject: text("sub").unwrap_or_default().to_owned(),
        display_name: first(names.into_iter().flatten()),
        email: email.and_then(people::normalise_email),
    }
}

/// The algorithms of a provider that need no shared secret.
pub(super) fn asymmetric(supported: &[CoreJwsSigningAlgorithm]) -> Vec<CoreJwsSigningAlgorithm> {
    use CoreJwsSigningAlgorithm as A;
    let shared = [A::HmacSha256, A::HmacSha384, A::HmacSha512, A::None];
    let mut trusted: Vec<A> = supported
        .iter()
        .filter(|algorithm| !shared.contains(algorithm))
        .cloned()
        .collect();
    if trusted.is_empty() {
        trusted.push(A::RsaSsaPkcs1V15Sha256);
    }
    trusted
}
