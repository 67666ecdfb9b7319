//! The checksum in tokens of this cloud, by which a typing error is noticed before anything is sent.
//!
//! A token is a prefix and base64url of random bytes followed by four bytes of SHA-256 over both.
//! The reference's tokens carry none, so a token that fails is only warned about (decision D17).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Bytes of a checksum.
pub const CHECKSUM: usize = 4;

/// The checksum of a token's bytes under its prefix.
pub fn checksum(prefix: &str, random: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::new()
        .chain_update(prefix)
        .chain_update(random)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Whether a token of ours carries its checksum.
pub fn checksum_holds(token: &str) -> bool {
    let prefixes = [
        crate::WORKSTATION_TOKEN_PREFIX,
        crate::ROOM_TOKEN_PREFIX,
        crate::API_TOKEN_PREFIX,
    ];
    let Some((prefix, body)) = prefixes
        .into_iter()
        .find_map(|prefix| Some((prefix, token.strip_prefix(prefix)?)))
    else {
        return false;
    };
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(body) else {
        return false;
    };
    bytes
        .split_last_chunk::<CHECKSUM>()
        .is_some_and(|(random, sum)| checksum(prefix, random) == *sum)
}
