//! Notebook metadata as a snapshot (documents 4.8).

use automerge::transaction::Transactable;
use serde_json::{Map, Value as Json};

use super::NotebookDoc;
use crate::value::{DocError, update_json};

const INTERNAL: [&str; 2] = ["runtime", "ephemeral"];
const PARTS: [&str; 3] = ["kernelspec", "language_info", "runt"];

/// The notebook's metadata without its internal keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataSnapshot {
    /// The kernel; has `name` and `display_name`.
    pub kernelspec: Option<Map<String, Json>>,
    /// The language; has `name`.
    pub language_info: Option<Map<String, Json>>,
    /// Our own section; has `schema_version`.
    pub runt: Option<Map<String, Json>>,
    /// Everything else.
    pub extras: Map<String, Json>,
}

impl MetadataSnapshot {
    /// Returns whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the snapshot as one object.
    pub fn to_json(&self) -> Map<String, Json> {
        let parts = [&self.kernelspec, &self.language_info, &self.runt];
        let parts = PARTS.iter().zip(parts);
        let mut out: Map<String, Json> = parts
            .filter_map(|(key, part)| Some(((*key).to_owned(), Json::Object(part.clone()?))))
            .collect();
        out.extend(self.extras.clone());
        out
    }
}

fn part(value: Option<&Json>, required: &[&str]) -> Option<Map<String, Json>> {
    let fields = value?.as_object()?;
    required
        .iter()
        .all(|key| fields.get(*key).is_some_and(Json::is_string))
        .then(|| fields.clone())
}

/// Reads the metadata object of an `.ipynb` file; a part that does not parse loses the whole.
pub fn metadata_from_ipynb(metadata: &Map<String, Json>) -> Option<MetadataSnapshot> {
    let mut snapshot = MetadataSnapshot {
        kernelspec: part(metadata.get("kernelspec"), &["name", "display_name"]),
        language_info: part(metadata.get("language_info"), &["name"]),
        runt: part(metadata.get("runt"), &["schema_version"]),
        extras: Map::new(),
    };
    let parsed = [
        &snapshot.kernelspec,
        &snapshot.language_info,
        &snapshot.runt,
    ];
    for (key, part) in PARTS.iter().zip(parsed) {
        if part.is_none() && metadata.get(*key).is_some_and(|value| !value.is_null()) {
            return None;
        }
    }
    for (key, value) in metadata {
        if !PARTS.contains(&key.as_str()) && !INTERNAL.contains(&key.as_str()) {
            snapshot.extras.insert(key.clone(), value.clone());
        }
    }
    for section in ["uv", "conda"] {
        if let Some(value) = snapshot.extras.remove(section) {
            let runt = snapshot.runt.get_or_insert_with(|| {
                Map::from_iter([("schema_version".to_owned(), Json::from("1"))])
            });
            runt.entry(section).or_insert(value);
        }
    }
    if let Some(runt) = &mut snapshot.runt {
        runt.remove("trust_signature");
        runt.remove("trust_timestamp");
    }
    (!snapshot.is_empty()).then_some(snapshot)
}

impl NotebookDoc {
    /// Reads the metadata; a part that does not parse reads as absent.
    pub fn metadata(&self) -> Option<MetadataSnapshot> {
        let reader = self.reader();
        let fields = reader.map_json(&reader.root_map("metadata")?);
        let extras = fields
            .iter()
            .filter(|(key, _)| !PARTS.contains(&key.as_str()) && !INTERNAL.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let snapshot = MetadataSnapshot {
            kernelspec: part(fields.get("kernelspec"), &["name", "display_name"]),
            language_info: part(fields.get("language_info"), &["name"]),
            runt: part(fields.get("runt"), &["schema_version"]),
            extras,
        };
        (!snapshot.is_empty()).then_some(snapshot)
    }

    /// Writes the metadata in place; internal keys stay.
    pub fn set_metadata(&mut self, snapshot: &MetadataSnapshot) -> Result<(), DocError> {
        let map = self
            .reader()
            .root_map("metadata")
            .ok_or(DocError::MissingMap("metadata"))?;
        let runt = snapshot
            .runt
            .clone()
            .filter(|runt| runt.keys().any(|key| key != "schema_version"));
        let wanted = MetadataSnapshot {
            runt,
            ..snapshot.clone()
        }
        .to_json();
        for key in self.reader().keys(&map) {
            if !wanted.contains_key(&key) && !INTERNAL.contains(&key.as_str()) {
                self.doc.delete(&map, key)?;
            }
        }
        for (key, value) in &wanted {
            update_json(&mut self.doc, &map, key.as_str(), value)?;
        }
        Ok(())
    }
}
