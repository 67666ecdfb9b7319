//! What a list shows of a notebook's content: how many cells, its first lines, a picture
//! (control plane 3.2).

use crate::notebook::{Cell, NotebookDoc};
use crate::runtime_state::RuntimeStateDoc;

/// Cells in a preview.
const PREVIEWED: usize = 2;
/// Characters of a previewed cell.
const PREVIEW_TEXT: usize = 140;
/// Types that may be a picture of a notebook.
const PICTURES: [&str; 3] = ["image/png", "image/jpeg", "image/svg+xml"];

/// What is derived from a notebook's documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Code cells.
    pub code: u64,
    /// Markdown cells.
    pub markdown: u64,
    /// Raw cells.
    pub raw: u64,
    /// The first cells that say something.
    pub preview: Vec<PreviewCell>,
    /// The language its metadata names.
    pub language: Option<String>,
    /// The first picture among its outputs: blob and type.
    pub cover: Option<(String, String)>,
}

/// A glimpse of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewCell {
    /// `code`, `markdown` or `raw`.
    pub kind: String,
    /// Its beginning.
    pub text: String,
    /// The count of a code cell that ran.
    pub execution_count: Option<i64>,
}

/// Derives a notebook's summary.
pub fn summarize(notebook: &NotebookDoc, runtime: &RuntimeStateDoc) -> Summary {
    let mut summary = Summary {
        language: notebook
            .metadata()
            .and_then(|metadata| metadata.language_info)
            .and_then(|info| info.get("name")?.as_str().map(str::to_owned)),
        ..Summary::default()
    };
    for cell in notebook.cells() {
        match cell.cell_type.as_str() {
            "code" => summary.code += 1,
            "markdown" => summary.markdown += 1,
            _ => summary.raw += 1,
        }
        let execution = cell.execution_id.as_deref();
        if summary.preview.len() < PREVIEWED && !cell.source.trim().is_empty() {
            summary.preview.push(preview(&cell, runtime));
        }
        if summary.cover.is_none() {
            summary.cover = execution.and_then(|id| picture(runtime, id));
        }
    }
    summary
}

fn preview(cell: &Cell, runtime: &RuntimeStateDoc) -> PreviewCell {
    let count = || {
        runtime
            .execution_head(cell.execution_id.as_deref()?)?
            .execution_count
    };
    PreviewCell {
        kind: cell.cell_type.clone(),
        text: cell.source.trim().chars().take(PREVIEW_TEXT).collect(),
        execution_count: (cell.cell_type == "code").then(count).flatten(),
    }
}

fn picture(runtime: &RuntimeStateDoc, execution: &str) -> Option<(String, String)> {
    runtime.outputs(execution).into_iter().find_map(|output| {
        PICTURES.into_iter().find_map(|kind| {
            let blob = output.manifest["data"][kind]["blob"].as_str()?;
            Some((blob.to_owned(), kind.to_owned()))
        })
    })
}

#[cfg(test)]
mod tests;
