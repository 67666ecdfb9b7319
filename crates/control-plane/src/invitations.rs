//! Invites by e-mail address, and readers who ask to edit (3.6, 3.7).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use store::{AccessRequest, AuditEvent, Catalog, Invite, NewInvite};
use wire::Scope;

use crate::access::{self, Access, Downgrade};
use crate::{Caller, Effect, Fields, Refusal, Result, limits, people};

/// Who the access rows of accepted invites name as their giver (1.2).
const RESOLUTION: &str = "system/invite-resolution";
/// Longest fields of an invite.
const FIELD: usize = 320;

/// A checked invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    email: String,
    scope: Scope,
    provider_hint: Option<String>,
    expires: Option<(String, i64)>,
}

/// Checks the body of an invite in the order of 3.6.
pub fn parse(body: &Map<String, Value>, now_ms: i64) -> Result<Invitation> {
    let fields = Fields::new(body);
    let email = people::normalise_email(&fields.required("email", FIELD)?)
        .ok_or_else(|| Refusal::invalid("invite email is invalid"))?;
    let scope = match fields.required("scope", FIELD)?.as_str() {
        "viewer" => Scope::Viewer,
        "editor" => Scope::Editor,
        _ => return Err(Refusal::invalid("invite scope must be viewer or editor")),
    };
    let provider_hint = fields.optional("provider_hint", FIELD)?;
    let provider_hint = provider_hint.map(|hint| hint.to_lowercase());
    if provider_hint
        .as_ref()
        .is_some_and(|hint| hint.contains(|c: char| c.is_whitespace() || c == '/'))
    {
        return Err(Refusal::invalid("invite provider hint is invalid"));
    }
    let expires = match fields.optional("expires_at", FIELD)? {
        None => None,
        Some(text) => {
            let at = instant(&text).ok_or_else(|| Refusal::invalid("invite expiry is invalid"))?;
            if at <= now_ms {
                return Err(Refusal::invalid("invite expiry must be in the future"));
            }
            Some((text, at))
        }
    };
    Ok(Invitation {
        email,
        scope,
        provider_hint,
        expires,
    })
}

/// A date, a date and time, or the date of a mail; UTC where no zone is named.
fn instant(text: &str) -> Option<i64> {
    let with_zone = text.parse::<Timestamp>().ok();
    let named = with_zone.or_else(|| {
        let plain = text.parse::<DateTime>().ok()?;
        Some(plain.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    let mailed = || Some(rfc2822::parse(text).ok()?.timestamp());
    Some(named.or_else(mailed)?.as_millisecond())
}

/// Invites; the same invite again is the one that is pending. The caller is an owner.
pub async fn invite<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    wish: Invitation,
    id: String,
    now_ms: i64,
) -> Result<Invite> {
    let (expires_text, expires_ms) = wish.expires.unzip();
    let invite = store
        .create_invite(&NewInvite {
            id,
            notebook_id: notebook_id.to_owned(),
            email: wish.email,
            provider_hint: wish.provider_hint,
            scope: wish.scope.as_str().to_owned(),
            actor_label: caller.actor_label.clone(),
            now_ms,
            expires_text,
            expires_ms,
        })
        .await?;
    let detail = Some(invite.scope.clone());
    let record = record("access.invite", notebook_id, &invite.id, detail, now_ms);
    store.audit(&record(&caller.actor_label)).await?;
    Ok(invite)
}

/// The newest invites of a notebook. The caller is an owner.
pub async fn invites<S: Catalog>(store: &S, notebook_id: &str) -> Result<Vec<Invite>> {
    Ok(store.invites(notebook_id, limits::INVITES).await?)
}

/// Takes a pending invite back. The caller is an owner.
pub async fn revoke<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    id: &str,
    now_ms: i64,
) -> Result<Vec<Invite>> {
    let actor = &caller.actor_label;
    if !store.revoke_invite(notebook_id, id, actor, now_ms).await? {
        return Err(Refusal::Absent("pending invite not found"));
    }
    let record = record("access.invite_revoke", notebook_id, id, None, now_ms);
    store.audit(&record(actor)).await?;
    invites(store, notebook_id).await
}

/// Turns the invites that wait for a verified address into access rows of its account.
pub async fn accept<S: Catalog>(
    store: &S,
    email: &str,
    provider: &str,
    principal: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let notebooks = store
        .accept_invites(email, provider, principal, RESOLUTION, now_ms)
        .await?;
    let mut effects = Vec::new();
    for notebook_id in notebooks {
        let record = record(
            "access.invite_accept",
            &notebook_id,
            principal,
            None,
            now_ms,
        );
        store.audit(&record(RESOLUTION)).await?;
        effects.push(Effect::AccessChanged {
            notebook_id,
            principal: Some(principal.to_owned()),
        });
    }
    Ok(effects)
}

/// What became of a wish to edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The caller may edit already.
    Granted,
    /// It waits for an owner; whether it is new.
    Pending(Box<AccessRequest>, bool),
}

/// Asks for edit access. Whoever is signed in and knows the notebook's address may ask, also one who
/// cannot look at it yet: the answer tells no more than the refusal to open it does.
pub async fn ask<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    id: &str,
    now_ms: i64,
) -> Result<Asked> {
    caller.manages("sign in to request edit access")?;
    let never = Downgrade::Never;
    let edits = access::authorize(store, caller, notebook_id, Scope::Editor, never).await;
    match edits {
        Ok(_) => return Ok(Asked::Granted),
        Err(Refusal::Forbidden(_)) => access::exists(store, notebook_id).await?,
        Err(refusal) => return Err(refusal),
    }
    let actor = &caller.actor_label;
    let (request, new) = store
        .create_access_request(id, notebook_id, &caller.principal, actor, now_ms)
        .await?;
    if new {
        let who = &caller.principal;
        let record = record("access.request", notebook_id, who, None, now_ms);
        store.audit(&record(actor)).await?;
    }
    Ok(Asked::Pending(Box::new(request), new))
}

/// The requests that the caller may see: an owner all, anybody else the latest of their own.
pub async fn requests<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
) -> Result<Vec<AccessRequest>> {
    caller.signed_in("sign in to view access requests")?;
    let owner = access::authorize(store, caller, notebook_id, Scope::Owner, Downgrade::Never);
    if let Ok(Access { .. }) = owner.await {
        return Ok(store.access_requests(notebook_id, limits::INVITES).await?);
    }
    let own = store
        .latest_access_request(notebook_id, &caller.principal)
        .await?;
    if own.is_none() {
        access::authorize(store, caller, notebook_id, Scope::Viewer, Downgrade::Never).await?;
    }
    Ok(own.into_iter().collect())
}

/// Reads what an owner answers: the status that the request takes.
pub fn parse_answer(body: &Map<String, Value>) -> Result<&'static str> {
    match Fields::new(body).required("action", FIELD)?.as_str() {
        "approve" => Ok("approved"),
        "deny" => Ok("denied"),
        "dismiss" => Ok("dismissed"),
        _ => Err(Refusal::invalid(
            "access request action must be approve, deny, or dismiss",
        )),
    }
}

/// Answers a pending request; an approval grants in the same step. The caller is an owner.
pub async fn answer<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    id: &str,
    status: &'static str,
    now_ms: i64,
) -> Result<(AccessRequest, Vec<Effect>)> {
    let actor = &caller.actor_label;
    let answered = store
        .resolve_access_request(notebook_id, id, status, actor, now_ms)
        .await?
        .ok_or(Refusal::Absent("pending access request not found"))?;
    let who = answered.requester_principal.clone();
    let detail = Some(status.to_owned());
    let record = record("access.request_answer", notebook_id, &who, detail, now_ms);
    store.audit(&record(actor)).await?;
    let effects = (status == "approved").then(|| Effect::AccessChanged {
        notebook_id: notebook_id.to_owned(),
        principal: Some(who),
    });
    Ok((answered, effects.into_iter().collect()))
}

/// A line of the audit trail that lacks its actor.
fn record(
    action: &'static str,
    notebook_id: &str,
    subject: &str,
    detail: Option<String>,
    at_ms: i64,
) -> impl FnOnce(&str) -> AuditEvent {
    let (notebook_id, subject) = (notebook_id.to_owned(), subject.to_owned());
    move |actor_label| AuditEvent {
        at_ms,
        actor_label: actor_label.to_owned(),
        action,
        notebook_id: Some(notebook_id),
        subject: Some(subject),
        detail,
    }
}
