//! Pairing codes: mint, poll, redeem (2.5 to 2.7).

use serde_json::{Map, Value};
use store::{NewCredential, NewPairing, Pairing, PairingStore};
use wire::http::PairingStatus;

use crate::secrets::{hash_secret, workstation_token};
use crate::{Caller, Fields, Refusal, Result, limits};

/// No 0, 1, I, L, O and U.
const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code to show once.
#[derive(Clone, PartialEq, Eq)]
pub struct Minted {
    /// Handle for polling.
    pub id: String,
    /// The code, `XXXX-XXXX-XXXX`.
    pub code: String,
    /// When it ends.
    pub expires_ms: i64,
}

/// A credential to show once.
#[derive(Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The secret token.
    pub token: String,
    /// The credential's public id.
    pub credential_id: String,
    /// The pairing it came from.
    pub pairing_id: String,
    /// For whom it acts.
    pub owner_principal: String,
}

/// What a redeem needs from outside.
#[derive(Clone)]
pub struct RedeemEntropy {
    /// Id of the credential to make.
    pub credential_id: String,
    /// Randomness of its token.
    pub token: [u8; 28],
}

/// Makes a code for the caller; only its hash is stored.
pub async fn mint<S: PairingStore>(
    store: &S,
    caller: &Caller,
    now_ms: i64,
    id: String,
    entropy: [u8; 16],
) -> Result<Minted> {
    caller.manages("sign in to add a workstation")?;
    let code = code_from(entropy);
    let expires_ms = now_ms + limits::PAIRING_CODE_MS;
    store
        .create_pairing(&NewPairing {
            id: id.clone(),
            code_hash: hash_secret(&normalise(&code)),
            owner_principal: caller.principal.clone(),
            principal_namespace: caller.namespace.clone(),
            actor_label: caller.actor_label.clone(),
            created_ms: now_ms,
            expires_ms,
        })
        .await?;
    store
        .purge_pairings(now_ms - limits::PAIRING_KEEP_MS)
        .await?;
    Ok(Minted {
        id,
        code,
        expires_ms,
    })
}

/// Returns the caller's pairing with its status.
pub async fn poll<S: PairingStore>(
    store: &S,
    caller: &Caller,
    id: &str,
    now_ms: i64,
) -> Result<(Pairing, PairingStatus)> {
    caller.signed_in("sign in to check pairing status")?;
    let pairing = store
        .pairing(&caller.principal, id)
        .await?
        .ok_or(Refusal::Absent("pairing code not found"))?;
    let status = status(&pairing, now_ms);
    Ok((pairing, status))
}

/// The status of a pairing by first match (2.6).
pub fn status(pairing: &Pairing, now_ms: i64) -> PairingStatus {
    if pairing.workstation_id.is_some() {
        PairingStatus::Registered
    } else if pairing.redeemed_ms.is_some() {
        PairingStatus::Redeemed
    } else if pairing.expires_ms <= now_ms {
        PairingStatus::Expired
    } else {
        PairingStatus::Pending
    }
}

/// Reads the body of a redeem: the code as typed.
pub fn redeem_input(body: &Map<String, Value>) -> Result<String> {
    Fields::new(body).required("code", limits::PAIRING_CODE_INPUT)
}

/// Exchanges a live code for a credential; the code is the whole authority.
pub async fn redeem<S: PairingStore>(
    store: &S,
    code: &str,
    now_ms: i64,
    entropy: RedeemEntropy,
) -> Result<Redeemed> {
    let token = workstation_token(entropy.token);
    let credential = NewCredential {
        id: entropy.credential_id,
        token_hash: hash_secret(&token),
        created_ms: now_ms,
    };
    let redeemed = store
        .redeem_pairing(&hash_secret(&normalise(code)), &credential)
        .await?
        .ok_or(Refusal::Absent(
            "pairing code is invalid, expired, or already used",
        ))?;
    Ok(Redeemed {
        token,
        credential_id: credential.id,
        pairing_id: redeemed.pairing_id,
        owner_principal: redeemed.owner_principal,
    })
}

/// The code as it is hashed: no whitespace, no dashes, upper case.
fn normalise(code: &str) -> String {
    code.chars()
        .filter(|symbol| !symbol.is_whitespace() && *symbol != '-')
        .flat_map(char::to_uppercase)
        .collect()
}

/// Twelve symbols from 128 random bits; the bias is below 2^-68.
fn code_from(entropy: [u8; 16]) -> String {
    let mut rest = u128::from_be_bytes(entropy);
    let mut code = String::with_capacity(limits::PAIRING_CODE_SYMBOLS + 2);
    for position in 0..limits::PAIRING_CODE_SYMBOLS {
        if position > 0 && position % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[(rest % 30) as usize]));
        rest /= 30;
    }
    code
}

#[cfg(test)]
mod tests;
