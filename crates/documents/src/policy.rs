//! Who may write what (documents 2.6, 4.11, 5.12; room protocol 4.5, 4.6).
//!
//! A room tries a frame on a second copy of the document and has the outcome judged here. What a
//! frame touched comes from the patches of its own application, and only that is projected, so
//! the cost of a check does not depend on how many executions there are.

mod bokeh;
mod runtime;
mod touched;

pub use runtime::{RuntimeViolation, check_runtime_projections, check_touched};
pub use touched::Touched;

use automerge::{AutoCommit, Change, ChangeHash, ROOT};
use wire::actor::{ActorError, ActorLabel, actor_text};
use wire::{Principal, Scope};

use crate::comments::{Anchor, AnchorError};
use crate::genesis::{DocKind, NOTEBOOK_SEED_ACTOR};
use crate::value::Reader;

/// Returns the hash of the canonical NotebookDoc seed change.
pub fn notebook_seed_hash() -> ChangeHash {
    DocKind::Notebook
        .seed_head()
        .parse()
        .unwrap_or(ChangeHash([0; 32]))
}

/// Returns whether a scope may author changes of a document at all (2.7).
pub const fn may_write(kind: DocKind, scope: Scope) -> bool {
    match kind {
        DocKind::Notebook | DocKind::Comments => matches!(scope, Scope::Editor | Scope::Owner),
        DocKind::RuntimeState => matches!(scope, Scope::RuntimePeer),
        DocKind::Comms => !matches!(scope, Scope::Viewer),
    }
}

/// Why a room refuses a sync frame; the texts are those of room protocol 4.5 and 4.6.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The payload is no sync message.
    #[error("decode {} sync: {error}", spoken(*.kind))]
    Decode {
        /// The document.
        kind: DocKind,
        /// What the library said.
        error: String,
    },
    /// The scope has no write right for the document.
    #[error("connection scope cannot write {} changes", .0.name())]
    Scope(DocKind),
    /// The changes cannot be applied.
    #[error("{} auth preview failed: {error}", preview(*.kind))]
    Preview {
        /// The document.
        kind: DocKind,
        /// What the library said.
        error: String,
    },
    /// A change is somebody else's.
    #[error("actor principal {actor} is not authorized for authenticated principal {principal}")]
    ForeignAuthor {
        /// Whose it is.
        actor: String,
        /// Who sent it.
        principal: String,
    },
    /// A change's author is no label.
    #[error("actor label \"{label}\" is invalid: {error}")]
    BadLabel {
        /// The label.
        label: String,
        /// What is wrong.
        error: ActorError,
    },
    /// An editor touched something but cells.
    #[error("editor scope may only edit cells; change touched notebook root '{0}'")]
    EditorRoot(String),
    /// A change put something else in the place of what everybody's work hangs from.
    #[error("changes may not replace or remove {} root '{root}'", .kind.name())]
    Root {
        /// The document.
        kind: DocKind,
        /// Which one.
        root: &'static str,
    },
    /// A comment hangs where none can (documents 10.3).
    #[error("comment thread '{thread}' has an invalid anchor: {error}")]
    Anchor {
        /// The thread.
        thread: String,
        /// What is wrong.
        error: AnchorError,
    },
    /// A runtime peer broke a rule.
    #[error(
        "unauthorized actor: scope runtime_peer cannot write RuntimeStateDoc {}: {}",
        .0.field, .0.reason
    )]
    Runtime(RuntimeViolation),
}

const fn spoken(kind: DocKind) -> &'static str {
    match kind {
        DocKind::Notebook => "notebook",
        DocKind::RuntimeState => "runtime state",
        DocKind::Comms => "comms doc",
        DocKind::Comments => "comments doc",
    }
}

const fn preview(kind: DocKind) -> &'static str {
    match kind {
        DocKind::Comms => "comms",
        DocKind::Comments => "comments",
        _ => spoken(kind),
    }
}

/// What a frame would do to a document.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The document as it is.
    pub old: &'a AutoCommit,
    /// Its heads.
    pub before: &'a [ChangeHash],
    /// The document as it would be.
    pub new: &'a AutoCommit,
    /// The changes that are new.
    pub changes: &'a [Change],
    /// What they touch.
    pub touched: &'a Touched,
}

/// Judges the changes of a frame: their authors first, then the rules of the document (room protocol 4.5, 4.6). That
/// the scope may write it at all ([`may_write`]) was asked before.
pub fn judge(
    kind: DocKind,
    scope: Scope,
    principal: &Principal,
    trial: &Trial<'_>,
) -> Result<(), Refusal> {
    for change in trial.changes {
        check_author(kind, principal, change)?;
    }
    match (kind, scope) {
        (DocKind::Notebook, Scope::Editor) => check_editor(trial.new, trial.before, trial.touched),
        (DocKind::Comms, _) => check_root(kind, "comms", trial),
        (DocKind::Comments, _) => {
            check_root(kind, "threads", trial)?;
            check_anchors(trial.new, trial.touched)
        }
        (DocKind::RuntimeState, _) => {
            let (old, new) = (Reader::now(trial.old), Reader::now(trial.new));
            runtime::check_touched(old, new, trial.touched).map_err(Refusal::Runtime)
        }
        (DocKind::Notebook, _) => Ok(()),
    }
}

/// Checks that a map that was there still is: no setter makes another, so that nothing could be written after.
fn check_root(kind: DocKind, root: &'static str, trial: &Trial<'_>) -> Result<(), Refusal> {
    if !trial.touched.has(root) {
        return Ok(());
    }
    let (old, new) = (Reader::now(trial.old), Reader::now(trial.new));
    match old.root_map(root) {
        Some(map) if new.root_map(root).as_ref() != Some(&map) => Err(Refusal::Root { kind, root }),
        _ => Ok(()),
    }
}

/// Checks the anchors of the threads that were touched; those of an unknown kind are another client's matter.
fn check_anchors(new: &AutoCommit, touched: &Touched) -> Result<(), Refusal> {
    let reader = Reader::now(new);
    let Some(threads) = reader.root_map("threads") else {
        return Ok(());
    };
    let keys = touched
        .under("threads")
        .map_or_else(|| reader.keys(&threads), Vec::from_iter);
    for thread in keys {
        let object = reader.map(&threads, &thread);
        let anchor = object.and_then(|object| reader.json(&object, "anchor"));
        let anchor = anchor.and_then(|anchor| serde_json::from_value::<Anchor>(anchor).ok());
        if let Some(Err(error)) = anchor.map(|anchor| anchor.check()) {
            return Err(Refusal::Anchor { thread, error });
        }
    }
    Ok(())
}

/// Checks that a change was authored by the connected principal.
fn check_author(kind: DocKind, principal: &Principal, change: &Change) -> Result<(), Refusal> {
    let label = actor_text(change.actor_id().to_bytes());
    if kind == DocKind::Notebook
        && label == NOTEBOOK_SEED_ACTOR
        && change.hash() == notebook_seed_hash()
    {
        return Ok(());
    }
    let actor = ActorLabel::parse(&label).map_err(|error| Refusal::BadLabel { label, error })?;
    if actor.principal == *principal {
        return Ok(());
    }
    Err(Refusal::ForeignAuthor {
        actor: actor.principal.to_string(),
        principal: principal.to_string(),
    })
}

/// Checks that the net difference of an editor's frame lies under `cells`.
fn check_editor(doc: &AutoCommit, before: &[ChangeHash], touched: &Touched) -> Result<(), Refusal> {
    let (old, new) = (Reader::at(doc, before), Reader::now(doc));
    for root in touched.roots() {
        let differs = if root == "cells" {
            old.get(&ROOT, root) != new.get(&ROOT, root)
        } else {
            old.get(&ROOT, root) != new.get(&ROOT, root)
                || old.json(&ROOT, root) != new.json(&ROOT, root)
        };
        if differs {
            return Err(Refusal::EditorRoot(root.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
