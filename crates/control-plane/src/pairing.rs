//! Pairing codes: mint, poll, redeem (2.5 to 2.7).

use serde_json::{Map, Value};
use store::{AuditEvent, Catalog, NewCredential, NewPairing, Pairing, PairingStore};
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

/// Reads what a mint may say: the only machine name that may redeem the code. A body that says
/// nothing of the kind is ignored (2.5).
pub fn mint_input(body: &[u8]) -> Result<Option<String>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => {
            Fields::new(&members).optional("machine_name", limits::MACHINE_NAME)
        }
        _ => Ok(None),
    }
}

/// Makes a code for the caller; only its hash is stored.
pub async fn mint<S: Catalog>(
    store: &S,
    caller: &Caller,
    expected_name: Option<String>,
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
            expected_name,
        })
        .await?;
    note(
        store,
        &caller.actor_label,
        "pairing.mint",
        id.clone(),
        None,
        now_ms,
    )
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

/// A code as typed, and who types it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedeemInput {
    code: String,
    machine_name: Option<String>,
}

/// Reads the body of a redeem.
pub fn redeem_input(body: &Map<String, Value>) -> Result<RedeemInput> {
    let fields = Fields::new(body);
    Ok(RedeemInput {
        code: fields.required("code", limits::PAIRING_CODE_INPUT)?,
        machine_name: fields.optional("machine_name", limits::MACHINE_NAME)?,
    })
}

/// Exchanges a live code for a credential; the code is the whole authority. `from` is the address
/// it came from, for the audit trail.
pub async fn redeem<S: Catalog>(
    store: &S,
    input: &RedeemInput,
    from: &str,
    now_ms: i64,
    entropy: RedeemEntropy,
) -> Result<Redeemed> {
    let code_hash = hash_secret(&normalise(&input.code));
    if let Some(expected) = store.pairing_expectation(&code_hash, now_ms).await?
        && !input
            .machine_name
            .as_ref()
            .is_some_and(|name| name.eq_ignore_ascii_case(&expected))
    {
        return Err(Refusal::Forbidden(format!(
            "this pairing code is for the machine named {expected}\n\
             Hint: use it there, or make a code without a machine name"
        )));
    }
    let token = workstation_token(entropy.token);
    let credential = NewCredential {
        id: entropy.credential_id,
        token_hash: hash_secret(&token),
        created_ms: now_ms,
    };
    let redeemed = store
        .redeem_pairing(&code_hash, &credential)
        .await?
        .ok_or(Refusal::Absent(
            "pairing code is invalid, expired, or already used",
        ))?;
    let actor = format!(
        "{}/{}",
        redeemed.owner_principal,
        crate::credentials::OPERATOR
    );
    let detail = match &input.machine_name {
        Some(name) => format!("by {name} from {from}"),
        None => format!("from {from}"),
    };
    let subject = credential.id.clone();
    // The code is spent: whatever becomes of the trail, its credential is handed out.
    let _ = note(
        store,
        &actor,
        "pairing.redeem",
        subject,
        Some(detail),
        now_ms,
    )
    .await;
    Ok(Redeemed {
        token,
        credential_id: credential.id,
        pairing_id: redeemed.pairing_id,
        owner_principal: redeemed.owner_principal,
    })
}

/// Records that redeems are being slowed down; the edge calls it now and then, not each time.
pub async fn note_limited<S: Catalog>(store: &S, from: &str, now_ms: i64) -> Result<()> {
    let detail = Some("too many attempts to redeem a pairing code".to_owned());
    let action = "pairing.limited";
    note(store, "anonymous", action, from.to_owned(), detail, now_ms).await
}

async fn note<S: Catalog>(
    store: &S,
    actor_label: &str,
    action: &'static str,
    subject: String,
    detail: Option<String>,
    at_ms: i64,
) -> Result<()> {
    let event = AuditEvent {
        at_ms,
        actor_label: actor_label.to_owned(),
        action,
        notebook_id: None,
        subject: Some(subject),
        detail,
    };
    Ok(store.audit(&event).await?)
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
