//! What must hold once the world is silent.

use std::collections::BTreeMap;

use documents::value::Reader;
use room::{DocumentKind, Room};
use serde_json::Value;

use super::kernel::lines;
use super::world::World;

pub(super) fn all(world: &mut World) -> Result<(), String> {
    let Some(room) = &mut world.room else {
        return Err("no room".into());
    };
    for browser in &mut world.browsers {
        converged(room, &mut browser.docs)?;
        let bytes = room.snapshot(DocumentKind::Notebook);
        let mut notebook =
            automerge::AutoCommit::load(&bytes).map_err(|error| error.to_string())?;
        for hash in &browser.acknowledged_changes {
            let known = browser
                .docs
                .values_mut()
                .any(|(doc, _)| doc.get_change_meta_by_hash(hash).is_some());
            if !known && notebook.get_change_meta_by_hash(hash).is_none() {
                return Err(format!("an acknowledged change is lost: {hash}"));
            }
        }
    }
    let bytes = room.snapshot(DocumentKind::RuntimeState);
    let state = automerge::AutoCommit::load(&bytes).map_err(|error| error.to_string())?;
    let executions = Reader::now(&state)
        .root_map("executions")
        .ok_or("no executions")?;
    let records = room_executions(&state);
    for run in world
        .browsers
        .iter()
        .flat_map(|browser| &browser.acknowledged_runs)
    {
        if !records.contains(run) {
            return Err(format!("an acknowledged execution is lost: {run}"));
        }
    }
    for id in &records {
        let record = Reader::now(&state)
            .json(&executions, id.as_str())
            .ok_or("no record")?;
        if record["status"] != "done" {
            return Err(format!("{id} is {} at the end", record["status"]));
        }
        let text = text(&record, &world.machine.blobs)?;
        let expected = lines(id).concat();
        if text != expected {
            return Err(format!("{id} shows {text:?} instead of {expected:?}"));
        }
    }
    for (id, runs) in &world.machine.kernel.runs {
        if *runs != 1 {
            return Err(format!("{id} ran {runs} times"));
        }
        if !records.contains(id) {
            return Err(format!("{id} ran and the room does not know it"));
        }
    }
    Ok(())
}

fn room_executions(state: &automerge::AutoCommit) -> Vec<String> {
    use automerge::ReadDoc as _;
    Reader::now(state)
        .root_map("executions")
        .map_or_else(Vec::new, |map| state.keys(&map).collect())
}

fn converged(
    room: &mut Room,
    docs: &mut BTreeMap<u8, (automerge::AutoCommit, automerge::sync::State)>,
) -> Result<(), String> {
    for kind in DocumentKind::ALL {
        let Some((doc, _)) = docs.get_mut(&kind.frame_type().byte()) else {
            continue;
        };
        let mut heads: Vec<String> = doc.get_heads().iter().map(ToString::to_string).collect();
        heads.sort();
        let expected = room.heads(kind);
        if heads != expected {
            return Err(format!(
                "{kind:?}: a replica has {heads:?}, the room {expected:?}"
            ));
        }
    }
    Ok(())
}

/// Returns the joined stream text of an execution in reading order.
fn text(record: &Value, blobs: &BTreeMap<String, Vec<u8>>) -> Result<String, String> {
    let Some(outputs) = record["outputs"].as_object() else {
        return Ok(String::new());
    };
    let mut ordered: Vec<(u64, &String, &Value)> = outputs
        .iter()
        .map(|(id, output)| (output["seq"].as_u64().unwrap_or(0), id, &output["manifest"]))
        .collect();
    ordered.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    let mut all = String::new();
    for (_, _, manifest) in ordered {
        let resolved = documents::manifest::resolve(manifest, &|sha| blobs.get(sha).cloned())
            .map_err(|error| format!("{error:?}"))?;
        all.push_str(resolved["text"].as_str().unwrap_or_default());
    }
    Ok(all)
}
