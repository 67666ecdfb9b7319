//! Which outputs show a display id (documents 5.6).

use automerge::ObjType;
use automerge::transaction::Transactable;
use serde_json::Value as Json;

use super::RuntimeStateDoc;
use crate::value::DocError;

/// Returns the display id of a manifest.
pub fn display_id(manifest: &Json) -> Option<&str> {
    manifest["transient"]["display_id"]
        .as_str()
        .filter(|id| !id.is_empty())
}

impl RuntimeStateDoc {
    /// Returns the (execution, output) pairs that show a display id; reads all outputs if the index
    /// knows none.
    pub fn displays(&self, display: &str) -> Vec<(String, String)> {
        let reader = self.reader();
        let index = reader.root_map("display_index");
        let Some(entries) = index.and_then(|index| reader.map(&index, display)) else {
            return self.all_showing(display);
        };
        let keys = reader.keys(&entries).into_iter();
        keys.filter_map(|key| {
            let (execution, output) = key.split_once('\0')?;
            Some((execution.to_owned(), output.to_owned()))
        })
        .collect()
    }

    fn all_showing(&self, display: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for execution in self.all_execution_ids() {
            let outputs = self.outputs(&execution).into_iter();
            let shown = outputs.filter(|entry| display_id(&entry.manifest) == Some(display));
            found.extend(shown.map(|entry| (execution.clone(), entry.id)));
        }
        found
    }

    /// Puts `data` and `metadata` into every output that shows a display id; returns how many do. Where `amends` is false,
    /// those of ended executions stay as they are: a room without decision D13 refuses such a change.
    pub fn update_display(
        &mut self,
        display: &str,
        data: &Json,
        metadata: Option<&Json>,
        amends: bool,
    ) -> Result<usize, DocError> {
        let mut shown = self.displays(display);
        if !amends {
            shown.retain(|(execution, _)| self.is_open(execution));
        }
        for (execution, output) in &shown {
            let Some(Json::Object(mut manifest)) = self.output(execution, output) else {
                continue;
            };
            manifest.insert("data".into(), data.clone());
            match metadata {
                Some(metadata) => manifest.insert("metadata".into(), metadata.clone()),
                None => manifest.shift_remove("metadata"),
            };
            self.upsert_output_at(execution, &Json::Object(manifest), 0)?;
        }
        Ok(shown.len())
    }

    pub(super) fn index_display(
        &mut self,
        execution: &str,
        output: &str,
        before: Option<&Json>,
        after: Option<&Json>,
    ) -> Result<(), DocError> {
        let (old, new) = (before.and_then(display_id), after.and_then(display_id));
        if old == new {
            return Ok(());
        }
        let index = self.map("display_index")?;
        let key = format!("{execution}\0{output}");
        if let Some(entries) = old.and_then(|old| self.reader().map(&index, old)) {
            if self.reader().get(&entries, key.as_str()).is_some() {
                self.doc.delete(&entries, key.as_str())?;
            }
            if let Some(old) = old
                && self.reader().keys(&entries).is_empty()
            {
                self.doc.delete(&index, old)?;
            }
        }
        if let Some(new) = new {
            let entries = match self.reader().map(&index, new) {
                Some(entries) => entries,
                None => self.doc.put_object(&index, new, ObjType::Map)?,
            };
            self.doc.put(&entries, key.as_str(), true)?;
        }
        Ok(())
    }

    pub(super) fn forget_displays_of(&mut self, execution: &str) -> Result<(), DocError> {
        for entry in self.outputs(execution) {
            self.index_display(execution, &entry.id, Some(&entry.manifest), None)?;
        }
        Ok(())
    }
}
