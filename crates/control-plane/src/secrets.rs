//! Making, hashing and comparing secrets. Clear text never goes further than the caller.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Random bytes of a token; the rest of its 32 are a checksum (decision D17).
const TOKEN_RANDOM: usize = 28;
/// What an API token begins with.
pub const API_TOKEN_PREFIX: &str = wire::API_TOKEN_PREFIX;
/// Random bytes of a room token.
const ROOM_RANDOM: usize = 24;

/// Returns the lower-case hex SHA-256 under which a secret is stored.
pub fn hash_secret(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Compares two hashes in constant time.
pub fn same_hash(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Makes a workstation token: the prefix and 43 base64url characters.
pub fn workstation_token(entropy: [u8; TOKEN_RANDOM]) -> String {
    sealed(wire::WORKSTATION_TOKEN_PREFIX, &entropy)
}

/// Makes an API token of the same shape with a prefix of its own.
pub fn api_token(entropy: [u8; TOKEN_RANDOM]) -> String {
    sealed(API_TOKEN_PREFIX, &entropy)
}

/// Makes a room token: the prefix, then the job's id, randomness and the checksum in base64url.
/// The id is no secret to whoever holds the token; by it an old token is told from an unknown one.
pub fn room_token(job: uuid::Uuid, entropy: [u8; ROOM_RANDOM]) -> String {
    let mut body = job.as_bytes().to_vec();
    body.extend_from_slice(&entropy);
    sealed(wire::ROOM_TOKEN_PREFIX, &body)
}

/// The job that a room token names, if it is one of ours.
pub fn job_of_room_token(token: &str) -> Option<String> {
    if !wire::token::checksum_holds(token) {
        return None;
    }
    let body = token.strip_prefix(wire::ROOM_TOKEN_PREFIX)?;
    let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
    let id = uuid::Uuid::from_slice(bytes.get(..16)?).ok()?;
    (bytes.len() == 16 + ROOM_RANDOM + wire::token::CHECKSUM).then(|| id.to_string())
}

fn sealed(prefix: &str, random: &[u8]) -> String {
    let mut body = random.to_vec();
    body.extend_from_slice(&wire::token::checksum(prefix, random));
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(body))
}
