//! The checks of a bearer, token by token, signed with a key of these tests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey};
use openidconnect::{JsonWebKeyId, PrivateSigningKey as _};
use serde_json::json;

use super::token::{Expected, verify};
use super::*;

/// Signs nothing but the tokens of this file.
const KEY: &str = include_str!("test_key.pem");
const KEYS: &str = include_str!("test_keys.json");
const ISSUER: &str = "https://id.example.org";
const NOW: i64 = 1_781_260_000;

fn sign(head: &Value, claims: &Value) -> String {
    let name = JsonWebKeyId::new("one".into());
    let key = CoreRsaPrivateSigningKey::from_pem(KEY, Some(name)).unwrap();
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(head), encode(claims));
    let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    let signature = key.sign(&algorithm, signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn head() -> Value {
    json!({"alg": "RS256", "kid": "one"})
}

fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "cloud", "sub": "u/1", "exp": NOW + 300, "iat": NOW,
    });
    let Value::Object(changes) = changes else {
        panic!("not an object")
    };
    for (name, value) in changes {
        claims[name] = value;
    }
    claims
}

fn check(text: &str) -> Result<Profile, TokenError> {
    let keys: CoreJsonWebKeySet = serde_json::from_str(KEYS).unwrap();
    let audiences = ["cloud".to_owned(), "other-api".to_owned()];
    let expected = Expected {
        issuer: ISSUER,
        client_id: "cloud",
        audiences: &audiences,
    };
    verify(text, &keys, &expected, NOW).map(|claims| claims.profile)
}

fn checked(changes: Value) -> Result<Profile, TokenError> {
    check(&sign(&head(), &claims(changes)))
}

// CP-024
#[test]
fn cp_024_a_token_that_holds_names_its_subject() {
    let profile = checked(json!({})).unwrap();
    let principal = wire::Principal::with_subject("user:oidc", &profile.subject).unwrap();
    assert_eq!(principal.as_str(), "user:oidc:u%2F1");
}

// CP-025
#[test]
fn cp_025_each_fault_has_its_text() {
    let faults = [
        (
            json!({"iss": "https://evil.example"}),
            "OIDC token issuer is invalid",
        ),
        (
            json!({"iss": format!("{ISSUER}/")}),
            "OIDC token issuer is invalid",
        ),
        (json!({"aud": "another"}), "OIDC token audience is invalid"),
        (json!({"aud": null}), "OIDC token audience is invalid"),
        (json!({"exp": NOW - 61}), "OIDC token is expired"),
        (json!({"exp": null}), "OIDC token is expired"),
        (json!({"nbf": NOW + 61}), "OIDC token is not valid yet"),
        (json!({"sub": null}), "OIDC token is missing sub"),
        (json!({"sub": " "}), "OIDC token is missing sub"),
        (
            json!({"sub": "x".repeat(257)}),
            "OIDC token sub is too long",
        ),
        (
            json!({"token_use": "refresh"}),
            "OIDC token is not an access token",
        ),
    ];
    for (changes, text) in faults {
        let refused = checked(changes.clone()).unwrap_err();
        assert_eq!(refused.to_string(), text, "{changes}");
    }
    let good = sign(&head(), &claims(json!({})));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = sign(&head(), &claims(json!({"sub": "other"})));
    let foreign = other.rsplit_once('.').unwrap().1;
    let unknown = sign(&json!({"alg": "RS256", "kid": "two"}), &claims(json!({})));
    let none = sign(&json!({"alg": "none"}), &claims(json!({})));
    let shared = sign(&json!({"alg": "HS256", "kid": "one"}), &claims(json!({})));
    for (text, expected) in [
        (format!("{signed}.{foreign}"), TokenError::Signature),
        (unknown, TokenError::UnknownKey),
        (none, TokenError::Algorithm),
        (shared, TokenError::Algorithm),
        (format!("{good}.more"), TokenError::NoJwt),
        (format!("{signed}."), TokenError::NoJwt),
        (format!(".{signature}"), TokenError::NoJwt),
        (String::new(), TokenError::NoJwt),
        ("a.b.c".to_owned(), TokenError::NoJwt),
    ] {
        assert_eq!(check(&text), Err(expected), "{text}");
    }
}

// CP-026
#[test]
fn cp_026_clocks_may_differ_by_a_minute() {
    assert!(checked(json!({"exp": NOW - 30})).is_ok());
    assert!(checked(json!({"exp": NOW - 59, "nbf": NOW + 60})).is_ok());
}

// CP-027
#[test]
fn cp_027_a_token_for_two_names_who_is_authorised() {
    let two = json!(["cloud", "elsewhere"]);
    let refused = checked(json!({"aud": two})).unwrap_err();
    assert_eq!(refused, TokenError::AuthorizedParty);
    let refused = checked(json!({"aud": two, "azp": "elsewhere"})).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "OIDC token authorized party is invalid"
    );
    assert!(checked(json!({"aud": two, "azp": "cloud"})).is_ok());
}

// CP-028
#[test]
fn cp_028_any_configured_audience_will_do() {
    assert!(checked(json!({"aud": "other-api"})).is_ok());
}

#[test]
fn a_name_is_found_and_an_address_must_be_verified() {
    let profile = checked(json!({
        "given_name": "Ada", "family_name": "Lovelace", "preferred_username": "al",
        "email": "Ada@Example.org", "email_verified": true,
    }))
    .unwrap();
    assert_eq!(profile.display_name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(profile.email.as_deref(), Some("ada@example.org"));
    for verified in [json!(false), json!("true"), json!(null)] {
        let claims = json!({"email": "ada@example.org", "email_verified": verified});
        let profile = checked(claims).unwrap();
        assert_eq!((profile.email, profile.display_name), (None, None));
    }
}

#[test]
fn a_list_says_who_may_come_in() {
    let with = |allow: &[&str]| {
        Oidc::new(OidcConfig {
            issuer: ISSUER.into(),
            client_id: "cloud".into(),
            client_secret: None,
            audiences: Vec::new(),
            namespace: "user:oidc".into(),
            scopes: Vec::new(),
            allow: allow.iter().map(|rule| (*rule).to_owned()).collect(),
        })
    };
    assert!(with(&[]).allows(None));
    let some = with(&["Bob@example.org", "*@Lab.example"]);
    assert!(some.allows(Some("bob@example.org")));
    assert!(some.allows(Some("eve@lab.example")));
    for outside in [None, Some("eve@example.org"), Some("eve@notlab.example")] {
        assert!(!some.allows(outside), "{outside:?}");
    }
}
