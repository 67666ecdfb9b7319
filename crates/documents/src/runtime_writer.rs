//! What a runtime peer writes into RuntimeStateDoc and CommsDoc (documents.md 5, 9).
//!
//! Each function writes nothing when nothing would change, and refuses nothing: the caller mirrors
//! the room's write policy. Costs do not depend on the executions before.

mod json;

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc as _, Value as AmValue};
use serde_json::Value;

pub use json::{put_json, read_json};

type Result<T> = std::result::Result<T, AutomergeError>;

/// Where the kernel stands, as `kernel/lifecycle` and `kernel/activity` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Lifecycle {
    NotStarted,
    Launching,
    Connecting,
    RunningIdle,
    RunningBusy,
    Error,
    Shutdown,
}

impl Lifecycle {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotStarted => ("NotStarted", ""),
            Self::Launching => ("Launching", ""),
            Self::Connecting => ("Connecting", ""),
            Self::RunningIdle => ("Running", "Idle"),
            Self::RunningBusy => ("Running", "Busy"),
            Self::Error => ("Error", ""),
            Self::Shutdown => ("Shutdown", ""),
        }
    }
}

/// The map under a root key, if it is there.
pub fn root_map(doc: &AutoCommit, key: &str) -> Option<ObjId> {
    map_at(doc, &ROOT, key)
}

fn map_at(doc: &AutoCommit, obj: &ObjId, key: &str) -> Option<ObjId> {
    match doc.get(obj, key) {
        Ok(Some((AmValue::Object(ObjType::Map), id))) => Some(id),
        _ => None,
    }
}

fn str_at(doc: &AutoCommit, obj: &ObjId, key: &str) -> Option<String> {
    doc.get(obj, key)
        .ok()
        .flatten()
        .and_then(|(value, _)| value.as_str().map(str::to_owned))
}

fn put_str(doc: &mut AutoCommit, obj: &ObjId, key: &str, value: &str) -> Result<()> {
    if str_at(doc, obj, key).as_deref() != Some(value) {
        doc.put(obj, key, value)?;
    }
    Ok(())
}

/// A text field of the `kernel` map; empty when absent.
pub fn kernel_field(doc: &AutoCommit, key: &str) -> String {
    root_map(doc, "kernel")
        .and_then(|k| str_at(doc, &k, key))
        .unwrap_or_default()
}

/// Writes text fields of the `kernel` map.
pub fn set_kernel_fields(doc: &mut AutoCommit, fields: &[(&str, &str)]) -> Result<()> {
    let Some(kernel) = root_map(doc, "kernel") else {
        return Ok(());
    };
    for (key, value) in fields {
        put_str(doc, &kernel, key, value)?;
    }
    Ok(())
}

/// Writes the lifecycle (always, so that it wins over a concurrent older word) and its reasons.
pub fn set_lifecycle(
    doc: &mut AutoCommit,
    lifecycle: Lifecycle,
    error_reason: &str,
    error_details: &str,
) -> Result<()> {
    let Some(kernel) = root_map(doc, "kernel") else {
        return Ok(());
    };
    let (word, activity) = lifecycle.words();
    doc.put(&kernel, "lifecycle", word)?;
    doc.put(&kernel, "activity", activity)?;
    for legacy in ["status", "starting_phase"] {
        if doc.get(&kernel, legacy)?.is_some() {
            doc.delete(&kernel, legacy)?;
        }
    }
    put_str(doc, &kernel, "error_reason", error_reason)?;
    put_str(doc, &kernel, "error_details", error_details)
}

/// Writes a running kernel's activity; nothing when it stands there already.
pub fn set_activity(doc: &mut AutoCommit, busy: bool) -> Result<()> {
    let Some(kernel) = root_map(doc, "kernel") else {
        return Ok(());
    };
    let word = if busy { "Busy" } else { "Idle" };
    if str_at(doc, &kernel, "lifecycle").as_deref() == Some("Running")
        && str_at(doc, &kernel, "activity").as_deref() == Some(word)
    {
        return Ok(());
    }
    doc.put(&kernel, "lifecycle", "Running")?;
    doc.put(&kernel, "activity", word)
}

/// Writes the queue: the executing id and the waiting ones.
pub fn set_queue(doc: &mut AutoCommit, executing: Option<&str>, queued: &[String]) -> Result<()> {
    let Some(queue) = root_map(doc, "queue") else {
        return Ok(());
    };
    if str_at(doc, &queue, "executing_execution_id").as_deref() != executing {
        match executing {
            Some(id) => doc.put(&queue, "executing_execution_id", id)?,
            None => doc.put(&queue, "executing_execution_id", ())?,
        }
    }
    let list = match doc.get(&queue, "queued_execution_ids")? {
        Some((AmValue::Object(ObjType::List), id)) => id,
        _ => doc.put_object(&queue, "queued_execution_ids", ObjType::List)?,
    };
    let len = doc.length(&list);
    let same = len == queued.len()
        && (0..len).all(|at| {
            doc.get(&list, at)
                .ok()
                .flatten()
                .is_some_and(|(v, _)| v.as_str() == Some(queued[at].as_str()))
        });
    if !same {
        for at in (0..len).rev() {
            doc.delete(&list, at)?;
        }
        for (at, id) in queued.iter().enumerate() {
            doc.insert(&list, at, id.as_str())?;
        }
    }
    Ok(())
}

/// What a runtime peer reads of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// `queued`, `running`, `done`, `error` or `cancelled`.
    pub status: String,
    /// The text to run, once it is there.
    pub source: Option<String>,
    /// The cell it belongs to.
    pub cell_id: Option<String>,
    /// Its place in the order of acceptance.
    pub seq: Option<u64>,
}

impl ExecutionRecord {
    /// Whether nothing but appended outputs may change any more.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "done" | "error" | "cancelled")
    }
}

fn execution_map(doc: &AutoCommit, id: &str) -> Option<ObjId> {
    map_at(doc, &root_map(doc, "executions")?, id)
}

/// All execution ids; for the first look at a document only.
pub fn execution_ids(doc: &AutoCommit) -> Vec<String> {
    root_map(doc, "executions")
        .map(|map| doc.keys(&map).collect())
        .unwrap_or_default()
}

/// Reads an execution.
pub fn execution(doc: &AutoCommit, id: &str) -> Option<ExecutionRecord> {
    let map = execution_map(doc, id)?;
    let seq = doc.get(&map, "seq").ok().flatten().and_then(|(value, _)| {
        value
            .as_u64()
            .or_else(|| value.as_i64().and_then(|n| u64::try_from(n).ok()))
    });
    Some(ExecutionRecord {
        status: str_at(doc, &map, "status").unwrap_or_default(),
        source: str_at(doc, &map, "source"),
        cell_id: str_at(doc, &map, "cell_id"),
        seq,
    })
}

/// Moves an execution on; `success` is written with `done` and `error` only. A terminal one stays.
pub fn set_status(doc: &mut AutoCommit, id: &str, status: &str) -> Result<bool> {
    let Some(record) = execution(doc, id) else {
        return Ok(false);
    };
    let Some(map) = execution_map(doc, id) else {
        return Ok(false);
    };
    if record.is_terminal() || record.status == status {
        return Ok(false);
    }
    doc.put(&map, "status", status)?;
    match status {
        "done" => doc.put(&map, "success", true)?,
        "error" => doc.put(&map, "success", false)?,
        _ => {}
    }
    Ok(true)
}

/// Writes the kernel's execution count; a terminal execution keeps its own.
pub fn set_execution_count(doc: &mut AutoCommit, id: &str, count: i64) -> Result<()> {
    if execution(doc, id).is_none_or(|record| record.is_terminal()) {
        return Ok(());
    }
    let Some(map) = execution_map(doc, id) else {
        return Ok(());
    };
    if doc
        .get(&map, "execution_count")?
        .and_then(|(v, _)| v.as_i64())
        != Some(count)
    {
        doc.put(&map, "execution_count", count)?;
    }
    Ok(())
}

/// Writes or removes the additive key of a pending input request (decision D12).
pub fn set_pending_input(doc: &mut AutoCommit, id: &str, input: Option<&Value>) -> Result<()> {
    let Some(map) = execution_map(doc, id) else {
        return Ok(());
    };
    match input {
        Some(value) => put_json(doc, &map, "pending_input", value),
        None if doc.get(&map, "pending_input")?.is_some() => doc.delete(&map, "pending_input"),
        None => Ok(()),
    }
}

fn outputs_map(doc: &AutoCommit, execution_id: &str) -> Option<ObjId> {
    map_at(doc, &execution_map(doc, execution_id)?, "outputs")
}

/// The ids of an execution's outputs and the `seq` the next one gets; scans the execution once.
pub fn output_ids(doc: &AutoCommit, execution_id: &str) -> (Vec<String>, u64) {
    let Some(outputs) = outputs_map(doc, execution_id) else {
        return (Vec::new(), 0);
    };
    let ids: Vec<String> = doc.keys(&outputs).collect();
    let next = ids
        .iter()
        .filter_map(|id| {
            let entry = map_at(doc, &outputs, id)?;
            let (seq, _) = doc.get(&entry, "seq").ok().flatten()?;
            seq.as_u64()
                .or_else(|| seq.as_i64().and_then(|n| u64::try_from(n).ok()))
        })
        .max()
        .map_or(0, |seq| seq + 1);
    (ids, next)
}

/// Reads a manifest.
pub fn output(doc: &AutoCommit, execution_id: &str, output_id: &str) -> Option<Value> {
    let entry = map_at(doc, &outputs_map(doc, execution_id)?, output_id)?;
    read_json(doc, &entry, "manifest")
}

/// Writes a manifest: updates the entry in place, or appends it with `seq`.
///
/// Returns whether a new entry was made. An execution that does not exist drops it.
pub fn put_output(
    doc: &mut AutoCommit,
    execution_id: &str,
    output_id: &str,
    seq: u64,
    manifest: &Value,
) -> Result<bool> {
    let Some(outputs) = outputs_map(doc, execution_id) else {
        return Ok(false);
    };
    let (entry, new) = if let Some(entry) = map_at(doc, &outputs, output_id) {
        let before = read_json(doc, &entry, "manifest");
        if before.as_ref() == Some(manifest) {
            return Ok(false);
        }
        index_display(doc, execution_id, output_id, before.as_ref(), false)?;
        (entry, false)
    } else {
        let entry = doc.put_object(&outputs, output_id, ObjType::Map)?;
        doc.put(&entry, "seq", seq)?;
        (entry, true)
    };
    put_json(doc, &entry, "manifest", manifest)?;
    index_display(doc, execution_id, output_id, Some(manifest), true)?;
    Ok(new)
}

/// Removes an output.
pub fn remove_output(doc: &mut AutoCommit, execution_id: &str, output_id: &str) -> Result<()> {
    let Some(outputs) = outputs_map(doc, execution_id) else {
        return Ok(());
    };
    let before = output(doc, execution_id, output_id);
    if doc.get(&outputs, output_id)?.is_some() {
        doc.delete(&outputs, output_id)?;
        index_display(doc, execution_id, output_id, before.as_ref(), false)?;
    }
    Ok(())
}

fn index_display(
    doc: &mut AutoCommit,
    execution_id: &str,
    output_id: &str,
    manifest: Option<&Value>,
    present: bool,
) -> Result<()> {
    let display_id = manifest
        .and_then(|m| m.pointer("/transient/display_id"))
        .and_then(Value::as_str);
    let (Some(display_id), Some(index)) = (display_id, root_map(doc, "display_index")) else {
        return Ok(());
    };
    let key = format!("{execution_id}\0{output_id}");
    match (map_at(doc, &index, display_id), present) {
        (Some(entry), true) => {
            if doc.get(&entry, key.as_str())?.is_none() {
                doc.put(&entry, key, true)?;
            }
        }
        (None, true) => {
            let entry = doc.put_object(&index, display_id, ObjType::Map)?;
            doc.put(&entry, key, true)?;
        }
        (Some(entry), false) => {
            if doc.get(&entry, key.as_str())?.is_some() {
                doc.delete(&entry, key)?;
            }
            if doc.length(&entry) == 0 {
                doc.delete(&index, display_id)?;
            }
        }
        (None, false) => {}
    }
    Ok(())
}

/// The (execution, output) pairs shown under a display id: from the index, else by a scan.
pub fn displayed(doc: &AutoCommit, display_id: &str) -> Vec<(String, String)> {
    let indexed = root_map(doc, "display_index").and_then(|index| map_at(doc, &index, display_id));
    if let Some(entry) = indexed {
        return doc
            .keys(&entry)
            .filter_map(|key| {
                key.split_once('\0')
                    .map(|(e, o)| (e.to_owned(), o.to_owned()))
            })
            .collect();
    }
    let mut found = Vec::new();
    for execution_id in execution_ids(doc) {
        for output_id in output_ids(doc, &execution_id).0 {
            let manifest = output(doc, &execution_id, &output_id);
            let shown = manifest
                .as_ref()
                .and_then(|m| m.pointer("/transient/display_id"));
            if shown.and_then(Value::as_str) == Some(display_id) {
                found.push((execution_id.clone(), output_id));
            }
        }
    }
    found
}

/// Puts `data` and `metadata` into every output shown under a display id (documents.md 5.6).
pub fn update_display(
    doc: &mut AutoCommit,
    display_id: &str,
    data: &Value,
    metadata: Option<&Value>,
) -> Result<usize> {
    let mut changed = 0;
    for (execution_id, output_id) in displayed(doc, display_id) {
        let Some(mut manifest) = output(doc, &execution_id, &output_id) else {
            continue;
        };
        let Some(map) = manifest.as_object_mut() else {
            continue;
        };
        map.insert("data".into(), data.clone());
        match metadata {
            Some(metadata) => map.insert("metadata".into(), metadata.clone()),
            None => map.shift_remove("metadata"),
        };
        put_output(doc, &execution_id, &output_id, 0, &manifest)?;
        changed += 1;
    }
    Ok(changed)
}

/// Writes a comm's topology entry with empty state.
pub fn put_comm(
    doc: &mut AutoCommit,
    comm_id: &str,
    target: &str,
    state: &Value,
    seq: i64,
) -> Result<()> {
    let Some(comms) = root_map(doc, "comms") else {
        return Ok(());
    };
    if map_at(doc, &comms, comm_id).is_some() {
        return Ok(());
    }
    let word = |key: &str| state.get(key).and_then(Value::as_str).unwrap_or_default();
    let entry = doc.put_object(&comms, comm_id, ObjType::Map)?;
    doc.put(&entry, "capture_msg_id", "")?;
    doc.put(&entry, "model_module", word("_model_module"))?;
    doc.put(&entry, "model_name", word("_model_name"))?;
    doc.put_object(&entry, "outputs", ObjType::List)?;
    doc.put(&entry, "seq", seq)?;
    doc.put_object(&entry, "state", ObjType::Map)?;
    doc.put(&entry, "target_name", target)
}

/// Removes comms from a document (topology or state).
pub fn remove_comm(doc: &mut AutoCommit, comm_id: &str) -> Result<()> {
    let Some(comms) = root_map(doc, "comms") else {
        return Ok(());
    };
    if doc.get(&comms, comm_id)?.is_some() {
        doc.delete(&comms, comm_id)?;
    }
    Ok(())
}

/// Whether a document knows a comm.
pub fn has_comm(doc: &AutoCommit, comm_id: &str) -> bool {
    root_map(doc, "comms").is_some_and(|comms| map_at(doc, &comms, comm_id).is_some())
}

/// The comms a document knows.
pub fn comm_ids(doc: &AutoCommit) -> Vec<String> {
    root_map(doc, "comms")
        .map(|map| doc.keys(&map).collect())
        .unwrap_or_default()
}

/// Writes traits of a comm into CommsDoc; equal values are left alone.
pub fn put_comm_state(
    doc: &mut AutoCommit,
    comm_id: &str,
    state: &serde_json::Map<String, Value>,
) -> Result<()> {
    let Some(comms) = root_map(doc, "comms") else {
        return Ok(());
    };
    let comm = match map_at(doc, &comms, comm_id) {
        Some(comm) => comm,
        None => doc.put_object(&comms, comm_id, ObjType::Map)?,
    };
    for (key, value) in state {
        if read_json(doc, &comm, key).as_ref() != Some(value) {
            put_json(doc, &comm, key, value)?;
        }
    }
    Ok(())
}

/// Reads one trait of a comm.
pub fn comm_value(doc: &AutoCommit, comm_id: &str, key: &str) -> Option<Value> {
    read_json(doc, &map_at(doc, &root_map(doc, "comms")?, comm_id)?, key)
}
