//! What a reader sees of RuntimeStateDoc, whole or in part (documents 5).

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ObjId, ROOT, ReadDoc};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use wire::WorkstationAttachment;

use super::{KernelInfo, Queue, kernel, outputs, queue, status, workstation};
use crate::value::Reader;

/// One execution as a reader sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Execution {
    /// `queued`, `running`, `done`, `error` or `cancelled`.
    pub status: String,
    /// The kernel's count.
    pub execution_count: Option<i64>,
    /// How it ended.
    pub success: Option<bool>,
    /// Its manifests in order.
    pub outputs: Vec<Json>,
    /// The exact text that runs.
    pub source: Option<String>,
    /// The cell it belongs to.
    pub cell_id: Option<String>,
    /// Its place in the order of acceptance.
    pub seq: Option<u64>,
    /// Who asked for it.
    pub submitted_by_actor_label: Option<String>,
}

/// The document as a reader sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Projection {
    /// The kernel.
    pub kernel: KernelInfo,
    /// The queue with unlisted queued executions appended.
    #[serde(serialize_with = "queue_entries")]
    pub queue: Queue,
    /// Executions by id.
    pub executions: BTreeMap<String, Execution>,
    /// Widget topology by comm id.
    pub comms: BTreeMap<String, Json>,
    /// Bokeh sessions by id.
    pub bokeh_sessions: BTreeMap<String, Json>,
    /// The attachment.
    pub workstation: Option<WorkstationAttachment>,
    /// The sections only the host writes.
    #[serde(flatten)]
    pub host: Map<String, Json>,
}

/// Which parts of the document to read; `None` is all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Which executions.
    pub executions: Option<BTreeSet<String>>,
    /// Of which executions the outputs too.
    pub outputs: Option<BTreeSet<String>>,
    /// Which comms.
    pub comms: Option<BTreeSet<String>>,
    /// Which Bokeh sessions.
    pub bokeh_sessions: Option<BTreeSet<String>>,
    /// Whether to leave out the kernel, the attachment and the host's sections.
    pub skip_fixed: bool,
    /// Whether to leave out the queue.
    pub skip_queue: bool,
}

impl Selection {
    /// Selects the whole document.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Selects nothing but the stored queue.
    pub fn nothing() -> Self {
        let none = || Some(BTreeSet::new());
        Self {
            executions: none(),
            outputs: none(),
            comms: none(),
            bokeh_sessions: none(),
            skip_fixed: true,
            skip_queue: false,
        }
    }
}

/// Reads one execution.
pub(super) fn execution<D: ReadDoc>(
    reader: Reader<'_, D>,
    object: &ObjId,
    with_outputs: bool,
) -> Execution {
    let entries = if with_outputs {
        outputs::read(reader, object)
    } else {
        Vec::new()
    };
    let fields = reader.scalars(object);
    let text = |key: &str| fields.get(key)?.as_str().map(str::to_owned);
    Execution {
        status: text("status").unwrap_or_default(),
        execution_count: fields.get("execution_count").and_then(Json::as_i64),
        success: fields.get("success").and_then(Json::as_bool),
        outputs: entries.into_iter().map(|entry| entry.manifest).collect(),
        source: text("source"),
        cell_id: text("cell_id"),
        seq: fields.get("seq").and_then(Json::as_u64),
        submitted_by_actor_label: text("submitted_by_actor_label"),
    }
}

/// The map of a section, unless nothing of it is wanted.
fn section<D: ReadDoc>(
    reader: Reader<'_, D>,
    key: &str,
    wanted: Option<&BTreeSet<String>>,
) -> Option<ObjId> {
    let is_wanted = wanted.is_none_or(|ids| !ids.is_empty());
    is_wanted.then(|| reader.root_map(key))?
}

fn chosen<D: ReadDoc>(
    reader: Reader<'_, D>,
    map: &ObjId,
    wanted: Option<&BTreeSet<String>>,
) -> Vec<(String, ObjId)> {
    let keys = wanted.map_or_else(
        || reader.keys(map),
        |wanted| wanted.iter().cloned().collect(),
    );
    keys.into_iter()
        .filter_map(|key| Some((key.clone(), reader.map(map, &key)?)))
        .collect()
}

/// Reads the selected parts of a document.
pub fn project<D: ReadDoc>(reader: Reader<'_, D>, selection: &Selection) -> Projection {
    let mut executions = BTreeMap::new();
    if let Some(map) = section(reader, "executions", selection.executions.as_ref()) {
        for (id, object) in chosen(reader, &map, selection.executions.as_ref()) {
            let with_outputs = selection
                .outputs
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&id));
            executions.insert(id, execution(reader, &object, with_outputs));
        }
    }
    let mut comms = BTreeMap::new();
    if let Some(map) = section(reader, "comms", selection.comms.as_ref()) {
        let all = || reader.keys(&map);
        let wanted = selection
            .comms
            .as_ref()
            .map_or_else(all, |ids| ids.iter().cloned().collect());
        for id in wanted {
            if reader.get(&map, id.as_str()).is_some() {
                let object = reader.map(&map, &id);
                comms.insert(id, comm(reader, object.as_ref()));
            }
        }
    }
    let mut bokeh_sessions = BTreeMap::new();
    if let Some(map) = section(reader, "bokeh_sessions", selection.bokeh_sessions.as_ref()) {
        for (id, object) in chosen(reader, &map, selection.bokeh_sessions.as_ref()) {
            bokeh_sessions.insert(id, Json::Object(reader.map_json(&object)));
        }
    }
    let fixed = !selection.skip_fixed;
    Projection {
        kernel: if fixed {
            kernel::read(reader)
        } else {
            KernelInfo::absent()
        },
        queue: if selection.skip_queue {
            Queue::default()
        } else {
            projected_queue(queue::stored(reader), &executions)
        },
        executions,
        comms,
        bokeh_sessions,
        workstation: if fixed {
            workstation::read(reader)
        } else {
            None
        },
        host: if fixed { host(reader) } else { Map::new() },
    }
}

/// Returns a projection as JSON.
pub fn projection_json(projection: &Projection) -> Json {
    serde_json::to_value(projection).unwrap_or_default()
}

fn projected_queue(mut queue: Queue, executions: &BTreeMap<String, Execution>) -> Queue {
    let mut unlisted: Vec<(u64, &String)> = executions
        .iter()
        .filter(|(id, found)| found.status == status::QUEUED && !queue.contains(id))
        .map(|(id, found)| (found.seq.unwrap_or(u64::MAX), id))
        .collect();
    unlisted.sort();
    let ids: Vec<String> = unlisted.into_iter().map(|(_, id)| id.clone()).collect();
    queue.queued.extend(ids);
    queue
}

fn queue_entries<S: serde::Serializer>(queue: &Queue, serializer: S) -> Result<S::Ok, S::Error> {
    let entry = |id: &String| json!({"execution_id": id});
    let executing = queue.executing.as_ref().map(entry);
    let queued: Vec<Json> = queue.queued.iter().map(entry).collect();
    json!({"executing": executing, "queued": queued}).serialize(serializer)
}

fn comm<D: ReadDoc>(reader: Reader<'_, D>, map: Option<&ObjId>) -> Json {
    let text = |key: &str| map.and_then(|map| reader.str(map, key)).unwrap_or_default();
    let value =
        |key: &str, absent: Json| map.and_then(|map| reader.json(map, key)).unwrap_or(absent);
    json!({
        "target_name": text("target_name"),
        "model_module": text("model_module"),
        "model_name": text("model_name"),
        "state": value("state", json!({})),
        "seq": map.and_then(|map| reader.i64(map, "seq")).unwrap_or(0),
        "outputs": value("outputs", json!([])),
        "capture_msg_id": text("capture_msg_id"),
    })
}

fn host<D: ReadDoc>(reader: Reader<'_, D>) -> Map<String, Json> {
    let mut out = Map::new();
    out.insert("env".into(), env(reader));
    out.insert("trust".into(), trust(reader));
    out.insert("project_context".into(), project_context(reader));
    out.insert("file_checkpoint".into(), file_checkpoint(reader));
    for key in ["runtime_state_doc_id", "last_saved", "path"] {
        out.insert(key.into(), reader.str(&ROOT, key).into());
    }
    out
}

fn env<D: ReadDoc>(reader: Reader<'_, D>) -> Json {
    let Some(map) = reader.root_map("env") else {
        return json!({
            "in_sync": true, "added": [], "removed": [], "channels_changed": false,
            "deno_changed": false, "prewarmed_packages": [], "progress": null,
        });
    };
    json!({
        "in_sync": reader.bool(&map, "in_sync"),
        "added": reader.strings(&map, "added"),
        "removed": reader.strings(&map, "removed"),
        "channels_changed": reader.bool(&map, "channels_changed"),
        "deno_changed": reader.bool(&map, "deno_changed"),
        "prewarmed_packages": reader.strings(&map, "prewarmed_packages"),
        "progress": reader.json(&map, "progress").filter(Json::is_object),
    })
}

fn trust<D: ReadDoc>(reader: Reader<'_, D>) -> Json {
    let map = reader.root_map("trust");
    let mut out = Map::new();
    let text = map
        .as_ref()
        .and_then(|map| reader.str(map, "status"))
        .unwrap_or_default();
    out.insert("status".into(), text.into());
    let needs = map
        .as_ref()
        .is_some_and(|map| reader.bool(map, "needs_approval"));
    out.insert("needs_approval".into(), needs.into());
    for key in [
        "approved_uv_dependencies",
        "approved_conda_dependencies",
        "approved_conda_channels",
        "approved_pixi_dependencies",
        "approved_pixi_pypi_dependencies",
        "approved_pixi_channels",
    ] {
        let list = map
            .as_ref()
            .map(|map| reader.strings(map, key))
            .unwrap_or_default();
        out.insert(key.into(), list.into());
    }
    Json::Object(out)
}

fn project_context<D: ReadDoc>(reader: Reader<'_, D>) -> Json {
    let pending = json!({"state": "Pending"});
    let Some(map) = reader.root_map("project_context") else {
        return pending;
    };
    let text = |key: &str| reader.str(&map, key).unwrap_or_default();
    match text("state").as_str() {
        "not_found" => json!({"state": "NotFound", "observed_at": text("observed_at")}),
        "unreadable" => json!({
            "state": "Unreadable", "observed_at": text("observed_at"),
            "path": text("unreadable_path"), "reason": text("unreadable_reason"),
        }),
        "detected" => {
            let kind = match text("kind").as_str() {
                "pyproject_toml" => "PyprojectToml",
                "pixi_toml" => "PixiToml",
                "environment_yml" => "EnvironmentYml",
                _ => return pending,
            };
            json!({
                "state": "Detected", "observed_at": text("observed_at"),
                "project_file": {
                    "kind": kind, "absolute_path": text("absolute_path"),
                    "relative_to_notebook": text("relative_to_notebook"),
                },
                "parsed": parsed(reader, reader.map(&map, "parsed").as_ref()),
            })
        }
        _ => pending,
    }
}

fn parsed<D: ReadDoc>(reader: Reader<'_, D>, map: Option<&ObjId>) -> Json {
    let list = |key: &str| map.map(|map| reader.strings(map, key)).unwrap_or_default();
    let text = |key: &str| map.and_then(|map| reader.str(map, key));
    let extras = text("extras")
        .and_then(|extras| serde_json::from_str::<Json>(&extras).ok())
        .filter(|extras| extras["kind"].is_string())
        .unwrap_or_else(|| json!({"kind": "None"}));
    json!({
        "dependencies": list("dependencies"), "dev_dependencies": list("dev_dependencies"),
        "requires_python": text("requires_python"), "prerelease": text("prerelease"),
        "extras": extras,
    })
}

fn file_checkpoint<D: ReadDoc>(reader: Reader<'_, D>) -> Json {
    let map = reader.root_map("file_checkpoint");
    let text = |key: &str| {
        map.as_ref()
            .and_then(|map| reader.str(map, key))
            .unwrap_or_default()
    };
    let kind = text("source_issue_kind");
    let issue = ["conflict", "degraded"]
        .contains(&kind.as_str())
        .then(|| json!({"kind": kind, "reason": text("source_issue_reason")}));
    json!({
        "exported_heads":
            map.as_ref().map(|map| reader.strings(map, "exported_heads")).unwrap_or_default(),
        "save_sequence": map.as_ref().and_then(|map| reader.u64(map, "save_sequence")),
        "source_issue": issue,
    })
}
