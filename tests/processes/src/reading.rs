//! Reading a room's documents as plain JSON, on automerge directly.

use automerge::{AutoCommit, ObjId, ObjType, ROOT, ReadDoc as _, ScalarValue, Value as Item};
use serde_json::{Map, Value, json};

use crate::room::Execution;

pub(crate) fn child(document: &AutoCommit, parent: &ObjId, key: &str) -> Option<ObjId> {
    match document.get(parent, key) {
        Ok(Some((Item::Object(_), id))) => Some(id),
        _ => None,
    }
}

pub(crate) fn cells(document: &AutoCommit) -> Vec<String> {
    let Some(map) = child(document, &ROOT, "cells") else {
        return Vec::new();
    };
    let mut rows: Vec<(String, String)> = document
        .keys(&map)
        .filter_map(|id| {
            let cell = child(document, &map, &id)?;
            let (position, _) = document.get(&cell, "position").ok()??;
            Some((position.as_str()?.to_owned(), id))
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, id)| id).collect()
}

pub(crate) fn execution(document: &AutoCommit, id: &str) -> Execution {
    let Some(record) =
        child(document, &ROOT, "executions").and_then(|all| child(document, &all, id))
    else {
        return Execution::default();
    };
    let json = to_json(document, &record, ObjType::Map);
    let mut outputs: Vec<(u64, String, Value)> = json["outputs"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(id, entry)| {
            (
                entry["seq"].as_u64().unwrap_or_default(),
                id.clone(),
                entry["manifest"].clone(),
            )
        })
        .collect();
    outputs.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    Execution {
        status: json["status"].as_str().unwrap_or_default().to_owned(),
        count: json["execution_count"].as_i64(),
        outputs: outputs
            .into_iter()
            .map(|(_, _, manifest)| manifest)
            .collect(),
    }
}

pub(crate) fn record(document: &AutoCommit, id: &str) -> Option<ObjId> {
    child(document, &child(document, &ROOT, "executions")?, id)
}

pub(crate) fn status(document: &AutoCommit, id: &str) -> String {
    record(document, id)
        .and_then(|record| document.get(&record, "status").ok().flatten())
        .and_then(|(status, _)| status.as_str().map(str::to_owned))
        .unwrap_or_default()
}

pub(crate) fn outputs_of(document: &AutoCommit, id: &str) -> Option<ObjId> {
    child(document, &record(document, id)?, "outputs")
}

pub(crate) fn count_outputs(document: &AutoCommit, id: &str) -> usize {
    outputs_of(document, id).map_or(0, |outputs| document.length(&outputs))
}

pub(crate) fn at(document: &AutoCommit, path: &[&str]) -> Value {
    let mut object = (ROOT, ObjType::Map);
    for (depth, key) in path.iter().enumerate() {
        match document.get(&object.0, *key) {
            Ok(Some((Item::Object(kind), id))) => object = (id, kind),
            Ok(Some((Item::Scalar(scalar), _))) if depth + 1 == path.len() => {
                return scalar_json(&scalar);
            }
            _ => return Value::Null,
        }
    }
    to_json(document, &object.0, object.1)
}

pub(crate) fn to_json(document: &AutoCommit, id: &ObjId, kind: ObjType) -> Value {
    let item = |value: Item<'_>, id: ObjId| match value {
        Item::Object(kind) => to_json(document, &id, kind),
        Item::Scalar(scalar) => scalar_json(&scalar),
    };
    match kind {
        ObjType::Text => Value::String(document.text(id).unwrap_or_default()),
        ObjType::List => (0..document.length(id))
            .filter_map(|index| document.get(id, index).ok().flatten())
            .map(|(value, id)| item(value, id))
            .collect(),
        ObjType::Map | ObjType::Table => Value::Object(
            document
                .map_range(id, ..)
                .map(|entry| {
                    let id = entry.id();
                    (entry.key.into_owned(), item(entry.value.into_value(), id))
                })
                .collect::<Map<_, _>>(),
        ),
    }
}

fn scalar_json(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Str(text) => Value::String(text.to_string()),
        ScalarValue::Int(number) => json!(number),
        ScalarValue::Uint(number) => json!(number),
        ScalarValue::F64(number) => json!(number),
        ScalarValue::Boolean(flag) => json!(flag),
        _ => Value::Null,
    }
}
