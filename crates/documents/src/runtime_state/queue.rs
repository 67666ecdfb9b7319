//! The queue: what runs and what waits (documents 5.3).

use automerge::transaction::Transactable;
use automerge::{ObjType, ReadDoc};

use super::RuntimeStateDoc;
use crate::value::{DocError, Reader, put_text_or_null};

/// The queue as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Queue {
    /// What runs.
    pub executing: Option<String>,
    /// What waits, in order.
    pub queued: Vec<String>,
}

impl Queue {
    /// Returns whether an id runs or waits.
    pub fn contains(&self, id: &str) -> bool {
        self.executing.as_deref() == Some(id) || self.queued.iter().any(|queued| queued == id)
    }

    /// Returns all ids, what runs first.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        self.executing.iter().chain(&self.queued)
    }
}

pub(super) fn stored<D: ReadDoc>(reader: Reader<'_, D>) -> Queue {
    reader
        .root_map("queue")
        .map_or_else(Queue::default, |queue| Queue {
            executing: reader.str(&queue, "executing_execution_id"),
            queued: reader.strings(&queue, "queued_execution_ids"),
        })
}

impl RuntimeStateDoc {
    /// Returns the queue as it is stored.
    pub fn stored_queue(&self) -> Queue {
        stored(self.reader())
    }

    /// Writes the queue; does nothing when it is equal.
    pub fn set_queue(&mut self, wanted: &Queue) -> Result<bool, DocError> {
        let now = self.stored_queue();
        if now == *wanted {
            return Ok(false);
        }
        let queue = self.map("queue")?;
        if now.executing != wanted.executing {
            let executing = wanted.executing.as_deref();
            put_text_or_null(&mut self.doc, &queue, "executing_execution_id", executing)?;
        }
        let list = match self
            .reader()
            .object(&queue, "queued_execution_ids", ObjType::List)
        {
            Some(list) => list,
            None => self
                .doc
                .put_object(&queue, "queued_execution_ids", ObjType::List)?,
        };
        if now.queued != wanted.queued {
            for index in (0..self.doc.length(&list)).rev() {
                self.doc.delete(&list, index)?;
            }
            for (index, id) in wanted.queued.iter().enumerate() {
                self.doc.insert(&list, index, id.as_str())?;
            }
        }
        Ok(true)
    }
}
