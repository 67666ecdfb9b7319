//! The rules of Bokeh sessions (documents 5.12, rule 6).

use serde_json::Value as Json;

use super::runtime::{RuntimeViolation, violation};
use crate::runtime_state::Projection;

const MIME: &str = "application/vnd.nteract.bokeh-session.v1+json";
const REQUIRED: [&str; 6] = [
    "output_id",
    "cell_id",
    "execution_id",
    "kernel_id",
    "producer_name",
    "bokeh_version",
];

/// Checks the sessions of two projections.
pub(super) fn check(before: &Projection, after: &Projection) -> Result<(), RuntimeViolation> {
    for id in before.bokeh_sessions.keys() {
        if !after.bokeh_sessions.contains_key(id) {
            return refuse(id, "session records cannot be removed");
        }
    }
    for (id, new) in &after.bokeh_sessions {
        let old = before.bokeh_sessions.get(id);
        if old == Some(new) {
            continue;
        }
        check_shape(id, new)?;
        match old {
            None => check_new(id, new, before, after)?,
            Some(old) => check_change(id, old, new)?,
        }
    }
    Ok(())
}

fn refuse<T>(id: &str, reason: &str) -> Result<T, RuntimeViolation> {
    Err(violation("bokeh_sessions", format!("{reason} for {id}")))
}

fn has_content(reference: &Json) -> bool {
    let filled = |key: &str| reference[key].as_str().is_some_and(|text| !text.is_empty());
    filled("blob") && filled("media_type")
}

fn check_shape(id: &str, session: &Json) -> Result<(), RuntimeViolation> {
    let filled = |key: &str| session[key].as_str().is_some_and(|text| !text.is_empty());
    let roots = session["root_ids"]
        .as_array()
        .is_some_and(|ids| !ids.is_empty());
    if !REQUIRED.iter().all(|key| filled(key)) || !roots {
        return refuse(id, "session topology is incomplete");
    }
    let checkpoint = &session["checkpoint"];
    let Some(mut revision) = checkpoint["revision"].as_u64() else {
        return refuse(id, "session has no checkpoint");
    };
    if !has_content(&checkpoint["content_ref"]) {
        return refuse(id, "checkpoint content reference is incomplete");
    }
    for patch in session["patch_tail"].as_array().unwrap_or(&Vec::new()) {
        if !has_content(&patch["content_ref"]) {
            return refuse(id, "patch content reference is incomplete");
        }
        let next = patch["revision"].as_u64().unwrap_or(0);
        if patch["base_revision"].as_u64() != Some(revision) || next <= revision {
            return refuse(id, "patch tail is not contiguous");
        }
        revision = next;
    }
    if session["head_revision"].as_u64() != Some(revision) {
        return refuse(id, "patch tail does not reach the head revision");
    }
    Ok(())
}

fn check_new(
    id: &str,
    session: &Json,
    before: &Projection,
    after: &Projection,
) -> Result<(), RuntimeViolation> {
    let execution = session["execution_id"].as_str().unwrap_or_default();
    let Some(found) = after.executions.get(execution) else {
        return refuse(id, "session references an unknown execution");
    };
    if !before.executions.contains_key(execution) {
        return refuse(id, "session references an unknown execution");
    }
    if found.cell_id.as_deref() != session["cell_id"].as_str() {
        return refuse(id, "session references another cell");
    }
    let shown = found.outputs.iter().any(|output| {
        output["output_id"] == session["output_id"]
            && matches!(
                output["output_type"].as_str(),
                Some("display_data" | "execute_result")
            )
            && output["data"].get(MIME).is_some()
    });
    if !shown {
        return refuse(id, "session references no output with its media type");
    }
    if session["status"] != "connected" {
        return refuse(id, "a new session must be connected");
    }
    Ok(())
}

fn check_change(id: &str, old: &Json, new: &Json) -> Result<(), RuntimeViolation> {
    let identity = REQUIRED.iter().chain(&["producer_version", "root_ids"]);
    if identity.into_iter().any(|key| old[*key] != new[*key]) {
        return refuse(id, "session provenance is immutable");
    }
    if old["status"] == "closed" {
        return refuse(id, "a closed session is immutable");
    }
    let (from, to) = (old["status"].as_str(), new["status"].as_str());
    let allowed = from == to
        || matches!(
            (from, to),
            (Some("connected"), Some("disconnected" | "closed" | "error"))
                | (Some("disconnected" | "error"), Some("closed"))
        );
    if !allowed {
        return refuse(id, "invalid session status transition");
    }
    let revision = |value: &Json| value.as_u64().unwrap_or(0);
    if revision(&new["head_revision"]) < revision(&old["head_revision"])
        || revision(&new["checkpoint"]["revision"]) < revision(&old["checkpoint"]["revision"])
    {
        return refuse(id, "session revisions cannot decrease");
    }
    Ok(())
}
