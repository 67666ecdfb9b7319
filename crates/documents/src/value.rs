//! JSON in and out of Automerge values (documents 2.2).

use std::collections::HashMap;
use std::ops::RangeFull;

use automerge::transaction::Transactable;
use automerge::{
    AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value, ValueRef, hydrate,
};
use automerge::{ChangeHash, Prop};
use serde_json::{Map, Number, Value as Json};

/// Why a document could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DocError {
    /// The library refused.
    #[error("document operation failed: {0}")]
    Automerge(#[from] AutomergeError),
    /// A map the seed should have made is missing.
    #[error("document has no '{0}' map; it does not descend from its seed")]
    MissingMap(&'static str),
    /// A cell is not there.
    #[error("cell not found: {0}")]
    CellNotFound(String),
    /// An output manifest names no output.
    #[error("output manifest has no output_id")]
    MissingOutputId,
    /// A stored document cannot be used.
    #[error("{0}")]
    Unusable(String),
}

/// Reads a document as it is, or as it was at some heads.
pub struct Reader<'a, D: ReadDoc> {
    doc: &'a D,
    heads: Option<&'a [ChangeHash]>,
}

impl<D: ReadDoc> Clone for Reader<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: ReadDoc> Copy for Reader<'_, D> {}

impl<'a, D: ReadDoc> Reader<'a, D> {
    /// Reads the present.
    pub const fn now(doc: &'a D) -> Self {
        Self { doc, heads: None }
    }

    /// Reads the state at some heads.
    pub const fn at(doc: &'a D, heads: &'a [ChangeHash]) -> Self {
        Self {
            doc,
            heads: Some(heads),
        }
    }

    /// Returns the winning value of a key or index.
    pub fn get(&self, obj: &ObjId, prop: impl Into<Prop>) -> Option<(Value<'a>, ObjId)> {
        match self.heads {
            None => self.doc.get(obj, prop).ok()?,
            Some(heads) => self.doc.get_at(obj, prop, heads).ok()?,
        }
    }

    /// Returns all concurrent values of a key.
    pub fn get_all(&self, obj: &ObjId, prop: impl Into<Prop>) -> Vec<(Value<'a>, ObjId)> {
        match self.heads {
            None => self.doc.get_all(obj, prop),
            Some(heads) => self.doc.get_all_at(obj, prop, heads),
        }
        .unwrap_or_default()
    }

    /// Returns the keys of a map with their values.
    pub fn entries(&self, obj: &ObjId) -> Vec<(String, ValueRef<'a>, ObjId)> {
        let entry = |item: automerge::iter::MapRangeItem<'a>| {
            let id = item.id();
            (item.key.into_owned(), item.value, id)
        };
        match self.heads {
            None => self.doc.map_range(obj, RangeFull).map(entry).collect(),
            Some(heads) => self
                .doc
                .map_range_at(obj, RangeFull, heads)
                .map(entry)
                .collect(),
        }
    }

    /// Returns the keys of a map.
    pub fn keys(&self, obj: &ObjId) -> Vec<String> {
        match self.heads {
            None => self.doc.keys(obj).collect(),
            Some(heads) => self.doc.keys_at(obj, heads).collect(),
        }
    }

    /// Returns the object at a key if it is of a type.
    pub fn object(&self, obj: &ObjId, key: &str, kind: ObjType) -> Option<ObjId> {
        match self.get(obj, key)? {
            (Value::Object(found), id) if found == kind => Some(id),
            _ => None,
        }
    }

    /// Returns the map at a key.
    pub fn map(&self, obj: &ObjId, key: &str) -> Option<ObjId> {
        self.object(obj, key, ObjType::Map)
    }

    /// Returns the map at a root key.
    pub fn root_map(&self, key: &str) -> Option<ObjId> {
        self.map(&ROOT, key)
    }

    /// Returns the text scalar at a key.
    pub fn str(&self, obj: &ObjId, key: &str) -> Option<String> {
        match self.get(obj, key)?.0 {
            Value::Scalar(scalar) => scalar.as_str().map(str::to_owned),
            Value::Object(_) => None,
        }
    }

    /// Returns the boolean at a key; anything else reads false.
    pub fn bool(&self, obj: &ObjId, key: &str) -> bool {
        self.json(obj, key) == Some(Json::Bool(true))
    }

    /// Returns the non-negative integer at a key.
    pub fn u64(&self, obj: &ObjId, key: &str) -> Option<u64> {
        match self.get(obj, key)?.0.into_scalar().ok()? {
            ScalarValue::Uint(value) => Some(value),
            ScalarValue::Int(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// Returns the signed integer at a key.
    pub fn i64(&self, obj: &ObjId, key: &str) -> Option<i64> {
        match self.get(obj, key)?.0.into_scalar().ok()? {
            ScalarValue::Int(value) => Some(value),
            ScalarValue::Uint(value) => i64::try_from(value).ok(),
            _ => None,
        }
    }

    /// Returns the texts of the list at a key; other entries are skipped.
    pub fn strings(&self, obj: &ObjId, key: &str) -> Vec<String> {
        match self.json(obj, key) {
            Some(Json::Array(items)) => items
                .into_iter()
                .filter_map(|item| match item {
                    Json::String(text) => Some(text),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the JSON at a key; unreadable scalars are absent.
    pub fn json(&self, obj: &ObjId, prop: impl Into<Prop>) -> Option<Json> {
        let (value, id) = self.get(obj, prop)?;
        match value {
            Value::Object(kind) => Some(self.object_json(&id, kind)),
            Value::Scalar(scalar) => scalar_json(&scalar),
        }
    }

    /// Returns an object as JSON.
    pub fn object_json(&self, obj: &ObjId, kind: ObjType) -> Json {
        match kind {
            ObjType::Map | ObjType::Table => Json::Object(self.map_json(obj)),
            ObjType::List => {
                let length = match self.heads {
                    None => self.doc.length(obj),
                    Some(heads) => self.doc.length_at(obj, heads),
                };
                (0..length)
                    .map(|index| self.json(obj, index).unwrap_or(Json::Null))
                    .collect()
            }
            ObjType::Text => Json::String(self.text(obj)),
        }
    }

    /// Returns what a map holds beside objects, by one walk: looking up key by key costs a search each.
    pub fn scalars(&self, obj: &ObjId) -> Map<String, Json> {
        let entries = self.entries(obj).into_iter();
        entries
            .filter_map(|(key, value, _)| match value.into_value() {
                Value::Scalar(scalar) => Some((key, scalar_json(&scalar)?)),
                Value::Object(_) => None,
            })
            .collect()
    }

    /// Returns a map as JSON, its keys in order.
    pub fn map_json(&self, obj: &ObjId) -> Map<String, Json> {
        let entries = self.entries(obj).into_iter();
        entries
            .filter_map(|(key, value, id)| {
                let json = match value.into_value() {
                    Value::Object(kind) => Some(self.object_json(&id, kind)),
                    Value::Scalar(scalar) => scalar_json(&scalar),
                };
                json.map(|json| (key, json))
            })
            .collect()
    }

    /// Returns the text of a text object.
    pub fn text(&self, obj: &ObjId) -> String {
        match self.heads {
            None => self.doc.text(obj),
            Some(heads) => self.doc.text_at(obj, heads),
        }
        .unwrap_or_default()
    }
}

fn scalar_json(scalar: &ScalarValue) -> Option<Json> {
    Some(match scalar {
        ScalarValue::Null => Json::Null,
        ScalarValue::Boolean(value) => Json::Bool(*value),
        ScalarValue::Int(value) => Json::from(*value),
        ScalarValue::Uint(value) => Json::from(*value),
        ScalarValue::F64(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        ScalarValue::Str(value) => Json::String(value.to_string()),
        _ => return None,
    })
}

fn json_scalar(json: &Json) -> Option<ScalarValue> {
    Some(match json {
        Json::Null => ScalarValue::Null,
        Json::Bool(value) => ScalarValue::Boolean(*value),
        Json::Number(number) => number.as_i64().map_or_else(
            || {
                number.as_u64().map_or_else(
                    || ScalarValue::F64(number.as_f64().unwrap_or_default()),
                    ScalarValue::Uint,
                )
            },
            ScalarValue::Int,
        ),
        Json::String(text) => ScalarValue::Str(text.as_str().into()),
        Json::Array(_) | Json::Object(_) => return None,
    })
}

/// Puts JSON at a key or index, always as a new value.
pub fn put_json<T: Transactable>(
    doc: &mut T,
    obj: &ObjId,
    prop: impl Into<Prop>,
    json: &Json,
) -> Result<(), AutomergeError> {
    match json_scalar(json) {
        Some(scalar) => doc.put(obj, prop, scalar),
        None => put_tree(doc, obj, prop, &hydrated(json)),
    }
}

/// Puts a map or list with all it holds at a key or index. One call for the whole tree: each costs the library a
/// place in its columns, whatever its size.
pub fn put_tree<T: Transactable>(
    doc: &mut T,
    obj: &ObjId,
    prop: impl Into<Prop>,
    tree: &hydrate::Value,
) -> Result<(), AutomergeError> {
    doc.batch_create_object(obj, prop, tree, false).map(drop)
}

/// Returns JSON as a value of the library.
pub fn hydrated(json: &Json) -> hydrate::Value {
    match json {
        Json::Array(items) => items.iter().map(hydrated).collect::<Vec<_>>().into(),
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, json)| (key.clone(), hydrated(json)));
            tree(fields)
        }
        scalar => hydrate::Value::Scalar(json_scalar(scalar).unwrap_or(ScalarValue::Null)),
    }
}

/// Returns a map of the library.
pub fn tree(fields: impl IntoIterator<Item = (String, hydrate::Value)>) -> hydrate::Value {
    let fields: HashMap<String, hydrate::Value> = fields.into_iter().collect();
    hydrate::Value::Map(fields.into())
}

fn insert_json<T: Transactable>(
    doc: &mut T,
    list: &ObjId,
    index: usize,
    json: &Json,
) -> Result<(), AutomergeError> {
    match json_scalar(json) {
        Some(scalar) => doc.insert(list, index, scalar),
        None => doc
            .batch_create_object(list, index, &hydrated(json), true)
            .map(drop),
    }
}

/// Updates JSON at a key in place: shared maps and lists are reused (documents 2.2).
pub fn update_json<T: Transactable>(
    doc: &mut T,
    obj: &ObjId,
    prop: impl Into<Prop>,
    json: &Json,
) -> Result<(), AutomergeError> {
    let prop = prop.into();
    match (json, doc.get(obj, prop.clone())?) {
        (Json::Object(fields), Some((Value::Object(ObjType::Map), map))) => {
            update_map(doc, &map, fields)
        }
        (Json::Array(items), Some((Value::Object(ObjType::List), list))) => {
            let length = doc.length(&list);
            for (index, item) in items.iter().enumerate() {
                if index < length {
                    update_json(doc, &list, index, item)?;
                } else {
                    insert_json(doc, &list, index, item)?;
                }
            }
            (items.len()..length)
                .rev()
                .try_for_each(|index| doc.delete(&list, index))
        }
        _ => put_json(doc, obj, prop, json),
    }
}

/// Updates the keys of a map in place and deletes those that are absent.
pub fn update_map<T: Transactable>(
    doc: &mut T,
    map: &ObjId,
    fields: &Map<String, Json>,
) -> Result<(), AutomergeError> {
    let gone: Vec<String> = doc
        .keys(map)
        .filter(|key| !fields.contains_key(key))
        .collect();
    for key in gone {
        doc.delete(map, key)?;
    }
    fields
        .iter()
        .try_for_each(|(key, value)| update_json(doc, map, key.as_str(), value))
}

/// Puts text or null.
pub fn put_text_or_null<T: Transactable>(
    doc: &mut T,
    obj: &ObjId,
    key: &str,
    value: Option<&str>,
) -> Result<(), AutomergeError> {
    match value {
        Some(text) => doc.put(obj, key, text),
        None => doc.put(obj, key, ScalarValue::Null),
    }
}
