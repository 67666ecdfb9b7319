//! Workstation credentials: who they are, what they reach, and their end (1.13, 2.8, 2.9).

use store::{AuditEvent, Catalog, Credential, PairingStore};
use wire::Scope;

use crate::secrets::{hash_secret, same_hash, workstation_token};
use crate::{Caller, CallerCredential, Effect, Refusal, Result, jobs, limits};

/// Words of the operator that a workstation credential has by default.
pub const OPERATOR: &str = "workstation:agent";

/// Recognises a token and checks the scope asked for; records its use now and then.
/// `scope` is the requested scope as text, if one was given.
pub async fn authenticate<S: PairingStore>(
    store: &S,
    token: &str,
    scope: Option<&str>,
    now_ms: i64,
) -> Result<(Credential, Scope)> {
    const UNKNOWN: &str = "workstation credential is not recognized";
    let hash = hash_secret(token);
    let credential = store
        .credential_by_hash(&hash)
        .await?
        .filter(|found| same_hash(&found.token_hash, &hash) && found.revoked_ms.is_none())
        .ok_or(Refusal::SignIn(UNKNOWN))?;
    let scope = match scope {
        None => Scope::Viewer,
        Some(text) => text
            .parse::<Scope>()
            .map_err(|error| Refusal::invalid(format!("Error: {error}")))?,
    };
    if !matches!(scope, Scope::Viewer | Scope::RuntimePeer) {
        return Err(Refusal::Forbidden(format!(
            "workstation credentials cannot request {scope} scope"
        )));
    }
    let unless_since = now_ms - limits::CREDENTIAL_TOUCH_MS;
    if credential
        .last_used_ms
        .is_none_or(|used| used < unless_since)
    {
        // A failure to note the use is no reason to refuse it; the next use notes it.
        let _ = store
            .touch_credential(&credential.id, now_ms, unless_since)
            .await;
    }
    Ok((credential, scope))
}

/// Lists the caller's credentials, newest first, revoked ones included.
pub async fn list<S: PairingStore>(store: &S, caller: &Caller) -> Result<Vec<Credential>> {
    caller.signed_in("sign in to manage workstation credentials")?;
    Ok(store.credentials(&caller.principal).await?)
}

/// Ends a credential. Owners may end any of theirs, a credential only itself (decision D7);
/// doing it twice is fine.
pub async fn revoke<S: Catalog>(
    store: &S,
    caller: &Caller,
    credential_id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    caller.manages("sign in to manage workstation credentials")?;
    if caller
        .credential
        .as_ref()
        .is_some_and(|own| own.id != credential_id)
    {
        return Err(Refusal::Forbidden(
            "workstation credentials cannot access this resource".to_owned(),
        ));
    }
    if !store
        .revoke_credential(&caller.principal, credential_id, now_ms)
        .await?
    {
        return Err(Refusal::Absent("workstation credential not found"));
    }
    store
        .audit(&AuditEvent {
            at_ms: now_ms,
            actor_label: caller.actor_label.clone(),
            action: "credential.revoke",
            notebook_id: None,
            subject: Some(credential_id.to_owned()),
            detail: None,
        })
        .await?;
    let mut effects = vec![Effect::CloseCredential {
        credential_id: credential_id.to_owned(),
    }];
    effects.extend(end_orphaned_jobs(store, &caller.principal, credential_id, now_ms).await?);
    Ok(effects)
}

/// Fails the jobs of a workstation that no live credential serves any more (HAZ-10).
async fn end_orphaned_jobs<S: Catalog>(
    store: &S,
    owner: &str,
    credential_id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let credentials = store.credentials(owner).await?;
    let bound = credentials
        .iter()
        .find(|credential| credential.id == credential_id)
        .and_then(|credential| credential.workstation_id.clone());
    let Some(workstation_id) = bound else {
        return Ok(Vec::new());
    };
    let served = credentials.iter().any(|other| {
        other.revoked_ms.is_none() && other.workstation_id.as_ref() == Some(&workstation_id)
    });
    if served {
        return Ok(Vec::new());
    }
    let ended = store
        .fail_jobs_of_workstation(owner, &workstation_id, jobs::REVOKED_MESSAGE, now_ms)
        .await?;
    jobs::effects_of_end(store, &ended).await
}

/// Replaces a credential's token with a new one, asked for by the credential itself (D7).
pub async fn rotate<S: PairingStore>(
    store: &S,
    caller: &CallerCredential,
    presented_token: &str,
    entropy: [u8; 28],
) -> Result<String> {
    let token = workstation_token(entropy);
    let (old, new) = (hash_secret(presented_token), hash_secret(&token));
    if store.rotate_credential(&caller.id, &old, &new).await? {
        Ok(token)
    } else {
        Err(Refusal::SignIn("workstation credential is not recognized"))
    }
}
