//! Outputs of an execution (documents 5.5).

use automerge::transaction::Transactable;
use automerge::{ObjId, ReadDoc, ScalarValue};
use serde_json::Value as Json;

use super::{RuntimeStateDoc, status};
use crate::value::{DocError, Reader, hydrated, put_tree, tree, update_json};

/// One output in reading order.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputEntry {
    /// Its place.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// Its manifest.
    pub manifest: Json,
}

/// What writing an output did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsert {
    /// Nothing: the execution is gone.
    Gone,
    /// Nothing: the output is so already.
    Same,
    /// The output was updated in place.
    Updated,
    /// The output is new.
    Appended,
}

/// Where the outputs of an execution are, looked up once for several that are written one after the other.
#[derive(Clone, Debug)]
pub struct OutputPlace {
    execution: String,
    outputs: ObjId,
    /// Whether the execution has ended.
    pub is_over: bool,
}

impl OutputPlace {
    /// The execution.
    pub fn execution(&self) -> &str {
        &self.execution
    }
}

pub(super) fn read<D: ReadDoc>(reader: Reader<'_, D>, execution: &ObjId) -> Vec<OutputEntry> {
    let Some(outputs) = reader.map(execution, "outputs") else {
        return Vec::new();
    };
    let mut entries: Vec<OutputEntry> = reader
        .entries(&outputs)
        .into_iter()
        .filter(|(_, value, _)| matches!(value, automerge::ValueRef::Object(_)))
        .filter_map(|(id, _, entry)| {
            let seq = reader.u64(&entry, "seq")?;
            let manifest = reader.json(&entry, "manifest")?;
            Some(OutputEntry { seq, id, manifest })
        })
        .collect();
    entries.sort_by(|a, b| (a.seq, &a.id).cmp(&(b.seq, &b.id)));
    entries
}

impl RuntimeStateDoc {
    /// Returns the outputs of an execution in order.
    pub fn outputs(&self, execution: &str) -> Vec<OutputEntry> {
        self.execution_object(execution)
            .map(|object| read(self.reader(), &object))
            .unwrap_or_default()
    }

    /// Returns the seq the next output of an execution gets; reads its outputs, so keep it.
    pub fn next_output_seq(&self, execution: &str) -> u64 {
        let Some(outputs) = self.outputs_map(execution) else {
            return 0;
        };
        let reader = self.reader();
        let entries = reader.entries(&outputs).into_iter();
        entries
            .filter(|(_, value, _)| matches!(value, automerge::ValueRef::Object(_)))
            .filter_map(|(_, _, entry)| reader.u64(&entry, "seq"))
            .max()
            .map_or(0, |seq| seq.saturating_add(1))
    }

    fn outputs_map(&self, execution: &str) -> Option<ObjId> {
        let object = self.execution_object(execution)?;
        self.reader().map(&object, "outputs")
    }

    /// Returns one output's manifest.
    pub fn output(&self, execution: &str, output: &str) -> Option<Json> {
        let outputs = self.outputs_map(execution)?;
        let entry = self.reader().map(&outputs, output)?;
        self.reader().json(&entry, "manifest")
    }

    /// Appends an output with a seq the caller counts, or updates the one with its id, which keeps its own, in place.
    pub fn upsert_output_at(
        &mut self,
        execution: &str,
        manifest: &Json,
        seq: u64,
    ) -> Result<Upsert, DocError> {
        match self.output_place(execution) {
            Some(place) => self.upsert_output_in(&place, manifest, seq),
            None => Ok(Upsert::Gone),
        }
    }

    /// Finds where the outputs of an execution are; good as long as nothing but outputs is written.
    pub fn output_place(&self, execution: &str) -> Option<OutputPlace> {
        let object = self.execution_object(execution)?;
        let reader = self.reader();
        let status = reader.str(&object, "status");
        Some(OutputPlace {
            execution: execution.to_owned(),
            outputs: reader.map(&object, "outputs")?,
            is_over: status.is_none_or(|status| status::is_terminal(&status)),
        })
    }

    /// Whether an output is there.
    pub fn has_output(&self, place: &OutputPlace, output: &str) -> bool {
        self.reader().get(&place.outputs, output).is_some()
    }

    /// Does as [`Self::upsert_output_at`] where the outputs were found to be.
    pub fn upsert_output_in(
        &mut self,
        place: &OutputPlace,
        manifest: &Json,
        seq: u64,
    ) -> Result<Upsert, DocError> {
        let id = manifest["output_id"]
            .as_str()
            .ok_or(DocError::MissingOutputId)?
            .to_owned();
        let OutputPlace {
            execution, outputs, ..
        } = place;
        let Some(entry) = self.reader().map(outputs, &id) else {
            let entry = tree([
                ("seq".to_owned(), ScalarValue::Uint(seq).into()),
                ("manifest".to_owned(), hydrated(manifest)),
            ]);
            put_tree(&mut self.doc, outputs, &id, &entry)?;
            self.index_display(execution, &id, None, Some(manifest))?;
            return Ok(Upsert::Appended);
        };
        let before = self.reader().json(&entry, "manifest");
        if before.as_ref() == Some(manifest) {
            return Ok(Upsert::Same);
        }
        update_json(&mut self.doc, &entry, "manifest", manifest)?;
        self.index_display(execution, &id, before.as_ref(), Some(manifest))?;
        Ok(Upsert::Updated)
    }

    /// Appends several outputs with consecutive seqs from one scan; false if the execution is gone.
    pub fn append_outputs(
        &mut self,
        execution: &str,
        manifests: &[Json],
    ) -> Result<bool, DocError> {
        let first = self.next_output_seq(execution);
        let mut stored = true;
        for (offset, manifest) in manifests.iter().enumerate() {
            let written = self.upsert_output_at(execution, manifest, first + offset as u64)?;
            stored &= written != Upsert::Gone;
        }
        Ok(stored)
    }

    /// Removes one output; false if it is not there.
    pub fn remove_output(&mut self, execution: &str, output: &str) -> Result<bool, DocError> {
        let Some(outputs) = self.outputs_map(execution) else {
            return Ok(false);
        };
        if self.reader().get(&outputs, output).is_none() {
            return Ok(false);
        }
        let before = self.output(execution, output);
        self.index_display(execution, output, before.as_ref(), None)?;
        self.doc.delete(&outputs, output)?;
        Ok(true)
    }

    /// Removes all outputs of an execution, for `clear_output`.
    pub fn clear_outputs(&mut self, execution: &str) -> Result<(), DocError> {
        for entry in self.outputs(execution) {
            self.remove_output(execution, &entry.id)?;
        }
        Ok(())
    }
}
