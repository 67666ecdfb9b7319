//! CommentsDoc: threads beside a notebook (documents 10); clients write it, the host its identity.

mod anchor;
#[cfg(any(test, feature = "testing"))]
mod edit;

use std::collections::BTreeSet;

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjId, ObjType, ROOT, ReadDoc as _};
use serde_json::{Value as Json, json};

pub use anchor::{Anchor, AnchorError};
#[cfg(any(test, feature = "testing"))]
pub use edit::{CommentError, NewMessage};

use crate::fractional_index;
use crate::genesis::{DocKind, document};
use crate::value::DocError;

/// Comment threads of a notebook.
#[derive(Clone, Debug)]
pub struct CommentsDoc {
    doc: AutoCommit,
}

document!(CommentsDoc, DocKind::Comments);

/// Returns whether an id may name a comments document (10.2).
pub fn is_valid_id(id: &str) -> bool {
    id.strip_prefix("comments:")
        .is_some_and(|rest| !rest.is_empty() && rest.trim() == rest)
        && !id.chars().any(|c| c.is_control() || c == '/' || c == '\\')
}

impl CommentsDoc {
    /// Makes the empty document of a hosted room.
    pub fn hosted_bootstrap(notebook_id: &str) -> Result<Self, DocError> {
        let mut comments = Self::from_seed(&wire::actor::room_actor_label(notebook_id))?;
        comments.repair_identity(notebook_id)?;
        comments.doc.commit();
        Ok(comments)
    }

    /// Writes the id and the reference unless the id is the one expected; true if it wrote.
    pub fn repair_identity(&mut self, notebook_id: &str) -> Result<bool, DocError> {
        let expected = format!("comments:{notebook_id}");
        let stored = self.reader().get_all(&ROOT, "comments_doc_id");
        let is_expected =
            |(value, _): &(automerge::Value<'_>, ObjId)| value.as_str() == Some(expected.as_str());
        if !stored.is_empty() && stored.iter().all(is_expected) {
            return Ok(false);
        }
        self.doc.put(ROOT, "comments_doc_id", expected.as_str())?;
        let reference = match self.reader().root_map("notebook_ref") {
            Some(reference) => reference,
            None => self.doc.put_object(ROOT, "notebook_ref", ObjType::Map)?,
        };
        self.doc.put(&reference, "kind", "hosted_room")?;
        self.doc.put(&reference, "room_locator", notebook_id)?;
        Ok(true)
    }

    /// Returns the stored id.
    pub fn doc_id(&self) -> String {
        self.reader()
            .str(&ROOT, "comments_doc_id")
            .unwrap_or_default()
    }

    /// Returns the threads in order (scope, position, id) with messages in theirs. Who wrote them is not stored: it is
    /// who wrote the changes (10.4).
    pub fn threads(&self) -> Vec<Json> {
        let reader = self.reader();
        let Some(threads) = reader.root_map("threads") else {
            return Vec::new();
        };
        let mut found: Vec<(String, String, String, Json)> = reader
            .keys(&threads)
            .into_iter()
            .filter_map(|key| {
                let thread = reader.map(&threads, &key)?;
                let text = |name: &str| reader.str(&thread, name).unwrap_or_default();
                let anchor = reader
                    .json(&thread, "anchor")
                    .filter(|at| at["kind"].is_string())?;
                let status = text("status");
                let mut out = json!({
                    "id": key, "anchor": anchor, "position": self.position(&thread),
                    "status": status, "created_at": text("created_at"),
                    "created_by_actor_label": author(&thread),
                    "messages": self.messages(&thread),
                });
                if status == "resolved" {
                    out["resolved_at"] = text("resolved_at").into();
                    let end = self.doc.get(&thread, "status").ok().flatten();
                    out["resolved_by_actor_label"] = end.and_then(|(_, end)| author(&end)).into();
                }
                Some((text("thread_order_scope"), self.position(&thread), key, out))
            })
            .collect();
        found.sort_by(|a, b| (&a.0, &a.1, &a.2).cmp(&(&b.0, &b.1, &b.2)));
        found.into_iter().map(|(_, _, _, thread)| thread).collect()
    }

    /// Returns the labels of those who wrote what is shown: threads, messages, and the end of threads.
    pub fn authors(&self) -> BTreeSet<String> {
        let mut labels = BTreeSet::new();
        for thread in self.threads() {
            let messages = thread["messages"].as_array().into_iter().flatten();
            let created = messages.chain([&thread]);
            let created = created.map(|written| &written["created_by_actor_label"]);
            let all = created.chain([&thread["resolved_by_actor_label"]]);
            labels.extend(all.filter_map(Json::as_str).map(str::to_owned));
        }
        labels
    }

    fn position(&self, obj: &ObjId) -> String {
        let stored = self.reader().str(obj, "position");
        stored.unwrap_or_else(|| fractional_index::DEFAULT.to_owned())
    }

    fn messages(&self, thread: &ObjId) -> Vec<Json> {
        let reader = self.reader();
        let Some(messages) = reader.map(thread, "messages") else {
            return Vec::new();
        };
        let mut found: Vec<(String, String, Json)> = reader
            .keys(&messages)
            .into_iter()
            .filter_map(|key| {
                let message = reader.map(&messages, &key)?;
                let position = self.position(&message);
                let body = reader.json(&message, "body").unwrap_or_default();
                let created = reader.str(&message, "created_at").unwrap_or_default();
                let out = json!({"id": key, "position": position, "body": body, "created_at": created,
                    "created_by_actor_label": author(&message)});
                Some((position, key, out))
            })
            .collect();
        found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        found.into_iter().map(|(_, _, message)| message).collect()
    }
}

/// The label of the change that made an object or wrote a value.
fn author(id: &ObjId) -> Option<String> {
    match id {
        ObjId::Id(_, actor, _) => String::from_utf8(actor.to_bytes().to_vec()).ok(),
        ObjId::Root => None,
    }
}

#[cfg(test)]
mod tests;
