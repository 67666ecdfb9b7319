//! The trash: in, out, and for good. All three are the owner's, and additive to the spec.

use store::{AuditEvent, Catalog, Notebook};
use wire::Scope;

use crate::access::{self, Downgrade};
use crate::effect::RoomEnd;
use crate::{Caller, Effect, Refusal, Result, jobs};

/// Error of the job of a notebook that was moved to the trash.
pub const TRASHED_MESSAGE: &str = "the notebook was moved to the trash";

/// Puts an owner's notebook in the trash: its sockets are closed, its compute session ends, and
/// nobody reaches it until it is restored. Once more changes nothing.
///
/// # Errors
/// The caller is no owner.
pub async fn put<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    now_ms: i64,
) -> Result<(Notebook, Vec<Effect>)> {
    let mut notebook = owned(store, caller, notebook_id).await?;
    if notebook.trashed_ms.is_none() {
        store.set_trashed(notebook_id, Some(now_ms), now_ms).await?;
        store
            .audit(&event(caller, notebook_id, "notebook.trash", now_ms))
            .await?;
        notebook.trashed_ms = Some(now_ms);
        notebook.updated_ms = now_ms;
    }
    let ended = store
        .cancel_jobs_of_notebook(notebook_id, TRASHED_MESSAGE, now_ms)
        .await?;
    let mut effects = vec![Effect::EndRoom {
        notebook_id: notebook_id.to_owned(),
        end: RoomEnd::Trashed,
    }];
    effects.extend(jobs::effects_of_end(store, &ended).await?);
    Ok((notebook, effects))
}

/// Takes an owner's notebook out of the trash. What ran before does not run again by itself.
///
/// # Errors
/// The caller is no owner.
pub async fn restore<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    now_ms: i64,
) -> Result<Notebook> {
    let mut notebook = owned(store, caller, notebook_id).await?;
    if notebook.trashed_ms.is_some() {
        store.set_trashed(notebook_id, None, now_ms).await?;
        store
            .audit(&event(caller, notebook_id, "notebook.restore", now_ms))
            .await?;
        notebook.trashed_ms = None;
        notebook.updated_ms = now_ms;
    }
    Ok(notebook)
}

/// Deletes an owner's notebook for good. Only out of the trash: that step can be taken back.
///
/// # Errors
/// The caller is no owner, or the notebook is not in the trash.
pub async fn delete<S: Catalog>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    now_ms: i64,
) -> Result<Vec<Effect>> {
    owned(store, caller, notebook_id).await?;
    if !store.delete_trashed_notebook(notebook_id).await? {
        return Err(Refusal::Conflict(
            "move the notebook to the trash before deleting it for good",
        ));
    }
    store
        .audit(&event(caller, notebook_id, "notebook.delete", now_ms))
        .await?;
    Ok(vec![Effect::EndRoom {
        notebook_id: notebook_id.to_owned(),
        end: RoomEnd::Deleted,
    }])
}

async fn owned<S: Catalog>(store: &S, caller: &Caller, notebook_id: &str) -> Result<Notebook> {
    let (scope, exactly) = (Scope::Owner, Downgrade::Never);
    let access = access::authorize_even_trashed(store, caller, notebook_id, scope, exactly).await?;
    Ok(access.notebook)
}

fn event(caller: &Caller, notebook_id: &str, action: &'static str, now_ms: i64) -> AuditEvent {
    AuditEvent {
        at_ms: now_ms,
        actor_label: caller.actor_label.clone(),
        action,
        notebook_id: Some(notebook_id.to_owned()),
        subject: None,
        detail: None,
    }
}
