//! Making, hashing and comparing secrets. Clear text never goes further than the caller.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Random bytes of a token; the rest of its 32 are a checksum (decision D17).
const TOKEN_RANDOM: usize = 28;
/// What an API token begins with.
pub const API_TOKEN_PREFIX: &str = "nct_";

/// Returns the lower-case hex SHA-256 under which a secret is stored.
pub fn hash_secret(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Compares two hashes in constant time.
pub fn same_hash(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Makes a workstation token: the prefix and 43 base64url characters.
pub fn workstation_token(entropy: [u8; TOKEN_RANDOM]) -> String {
    token(wire::WORKSTATION_TOKEN_PREFIX, entropy)
}

/// Makes an API token of the same shape with a prefix of its own.
pub fn api_token(entropy: [u8; TOKEN_RANDOM]) -> String {
    token(API_TOKEN_PREFIX, entropy)
}

fn token(prefix: &str, entropy: [u8; TOKEN_RANDOM]) -> String {
    let mut body = [0_u8; 32];
    body[..TOKEN_RANDOM].copy_from_slice(&entropy);
    body[TOKEN_RANDOM..].copy_from_slice(&checksum(prefix, &entropy));
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(body))
}

/// Whether a token carries our checksum; the reference's tokens do not, so this only warns.
pub fn checksum_holds(token: &str) -> bool {
    let prefixes = [wire::WORKSTATION_TOKEN_PREFIX, API_TOKEN_PREFIX];
    let Some((prefix, body)) = prefixes
        .into_iter()
        .find_map(|prefix| Some((prefix, token.strip_prefix(prefix)?)))
    else {
        return false;
    };
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(body) else {
        return false;
    };
    bytes.len() == 32 && bytes[TOKEN_RANDOM..] == checksum(prefix, &bytes[..TOKEN_RANDOM])
}

fn checksum(prefix: &str, random: &[u8]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(prefix)
        .chain_update(random)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
