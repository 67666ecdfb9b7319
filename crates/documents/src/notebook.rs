//! NotebookDoc: cells and notebook metadata (documents 4).

#[cfg(any(test, feature = "testing"))]
mod edit;
mod load;
mod metadata;

pub use load::{Loaded, load_stored};
pub use metadata::{MetadataSnapshot, Runtime, metadata_from_ipynb};

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjId, ObjType, ROOT};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::fractional_index;
use crate::genesis::{DocKind, document};
use crate::value::{DocError, put_text_or_null, update_json};

/// Cells and notebook metadata of a room.
#[derive(Clone, Debug)]
pub struct NotebookDoc {
    doc: AutoCommit,
}

document!(NotebookDoc, DocKind::Notebook);

/// A cell as readers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its id.
    pub id: String,
    /// `code`, `markdown` or `raw`.
    pub cell_type: String,
    /// Its fractional index.
    pub position: String,
    /// Its source.
    pub source: String,
    /// The fallback count: a decimal in a string, or `null`.
    pub execution_count: String,
    /// Its metadata; unreadable reads as empty.
    pub metadata: Json,
    /// Markdown image reference to blob hash.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub resolved_assets: Json,
    /// Attachments by name and media type.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub attachments: Json,
    /// The execution whose outputs it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
}

impl NotebookDoc {
    /// Makes the empty room of a notebook id; its heads follow from the id alone (4.3).
    pub fn hosted_bootstrap(notebook_id: &str) -> Result<Self, DocError> {
        let mut notebook = Self::from_seed(&wire::actor::room_actor_label(notebook_id))?;
        notebook.put_identity(notebook_id)?;
        notebook.doc.commit();
        let key = wire::actor::room_key(notebook_id);
        notebook.create_cell(
            &format!("cell-room-{key}"),
            "code",
            fractional_index::DEFAULT,
        )?;
        notebook.doc.commit();
        Ok(notebook)
    }

    /// Puts the three document ids.
    pub fn put_identity(&mut self, notebook_id: &str) -> Result<(), DocError> {
        self.doc.put(ROOT, "notebook_id", notebook_id)?;
        self.doc.put(
            ROOT,
            "runtime_state_doc_id",
            format!("runtime:{notebook_id}"),
        )?;
        self.doc
            .put(ROOT, "comms_doc_id", format!("comms:{notebook_id}"))?;
        Ok(())
    }

    /// Returns a text at the root, such as `notebook_id`.
    pub fn root_text(&self, key: &str) -> Option<String> {
        self.reader().str(&ROOT, key)
    }

    /// Returns the largest concurrent schema version.
    pub fn schema_version(&self) -> Option<u64> {
        load::schema_version(self.reader())
    }

    fn cells_map(&self) -> Result<ObjId, DocError> {
        self.reader()
            .root_map("cells")
            .ok_or(DocError::MissingMap("cells"))
    }

    fn cell(&self, id: &str) -> Result<ObjId, DocError> {
        let cells = self.cells_map()?;
        self.reader()
            .map(&cells, id)
            .ok_or_else(|| DocError::CellNotFound(id.to_owned()))
    }

    /// Returns (position, cell id) of all cells in order.
    pub fn order(&self) -> Vec<(String, String)> {
        let Ok(cells) = self.cells_map() else {
            return Vec::new();
        };
        let reader = self.reader();
        let mut order: Vec<(String, String)> = reader
            .entries(&cells)
            .into_iter()
            .filter(|(_, value, _)| matches!(value, automerge::ValueRef::Object(_)))
            .filter_map(|(_, _, cell)| {
                let id = reader.str(&cell, "id")?;
                let position = reader.str(&cell, "position");
                Some((
                    position.unwrap_or_else(|| fractional_index::DEFAULT.into()),
                    id,
                ))
            })
            .collect();
        order.sort();
        order
    }

    /// Returns the ids of all cells in order.
    pub fn cell_ids(&self) -> Vec<String> {
        self.order().into_iter().map(|(_, id)| id).collect()
    }

    /// Returns all cells in order.
    pub fn cells(&self) -> Vec<Cell> {
        self.cell_ids()
            .iter()
            .filter_map(|id| self.read_cell(id))
            .collect()
    }

    /// Returns one cell.
    pub fn read_cell(&self, id: &str) -> Option<Cell> {
        let cell = self.cell(id).ok()?;
        let reader = self.reader();
        let text =
            |key: &str, absent: &str| reader.str(&cell, key).unwrap_or_else(|| absent.into());
        let metadata = match reader.json(&cell, "metadata") {
            Some(Json::String(legacy)) => serde_json::from_str(&legacy).ok(),
            other => other,
        };
        Some(Cell {
            id: id.to_owned(),
            cell_type: text("cell_type", ""),
            position: text("position", fractional_index::DEFAULT),
            source: self.source(id).unwrap_or_default(),
            execution_count: text("execution_count", "null"),
            metadata: metadata
                .filter(Json::is_object)
                .unwrap_or_else(|| serde_json::json!({})),
            resolved_assets: reader.json(&cell, "resolved_assets").unwrap_or_default(),
            attachments: reader.json(&cell, "attachments").unwrap_or_default(),
            execution_id: reader.str(&cell, "execution_id"),
        })
    }

    /// Returns the source of a cell.
    pub fn source(&self, id: &str) -> Option<String> {
        let cell = self.cell(id).ok()?;
        let text = self.reader().object(&cell, "source", ObjType::Text);
        Some(
            text.map(|text| self.reader().text(&text))
                .unwrap_or_default(),
        )
    }

    /// Returns the type of a cell.
    pub fn cell_type(&self, id: &str) -> Option<String> {
        let cell = self.cell(id).ok()?;
        Some(self.reader().str(&cell, "cell_type").unwrap_or_default())
    }

    /// Returns the execution a cell shows.
    pub fn execution_id(&self, id: &str) -> Option<String> {
        let cell = self.cell(id).ok()?;
        self.reader().str(&cell, "execution_id")
    }

    fn create_cell(&mut self, id: &str, kind: &str, position: &str) -> Result<ObjId, DocError> {
        let cells = self.cells_map()?;
        let cell = self.doc.put_object(&cells, id, ObjType::Map)?;
        self.doc.put(&cell, "id", id)?;
        self.doc.put(&cell, "cell_type", kind)?;
        self.doc.put(&cell, "position", position)?;
        self.doc.put_object(&cell, "source", ObjType::Text)?;
        self.doc.put(&cell, "execution_count", "null")?;
        self.doc.put_object(&cell, "metadata", ObjType::Map)?;
        self.doc
            .put_object(&cell, "resolved_assets", ObjType::Map)?;
        self.doc.put_object(&cell, "attachments", ObjType::Map)?;
        Ok(cell)
    }

    /// Adds cells at the end, as an import does: `80, 8180, 8280, …`.
    pub fn append_cells(&mut self, cells: &[Cell]) -> Result<(), DocError> {
        let mut last = self.order().pop().map(|(position, _)| position);
        for cell in cells {
            let position = last
                .as_deref()
                .map_or_else(
                    || Some(fractional_index::DEFAULT.into()),
                    fractional_index::after,
                )
                .unwrap_or_else(|| fractional_index::DEFAULT.into());
            let object = self.create_cell(&cell.id, &cell.cell_type, &position)?;
            self.replace_source(&cell.id, &cell.source)?;
            if cell.execution_count != "null" {
                self.doc
                    .put(&object, "execution_count", cell.execution_count.as_str())?;
            }
            for (key, value) in [
                ("metadata", &cell.metadata),
                ("attachments", &cell.attachments),
            ] {
                if value.as_object().is_some_and(|fields| !fields.is_empty()) {
                    update_json(&mut self.doc, &object, key, value)?;
                }
            }
            if let Some(execution) = &cell.execution_id {
                self.doc.put(&object, "execution_id", execution.as_str())?;
            }
            last = Some(position);
        }
        Ok(())
    }

    /// Deletes every cell.
    pub fn clear_cells(&mut self) -> Result<(), DocError> {
        let cells = self.cells_map()?;
        for key in self.reader().keys(&cells) {
            self.doc.delete(&cells, key)?;
        }
        Ok(())
    }

    fn source_text(&mut self, id: &str) -> Result<ObjId, DocError> {
        let cell = self.cell(id)?;
        match self.reader().object(&cell, "source", ObjType::Text) {
            Some(text) => Ok(text),
            None => Ok(self.doc.put_object(&cell, "source", ObjType::Text)?),
        }
    }

    /// Replaces a cell's source by the smallest edit (Myers).
    pub fn replace_source(&mut self, id: &str, source: &str) -> Result<(), DocError> {
        let text = self.source_text(id)?;
        self.doc.update_text(&text, source)?;
        Ok(())
    }

    /// Points a cell at an execution, or at none.
    pub fn set_execution_id(&mut self, id: &str, to: Option<&str>) -> Result<(), DocError> {
        let cell = self.cell(id)?;
        Ok(put_text_or_null(&mut self.doc, &cell, "execution_id", to)?)
    }
}

#[cfg(test)]
mod tests;
