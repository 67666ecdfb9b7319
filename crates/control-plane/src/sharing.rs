//! Access rows: reading, granting, revoking; the last owner stays (3.5).

use serde_json::{Map, Value};
use store::{AclRemoval, AclRow, AuditEvent, Catalog, NewAclRow, SubjectKind};
use wire::{Principal, Scope};

use crate::access::{self, Downgrade};
use crate::limits::SUBJECT;
use crate::{Caller, Effect, Fields, Refusal, Result, withdrawal};

/// A checked grant or revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    kind: SubjectKind,
    subject: String,
    scope: Scope,
    may_run: bool,
}

/// Refuses callers who are not owners; runs before method and body are looked at.
pub async fn may_manage<S: Catalog>(store: &S, caller: &Caller, notebook_id: &str) -> Result<()> {
    access::authorize(store, caller, notebook_id, Scope::Owner, Downgrade::Never).await?;
    Ok(())
}

/// Checks the body of a grant or revocation; `may_run` is additive (decision D14).
pub fn parse(body: &Map<String, Value>) -> Result<Mutation> {
    let fields = Fields::new(body);
    let text = |name: &str| fields.required(name, SUBJECT);
    let kind = match text("subject_kind")?.as_str() {
        "principal" => SubjectKind::Principal,
        "public" => SubjectKind::Public,
        _ => return Err(fields.refuse("subject_kind", "must be 'principal' or 'public'")),
    };
    let subject = text("subject")?;
    let scope: Scope = text("scope")?
        .parse()
        .map_err(|error: wire::scope::UnknownScope| Refusal::invalid(error.to_string()))?;
    match kind {
        SubjectKind::Public if subject != "anonymous" => {
            return Err(Refusal::invalid(
                "public ACL rows must use subject 'anonymous'",
            ));
        }
        SubjectKind::Public if scope != Scope::Viewer => {
            return Err(Refusal::invalid(
                "public ACL rows may only grant viewer scope",
            ));
        }
        SubjectKind::Public => {}
        SubjectKind::Principal => check_principal(&subject)?,
    }
    let may_run = fields.is_true("may_run");
    if may_run && scope != Scope::Editor {
        return Err(fields.refuse(
            "may_run",
            "goes with scope 'editor' only: owners may run, viewers and the public may not",
        ));
    }
    Ok(Mutation {
        kind,
        subject,
        scope,
        may_run,
    })
}

fn check_principal(subject: &str) -> Result<()> {
    let principal =
        Principal::parse(subject).map_err(|error| Refusal::invalid(error.to_string()))?;
    if principal.is_system() || principal.is_anonymous() {
        return Err(Refusal::invalid(
            "principal ACL rows cannot target system or anonymous principals",
        ));
    }
    Ok(())
}

/// Grants, idempotently, and returns all rows. `may_manage` must have passed.
pub async fn grant<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    mutation: &Mutation,
    now_ms: i64,
) -> Result<(Vec<AclRow>, Vec<Effect>)> {
    store
        .grant(&NewAclRow {
            notebook_id: notebook_id.to_owned(),
            subject_kind: mutation.kind,
            subject: mutation.subject.clone(),
            scope: mutation.scope.as_str().to_owned(),
            may_run: mutation.may_run,
            actor_label: caller.actor_label.clone(),
            now_ms,
        })
        .await?;
    store
        .audit(&event(
            caller,
            notebook_id,
            mutation,
            "access.grant",
            now_ms,
        ))
        .await?;
    Ok((
        store.acl(notebook_id).await?,
        changed(notebook_id, mutation),
    ))
}

/// Revokes and returns all rows; an absent row is fine, the last owner stays. Compute goes with the right to attach it.
pub async fn revoke<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    mutation: &Mutation,
    now_ms: i64,
) -> Result<(Vec<AclRow>, Vec<Effect>)> {
    let scope = mutation.scope.as_str();
    match store
        .revoke(notebook_id, mutation.kind, &mutation.subject, scope)
        .await?
    {
        AclRemoval::LastOwner => Err(Refusal::Conflict("cannot remove the last owner ACL row")),
        // What was cut short the last time is done now.
        AclRemoval::Absent => {
            let effects = withdrawn(store, caller, notebook_id, mutation, now_ms).await?;
            Ok((store.acl(notebook_id).await?, effects))
        }
        AclRemoval::Removed => {
            store
                .audit(&event(
                    caller,
                    notebook_id,
                    mutation,
                    "access.revoke",
                    now_ms,
                ))
                .await?;
            let withdrawn = withdrawn(store, caller, notebook_id, mutation, now_ms).await?;
            // The machine's sockets first: its room is told after they are closed.
            let mut effects = changed(notebook_id, mutation);
            effects.extend(withdrawn);
            Ok((store.acl(notebook_id).await?, effects))
        }
    }
}

/// What becomes of the compute of somebody who lost a row that it needs.
async fn withdrawn<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    mutation: &Mutation,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let concerns = matches!(mutation.scope, Scope::Owner | Scope::RuntimePeer);
    if mutation.kind != SubjectKind::Principal || !concerns {
        return Ok(Vec::new());
    }
    let (principal, by) = (&mutation.subject, &caller.actor_label);
    withdrawal::withdraw(store, notebook_id, principal, by, now_ms).await
}

fn changed(notebook_id: &str, mutation: &Mutation) -> Vec<Effect> {
    let principal = (mutation.kind == SubjectKind::Principal).then(|| mutation.subject.clone());
    vec![Effect::AccessChanged {
        notebook_id: notebook_id.to_owned(),
        principal,
    }]
}

fn event(
    caller: &Caller,
    notebook_id: &str,
    mutation: &Mutation,
    action: &'static str,
    now_ms: i64,
) -> AuditEvent {
    let run = if mutation.may_run {
        " with the run right"
    } else {
        ""
    };
    AuditEvent {
        at_ms: now_ms,
        actor_label: caller.actor_label.clone(),
        action,
        notebook_id: Some(notebook_id.to_owned()),
        subject: Some(mutation.subject.clone()),
        detail: Some(format!("{}{run}", mutation.scope)),
    }
}
