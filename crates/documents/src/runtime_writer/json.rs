//! JSON in and out of a document (documents.md 2.2).

use automerge::transaction::Transactable as _;
use automerge::{
    AutoCommit, AutomergeError, ObjId, ObjType, Prop, ReadDoc as _, ScalarValue, Value as AmValue,
};
use serde_json::{Map, Number, Value};

type Result<T> = std::result::Result<T, AutomergeError>;

/// Writes a JSON value at a key, updating maps and lists in place.
pub fn put_json(
    doc: &mut AutoCommit,
    obj: &ObjId,
    key: impl Into<Prop>,
    value: &Value,
) -> Result<()> {
    put(doc, obj, key.into(), value, false)
}

fn put(doc: &mut AutoCommit, obj: &ObjId, key: Prop, value: &Value, insert: bool) -> Result<()> {
    match value {
        Value::Object(map) => {
            let existing = existing(doc, obj, &key, insert, ObjType::Map)?;
            let target = match existing {
                Some(id) => {
                    let gone: Vec<String> =
                        doc.keys(&id).filter(|k| !map.contains_key(k)).collect();
                    for key in gone {
                        doc.delete(&id, key)?;
                    }
                    id
                }
                None => create(doc, obj, key, insert, ObjType::Map)?,
            };
            for (key, value) in map {
                put(doc, &target, Prop::Map(key.clone()), value, false)?;
            }
        }
        Value::Array(items) => {
            let target = match existing(doc, obj, &key, insert, ObjType::List)? {
                Some(id) => {
                    for at in (items.len()..doc.length(&id)).rev() {
                        doc.delete(&id, at)?;
                    }
                    id
                }
                None => create(doc, obj, key, insert, ObjType::List)?,
            };
            let len = doc.length(&target);
            for (at, item) in items.iter().enumerate() {
                put(doc, &target, Prop::Seq(at), item, at >= len)?;
            }
        }
        scalar => {
            let scalar = scalar_of(scalar);
            match key {
                Prop::Seq(at) if insert => doc.insert(obj, at, scalar)?,
                key => doc.put(obj, key, scalar)?,
            }
        }
    }
    Ok(())
}

fn existing(
    doc: &AutoCommit,
    obj: &ObjId,
    key: &Prop,
    insert: bool,
    wanted: ObjType,
) -> Result<Option<ObjId>> {
    if insert {
        return Ok(None);
    }
    Ok(match doc.get(obj, key.clone())? {
        Some((AmValue::Object(kind), id)) if kind == wanted => Some(id),
        _ => None,
    })
}

fn create(
    doc: &mut AutoCommit,
    obj: &ObjId,
    key: Prop,
    insert: bool,
    kind: ObjType,
) -> Result<ObjId> {
    match key {
        Prop::Seq(at) if insert => doc.insert_object(obj, at, kind),
        key => doc.put_object(obj, key, kind),
    }
}

fn scalar_of(value: &Value) -> ScalarValue {
    match value {
        Value::Bool(b) => ScalarValue::Boolean(*b),
        Value::Number(n) => n
            .as_i64()
            .map(ScalarValue::Int)
            .or_else(|| n.as_u64().map(ScalarValue::Uint))
            .unwrap_or_else(|| ScalarValue::F64(n.as_f64().unwrap_or_default())),
        Value::String(text) => ScalarValue::Str(text.as_str().into()),
        _ => ScalarValue::Null,
    }
}

/// Reads the JSON value at a key; `None` when there is none or it is no JSON.
pub fn read_json(doc: &AutoCommit, obj: &ObjId, key: impl Into<Prop>) -> Option<Value> {
    let (value, id) = doc.get(obj, key).ok().flatten()?;
    match value {
        AmValue::Object(ObjType::Map | ObjType::Table) => {
            let mut map = Map::new();
            for key in doc.keys(&id) {
                if let Some(value) = read_json(doc, &id, key.as_str()) {
                    map.insert(key, value);
                }
            }
            Some(Value::Object(map))
        }
        AmValue::Object(ObjType::List) => {
            let items = 0..doc.length(&id);
            Some(
                items
                    .map(|at| read_json(doc, &id, at).unwrap_or(Value::Null))
                    .collect(),
            )
        }
        AmValue::Object(ObjType::Text) => doc.text(&id).ok().map(Value::String),
        AmValue::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Null => Some(Value::Null),
            ScalarValue::Boolean(b) => Some(Value::Bool(*b)),
            ScalarValue::Int(n) => Some((*n).into()),
            ScalarValue::Uint(n) => Some((*n).into()),
            ScalarValue::F64(n) => Some(Number::from_f64(*n).map_or(Value::Null, Value::Number)),
            ScalarValue::Str(text) => Some(Value::String(text.to_string())),
            _ => None,
        },
    }
}
