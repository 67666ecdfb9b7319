//! What people do to cells (documents 4), for tests, the simulator and the tests' client of rooms. No program calls it:
//! the page has its own (`web/src/notebook/edit.ts`).

use automerge::transaction::Transactable;
use automerge::{ObjType, ReadDoc, ScalarValue};
use serde_json::Value as Json;

use super::NotebookDoc;
use crate::fractional_index;
use crate::value::{DocError, update_map};

impl NotebookDoc {
    /// Adds a cell after another, at the end if that one is unknown, or first.
    pub fn add_cell(&mut self, id: &str, kind: &str, after: Option<&str>) -> Result<(), DocError> {
        let position = self.position_after(after);
        self.create_cell(id, kind, &position)?;
        Ok(())
    }

    /// Adds a cell so that it has an index; larger indices clamp to the end.
    pub fn insert_cell(&mut self, id: &str, kind: &str, index: usize) -> Result<(), DocError> {
        let order = self.cell_ids();
        let after = index
            .min(order.len())
            .checked_sub(1)
            .and_then(|before| order.get(before));
        self.add_cell(id, kind, after.map(String::as_str))
    }

    /// Deletes a cell; false if it is not there.
    pub fn delete_cell(&mut self, id: &str) -> Result<bool, DocError> {
        let cells = self.cells_map()?;
        if self.reader().get(&cells, id).is_none() {
            return Ok(false);
        }
        self.doc.delete(&cells, id)?;
        Ok(true)
    }

    /// Moves a cell after another, or first.
    pub fn move_cell(&mut self, id: &str, after: Option<&str>) -> Result<(), DocError> {
        let cell = self.cell(id)?;
        let position = self.position_after(after);
        self.doc.put(&cell, "position", position)?;
        Ok(())
    }

    fn position_after(&self, after: Option<&str>) -> String {
        let order = self.order();
        let positions: Vec<&str> = order
            .iter()
            .map(|(position, _)| position.as_str())
            .collect();
        let index = after.map(|id| {
            order
                .iter()
                .position(|(_, cell)| cell == id)
                .unwrap_or(order.len().saturating_sub(1))
        });
        fractional_index::position_for(&positions, index)
    }

    /// Edits a cell's source at an index in Unicode scalar values.
    pub fn splice_source(
        &mut self,
        id: &str,
        index: usize,
        delete: usize,
        insert: &str,
    ) -> Result<(), DocError> {
        let text = self.source_text(id)?;
        let delete = isize::try_from(delete).unwrap_or(isize::MAX);
        self.doc.splice_text(&text, index, delete, insert)?;
        Ok(())
    }

    /// Appends to a cell's source.
    pub fn append_source(&mut self, id: &str, more: &str) -> Result<(), DocError> {
        let text = self.source_text(id)?;
        let end = self.doc.length(&text);
        self.doc.splice_text(&text, end, 0, more)?;
        Ok(())
    }

    /// Clears what a cell shows; the execution stays in RuntimeStateDoc.
    pub fn clear_outputs(&mut self, id: &str) -> Result<(), DocError> {
        let cell = self.cell(id)?;
        self.doc.put(&cell, "execution_id", ScalarValue::Null)?;
        self.doc.put(&cell, "execution_count", "null")?;
        Ok(())
    }

    /// Replaces a cell's metadata by a new map.
    pub fn set_cell_metadata(
        &mut self,
        id: &str,
        metadata: &serde_json::Map<String, Json>,
    ) -> Result<(), DocError> {
        let cell = self.cell(id)?;
        let map = self.doc.put_object(&cell, "metadata", ObjType::Map)?;
        Ok(update_map(&mut self.doc, &map, metadata)?)
    }
}
