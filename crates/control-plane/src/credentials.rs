//! Workstation credentials: who they are, what they reach, and their end (1.13, 2.8, 2.9).

use store::{AuditEvent, Catalog, Credential, PairingStore, Rotation};
use wire::Scope;

use crate::secrets::{hash_secret, same_hash, workstation_token};
use crate::{Caller, CallerCredential, Effect, Refusal, Result, jobs, limits};

/// Words of the operator that a workstation credential has by default.
pub const OPERATOR: &str = "workstation:agent";

/// What the holder of a token reads that is unknown or revoked; agents know it by these words.
const UNKNOWN: &str = "workstation credential is not recognized";
/// What a machine reads that its owner removed; it holds the words above.
pub(crate) const REMOVED: &str = "this workstation was removed by its owner; its workstation credential is not recognized any more\n\
    Hint: pair this machine again";

/// Recognises a token and checks the scope asked for; records its use now and then.
/// `scope` is the requested scope as text, if one was given.
pub async fn authenticate<S: Catalog>(
    store: &S,
    token: &str,
    scope: Option<&str>,
    now_ms: i64,
) -> Result<(Credential, Scope)> {
    let hash = hash_secret(token);
    let credential = store
        .credential_by_hash(&hash)
        .await?
        .filter(|found| takes(found, &hash, now_ms))
        .ok_or(Refusal::SignIn(UNKNOWN))?;
    if credential.revoked_ms.is_some() {
        return Err(why_revoked(store, &credential).await?);
    }
    if has_ended(&credential, now_ms) {
        return Err(Refusal::SignIn(
            "workstation credential has expired\nHint: pair this machine again",
        ));
    }
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
    if is_first_use(&credential, &hash) {
        // A failure is no reason to refuse it either.
        let prior_until = now_ms + limits::ROTATION_SEEN_GRACE_MS;
        let _ = store
            .see_token(&credential.id, &hash, now_ms, prior_until)
            .await;
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

/// Whether a token's hash is the credential's current one, or the one before while that is taken.
fn takes(credential: &Credential, hash: &str, now_ms: i64) -> bool {
    let prior = credential.prior_token_hash.as_ref();
    same_hash(&credential.token_hash, hash)
        || credential
            .prior_until_ms
            .is_some_and(|until| until > now_ms)
            && prior.is_some_and(|prior| same_hash(prior, hash))
}

/// Whether the token of a rotation is presented for the first time.
fn is_first_use(credential: &Credential, hash: &str) -> bool {
    credential.prior_token_hash.is_some()
        && credential.token_seen_ms.is_none()
        && same_hash(&credential.token_hash, hash)
}

/// What the holder of a revoked credential reads: whoever removed its machine has revoked it, too.
async fn why_revoked<S: Catalog>(store: &S, credential: &Credential) -> Result<Refusal> {
    if let Some(id) = &credential.workstation_id
        && store
            .workstation(&credential.owner_principal, id)
            .await?
            .is_none()
    {
        return Ok(Refusal::Unpaired(REMOVED.to_owned()));
    }
    Ok(Refusal::SignIn(UNKNOWN))
}

/// Whether the credential's time is over. One that is in use outlives its end, so that no machine
/// that is online is locked out because it could not rotate.
fn has_ended(credential: &Credential, now_ms: i64) -> bool {
    let used = credential.last_used_ms.unwrap_or(credential.created_ms);
    credential.expires_ms.is_some_and(|end| end <= now_ms)
        && used + limits::CREDENTIAL_IN_USE_MS <= now_ms
}

/// Whether the credential should be rotated by now: two thirds of its life are over, or the machine
/// still presents the former token, because it never got the answer to a rotation.
pub fn should_rotate(credential: &CallerCredential, now_ms: i64) -> bool {
    let late = credential.expires_ms.is_some_and(|end| {
        let begin = credential.rotated_ms.unwrap_or(credential.created_ms);
        now_ms - begin >= (end - begin) / 3 * 2
    });
    late || credential.by_former_token
}

/// The caller's view of a credential, by the token it presented.
pub fn caller_credential(row: &Credential, presented_token: &str) -> CallerCredential {
    CallerCredential {
        id: row.id.clone(),
        pairing_id: row.pairing_code_id.clone(),
        workstation_id: row.workstation_id.clone(),
        may_serve_several: row.may_serve_several,
        created_ms: row.created_ms,
        rotated_ms: row.rotated_ms,
        expires_ms: row.expires_ms,
        by_former_token: !same_hash(&row.token_hash, &hash_secret(presented_token)),
        room: None,
    }
}

/// Lets a credential of the caller register several workstations, or only its first.
pub async fn set_reach<S: Catalog>(
    store: &S,
    caller: &Caller,
    credential_id: &str,
    several: bool,
    now_ms: i64,
) -> Result<()> {
    caller.manages("sign in to manage workstation credentials")?;
    let owner = &caller.principal;
    if !store
        .set_credential_reach(owner, credential_id, several)
        .await?
    {
        return Err(Refusal::Absent("workstation credential not found"));
    }
    let detail = if several {
        "several workstations"
    } else {
        "one workstation"
    };
    store
        .audit(&AuditEvent {
            at_ms: now_ms,
            actor_label: caller.actor_label.clone(),
            action: "credential.reach",
            notebook_id: None,
            subject: Some(credential_id.to_owned()),
            detail: Some(detail.to_owned()),
        })
        .await?;
    Ok(())
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
    note_revocation(store, caller, credential_id, now_ms).await?;
    let mut effects = vec![Effect::CloseCredential {
        credential_id: credential_id.to_owned(),
    }];
    effects.extend(end_orphaned(store, &caller.principal, credential_id, now_ms).await?);
    Ok(effects)
}

async fn note_revocation<S: Catalog>(
    store: &S,
    caller: &Caller,
    credential_id: &str,
    now_ms: i64,
) -> Result<()> {
    let event = AuditEvent {
        at_ms: now_ms,
        actor_label: caller.actor_label.clone(),
        action: "credential.revoke",
        notebook_id: None,
        subject: Some(credential_id.to_owned()),
        detail: None,
    };
    Ok(store.audit(&event).await?)
}

/// Ends the credentials of a workstation that its owner removes: those that serve it and no other.
pub(crate) async fn revoke_of_removed<S: Catalog>(
    store: &S,
    caller: &Caller,
    workstation_id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let owner = &caller.principal;
    let mut effects = Vec::new();
    for credential in store.credentials(owner).await? {
        let serves_only_it = !credential.may_serve_several
            && credential.workstation_id.as_deref() == Some(workstation_id);
        if credential.revoked_ms.is_some() || !serves_only_it {
            continue;
        }
        store
            .revoke_credential(owner, &credential.id, now_ms)
            .await?;
        note_revocation(store, caller, &credential.id, now_ms).await?;
        effects.push(Effect::CloseCredential {
            credential_id: credential.id,
        });
    }
    Ok(effects)
}

/// Fails the jobs and ends the lease of every workstation that the credential served and no live one serves any more (HAZ-10).
async fn end_orphaned<S: Catalog>(
    store: &S,
    owner: &str,
    credential_id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let credentials = store.credentials(owner).await?;
    let revoked = credentials
        .iter()
        .find(|credential| credential.id == credential_id);
    let Some(revoked) = revoked else {
        return Ok(Vec::new());
    };
    let mut orphaned: Vec<String> = revoked.workstation_id.iter().cloned().collect();
    if revoked.may_serve_several {
        let all = store.workstations(owner).await?;
        orphaned.extend(all.into_iter().map(|row| row.workstation_id));
    }
    orphaned.sort_unstable();
    orphaned.dedup();
    let is_live = |other: &&Credential| {
        other.revoked_ms.is_none() && other.expires_ms.is_none_or(|end| end > now_ms)
    };
    orphaned.retain(|id| {
        !credentials.iter().filter(is_live).any(|other| {
            other.may_serve_several || other.workstation_id.as_deref() == Some(id.as_str())
        })
    });
    let mut ended = Vec::new();
    for id in orphaned {
        // Nobody can renew it: the machine must not read online, and be given work, until it runs out.
        store
            .end_lease(owner, &id, jobs::REVOKED_MESSAGE, now_ms)
            .await?;
        let of_one = store
            .fail_jobs_of_workstation(owner, &id, jobs::REVOKED_MESSAGE, now_ms)
            .await?;
        ended.extend(of_one);
    }
    jobs::effects_of_end(store, &ended).await
}

/// Replaces a credential's token with a new one, asked for by the credential itself (D7). The
/// former token stays valid for [`limits::ROTATION_GRACE_MS`], so that an answer that is lost locks nobody out; it may
/// also rotate again, until the new token is presented for the first time. From then on it is an old copy, which must
/// not put the token in use out of force, and it is taken for [`limits::ROTATION_SEEN_GRACE_MS`] only.
pub async fn rotate<S: Catalog>(
    store: &S,
    caller: &Caller,
    presented_token: &str,
    entropy: [u8; 28],
    now_ms: i64,
) -> Result<String> {
    let own = caller.credential.as_ref().ok_or(Refusal::SignIn(UNKNOWN))?;
    let token = workstation_token(entropy);
    let rotation = Rotation {
        credential_id: own.id.clone(),
        old_hash: hash_secret(presented_token),
        new_hash: hash_secret(&token),
        now_ms,
        prior_until_ms: now_ms + limits::ROTATION_GRACE_MS,
    };
    if !store.rotate_credential(&rotation).await? {
        return Err(Refusal::SignIn(UNKNOWN));
    }
    store
        .audit(&AuditEvent {
            at_ms: now_ms,
            actor_label: caller.actor_label.clone(),
            action: "credential.rotate",
            notebook_id: None,
            subject: Some(own.id.clone()),
            detail: None,
        })
        .await?;
    Ok(token)
}
