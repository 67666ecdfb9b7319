//! Notebook metadata as a snapshot (documents 4.8).

use automerge::transaction::Transactable;
use serde_json::{Map, Value as Json};

use super::NotebookDoc;
use crate::value::{DocError, update_json};

const INTERNAL: [&str; 2] = ["runtime", "ephemeral"];

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

/// The runtime that a notebook's metadata points to (documents 4.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// A Python kernel.
    Python,
    /// The Deno kernel, for TypeScript and JavaScript.
    Deno,
}

impl MetadataSnapshot {
    /// The parts that have a shape of their own.
    pub(crate) const PARTS: [&str; 3] = ["kernelspec", "language_info", "runt"];

    /// Reads the metadata object of a document; a part that does not parse reads as absent.
    pub fn of(fields: &Map<String, Json>) -> Self {
        let extras = fields
            .iter()
            .filter(|(key, _)| {
                !MetadataSnapshot::PARTS.contains(&key.as_str())
                    && !INTERNAL.contains(&key.as_str())
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Self {
            kernelspec: part(fields.get("kernelspec"), &["name", "display_name"]),
            language_info: part(fields.get("language_info"), &["name"]),
            runt: part(fields.get("runt"), &["schema_version"]),
            extras,
        }
    }

    /// Returns the runtime that it points to, by the first part that tells.
    pub fn runtime(&self) -> Option<Runtime> {
        let word = |part: &Option<Map<String, Json>>, key: &str| {
            let word = part.as_ref()?.get(key)?.as_str()?;
            Some(word.to_lowercase())
        };
        let by_name = word(&self.kernelspec, "name").and_then(|name| {
            let deno = name.contains("deno").then_some(Runtime::Deno);
            deno.or_else(|| name.contains("python").then_some(Runtime::Python))
        });
        let by_language = |language: String| match language.as_str() {
            "typescript" | "javascript" => Some(Runtime::Deno),
            "python" => Some(Runtime::Python),
            _ => None,
        };
        let by_info = |name: String| match name.as_str() {
            "deno" => Some(Runtime::Deno),
            _ => by_language(name),
        };
        let has = |section: &str| {
            self.runt
                .as_ref()
                .is_some_and(|runt| runt.contains_key(section))
        };
        by_name
            .or_else(|| by_language(word(&self.kernelspec, "language")?))
            .or_else(|| by_info(word(&self.language_info, "name")?))
            .or_else(|| has("deno").then_some(Runtime::Deno))
            .or_else(|| (has("uv") || has("conda")).then_some(Runtime::Python))
    }

    /// Returns whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the snapshot as one object.
    pub fn to_json(&self) -> Map<String, Json> {
        let parts = [&self.kernelspec, &self.language_info, &self.runt];
        let parts = Self::PARTS.iter().zip(parts);
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
    for (key, part) in MetadataSnapshot::PARTS.iter().zip(parsed) {
        if part.is_none() && metadata.get(*key).is_some_and(|value| !value.is_null()) {
            return None;
        }
    }
    for (key, value) in metadata {
        if !MetadataSnapshot::PARTS.contains(&key.as_str()) && !INTERNAL.contains(&key.as_str()) {
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
        let snapshot = MetadataSnapshot::of(&fields);
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
