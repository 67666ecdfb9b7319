//! What a runtime peer may write into RuntimeStateDoc (documents 5.12).

use std::collections::BTreeSet;

use automerge::{AutoCommit, ROOT};
use serde_json::{Value as Json, json};

use super::{Touched, bokeh};
use crate::runtime_state::{Execution, Projection, Queue, Selection, project};
use crate::value::Reader;

/// A rule a runtime peer broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeViolation {
    /// The part of the document.
    pub field: &'static str,
    /// Why.
    pub reason: String,
}

pub(super) fn violation(field: &'static str, reason: impl Into<String>) -> RuntimeViolation {
    RuntimeViolation {
        field,
        reason: reason.into(),
    }
}

const HOST_OWNED: &str = "room-host/daemon-owned";
const HOST_FIELDS: [&str; 7] = [
    "env",
    "trust",
    "runtime_state_doc_id",
    "last_saved",
    "file_checkpoint",
    "path",
    "project_context",
];

/// Checks what a frame touched, by projecting only that.
///
/// Reading a past state of keys that are written again and again costs what was ever written to
/// them; a caller that holds the document as it was passes that as `old`.
pub fn check_touched(
    old: Reader<'_, AutoCommit>,
    new: Reader<'_, AutoCommit>,
    touched: &Touched,
) -> Result<(), RuntimeViolation> {
    let roots_changed = touched.roots().any(|root| touched.under(root).is_none());
    if roots_changed {
        check_roots(&old.keys(&ROOT), &new.keys(&ROOT))?;
    }
    let fixed = HOST_FIELDS
        .iter()
        .chain(&["workstation"])
        .any(|field| touched.has(field));
    let mut selection = Selection {
        executions: touched.under("executions"),
        outputs: Some(BTreeSet::new()),
        comms: touched.under("comms"),
        bokeh_sessions: touched.under("bokeh_sessions"),
        skip_fixed: !fixed,
        skip_queue: !touched.has("queue"),
    };
    widen(&mut selection, touched, old, new);
    check_runtime_projections(&project(old, &selection), &project(new, &selection))
}

/// Adds what the rules look up beside the touched keys themselves.
fn widen(
    selection: &mut Selection,
    touched: &Touched,
    old: Reader<'_, AutoCommit>,
    new: Reader<'_, AutoCommit>,
) {
    if touched.has("bokeh_sessions") {
        let sessions = project(
            new,
            &Selection {
                bokeh_sessions: selection.bokeh_sessions.clone(),
                ..Selection::nothing()
            },
        );
        for session in sessions.bokeh_sessions.values() {
            let id = session["execution_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if let Some(wanted) = &mut selection.outputs {
                wanted.insert(id.clone());
            }
            if let Some(wanted) = &mut selection.executions {
                wanted.insert(id);
            }
        }
    }
    let Some(executions) = &mut selection.executions else {
        selection.outputs = None;
        return;
    };
    // Only outputs of executions that had ended are compared.
    if let (Some(map), Some(wanted)) = (old.root_map("executions"), &mut selection.outputs) {
        for id in executions.iter() {
            let status = old
                .map(&map, id)
                .and_then(|found| old.str(&found, "status"));
            if matches!(status.as_deref(), Some("done" | "error")) {
                wanted.insert(id.clone());
            }
        }
    }
    // Every id in either queue, so that its status is known; queues are short.
    if touched.has("queue") {
        for reader in [old, new] {
            let queue = project(reader, &Selection::nothing()).queue;
            executions.extend(queue.ids().cloned());
        }
    }
}

fn check_roots(before: &[String], after: &[String]) -> Result<(), RuntimeViolation> {
    if before.iter().any(|key| !after.contains(key)) {
        let reason = "raw RuntimeStateDoc root keys cannot be removed by a runtime peer";
        return Err(violation("schema", reason));
    }
    if after
        .iter()
        .any(|key| !before.contains(key) && key != "bokeh_sessions")
    {
        let reason = "raw RuntimeStateDoc root keys are room-host/daemon-owned";
        return Err(violation("schema", reason));
    }
    Ok(())
}

/// Compares two projections (or the same part of both) by the rules in their order.
pub fn check_runtime_projections(
    before: &Projection,
    after: &Projection,
) -> Result<(), RuntimeViolation> {
    check_executions(before, after)?;
    check_queue(before, after)?;
    for field in HOST_FIELDS {
        if before.host.get(field) != after.host.get(field) {
            return Err(violation(field, HOST_OWNED));
        }
    }
    if before.workstation != after.workstation {
        return Err(violation("workstation", HOST_OWNED));
    }
    for (id, comm) in &after.comms {
        match before.comms.get(id) {
            Some(old) if old["state"] != comm["state"] => {
                return Err(violation(
                    "comms",
                    format!("comm state moved to CommsDoc for {id}"),
                ));
            }
            None if comm["state"] != json!({}) => {
                let reason = format!("new RuntimeStateDoc comm state must be empty for {id}");
                return Err(violation("comms", reason));
            }
            _ => {}
        }
    }
    bokeh::check(before, after)
}

fn check_executions(before: &Projection, after: &Projection) -> Result<(), RuntimeViolation> {
    if after
        .executions
        .keys()
        .any(|id| !before.executions.contains_key(id))
    {
        let reason = "execution intent must go through ExecuteCell or RunAllCells";
        return Err(violation("executions", reason));
    }
    for (id, old) in &before.executions {
        let new = after.executions.get(id).ok_or_else(|| {
            let reason = "accepted execution records cannot be removed by runtime-peer sync";
            violation("executions", reason)
        })?;
        check_execution(id, old, new)?;
    }
    Ok(())
}

fn check_execution(id: &str, old: &Execution, new: &Execution) -> Result<(), RuntimeViolation> {
    let refuse = |reason: String| Err(violation("executions", reason));
    if old.source != new.source
        || old.cell_id != new.cell_id
        || old.seq != new.seq
        || old.submitted_by_actor_label != new.submitted_by_actor_label
    {
        return refuse(format!(
            "accepted execution provenance is coordinator-owned for {id}"
        ));
    }
    let (from, to) = (old.status.as_str(), new.status.as_str());
    let allowed = matches!(
        (from, to),
        ("queued", "running" | "done" | "error" | "cancelled") | ("running", "done" | "error")
    );
    if from != to {
        if allowed {
            return Ok(());
        }
        return refuse(format!(
            "invalid runtime-peer status transition for {id}: {from} -> {to}"
        ));
    }
    if !matches!(from, "done" | "error") {
        return Ok(());
    }
    if old.success != new.success || old.execution_count != new.execution_count {
        return refuse(format!(
            "terminal execution result metadata is immutable for {id}"
        ));
    }
    let kept = old.outputs.len() <= new.outputs.len()
        && old
            .outputs
            .iter()
            .zip(&new.outputs)
            .all(|(old, new)| same_output(old, new));
    if kept {
        return Ok(());
    }
    refuse(format!(
        "terminal execution outputs are append-only for {id}"
    ))
}

/// Returns whether an ended execution's output is unchanged, or updated as a display.
fn same_output(old: &Json, new: &Json) -> bool {
    if old == new {
        return true;
    }
    let display = |manifest: &Json| {
        manifest["transient"]["display_id"]
            .as_str()
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
    };
    display(old).is_some()
        && display(old) == display(new)
        && old["output_id"] == new["output_id"]
        && old["output_type"] == new["output_type"]
}

fn check_queue(before: &Projection, after: &Projection) -> Result<(), RuntimeViolation> {
    if before.queue == after.queue {
        return Ok(());
    }
    let queue: &Queue = &after.queue;
    let mut seen = BTreeSet::new();
    for id in queue.ids() {
        if !seen.insert(id) {
            return Err(violation(
                "queue",
                "queue entries must not repeat an execution id",
            ));
        }
    }
    for id in queue.ids() {
        if !before.executions.contains_key(id) {
            let reason = "queue entries must reference executions accepted through \
                          ExecuteCell or RunAllCells";
            return Err(violation("queue", reason));
        }
        let status = after.executions.get(id).map(|found| found.status.as_str());
        if matches!(status, Some("done" | "error" | "cancelled")) {
            let reason = "terminal executions cannot be re-queued by runtime-peer sync";
            return Err(violation("queue", reason));
        }
    }
    Ok(())
}
