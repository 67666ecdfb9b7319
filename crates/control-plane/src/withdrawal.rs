//! Compute of somebody who may not give it any more (HAZ-29, decision D14).
//!
//! An attach grants its principal `runtime_peer` for good, so that a machine finds its way back by itself. Who may not
//! attach any more must not stay in by that row.

use store::{AclRow, AuditEvent, Catalog, Notebooks, SubjectKind};
use wire::Scope;

use crate::access::{self, Downgrade};
use crate::attach::RESUME_ACTOR;
use crate::{Effect, Result, jobs, people};

/// Error of a job whose principal may not serve the notebook any more.
pub const WITHDRAWN_MESSAGE: &str =
    "the workstation's owner may not attach it to this notebook any more";

/// Whether a principal may attach a workstation to a notebook now.
pub(crate) async fn may_attach<S: Notebooks>(
    store: &S,
    notebook_id: &str,
    principal: &str,
) -> Result<bool> {
    let rows = store.acl_for(notebook_id, principal).await?;
    Ok(holds(&rows, Scope::Owner))
}

/// Looks again at the compute that a principal gives a notebook, after rows of theirs went: without an owner row the
/// `runtime_peer` row of an attach goes too; without either of the two, their job there ends. Repeating it is fine.
pub(crate) async fn withdraw<S: Catalog>(
    store: &S,
    notebook_id: &str,
    principal: &str,
    actor_label: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    let account = people::account_of(store, principal, now_ms).await?;
    let rows = store.acl_for(notebook_id, &account).await?;
    let may_attach = holds(&rows, Scope::Owner);
    if may_attach && holds(&rows, Scope::RuntimePeer) {
        return Ok(Vec::new());
    }
    if !may_attach {
        for row in &rows {
            if !is_of_attach(store, row, &account, now_ms).await? {
                continue;
            }
            store
                .revoke(notebook_id, row.subject_kind, &row.subject, &row.scope)
                .await?;
            store
                .audit(&AuditEvent {
                    at_ms: now_ms,
                    actor_label: actor_label.to_owned(),
                    action: "access.revoke",
                    notebook_id: Some(notebook_id.to_owned()),
                    subject: Some(row.subject.clone()),
                    detail: Some(row.scope.clone()),
                })
                .await?;
        }
    }
    let ended = store
        .fail_jobs_of_notebook(notebook_id, &account, WITHDRAWN_MESSAGE, now_ms)
        .await?;
    jobs::effects_of_end(store, &ended).await
}

fn holds(rows: &[AclRow], scope: Scope) -> bool {
    access::decide(rows, scope, Downgrade::Never).is_some()
}

/// Whether a row came from an attach of its own principal, under whichever name they signed in; one that somebody else
/// granted on purpose stays.
async fn is_of_attach<S: Catalog>(
    store: &S,
    row: &AclRow,
    account: &str,
    now_ms: i64,
) -> Result<bool> {
    if row.subject_kind != SubjectKind::Principal || row.scope != Scope::RuntimePeer.as_str() {
        return Ok(false);
    }
    let by = row.created_by_actor_label.as_str();
    match by.split_once('/') {
        Some((by, _)) => Ok(people::account_of(store, by, now_ms).await? == account),
        None => Ok(by == RESUME_ACTOR),
    }
}
