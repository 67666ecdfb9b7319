//! Who may change what: authors first, then the rules of the document (room protocol 4.5, 4.6).

use documents::DocKind;
use documents::policy::{Refusal, check_author, check_editor, check_touched};
use documents::value::Reader;
use wire::{Principal, Scope};

use crate::DocumentKind;
use crate::host::Trial;

/// On whose behalf changes arrive.
pub(crate) struct Author {
    pub(crate) scope: Scope,
    pub(crate) principal: Principal,
}

/// Judges changes on the trial copy; the scope's right to the document was checked before.
pub(crate) fn judge(kind: DocumentKind, author: &Author, trial: &Trial<'_>) -> Result<(), Refusal> {
    let document = doc_kind(kind);
    for change in trial.changes {
        check_author(document, &author.principal, change)?;
    }
    match (kind, author.scope) {
        (DocumentKind::Notebook, Scope::Editor) => {
            check_editor(trial.after, trial.before, trial.touched)
        }
        (DocumentKind::RuntimeState, _) => {
            let (old, new) = (Reader::now(trial.real), Reader::now(trial.after));
            check_touched(old, new, trial.touched).map_err(Refusal::Runtime)
        }
        _ => Ok(()),
    }
}

/// Returns the name the documents crate has for a document.
pub(crate) const fn doc_kind(kind: DocumentKind) -> DocKind {
    match kind {
        DocumentKind::Notebook => DocKind::Notebook,
        DocumentKind::RuntimeState => DocKind::RuntimeState,
        DocumentKind::Comms => DocKind::Comms,
        DocumentKind::Comments => DocKind::Comments,
    }
}
