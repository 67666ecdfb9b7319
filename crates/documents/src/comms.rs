//! CommsDoc: widget state that browsers may write (documents 9).

mod values;

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjId, ObjType};
use serde_json::{Map, Value as Json};

pub use values::{BINARY, Buffers, fold_large, put_at, reference, references, unfold};

use crate::genesis::{DocKind, document};
use crate::value::{DocError, put_json, update_json, update_map};

/// State of widgets by comm id.
#[derive(Clone, Debug)]
pub struct CommsDoc {
    doc: AutoCommit,
}

document!(CommsDoc, DocKind::Comms);

impl CommsDoc {
    /// Returns the ids of comms with state.
    pub fn comm_ids(&self) -> Vec<String> {
        let reader = self.reader();
        reader
            .root_map("comms")
            .map(|comms| reader.keys(&comms))
            .unwrap_or_default()
    }

    /// Returns a comm's state.
    pub fn state(&self, comm: &str) -> Option<Map<String, Json>> {
        let reader = self.reader();
        Some(reader.map_json(&reader.map(&reader.root_map("comms")?, comm)?))
    }

    /// Returns one trait of a comm.
    pub fn value(&self, comm: &str, key: &str) -> Option<Json> {
        let reader = self.reader();
        let comms = reader.root_map("comms")?;
        reader.json(&reader.map(&comms, comm)?, key)
    }

    /// Returns whose word a trait's value is: the label of the actor that wrote it.
    pub fn author(&self, comm: &str, key: &str) -> Option<String> {
        let reader = self.reader();
        let map = reader.map(&reader.root_map("comms")?, comm)?;
        match reader.get(&map, key)?.1 {
            ObjId::Id(_, actor, _) => Some(String::from_utf8_lossy(actor.to_bytes()).into_owned()),
            ObjId::Root => None,
        }
    }

    /// Merges a delta: equal scalars are skipped, lists and maps are updated in place.
    pub fn merge_state(&mut self, comm: &str, delta: &Map<String, Json>) -> Result<(), DocError> {
        let comms = self
            .reader()
            .root_map("comms")
            .ok_or(DocError::MissingMap("comms"))?;
        let map = match self.reader().map(&comms, comm) {
            Some(map) => map,
            None => self.doc.put_object(&comms, comm, ObjType::Map)?,
        };
        for (key, value) in delta {
            let scalar = !value.is_object() && !value.is_array();
            if scalar && self.reader().json(&map, key.as_str()).as_ref() == Some(value) {
                continue;
            }
            update_json(&mut self.doc, &map, key.as_str(), value)?;
        }
        Ok(())
    }

    /// Replaces a comm's state, in place if there is one.
    pub fn replace_state(&mut self, comm: &str, state: &Map<String, Json>) -> Result<(), DocError> {
        let comms = self
            .reader()
            .root_map("comms")
            .ok_or(DocError::MissingMap("comms"))?;
        match self.reader().map(&comms, comm) {
            Some(map) => update_map(&mut self.doc, &map, state)?,
            None => put_json(&mut self.doc, &comms, comm, &Json::Object(state.clone()))?,
        }
        Ok(())
    }

    /// Removes a comm's state; false if there is none.
    pub fn remove(&mut self, comm: &str) -> Result<bool, DocError> {
        let comms = self
            .reader()
            .root_map("comms")
            .ok_or(DocError::MissingMap("comms"))?;
        if self.reader().get(&comms, comm).is_none() {
            return Ok(false);
        }
        self.doc.delete(&comms, comm)?;
        Ok(true)
    }

    /// Removes the state of comms that are not open.
    pub fn prune(&mut self, open: &[String]) -> Result<Vec<String>, DocError> {
        let gone: Vec<String> = self
            .comm_ids()
            .into_iter()
            .filter(|id| !open.contains(id))
            .collect();
        for id in &gone {
            self.remove(id)?;
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests;
