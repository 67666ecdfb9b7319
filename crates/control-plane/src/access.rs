//! Who may do what with a notebook: one function decides (1.4, 1.17).

use store::{AclRow, Notebook, Notebooks, SubjectKind};
use wire::Scope;

use crate::{Caller, Refusal, Result};

/// Whether a request may be granted less than it asked for (1.17 step 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downgrade {
    /// Exactly the requested scope or nothing.
    Never,
    /// Owner to editor to viewer: the room socket and the notebook's page.
    Live,
}

/// What a caller wants with an account's own things: workstations, tokens, the list of notebooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountAct {
    /// Look at them.
    See,
    /// Make, change or end them.
    Manage,
    /// Make or end what signs the person in: sessions and API tokens. A token may not, or a
    /// stolen one could outlive its revocation.
    SignIn,
}

/// Decides what a caller may do with the things of the account; `otherwise` tells an anonymous
/// one what to sign in for.
pub fn authorize_account(caller: &Caller, act: AccountAct, otherwise: &'static str) -> Result<()> {
    if caller.anonymous {
        return Err(Refusal::SignIn(otherwise));
    }
    match (act, caller.ceiling) {
        (_, None) | (AccountAct::See, _) | (AccountAct::Manage, Some(Scope::Owner)) => Ok(()),
        (AccountAct::Manage, Some(ceiling)) => Err(above(ceiling)),
        (AccountAct::SignIn, Some(_)) => Err(Refusal::Forbidden(
            "API tokens cannot manage sessions or API tokens".to_owned(),
        )),
    }
}

/// Whether a token of this scope may ask for a scope. An owner's may also serve, as with the machine that it may register
/// (CP 1.10); whether its holder may serve this notebook is for the rows to say.
pub(crate) fn allows(ceiling: Scope, requested: Scope) -> bool {
    ceiling == Scope::Owner || ceiling.covers(requested)
}

/// What the holder of a weaker credential reads.
fn above(ceiling: Scope) -> Refusal {
    Refusal::Forbidden(format!("this API token allows {ceiling} scope only"))
}

/// What a caller was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The granted scope.
    pub scope: Scope,
    /// Whether the caller may run cells: owners, and editors with the run right (decision D14).
    pub may_run: bool,
    /// The notebook.
    pub notebook: Notebook,
}

/// Decides whether `caller` gets `requested` on a notebook that is not in the trash.
pub async fn authorize<S: Notebooks>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    requested: Scope,
    downgrade: Downgrade,
) -> Result<Access> {
    let access = authorize_even_trashed(store, caller, notebook_id, requested, downgrade).await?;
    if access.notebook.trashed_ms.is_some() {
        return Err(Refusal::Absent("notebook not found"));
    }
    Ok(access)
}

/// The same decision with the trash included, for looking into it and restoring.
pub async fn authorize_even_trashed<S: Notebooks>(
    store: &S,
    caller: &Caller,
    notebook_id: &str,
    requested: Scope,
    downgrade: Downgrade,
) -> Result<Access> {
    let found = store.notebook_for(notebook_id, &caller.principal).await?;
    let Some((notebook, rows)) = found else {
        return Err(Refusal::Absent("notebook not found"));
    };
    if caller.anonymous {
        if requested != Scope::Viewer {
            return Err(Refusal::Forbidden(
                "anonymous viewers may only request viewer scope".to_owned(),
            ));
        }
        if !is_public(&rows) {
            return Err(Refusal::Absent("notebook not found"));
        }
        return Ok(Access {
            scope: Scope::Viewer,
            may_run: false,
            notebook,
        });
    }
    let requested = match caller.ceiling {
        Some(ceiling) if !allows(ceiling, requested) => match downgrade {
            Downgrade::Live if requested != Scope::RuntimePeer => ceiling,
            Downgrade::Live | Downgrade::Never => return Err(above(ceiling)),
        },
        _ => requested,
    };
    let Some(scope) = decide(&rows, requested, downgrade) else {
        return Err(Refusal::Forbidden(format!(
            "{} cannot access {notebook_id}",
            caller.principal
        )));
    };
    let may_run = match scope {
        Scope::Owner => true,
        Scope::Editor => rows
            .iter()
            .any(|row| row.may_run && own(row) == Some(Scope::Editor)),
        Scope::Viewer | Scope::RuntimePeer => false,
    };
    Ok(Access {
        scope,
        may_run,
        notebook,
    })
}

/// Refuses a notebook that is not there, or is in the trash.
pub async fn exists<S: Notebooks>(store: &S, notebook_id: &str) -> Result<()> {
    let notebook = store.notebook(notebook_id).await?;
    if notebook.is_some_and(|notebook| notebook.trashed_ms.is_none()) {
        return Ok(());
    }
    Err(Refusal::Absent("notebook not found"))
}

/// The scope that a named caller's rows and the public row give for a request, if any.
pub fn decide(rows: &[AclRow], requested: Scope, downgrade: Downgrade) -> Option<Scope> {
    let covered = |scope: Scope| rows.iter().filter_map(own).any(|held| held.covers(scope));
    if covered(requested) {
        return Some(requested);
    }
    if requested == Scope::RuntimePeer {
        return None;
    }
    if downgrade == Downgrade::Live {
        let lower = [Scope::Editor, Scope::Viewer]
            .into_iter()
            .find(|scope| covered(*scope));
        if lower.is_some() {
            return lower;
        }
    }
    let public = is_public(rows) && (requested == Scope::Viewer || downgrade == Downgrade::Live);
    public.then_some(Scope::Viewer)
}

/// The scope of a principal's own row.
fn own(row: &AclRow) -> Option<Scope> {
    (row.subject_kind == SubjectKind::Principal).then(|| row.scope.parse().ok())?
}

fn is_public(rows: &[AclRow]) -> bool {
    rows.iter()
        .any(|row| row.subject_kind == SubjectKind::Public)
}

#[cfg(test)]
mod tests;
