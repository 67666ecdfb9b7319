//! Which blobs documents refer to: exactly, for a revision that must be whole, and generously, for
//! a collection that must never take a blob that anything could still show.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{AutoCommit, ROOT};
use serde_json::Value;

use crate::notebook::NotebookDoc;
use crate::runtime_state::RuntimeStateDoc;
use crate::value::Reader;

/// Hex digits of a blob's name.
const HASH_DIGITS: usize = 64;

/// What is said of a blob where it is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlobReference {
    /// Its size.
    pub size: Option<u64>,
    /// Its type.
    pub media_type: Option<String>,
}

/// The blobs that cells, attachments and outputs name, by hash (control plane 3.9).
pub fn named(notebook: &NotebookDoc, runtime: &RuntimeStateDoc) -> BTreeMap<String, BlobReference> {
    let mut found = BTreeMap::new();
    for cell in notebook.cells() {
        walk(None, &cell.attachments, &mut found);
        for hash in strings(&cell.resolved_assets).filter(|text| is_hash(text)) {
            found.entry(hash.to_owned()).or_default();
        }
    }
    for id in runtime.all_execution_ids() {
        for output in runtime.outputs(&id) {
            walk(None, &output.manifest, &mut found);
        }
    }
    found
}

fn walk(key: Option<&str>, value: &Value, found: &mut BTreeMap<String, BlobReference>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(key, item, found)),
        Value::Object(members) => {
            let hash = members.get("blob").or_else(|| members.get("blob_hash"));
            if let Some(hash) = hash.and_then(Value::as_str).filter(|text| is_hash(text)) {
                let reference = found.entry(hash.to_owned()).or_default();
                let size = members.get("size").and_then(Value::as_u64);
                let media_type = key.filter(|key| key.contains('/')).map(str::to_owned);
                reference.size = reference.size.or(size);
                reference.media_type = reference.media_type.take().or(media_type);
            }
            for (name, member) in members {
                walk(Some(name), member, found);
            }
        }
        _ => {}
    }
}

fn strings(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(items) => Box::new(items.iter().flat_map(strings)),
        Value::Object(members) => Box::new(members.values().flat_map(strings)),
        _ => Box::new(std::iter::empty()),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == HASH_DIGITS && text.bytes().all(is_digit)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Everything in a document that could be a blob's name, wherever it stands.
pub fn mentioned(doc: &AutoCommit) -> BTreeSet<String> {
    let root = Reader::now(doc).map_json(&ROOT);
    let mut hashes = BTreeSet::new();
    for (key, value) in &root {
        for text in std::iter::once(key.as_str()).chain(strings(value)) {
            collect(text, &mut hashes);
        }
        keys(value, &mut hashes);
    }
    hashes
}

fn keys(value: &Value, hashes: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| keys(item, hashes)),
        Value::Object(members) => {
            for (key, member) in members {
                collect(key, hashes);
                keys(member, hashes);
            }
        }
        _ => {}
    }
}

/// Every run of exactly as many hex digits as a name has.
fn collect(text: &str, hashes: &mut BTreeSet<String>) {
    if text.len() < HASH_DIGITS {
        return;
    }
    let runs = text.split(|letter: char| !letter.is_ascii() || !is_digit(letter as u8));
    hashes.extend(
        runs.filter(|run| run.len() == HASH_DIGITS)
            .map(str::to_owned),
    );
}

#[cfg(test)]
mod tests;
