//! What people write: threads, replies, and the end of threads (documents 10.4). For tests: a room relays what clients
//! write, and no program of ours writes comments.

use automerge::transaction::Transactable;
use automerge::{AutomergeError, ObjId, ObjType};
use serde_json::json;

use super::{Anchor, AnchorError, CommentsDoc};
use crate::fractional_index::position_for;
use crate::value::{DocError, put_json};

/// A message to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its text.
    pub body: &'a str,
    /// When, in RFC 3339.
    pub created_at: &'a str,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CommentError {
    /// The anchor cannot be used.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// There is a thread or message of that id.
    #[error("there is a comment with the id `{0}` already")]
    Exists(String),
    /// The thread, or what the new one comes after, is not there.
    #[error("there is no comment with the id `{0}`")]
    Missing(String),
    /// The document refused a write.
    #[error(transparent)]
    Document(#[from] DocError),
}

impl From<AutomergeError> for CommentError {
    fn from(error: AutomergeError) -> Self {
        Self::Document(error.into())
    }
}

impl CommentsDoc {
    /// Begins a thread; after another of its scope, or before all of them. `source` is that of the cell, if the anchor
    /// is a part of it.
    ///
    /// # Errors
    /// The anchor does not fit, the id is taken, or `after` is no thread of the scope.
    pub fn create_thread(
        &mut self,
        id: &str,
        anchor: &Anchor,
        source: &str,
        after: Option<&str>,
        first: &NewMessage<'_>,
    ) -> Result<(), CommentError> {
        anchor.check_source(source)?;
        let scope = anchor.scope();
        let threads = self.root_threads()?;
        let reader = self.reader();
        if reader.get(&threads, id).is_some() {
            return Err(CommentError::Exists(id.to_owned()));
        }
        let in_scope = |key: &String| {
            let thread = reader.map(&threads, key);
            thread.and_then(|thread| reader.str(&thread, "thread_order_scope"))
                == Some(scope.clone())
        };
        let siblings = reader.keys(&threads).into_iter().filter(in_scope);
        let position = self.position_among(&threads, siblings.collect(), after)?;
        let anchor = serde_json::to_value(anchor).unwrap_or_else(|_| json!({"kind": "notebook"}));
        let doc = &mut self.doc;
        let thread = doc.put_object(&threads, id, ObjType::Map)?;
        for (key, text) in [
            ("id", id),
            ("position", &position),
            ("thread_order_scope", &scope),
            ("status", "open"),
            ("created_at", first.created_at),
        ] {
            doc.put(&thread, key, text)?;
        }
        put_json(doc, &thread, "anchor", &anchor)?;
        doc.put_object(&thread, "messages", ObjType::Map)?;
        self.reply(id, None, first)
    }

    /// Adds a message after another, or before all of them.
    ///
    /// # Errors
    /// The thread or `after` is not there, or the id is taken.
    pub fn reply(
        &mut self,
        thread: &str,
        after: Option<&str>,
        message: &NewMessage<'_>,
    ) -> Result<(), CommentError> {
        let missing = || CommentError::Missing(thread.to_owned());
        let reader = self.reader();
        let object = self.thread(thread)?.ok_or_else(missing)?;
        let messages = reader.map(&object, "messages").ok_or_else(missing)?;
        if reader.get(&messages, message.id).is_some() {
            return Err(CommentError::Exists(message.id.to_owned()));
        }
        let position = self.position_among(&messages, reader.keys(&messages), after)?;
        let doc = &mut self.doc;
        let object = doc.put_object(&messages, message.id, ObjType::Map)?;
        for (key, text) in [
            ("id", message.id),
            ("position", &position),
            ("created_at", message.created_at),
        ] {
            doc.put(&object, key, text)?;
        }
        let body = doc.put_object(&object, "body", ObjType::Text)?;
        doc.splice_text(&body, 0, 0, message.body)?;
        Ok(())
    }

    /// Ends a thread at a time (RFC 3339), or opens it again; false if there is no such thread.
    pub fn resolve(&mut self, thread: &str, at: Option<&str>) -> Result<bool, DocError> {
        let Some(object) = self.thread(thread)? else {
            return Ok(false);
        };
        let status = if at.is_some() { "resolved" } else { "open" };
        self.doc.put(&object, "status", status)?;
        if let Some(at) = at {
            self.doc.put(&object, "resolved_at", at)?;
        }
        Ok(true)
    }

    /// Replaces a thread's anchor by the notebook itself, when its target is gone.
    pub fn demote(&mut self, thread: &str) -> Result<bool, DocError> {
        let Some(object) = self.thread(thread)? else {
            return Ok(false);
        };
        let notebook = json!({"kind": "notebook"});
        put_json(&mut self.doc, &object, "anchor", &notebook)?;
        self.doc.put(&object, "thread_order_scope", "notebook")?;
        Ok(true)
    }

    fn root_threads(&self) -> Result<ObjId, DocError> {
        let threads = self.reader().root_map("threads");
        threads.ok_or(DocError::MissingMap("threads"))
    }

    fn thread(&self, id: &str) -> Result<Option<ObjId>, DocError> {
        Ok(self.reader().map(&self.root_threads()?, id))
    }

    /// The place after one of these, or before all of them.
    fn position_among(
        &self,
        parent: &ObjId,
        keys: Vec<String>,
        after: Option<&str>,
    ) -> Result<String, CommentError> {
        let reader = self.reader();
        let placed = |key: String| Some((self.position(&reader.map(parent, &key)?), key));
        let mut sorted: Vec<(String, String)> = keys.into_iter().filter_map(placed).collect();
        sorted.sort();
        let index = match after {
            None => None,
            Some(after) => {
                let at = sorted.iter().position(|(_, key)| key == after);
                Some(at.ok_or_else(|| CommentError::Missing(after.to_owned()))?)
            }
        };
        let positions: Vec<&str> = sorted.iter().map(|(at, _)| at.as_str()).collect();
        Ok(position_for(&positions, index))
    }
}
