//! What the room itself reads from and writes into RuntimeStateDoc.

use automerge::transaction::Transactable;
use automerge::{AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};
use documents::runtime_state::put_execution;
use documents::value::Reader;
use documents::{DeclaredEnvironment, WantedKernelspec};
use wire::WorkstationAttachment;

use crate::runtime_index::{Execution, Status};

/// The stored queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) executing: Option<String>,
    pub(crate) queued: Vec<String>,
}

/// An execution record to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewExecution {
    pub(crate) id: String,
    pub(crate) cell_id: String,
    pub(crate) source: String,
    pub(crate) seq: u64,
    pub(crate) submitted_by: String,
}

/// The part of the kernel the room may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    NotStarted,
    Error,
    Shutdown,
}

const LIVE: [&str; 7] = [
    "Running",
    "AwaitingTrust",
    "AwaitingEnvBuild",
    "Resolving",
    "PreparingEnv",
    "Launching",
    "Connecting",
];

pub(crate) fn execution_ids(doc: &AutoCommit) -> Vec<String> {
    match map(doc, &ROOT, "executions") {
        Some(executions) => doc.keys(&executions).collect(),
        None => Vec::new(),
    }
}

fn record(doc: &AutoCommit, id: &str) -> Option<ObjId> {
    map(doc, &map(doc, &ROOT, "executions")?, id)
}

pub(crate) fn execution(doc: &AutoCommit, id: &str) -> Option<Execution> {
    let record = record(doc, id)?;
    let status = text(doc, &record, "status").and_then(|status| Status::parse(&status));
    let seq = match doc.get(&record, "seq").ok().flatten() {
        Some((Value::Scalar(seq), _)) => match seq.as_ref() {
            ScalarValue::Uint(seq) => Some(*seq),
            ScalarValue::Int(seq) => u64::try_from(*seq).ok(),
            _ => None,
        },
        _ => None,
    };
    Some(Execution { status, seq })
}

/// The cell that an execution ran.
pub(crate) fn cell_id(doc: &AutoCommit, id: &str) -> Option<String> {
    text(doc, &record(doc, id)?, "cell_id")
}

/// The label of who asked for an execution.
pub(crate) fn submitted_by(doc: &AutoCommit, id: &str) -> Option<String> {
    text(doc, &record(doc, id)?, "submitted_by_actor_label")
}

pub(crate) fn create_execution(
    doc: &mut AutoCommit,
    new: &NewExecution,
) -> Result<(), AutomergeError> {
    let executions = seeded(doc, "executions")?;
    let record = documents::runtime_state::NewExecution {
        id: &new.id,
        source: &new.source,
        cell_id: Some(&new.cell_id),
        seq: new.seq,
        submitted_by: Some(&new.submitted_by),
    };
    put_execution(doc, &executions, &record)
}

pub(crate) fn end_execution(
    doc: &mut AutoCommit,
    id: &str,
    status: Status,
) -> Result<(), AutomergeError> {
    let executions = seeded(doc, "executions")?;
    let Some(record) = map(doc, &executions, id) else {
        return Ok(());
    };
    match status {
        Status::Running => {
            doc.put(&record, "status", "error")?;
            doc.put(&record, "success", false)
        }
        Status::Queued => doc.put(&record, "status", "cancelled"),
        Status::Done | Status::Error | Status::Cancelled => Ok(()),
    }
}

/// Removes an ended execution with its entries in the display index (documents 5.13).
pub(crate) fn remove_execution(doc: &mut AutoCommit, id: &str) -> Result<(), AutomergeError> {
    let executions = seeded(doc, "executions")?;
    let Some(record) = map(doc, &executions, id) else {
        return Ok(());
    };
    if let Some(index) = map(doc, &ROOT, "display_index") {
        for (output_id, display_id) in displayed(doc, &record) {
            let Some(entry) = map(doc, &index, &display_id) else {
                continue;
            };
            let key = format!("{id}\0{output_id}");
            if doc.get(&entry, key.as_str())?.is_some() {
                doc.delete(&entry, key.as_str())?;
            }
            if doc.length(&entry) == 0 {
                doc.delete(&index, display_id.as_str())?;
            }
        }
    }
    doc.delete(&executions, id)
}

fn displayed(doc: &AutoCommit, record: &ObjId) -> Vec<(String, String)> {
    let Some(outputs) = map(doc, record, "outputs") else {
        return Vec::new();
    };
    let display_id = |output: &str| {
        let manifest = map(doc, &map(doc, &outputs, output)?, "manifest")?;
        text(doc, &map(doc, &manifest, "transient")?, "display_id")
    };
    let ids: Vec<String> = doc.keys(&outputs).collect();
    ids.into_iter()
        .filter_map(|output| display_id(&output).map(|id| (output, id)))
        .collect()
}

pub(crate) fn queue(doc: &AutoCommit) -> Queue {
    let Some(queue) = map(doc, &ROOT, "queue") else {
        return Queue::default();
    };
    let executing = text(doc, &queue, "executing_execution_id");
    let list = object(doc, &queue, "queued_execution_ids");
    let queued = list.map_or_else(Vec::new, |(list, _)| {
        (0..doc.length(&list))
            .filter_map(|index| scalar_text(doc.get(&list, index).ok()?))
            .collect()
    });
    Queue { executing, queued }
}

pub(crate) fn write_queue(doc: &mut AutoCommit, new: &Queue) -> Result<(), AutomergeError> {
    let current = queue(doc);
    if current == *new {
        return Ok(());
    }
    let queue = seeded(doc, "queue")?;
    if current.executing != new.executing {
        match &new.executing {
            Some(id) => doc.put(&queue, "executing_execution_id", id.as_str())?,
            None => doc.put(&queue, "executing_execution_id", ScalarValue::Null)?,
        }
    }
    if current.queued == new.queued {
        return Ok(());
    }
    let list = match object(doc, &queue, "queued_execution_ids") {
        Some((list, ObjType::List)) => list,
        _ => doc.put_object(&queue, "queued_execution_ids", ObjType::List)?,
    };
    // Appending is the common case and stays one operation; anything else rewrites the list.
    let kept = if new.queued.starts_with(&current.queued) {
        current.queued.len()
    } else {
        0
    };
    for index in (kept..doc.length(&list)).rev() {
        doc.delete(&list, index)?;
    }
    for (index, id) in new.queued.iter().enumerate().skip(kept) {
        doc.insert(&list, index, id.as_str())?;
    }
    Ok(())
}

pub(crate) fn is_live(doc: &AutoCommit) -> bool {
    map(doc, &ROOT, "kernel")
        .and_then(|kernel| text(doc, &kernel, "lifecycle"))
        .is_some_and(|lifecycle| LIVE.contains(&lifecycle.as_str()))
}

/// Whether a kernel is up.
pub(crate) fn is_running(doc: &AutoCommit) -> bool {
    map(doc, &ROOT, "kernel")
        .and_then(|kernel| text(doc, &kernel, "lifecycle"))
        .is_some_and(|lifecycle| lifecycle == "Running")
}

/// Passes on which kernel the notebook asks for; a notebook that never asked for another than Python has no entry.
pub(crate) fn write_kernelspec(
    doc: &mut AutoCommit,
    wanted: Option<&WantedKernelspec>,
) -> Result<(), AutomergeError> {
    let kernel = seeded(doc, "kernel")?;
    let name = wanted.map_or("python3", |wanted| &wanted.name);
    let language = wanted.map_or("python", |wanted| &wanted.language);
    for (key, new, usual) in [
        ("kernelspec", name, "python3"),
        ("kernelspec_language", language, "python"),
    ] {
        if text(doc, &kernel, key).as_deref().unwrap_or(usual) != new {
            doc.put(&kernel, key, new)?;
        }
    }
    Ok(())
}

/// Passes on which environment the notebook declares; one that never declared any has no entry.
pub(crate) fn write_declared(
    doc: &mut AutoCommit,
    declared: Option<&DeclaredEnvironment>,
) -> Result<(), AutomergeError> {
    let kernel = seeded(doc, "kernel")?;
    let new = declared.map(DeclaredEnvironment::to_text);
    let new = new.unwrap_or_default();
    if text(doc, &kernel, "declared_environment").unwrap_or_default() != new {
        doc.put(&kernel, "declared_environment", new)?;
    }
    Ok(())
}

/// Returns the kernel's error details while its lifecycle is `Error`.
pub(crate) fn error_details(doc: &AutoCommit) -> Option<String> {
    let kernel = map(doc, &ROOT, "kernel")?;
    (text(doc, &kernel, "lifecycle")? == "Error").then(|| text(doc, &kernel, "error_details"))?
}

pub(crate) fn write_lifecycle(
    doc: &mut AutoCommit,
    lifecycle: Lifecycle,
    details: &str,
) -> Result<(), AutomergeError> {
    let kernel = seeded(doc, "kernel")?;
    let word = match lifecycle {
        Lifecycle::NotStarted => "NotStarted",
        Lifecycle::Error => "Error",
        Lifecycle::Shutdown => "Shutdown",
    };
    doc.put(&kernel, "lifecycle", word)?;
    doc.put(&kernel, "activity", "")?;
    for legacy in ["status", "starting_phase"] {
        if doc.get(&kernel, legacy)?.is_some() {
            doc.delete(&kernel, legacy)?;
        }
    }
    if lifecycle != Lifecycle::Shutdown {
        doc.put(&kernel, "error_reason", "")?;
        doc.put(&kernel, "error_details", details)?;
    }
    if lifecycle == Lifecycle::NotStarted {
        doc.put(&kernel, "runtime_agent_id", "")?;
    }
    Ok(())
}

pub(crate) fn attachment(doc: &AutoCommit) -> Option<WorkstationAttachment> {
    let (workstation, _) = object(doc, &ROOT, "workstation")?;
    let fields = Reader::now(doc).map_json(&workstation);
    serde_json::from_value(fields.into()).ok()
}

/// Leaves nothing of an attachment, whoever wrote it.
pub(crate) fn clear_attachment(doc: &mut AutoCommit) -> Result<(), AutomergeError> {
    match doc.get(ROOT, "workstation")? {
        Some(_) => doc.put(ROOT, "workstation", ScalarValue::Null),
        None => Ok(()),
    }
}

pub(crate) fn write_attachment(
    doc: &mut AutoCommit,
    new: &WorkstationAttachment,
) -> Result<(), AutomergeError> {
    let current = attachment(doc);
    if current.as_ref() == Some(new) {
        return Ok(());
    }
    let workstation = match object(doc, &ROOT, "workstation") {
        Some((workstation, ObjType::Map)) => workstation,
        _ => doc.put_object(ROOT, "workstation", ObjType::Map)?,
    };
    let strings = [
        ("workstation_id", Some(&new.workstation_id)),
        ("display_name", Some(&new.display_name)),
        ("provider", Some(&new.provider)),
        (
            "default_environment_label",
            Some(&new.default_environment_label),
        ),
        ("environment_policy", Some(&new.environment_policy)),
        ("status", Some(&new.status)),
        ("status_message", new.status_message.as_ref()),
    ];
    for (key, value) in strings {
        put_if_new(
            doc,
            &workstation,
            key,
            value.map(|text| ScalarValue::from(text.as_str())),
        )?;
    }
    put_if_new(
        doc,
        &workstation,
        "cpu_count",
        new.cpu_count.map(ScalarValue::Uint),
    )?;
    put_if_new(
        doc,
        &workstation,
        "memory_bytes",
        new.memory_bytes.map(ScalarValue::Uint),
    )?;
    let unchanged = current
        .as_ref()
        .is_some_and(|old| old.accelerators == new.accelerators);
    if !unchanged {
        let value = serde_json::to_value(&new.accelerators).unwrap_or_default();
        put_json(doc, &workstation, "accelerators", &value)?;
    }
    let strings = [
        ("working_directory", new.working_directory.as_ref()),
        ("updated_at", new.updated_at.as_ref()),
        ("runtime_session_id", new.runtime_session_id.as_ref()),
    ];
    for (key, value) in strings {
        put_if_new(
            doc,
            &workstation,
            key,
            value.map(|text| ScalarValue::from(text.as_str())),
        )?;
    }
    Ok(())
}

fn put_if_new(
    doc: &mut AutoCommit,
    object: &ObjId,
    key: &str,
    value: Option<ScalarValue>,
) -> Result<(), AutomergeError> {
    let value = value.unwrap_or(ScalarValue::Null);
    match doc.get(object, key)? {
        Some((Value::Scalar(old), _)) if *old == value => Ok(()),
        _ => doc.put(object, key, value),
    }
}

fn put_json(
    doc: &mut AutoCommit,
    parent: &ObjId,
    key: &str,
    value: &serde_json::Value,
) -> Result<(), AutomergeError> {
    match value {
        serde_json::Value::Array(items) => {
            let list = doc.put_object(parent, key, ObjType::List)?;
            for (index, item) in items.iter().enumerate() {
                let serde_json::Value::Object(fields) = item else {
                    continue;
                };
                let map = doc.insert_object(&list, index, ObjType::Map)?;
                for (key, field) in fields {
                    doc.put(&map, key.as_str(), scalar_of(field))?;
                }
            }
            Ok(())
        }
        other => doc.put(parent, key, scalar_of(other)),
    }
}

fn scalar_of(value: &serde_json::Value) -> ScalarValue {
    use serde_json::Value as Json;
    match value {
        Json::Bool(flag) => ScalarValue::Boolean(*flag),
        Json::Number(number) => number.as_u64().map_or_else(
            || number.as_f64().map_or(ScalarValue::Null, ScalarValue::F64),
            ScalarValue::Uint,
        ),
        Json::String(text) => ScalarValue::from(text.as_str()),
        Json::Null | Json::Array(_) | Json::Object(_) => ScalarValue::Null,
    }
}

fn seeded(doc: &AutoCommit, key: &str) -> Result<ObjId, AutomergeError> {
    map(doc, &ROOT, key).ok_or_else(|| AutomergeError::InvalidObjId(key.to_owned()))
}

pub(crate) fn map(doc: &AutoCommit, parent: &ObjId, key: &str) -> Option<ObjId> {
    object(doc, parent, key)
        .filter(|(_, kind)| *kind == ObjType::Map)
        .map(|(id, _)| id)
}

fn object(doc: &AutoCommit, parent: &ObjId, key: &str) -> Option<(ObjId, ObjType)> {
    match doc.get(parent, key).ok()?? {
        (Value::Object(kind), id) => Some((id, kind)),
        _ => None,
    }
}

pub(crate) fn text(doc: &AutoCommit, parent: &ObjId, key: &str) -> Option<String> {
    let found = doc.get(parent, key).ok()??;
    match found {
        (Value::Object(ObjType::Text), id) => doc.text(&id).ok(),
        other => scalar_text(Some(other)),
    }
}

fn scalar_text(found: Option<(Value<'_>, ObjId)>) -> Option<String> {
    match found? {
        (Value::Scalar(scalar), _) => match scalar.as_ref() {
            ScalarValue::Str(text) => Some(text.to_string()),
            _ => None,
        },
        _ => None,
    }
}
