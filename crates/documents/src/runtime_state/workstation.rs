//! The compute attachment and the widget topology (documents 5.10, 5.11).

use automerge::ReadDoc;
use automerge::transaction::Transactable;
use serde_json::Value as Json;
use wire::WorkstationAttachment;
use wire::http::Accelerator;

use super::RuntimeStateDoc;
use crate::value::{DocError, Reader, put_json, update_json};

pub(super) fn read<D: ReadDoc>(reader: Reader<'_, D>) -> Option<WorkstationAttachment> {
    let map = reader.root_map("workstation")?;
    let optional = |key: &str| reader.str(&map, key);
    let text = |key: &str| optional(key).unwrap_or_default();
    let accelerators = reader.json(&map, "accelerators").filter(Json::is_array);
    Some(WorkstationAttachment {
        workstation_id: text("workstation_id"),
        display_name: text("display_name"),
        provider: text("provider"),
        default_environment_label: text("default_environment_label"),
        environment_policy: text("environment_policy"),
        status: text("status"),
        status_message: optional("status_message"),
        cpu_count: reader.u64(&map, "cpu_count"),
        memory_bytes: reader.u64(&map, "memory_bytes"),
        accelerators: accelerators
            .and_then(|list| serde_json::from_value::<Vec<Accelerator>>(list).ok()),
        working_directory: optional("working_directory"),
        updated_at: optional("updated_at"),
        runtime_session_id: optional("runtime_session_id"),
    })
}

impl RuntimeStateDoc {
    /// Returns the attachment.
    pub fn workstation(&self) -> Option<WorkstationAttachment> {
        read(self.reader())
    }

    /// Opens a comm: writes its topology entry whole. `state` is always the empty map.
    pub fn open_comm(
        &mut self,
        comm: &str,
        target_name: &str,
        model_module: &str,
        model_name: &str,
    ) -> Result<(), DocError> {
        let comms = self.map("comms")?;
        let reader = self.reader();
        let entries = reader.entries(&comms).into_iter();
        let seq = entries
            .filter(|(_, value, _)| matches!(value, automerge::ValueRef::Object(_)))
            .filter_map(|(_, _, entry)| reader.i64(&entry, "seq"))
            .max()
            .map_or(0, |seq| seq.saturating_add(1));
        let entry = serde_json::json!({
            "target_name": target_name, "model_module": model_module, "model_name": model_name,
            "state": {}, "seq": seq, "outputs": [], "capture_msg_id": "",
        });
        Ok(put_json(&mut self.doc, &comms, comm, &entry)?)
    }

    /// Closes a comm; false if it is not open.
    pub fn close_comm(&mut self, comm: &str) -> Result<bool, DocError> {
        let comms = self.map("comms")?;
        if self.reader().get(&comms, comm).is_none() {
            return Ok(false);
        }
        self.doc.delete(&comms, comm)?;
        Ok(true)
    }

    /// Closes all comms, as on kernel shutdown.
    pub fn close_all_comms(&mut self) -> Result<Vec<String>, DocError> {
        let comms = self.map("comms")?;
        let ids = self.reader().keys(&comms);
        for id in &ids {
            self.doc.delete(&comms, id.as_str())?;
        }
        Ok(ids)
    }

    /// Returns whether a comm is open.
    pub fn has_comm(&self, comm: &str) -> bool {
        let reader = self.reader();
        let comms = reader.root_map("comms");
        comms.is_some_and(|comms| reader.map(&comms, comm).is_some())
    }

    /// Returns what an open comm is for, such as `jupyter.widget`.
    pub fn comm_target(&self, comm: &str) -> Option<String> {
        let reader = self.reader();
        let entry = reader.map(&reader.root_map("comms")?, comm)?;
        reader.str(&entry, "target_name")
    }

    /// Returns the ids of open comms.
    pub fn comm_ids(&self) -> Vec<String> {
        let comms = self.reader().root_map("comms");
        comms
            .map(|comms| self.reader().keys(&comms))
            .unwrap_or_default()
    }

    /// Reads a comm's topology entry whole.
    pub fn comm_entry(&self, comm: &str) -> Option<Json> {
        let reader = self.reader();
        reader.json(&reader.root_map("comms")?, comm)
    }

    /// Writes a comm's topology entry whole, as it was read.
    pub fn put_comm_entry(&mut self, comm: &str, entry: &Json) -> Result<(), DocError> {
        let comms = self.map("comms")?;
        Ok(put_json(&mut self.doc, &comms, comm, entry)?)
    }

    /// Reads one key of a comm's topology entry.
    pub fn comm_field(&self, comm: &str, key: &str) -> Option<Json> {
        let reader = self.reader();
        reader.json(&reader.map(&reader.root_map("comms")?, comm)?, key)
    }

    /// Writes one key of a comm's topology entry (`outputs` or `capture_msg_id`) in place.
    pub fn set_comm_field(
        &mut self,
        comm: &str,
        key: &str,
        value: &Json,
    ) -> Result<bool, DocError> {
        let comms = self.map("comms")?;
        let Some(entry) = self.reader().map(&comms, comm) else {
            return Ok(false);
        };
        if self.reader().json(&entry, key).as_ref() == Some(value) {
            return Ok(false);
        }
        update_json(&mut self.doc, &entry, key, value)?;
        Ok(true)
    }
}
