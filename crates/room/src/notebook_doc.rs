//! What the room itself reads from and writes into NotebookDoc.

use std::collections::BTreeSet;

use automerge::transaction::Transactable;
use automerge::{AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, Value};
use documents::notebook::{MetadataSnapshot, Runtime};
use documents::value::Reader;
use documents::{DeclaredEnvironment, WantedKernelspec};

use crate::runtime_doc::{map, text};

/// A cell as execution needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) execution_id: Option<String>,
}

pub(crate) fn cell(doc: &AutoCommit, id: &str) -> Option<Cell> {
    let cell = map(doc, &map(doc, &ROOT, "cells")?, id)?;
    Some(Cell {
        id: id.to_owned(),
        kind: text(doc, &cell, "cell_type").unwrap_or_default(),
        source: source(doc, &cell),
        execution_id: text(doc, &cell, "execution_id"),
    })
}

/// A cell's source is a text; anything else under its name reads as empty, here as in a download (documents 4.2).
fn source(doc: &AutoCommit, cell: &ObjId) -> String {
    match doc.get(cell, "source") {
        Ok(Some((Value::Object(ObjType::Text), id))) => doc.text(&id).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Longest name of a kernelspec or a language that is passed on.
const KERNELSPEC_LIMIT: usize = 128;

/// Returns the kernel that the notebook asks for. Without a name, one for Deno asks for that one's (DOC 4.8); others
/// take the machine's Python.
pub(crate) fn kernelspec(doc: &AutoCommit) -> Option<WantedKernelspec> {
    let fits = |name: &String| !name.is_empty() && name.len() <= KERNELSPEC_LIMIT;
    let metadata = map(doc, &ROOT, "metadata")?;
    let named = map(doc, &metadata, "kernelspec")
        .and_then(|spec| Some((text(doc, &spec, "name").filter(fits)?, spec)));
    let Some((name, spec)) = named else {
        let fields = Reader::now(doc).map_json(&metadata);
        let deno = MetadataSnapshot::of(&fields).runtime() == Some(Runtime::Deno);
        return deno.then(|| WantedKernelspec {
            name: "deno".to_owned(),
            language: "typescript".to_owned(),
        });
    };
    let info = || text(doc, &map(doc, &metadata, "language_info")?, "name").filter(fits);
    let language = language_of_name(&name.to_lowercase())
        .map(str::to_owned)
        .or_else(|| text(doc, &spec, "language").filter(fits))
        .or_else(info)
        .unwrap_or_default()
        .to_lowercase();
    Some(WantedKernelspec { name, language })
}

/// The language that a kernelspec's name gives away (DOC 4.8, and the names that nb_conda_kernels makes).
fn language_of_name(name: &str) -> Option<&'static str> {
    if name.contains("deno") {
        Some("typescript")
    } else if name.contains("python") || (name.starts_with("conda-") && name.ends_with("-py")) {
        Some("python")
    } else {
        None
    }
}

/// Returns the environment that the notebook declares.
pub(crate) fn declared_environment(doc: &AutoCommit) -> Option<DeclaredEnvironment> {
    let cells = code_cells(doc);
    let sources = cells.iter().map(|cell| cell.source.as_str());
    let reader = Reader::now(doc);
    let runt = map(doc, &ROOT, "metadata").and_then(|metadata| reader.json(&metadata, "runt"));
    DeclaredEnvironment::of(sources, runt.as_ref())
}

/// Returns the code cells in document order: by position, then by id.
pub(crate) fn code_cells(doc: &AutoCommit) -> Vec<Cell> {
    let Some(cells) = map(doc, &ROOT, "cells") else {
        return Vec::new();
    };
    let mut order: Vec<(String, String)> = doc
        .keys(&cells)
        .filter_map(|id| {
            let position = text(doc, &map(doc, &cells, &id)?, "position").unwrap_or_default();
            Some((position, id))
        })
        .collect();
    order.sort();
    let found = order.into_iter().filter_map(|(_, id)| cell(doc, &id));
    found.filter(|cell| cell.kind == "code").collect()
}

/// Returns the executions that cells point at.
pub(crate) fn shown_executions(doc: &AutoCommit) -> BTreeSet<String> {
    let Some(cells) = map(doc, &ROOT, "cells") else {
        return BTreeSet::new();
    };
    doc.keys(&cells)
        .filter_map(|id| text(doc, &map(doc, &cells, &id)?, "execution_id"))
        .collect()
}

pub(crate) fn point_cell(
    doc: &mut AutoCommit,
    cell_id: &str,
    execution_id: &str,
) -> Result<(), AutomergeError> {
    let cell = map(doc, &ROOT, "cells").and_then(|cells| map(doc, &cells, cell_id));
    let cell = cell.ok_or_else(|| AutomergeError::InvalidObjId(cell_id.to_owned()))?;
    doc.put(&cell, "execution_id", execution_id)
}
