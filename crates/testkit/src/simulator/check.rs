//! What must hold once the world is silent.

use std::collections::BTreeMap;

use automerge::{AutoCommit, ReadDoc as _};
use documents::value::Reader;
use documents::{DocKind, NotebookDoc};
use room::Room;
use serde_json::Value;
use wire::http::JobStatus;

use super::kernel::KernelState;
use super::world::World;

pub(super) fn all(world: &mut World) -> Result<(), String> {
    let Some(mut room) = world.room.take() else {
        return Err("no room".into());
    };
    documents(world, &mut room)?;
    sessions(world, &mut room)?;
    executions(world, &mut room)
}

fn load(room: &mut Room, kind: DocKind) -> Result<AutoCommit, String> {
    AutoCommit::load(&room.snapshot(kind)).map_err(|error| error.to_string())
}

fn sorted(heads: &[automerge::ChangeHash]) -> Vec<String> {
    let mut heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    heads.sort();
    heads
}

/// Replicas are equal and nothing acknowledged is lost.
fn documents(world: &mut World, room: &mut Room) -> Result<(), String> {
    let notebook = NotebookDoc::from_doc(load(room, DocKind::Notebook)?);
    let ids = notebook.cell_ids();
    let sources: Vec<String> = ids.iter().filter_map(|id| notebook.source(id)).collect();
    for browser in &mut world.browsers {
        for kind in DocKind::ALL {
            let Some((doc, _)) = browser.docs.get_mut(&kind.frame_type().byte()) else {
                continue;
            };
            let (heads, expected) = (sorted(&doc.get_heads()), room.heads(kind));
            if heads != expected {
                return Err(format!(
                    "{kind:?}: a browser has {heads:?}, the room {expected:?}"
                ));
            }
        }
        for edit in &browser.acknowledged_edits {
            let has_line = sources.iter().any(|source| source.contains(&edit.line));
            let cell = notebook.source(&edit.cell).unwrap_or_default();
            if !has_line || !cell.starts_with(&edit.source) {
                return Err(format!("an acknowledged edit is lost: {edit:?}"));
            }
        }
    }
    let in_room = |peer: &&mut super::peer::Peer| peer.is_alive && peer.session.in_sync();
    for peer in world.peers.iter_mut().filter(in_room) {
        for kind in [DocKind::RuntimeState, DocKind::Comms] {
            let heads = sorted(&peer.session.heads(kind));
            let expected = room.heads(kind);
            if heads != expected {
                return Err(format!(
                    "{kind:?}: {}'s peer has {heads:?}, the room {expected:?}",
                    peer.job
                ));
            }
        }
    }
    Ok(())
}

/// Cloud, machines and room agree about which session is there.
fn sessions(world: &World, room: &mut Room) -> Result<(), String> {
    let alive: Vec<&str> = world
        .peers
        .iter()
        .filter(|peer| peer.is_alive)
        .map(|peer| peer.job.as_str())
        .collect();
    let active: Vec<&str> = world
        .cloud
        .jobs
        .iter()
        .filter(|job| job.status.is_active())
        .map(|job| job.id.as_str())
        .collect();
    if alive != active {
        return Err(format!("peers live for {alive:?}, active is {active:?}"));
    }
    for (job, keeper) in &world.keepers {
        if keeper.state != KernelState::None && !active.contains(&job.as_str()) {
            return Err(format!("the kernel of {job} lives, active is {active:?}"));
        }
    }
    let attachment = room.attachment().ok_or("nothing is attached")?;
    let last = world.cloud.jobs.last().ok_or("no job")?;
    if attachment.runtime_session_id.as_deref() != Some(last.id.as_str()) {
        return Err(format!("{last:?} is not what is attached: {attachment:?}"));
    }
    let is_ready = attachment.status == "ready";
    let is_here = last.status == JobStatus::Running && room.runtime_peer_count() == 1;
    if is_ready != is_here || room.runtime_peer_count() != active.len() {
        return Err(format!(
            "{last:?}, {} runtime peers in the room, attachment {:?}",
            room.runtime_peer_count(),
            attachment.status
        ));
    }
    if world.strict && active.is_empty() && attachment.status != "idle" {
        return Err(format!("the session is lost: {last:?}"));
    }
    Ok(())
}

/// Every acknowledged execution ended; what it shows is what a kernel printed, once, in order.
fn executions(world: &World, room: &mut Room) -> Result<(), String> {
    let state = load(room, DocKind::RuntimeState)?;
    let map = Reader::now(&state)
        .root_map("executions")
        .ok_or("no executions")?;
    let records: Vec<String> = state.keys(&map).collect();
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
            .json(&map, id.as_str())
            .ok_or("no record")?;
        let status = record["status"].as_str().unwrap_or_default();
        if !["done", "error", "cancelled"].contains(&status) || world.strict && status != "done" {
            return Err(format!("{id} is {status} at the end"));
        }
        let shown = text(&record, &world.blobs)?;
        let fits = |printed: &str| match status {
            "done" => shown == printed,
            _ => printed.starts_with(&shown),
        };
        let printed: Vec<&str> = world
            .keepers
            .values()
            .filter(|keeper| keeper.runs.contains_key(id))
            .map(|keeper| keeper.printed.get(id).map_or("", String::as_str))
            .collect();
        let never_ran = shown.is_empty() && status != "done";
        if !never_ran && !printed.iter().any(|printed| fits(printed)) {
            return Err(format!(
                "{id} ({status}) shows {shown:?}, printed was {printed:?}"
            ));
        }
    }
    for (job, keeper) in &world.keepers {
        for (id, runs) in &keeper.runs {
            if *runs != 1 {
                return Err(format!("{id} ran {runs} times in the kernel of {job}"));
            }
            if !records.contains(id) {
                return Err(format!("{id} ran and the room does not know it"));
            }
        }
    }
    if world.strict {
        let ran: usize = world.keepers.values().map(|keeper| keeper.runs.len()).sum();
        if ran != records.len() {
            return Err(format!("{} executions ran {ran} times", records.len()));
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
