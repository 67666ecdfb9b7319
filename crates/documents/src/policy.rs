//! Who may write what (documents 2.6, 4.11, 5.12; room protocol 4.5, 4.6).
//!
//! A frame is tried on the real document and taken back if it is refused. A fork per frame would
//! cost as much as the document is large on every accepted frame; this way only a refused one
//! does, and frames of the wrong scope or author are refused before anything is applied. What a
//! frame touched comes from the patches of its own application, and only that is projected, so
//! the cost of a check does not depend on how many executions there are.

mod bokeh;
mod runtime;
mod touched;

pub use runtime::{RuntimeViolation, check_runtime_projections, check_touched};
pub use touched::Touched;

use automerge::sync::{Message, State};
use automerge::{AutoCommit, AutomergeError, Change, ChangeHash, PatchLog, ROOT};
use wire::actor::{ActorError, ActorLabel, actor_text};
use wire::{Principal, Scope};

use crate::genesis::{DocKind, NOTEBOOK_SEED_ACTOR};
use crate::sync;
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

/// What an accepted frame did.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The new changes, to be made durable before anything is sent.
    pub changes: Vec<Change>,
    /// What they touched.
    pub touched: Touched,
}

impl Received {
    /// Returns whether the document moved.
    pub fn changed(&self) -> bool {
        !self.changes.is_empty()
    }
}

/// Receives a sync frame of a peer under the rules; a refused frame leaves everything as it was.
pub fn receive(
    kind: DocKind,
    doc: &mut AutoCommit,
    state: &mut State,
    scope: Scope,
    principal: &Principal,
    payload: &[u8],
) -> Result<Received, Refusal> {
    let message = Message::decode(payload).map_err(|error| Refusal::Decode {
        kind,
        error: error.to_string(),
    })?;
    if !message.changes.is_empty() {
        if !may_write(kind, scope) {
            return Err(Refusal::Scope(kind));
        }
        check_chunk_authors(kind, doc, principal, &message)?;
    }
    let before = doc.get_heads();
    let mut log = PatchLog::active();
    let failed = |error: AutomergeError| Refusal::Preview {
        kind,
        error: error.to_string(),
    };
    let verdict = sync::apply(doc, state, message, &mut log)
        .map_err(failed)
        .and_then(|applied| {
            let received = judge(kind, doc, scope, principal, applied.before(), &mut log)?;
            applied.settle(doc, state).map_err(failed)?;
            Ok(received)
        });
    if verdict.is_err() {
        take_back(doc, &before);
    }
    verdict
}

fn judge(
    kind: DocKind,
    doc: &mut AutoCommit,
    scope: Scope,
    principal: &Principal,
    before: &[ChangeHash],
    log: &mut PatchLog,
) -> Result<Received, Refusal> {
    if doc.get_heads() == before {
        return Ok(Received::default());
    }
    let changes = doc.get_changes(before);
    for change in &changes {
        check_author(kind, principal, change)?;
    }
    let touched = Touched::from_patches(&doc.make_patches(log));
    match (kind, scope) {
        (DocKind::Notebook, Scope::Editor) => check_editor(doc, before, &touched)?,
        (DocKind::RuntimeState, _) => {
            runtime::check_touched(Reader::at(doc, before), Reader::now(doc), &touched)
                .map_err(Refusal::Runtime)?;
        }
        _ => {}
    }
    Ok(Received { changes, touched })
}

/// Rebuilds a document as it was at some heads, keeping its actor.
fn take_back(doc: &mut AutoCommit, before: &[ChangeHash]) {
    let actor = doc.get_actor().clone();
    if let Ok(old) = doc.fork_at(before) {
        *doc = old.with_actor(actor);
    }
}

/// Checks the authors of what can be read without applying it; compressed wholes are checked after.
fn check_chunk_authors(
    kind: DocKind,
    doc: &mut AutoCommit,
    principal: &Principal,
    message: &Message,
) -> Result<(), Refusal> {
    for chunk in message.changes.iter() {
        if let Ok(change) = Change::from_bytes(chunk.to_vec())
            && doc.get_change_meta_by_hash(&change.hash()).is_none()
        {
            check_author(kind, principal, &change)?;
        }
    }
    Ok(())
}

/// Checks that a change was authored by the connected principal.
pub fn check_author(kind: DocKind, principal: &Principal, change: &Change) -> Result<(), Refusal> {
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
pub fn check_editor(
    doc: &AutoCommit,
    before: &[ChangeHash],
    touched: &Touched,
) -> Result<(), Refusal> {
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
