//! Execution intent: the records that only the room makes (room protocol 5.4, 6.2).

use documents::DocKind;
use std::collections::{BTreeMap, BTreeSet};

use automerge::AutomergeError;
use serde_json::Value;
use uuid::Uuid;
use wire::request::{CellExecutionIdsError, parse_cell_execution_ids};
use wire::{CellId, ExecutionId, PeerId, UnixMs};

use crate::notebook_doc::{self, Cell};
use crate::runtime_doc::{self, NewExecution};
use crate::runtime_index::Status;
use crate::settings::{EXECUTIONS_KEPT, EXECUTIONS_SLACK};
use crate::{Effect, Room};

/// Why an execution request is refused; the texts are those of room protocol 5.4.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecutionError {
    #[error("ExecuteCell request missing cell_id")]
    MissingCellId,
    #[error("cell not found: {0}")]
    CellNotFound(String),
    #[error("cannot execute non-code cell {id} (type {cell_type})")]
    NotCode { id: String, cell_type: String },
    #[error("execution_id is not a valid UUID: {0}")]
    NotUuid(String),
    #[error("duplicate execution_id in request: {0}")]
    Duplicate(String),
    #[error("execution_id already exists: {0}")]
    Exists(String),
    #[error(transparent)]
    Ids(#[from] CellExecutionIdsError),
    #[error("write execution: {0}")]
    Write(#[from] AutomergeError),
}

impl Room {
    pub(crate) fn execute_cell(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        cell_id: Option<CellId>,
        execution_id: Option<ExecutionId>,
    ) -> Result<(), ExecutionError> {
        let id = cell_id.ok_or(ExecutionError::MissingCellId)?.into_string();
        let cell = notebook_doc::cell(self.doc(DocKind::Notebook), &id)
            .ok_or(ExecutionError::CellNotFound(id))?;
        if cell.kind != "code" {
            return Err(ExecutionError::NotCode {
                id: cell.id,
                cell_type: cell.kind,
            });
        }
        let current = cell
            .execution_id
            .as_deref()
            .and_then(|id| self.index.get(id));
        if current
            .and_then(|execution| execution.status)
            .is_some_and(Status::is_active)
        {
            return Ok(());
        }
        let execution_id = match execution_id {
            Some(id) => checked_uuid(id.as_str())?,
            None => self.ids.uuid().to_string(),
        };
        if self.index.contains(&execution_id) {
            return Ok(());
        }
        self.submit(now, peer_id, vec![(cell, execution_id)])
    }

    pub(crate) fn run_all_cells(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        ids: Option<&Value>,
    ) -> Result<(), ExecutionError> {
        let given = ids.map_or(Ok(Vec::new()), parse_cell_execution_ids)?;
        let cells = notebook_doc::code_cells(self.doc(DocKind::Notebook));
        if cells.is_empty() {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        let mut by_cell = BTreeMap::new();
        for (cell_id, id) in given {
            let id = checked_uuid(id.as_str())?;
            if !seen.insert(id.clone()) {
                return Err(ExecutionError::Duplicate(id));
            }
            if self.index.contains(&id) {
                return Err(ExecutionError::Exists(id));
            }
            by_cell.insert(cell_id.into_string(), id);
        }
        let mut runs = Vec::with_capacity(cells.len());
        for cell in cells {
            let id = by_cell
                .remove(&cell.id)
                .unwrap_or_else(|| self.ids.uuid().to_string());
            runs.push((cell, id));
        }
        self.submit(now, peer_id, runs)
    }

    /// Writes records, queue and cell pointers: all or nothing.
    fn submit(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        runs: Vec<(Cell, String)>,
    ) -> Result<(), ExecutionError> {
        let Some(peer) = self.peers.get(peer_id) else {
            return Ok(());
        };
        let submitted_by = peer.actor_label.clone();
        self.note_kernelspec_for_run();
        let first_seq = self.index.next_seq();
        let new: Vec<NewExecution> = runs
            .into_iter()
            .zip(first_seq..)
            .map(|((cell, id), seq)| NewExecution {
                id,
                cell_id: cell.id,
                source: cell.source,
                seq,
                submitted_by: submitted_by.clone(),
            })
            .collect();
        // Every cell was just read, so the pointers can be written; should the second write fail
        // nevertheless, the first has no pointer to it and is taken back.
        self.author(DocKind::RuntimeState, |doc| {
            let mut queue = runtime_doc::queue(doc);
            for execution in &new {
                runtime_doc::create_execution(doc, execution)?;
                let listed = queue.queued.contains(&execution.id);
                if !listed && queue.executing.as_ref() != Some(&execution.id) {
                    queue.queued.push(execution.id.clone());
                }
            }
            runtime_doc::write_queue(doc, &queue)
        })?;
        let pointed = self.author(DocKind::Notebook, |doc| {
            new.iter().try_for_each(|execution| {
                notebook_doc::point_cell(doc, &execution.cell_id, &execution.id)
            })
        });
        if let Err(error) = pointed {
            self.withdraw(&new)?;
            return Err(error.into());
        }
        self.refresh_index(new.iter().map(|execution| execution.id.as_str()));
        self.trim_executions()?;
        self.relay(DocKind::RuntimeState, Some(peer_id));
        self.relay(DocKind::Notebook, Some(peer_id));
        self.watch_idleness(now);
        self.work.push(Effect::Ran {
            actor_label: submitted_by,
            cells: new.len(),
        });
        Ok(())
    }

    fn withdraw(&mut self, new: &[NewExecution]) -> Result<(), AutomergeError> {
        self.author(DocKind::RuntimeState, |doc| {
            let mut queue = runtime_doc::queue(doc);
            queue
                .queued
                .retain(|id| !new.iter().any(|execution| execution.id == *id));
            runtime_doc::write_queue(doc, &queue)?;
            new.iter()
                .try_for_each(|execution| runtime_doc::remove_execution(doc, &execution.id))
        })?;
        Ok(())
    }

    pub(crate) fn refresh_index<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        let doc = self.documents[DocKind::RuntimeState.index()].doc();
        for id in ids {
            self.index.refresh(doc, id);
        }
    }

    /// Removes the oldest ended executions that no cell shows (documents 5.13).
    ///
    /// Looking for them costs a walk over the cells, so it is done once for every
    /// `EXECUTIONS_SLACK` new executions.
    fn trim_executions(&mut self) -> Result<(), AutomergeError> {
        if self.index.len() < self.trim_at.max(EXECUTIONS_KEPT + EXECUTIONS_SLACK) {
            return Ok(());
        }
        let shown = notebook_doc::shown_executions(self.doc(DocKind::Notebook));
        let surplus = self.index.len() - EXECUTIONS_KEPT;
        let old: Vec<String> = self
            .index
            .oldest_ended()
            .filter(|id| !shown.contains(*id))
            .take(surplus)
            .map(str::to_owned)
            .collect();
        self.author(DocKind::RuntimeState, |doc| {
            old.iter()
                .try_for_each(|id| runtime_doc::remove_execution(doc, id))
        })?;
        self.refresh_index(old.iter().map(String::as_str));
        self.trim_at = self.index.len() + EXECUTIONS_SLACK;
        Ok(())
    }
}

fn checked_uuid(text: &str) -> Result<String, ExecutionError> {
    Uuid::parse_str(text).map_err(|_| ExecutionError::NotUuid(text.to_owned()))?;
    Ok(text.to_owned())
}
