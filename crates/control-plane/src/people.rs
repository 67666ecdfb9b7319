//! People: the account behind several ways to sign in, and how somebody's access ends (1.15).

use sha2::{Digest as _, Sha256};
use store::{Account, AccountLink, AuditEvent, Catalog};
use wire::actor::percent_encode;

use crate::{Effect, Refusal, Result, invitations, jobs, limits, withdrawal};

/// Who the audit trail names where the console acts.
pub const CONSOLE: &str = "system/console";
/// The provider of people who sign in by OpenID Connect.
pub const OIDC: &str = "oidc";
/// What the jobs of a person who was disabled end with.
const DISABLED_MESSAGE: &str = "the account was disabled";

/// What a provider says of a person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The principal of this way to sign in.
    pub principal: String,
    /// Its namespace.
    pub namespace: String,
    /// The provider.
    pub provider: &'static str,
    /// A name for people.
    pub display_name: Option<String>,
    /// The verified e-mail address, normalised.
    pub email: Option<String>,
}

/// Trims and lower-cases an address; none unless it has one `@` with text on both sides and
/// neither white space nor a slash.
pub fn normalise_email(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    let (name, domain) = email.split_once('@')?;
    let plain = !email.contains(|c: char| c.is_whitespace() || c == '/' || c.is_control());
    (plain && !name.is_empty() && !domain.is_empty() && !domain.contains('@')).then_some(email)
}

/// The principal of the account that a verified address names.
pub fn canonical_principal(namespace: &str, email: &str) -> String {
    let namespace = namespace.to_lowercase();
    let digest = Sha256::digest(format!("{namespace}\n{email}").as_bytes());
    format!(
        "account:{}:email:{}",
        percent_encode(&namespace),
        hex::encode(digest)
    )
}

/// Notes a sign-in: the profile, and the link to the account. Returns the account's principal.
/// Only reads when nothing changed since the last time; [`settle`] comes after it.
pub async fn signed_in<S: Catalog>(
    store: &S,
    profile: &Profile,
    now_ms: i64,
) -> Result<(String, Vec<Effect>)> {
    let known = store.account(&profile.principal).await?;
    let fresh = known.as_ref().is_some_and(|known| {
        known.last_seen_ms > now_ms - limits::CREDENTIAL_TOUCH_MS
            && (profile.email.is_none() || known.email == profile.email)
            && (profile.display_name.is_none() || known.display_name == profile.display_name)
    });
    if !fresh {
        store
            .upsert_account(&account(profile, &profile.principal, now_ms))
            .await?;
    }
    let email = profile
        .email
        .clone()
        .or(known.and_then(|known| known.email));
    let Some(email) = email else {
        return Ok((profile.principal.clone(), Vec::new()));
    };
    let canonical = canonical_principal(&profile.namespace, &email);
    let mut effects = Vec::new();
    if !fresh {
        store
            .upsert_account(&account(profile, &canonical, now_ms))
            .await?;
        let moved = store
            .link_account(&AccountLink {
                transport: profile.principal.clone(),
                canonical: canonical.clone(),
                provider: profile.provider.to_owned(),
                email: email.clone(),
                now_ms,
            })
            .await?;
        let ends = moved.into_iter().map(|principal| Effect::ClosePrincipal {
            principal,
            for_good: false,
        });
        effects.extend(ends);
    }
    Ok((canonical, effects))
}

fn account(profile: &Profile, principal: &str, now_ms: i64) -> Account {
    Account {
        principal: principal.to_owned(),
        provider: profile.provider.to_owned(),
        display_name: profile.display_name.clone(),
        email: profile.email.clone(),
        first_seen_ms: now_ms,
        last_seen_ms: now_ms,
    }
}

/// Looks a signed-in principal up before it is answered: the account it belongs to, whether it
/// was disabled, and what waits for its address.
pub async fn settle<S: Catalog>(
    store: &S,
    principal: &str,
    now_ms: i64,
) -> Result<(Option<String>, Vec<Effect>)> {
    let standing = store.standing(principal, now_ms).await?;
    if standing.disabled {
        return Err(Refusal::Forbidden("this account is disabled".to_owned()));
    }
    let mut effects = Vec::new();
    if standing.invited
        && let Some(account) = store.account(principal).await?
        && let Some(email) = &account.email
    {
        let receiver = standing.canonical.as_deref().unwrap_or(principal);
        effects = invitations::accept(store, email, &account.provider, receiver, now_ms).await?;
    }
    Ok((standing.canonical, effects))
}

/// The principal of the account that a principal belongs to.
pub async fn account_of<S: Catalog>(store: &S, principal: &str, now_ms: i64) -> Result<String> {
    let standing = store.standing(principal, now_ms).await?;
    Ok(standing.canonical.unwrap_or_else(|| principal.to_owned()))
}

/// Disables a person: ends their sessions, tokens, codes and machines' credentials, and asks every
/// server to end their sockets. `false` if they were disabled already.
pub async fn disable<S: Catalog>(store: &S, principal: &str, now_ms: i64) -> Result<bool> {
    let principal = account_of(store, principal, now_ms).await?;
    let new = store.disable_person(&principal, CONSOLE, now_ms).await?;
    store.note_disconnect(&principal, now_ms).await?;
    audit(store, "person.disable", &principal, None, now_ms).await?;
    Ok(new)
}

/// Lets a person sign in again; what was ended stays ended. `false` if they were not disabled.
pub async fn enable<S: Catalog>(store: &S, principal: &str, now_ms: i64) -> Result<bool> {
    let principal = account_of(store, principal, now_ms).await?;
    let done = store.enable_person(&principal).await?;
    if done {
        audit(store, "person.enable", &principal, None, now_ms).await?;
    }
    Ok(done)
}

/// Makes `to` the owner of everything that `from` owns, and has `from`'s sockets looked at again.
pub async fn hand_over<S: Catalog>(
    store: &S,
    from: &str,
    to: &str,
    now_ms: i64,
) -> Result<Vec<String>> {
    let (from, to) = (
        account_of(store, from, now_ms).await?,
        account_of(store, to, now_ms).await?,
    );
    if from == to {
        return Err(Refusal::invalid("both names belong to the same account"));
    }
    let notebooks = store.hand_over(&from, &to, CONSOLE, now_ms).await?;
    store.note_disconnect(&from, now_ms).await?;
    let detail = Some(format!("{} notebooks to {to}", notebooks.len()));
    audit(store, "person.hand_over", &from, detail, now_ms).await?;
    Ok(notebooks)
}

/// Writes down that what a person owns was read from the console.
pub async fn note_export<S: Catalog>(
    store: &S,
    principal: &str,
    notebooks: usize,
    now_ms: i64,
) -> Result<()> {
    let detail = Some(format!("{notebooks} notebooks"));
    audit(store, "person.export", principal, detail, now_ms).await
}

/// What is to be done on this server's sockets for a person whom the console named: of somebody
/// disabled the machines' jobs and sockets end, of anybody else the sockets are dialled again, and jobs end on
/// notebooks that were handed over.
pub async fn disconnect<S: Catalog>(
    store: &S,
    principal: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let for_good = store.standing(principal, now_ms).await?.disabled;
    let mut effects = vec![Effect::ClosePrincipal {
        principal: principal.to_owned(),
        for_good,
    }];
    if for_good {
        for credential in store.credentials(principal).await? {
            effects.push(Effect::CloseCredential {
                credential_id: credential.id,
            });
        }
    }
    for workstation in store.workstations(principal).await? {
        let id = &workstation.workstation_id;
        if for_good {
            let ended = store
                .fail_jobs_of_workstation(principal, id, DISABLED_MESSAGE, now_ms)
                .await?;
            effects.extend(jobs::effects_of_end(store, &ended).await?);
            continue;
        }
        let active = store.active_jobs(principal, id, None, i64::MAX).await?;
        for job in active {
            let withdrawn =
                withdrawal::withdraw(store, &job.notebook_id, principal, CONSOLE, now_ms).await?;
            effects.extend(withdrawn);
        }
    }
    Ok(effects)
}

async fn audit<S: Catalog>(
    store: &S,
    action: &'static str,
    principal: &str,
    detail: Option<String>,
    now_ms: i64,
) -> Result<()> {
    let event = AuditEvent {
        at_ms: now_ms,
        actor_label: CONSOLE.to_owned(),
        action,
        notebook_id: None,
        subject: Some(principal.to_owned()),
        detail,
    };
    Ok(store.audit(&event).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // CP-291
    #[test]
    fn cp_291_an_address_is_normalised_or_refused() {
        let ada = Some("ada@example.org".to_owned());
        assert_eq!(normalise_email("  Ada@Example.ORG "), ada);
        for wrong in [
            "", "ada", "@x", "ada@", "a@b@c", "a b@c", "a/b@c", "a@b\n@c",
        ] {
            assert_eq!(normalise_email(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_account_is_named_by_namespace_and_address() {
        let name = canonical_principal("User:OIDC", "ada@example.org");
        assert!(name.starts_with("account:user%3Aoidc:email:"), "{name}");
        assert_eq!(name, canonical_principal("user:oidc", "ada@example.org"));
        assert_ne!(name, canonical_principal("user:other", "ada@example.org"));
        wire::Principal::parse(&name).unwrap();
    }
}
