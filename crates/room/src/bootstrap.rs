//! The documents of a room: loaded from the store, or made new (room protocol 4.2).

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, AutomergeError, ObjType, ROOT, ReadDoc};
use documents::DocKind;
use documents::notebook::NotebookDoc;
use wire::NotebookId;
use wire::control::RoomReady;

use crate::document::Document;
use crate::runtime_doc::{map, text};
use crate::{Effect, IdSource, RoomError, StoredDocuments};

/// Loads or makes the four documents; the effects keep what was made.
pub(crate) fn documents(
    notebook_id: &NotebookId,
    stored: &StoredDocuments,
    actor: &ActorId,
) -> Result<([Document; 4], Vec<Effect>), RoomError> {
    let mut effects = Vec::new();
    let mut open = |kind: DocKind| {
        let bytes = stored.bytes(kind);
        if !bytes.is_empty() {
            let retired = stored.retired(kind);
            return Document::load(kind, bytes, retired, actor.clone()).map_err(|cause| {
                RoomError::Load {
                    notebook_id: notebook_id.clone(),
                    document: kind,
                    cause,
                }
            });
        }
        let mut doc = fresh(notebook_id, kind, actor).map_err(|cause| RoomError::Bootstrap {
            notebook_id: notebook_id.clone(),
            cause,
        })?;
        // The whole document stands first in its log, so that the log alone always loads.
        effects.push(Effect::Append {
            document: kind,
            changes: doc.save(),
        });
        Ok(Document::from_doc(kind, Box::new(doc), actor.clone()))
    };
    let documents = [
        open(DocKind::Notebook)?,
        open(DocKind::RuntimeState)?,
        open(DocKind::Comms)?,
        open(DocKind::Comments)?,
    ];
    Ok((documents, effects))
}

/// A fresh author for the room: should the store ever go back to an older state, no `(actor, seq)` pair that peers already
/// have is used a second time.
pub(crate) fn fresh_author(notebook_id: &NotebookId, ids: &mut dyn IdSource) -> String {
    let label = wire::actor::room_actor_label(notebook_id.as_str());
    let nonce = ids.uuid().simple().to_string();
    format!("{label}.{}", &nonce[..8])
}

pub(crate) fn fresh(
    notebook_id: &NotebookId,
    kind: DocKind,
    actor: &ActorId,
) -> Result<AutoCommit, String> {
    let label = String::from_utf8_lossy(actor.to_bytes());
    let fresh = |kind: DocKind| kind.fresh(&label).map_err(|error| error.to_string());
    match kind {
        DocKind::Notebook => NotebookDoc::hosted_bootstrap(notebook_id.as_str())
            .map(NotebookDoc::into_doc)
            .map_err(|error| error.to_string()),
        DocKind::RuntimeState => fresh(DocKind::RuntimeState),
        DocKind::Comms => fresh(DocKind::Comms),
        DocKind::Comments => {
            let mut doc = fresh(DocKind::Comments)?;
            comments_identity(&mut doc, notebook_id).map_err(|error| error.to_string())?;
            doc.commit();
            Ok(doc)
        }
    }
}

/// Writes the identity of the comments document, unless it is there already.
pub(crate) fn comments_identity(
    doc: &mut AutoCommit,
    notebook_id: &NotebookId,
) -> Result<(), AutomergeError> {
    let id = RoomReady::comments_doc_id(notebook_id);
    let one_id = doc.get_all(ROOT, "comments_doc_id")?.len() == 1;
    if !one_id || text(doc, &ROOT, "comments_doc_id").as_deref() != Some(&id) {
        doc.put(ROOT, "comments_doc_id", id.as_str())?;
    }
    let reference = match map(doc, &ROOT, "notebook_ref") {
        Some(reference) => reference,
        None => doc.put_object(ROOT, "notebook_ref", ObjType::Map)?,
    };
    for (key, value) in [
        ("kind", "hosted_room"),
        ("room_locator", notebook_id.as_str()),
    ] {
        if text(doc, &reference, key).as_deref() != Some(value) {
            doc.put(&reference, key, value)?;
        }
    }
    let keys: Vec<String> = doc.keys(&reference).collect();
    for key in keys
        .iter()
        .filter(|key| !["kind", "room_locator"].contains(&key.as_str()))
    {
        doc.delete(&reference, key.as_str())?;
    }
    Ok(())
}
