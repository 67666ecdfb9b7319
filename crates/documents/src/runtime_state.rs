//! RuntimeStateDoc: kernel, queue, executions and their outputs (documents 5).
//!
//! Writers look keys up directly, so their cost does not depend on how many executions there are.
//! Only [`RuntimeStateDoc::next_seq`] and the scans named `all_…` read every execution: a room
//! calls them once per load and keeps the answer.

mod display;
mod kernel;
mod lifecycle;
mod outputs;
mod projection;
mod queue;
mod workstation;

pub use display::display_id;
pub use kernel::{KernelInfo, Lifecycle, WantedKernelspec};
pub use outputs::{OutputEntry, OutputPlace, Upsert};
pub use projection::{Execution, Projection, Selection, project, projection_json};
pub use queue::Queue;

use automerge::transaction::Transactable;
use automerge::{AutoCommit, AutomergeError, ObjId, ObjType, ScalarValue};
use serde_json::Value as Json;

use crate::genesis::{DocKind, document};
use crate::value::{DocError, put_tree, tree};

/// Begins the error details of a lost runtime (5.10).
pub const DISCONNECTED_PREFIX: &str = "runtime peer disconnected:";

/// Kernel, queue, executions and outputs of a room.
#[derive(Clone, Debug)]
pub struct RuntimeStateDoc {
    doc: AutoCommit,
}

document!(RuntimeStateDoc, DocKind::RuntimeState);

/// Values of an execution's `status`.
pub mod status {
    /// Accepted, not yet taken.
    pub const QUEUED: &str = "queued";
    /// At the kernel.
    pub const RUNNING: &str = "running";
    /// Ended well.
    pub const DONE: &str = "done";
    /// Ended badly.
    pub const ERROR: &str = "error";
    /// Never ran.
    pub const CANCELLED: &str = "cancelled";

    /// Returns whether a status is final.
    pub fn is_terminal(status: &str) -> bool {
        [DONE, ERROR, CANCELLED].contains(&status)
    }
}

/// What the host knows when it accepts an execution.
#[derive(Clone, Debug)]
pub struct NewExecution<'a> {
    /// Its id, a UUID.
    pub id: &'a str,
    /// The exact text to run.
    pub source: &'a str,
    /// The cell it belongs to.
    pub cell_id: Option<&'a str>,
    /// Its place in the order of acceptance.
    pub seq: u64,
    /// The authenticated label of the requester.
    pub submitted_by: Option<&'a str>,
}

/// Writes a queued execution's record (documents 5.4).
pub fn put_execution(
    doc: &mut AutoCommit,
    executions: &ObjId,
    new: &NewExecution<'_>,
) -> Result<(), AutomergeError> {
    let text = |text: &str| Some(ScalarValue::from(text).into());
    let fields = [
        ("status", text(status::QUEUED)),
        ("execution_count", Some(ScalarValue::Null.into())),
        ("success", Some(ScalarValue::Null.into())),
        ("outputs", Some(tree([]))),
        ("source", text(new.source)),
        ("cell_id", new.cell_id.and_then(text)),
        ("seq", Some(ScalarValue::Uint(new.seq).into())),
        ("submitted_by_actor_label", new.submitted_by.and_then(text)),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    put_tree(doc, executions, new.id, &tree(fields))
}

impl RuntimeStateDoc {
    pub(crate) fn map(&self, key: &'static str) -> Result<ObjId, DocError> {
        self.reader().root_map(key).ok_or(DocError::MissingMap(key))
    }

    pub(crate) fn execution_object(&self, id: &str) -> Option<ObjId> {
        let executions = self.reader().root_map("executions")?;
        self.reader().map(&executions, id)
    }

    /// Creates an execution; false if the id exists.
    pub fn create_execution(&mut self, new: &NewExecution<'_>) -> Result<bool, DocError> {
        let executions = self.map("executions")?;
        if self.reader().get(&executions, new.id).is_some() {
            return Ok(false);
        }
        put_execution(&mut self.doc, &executions, new)?;
        Ok(true)
    }

    /// Writes an execution that ended elsewhere, as a file holds it: its count, how it ended and
    /// its outputs, nothing else (documents 12.1).
    pub fn import_execution(
        &mut self,
        id: &str,
        count: Option<i64>,
        success: bool,
        outputs: &[Json],
    ) -> Result<(), DocError> {
        let executions = self.map("executions")?;
        let execution = self.doc.put_object(&executions, id, ObjType::Map)?;
        self.doc.put(&execution, "status", status::DONE)?;
        let count = count.map_or(ScalarValue::Null, ScalarValue::from);
        self.doc.put(&execution, "execution_count", count)?;
        self.doc.put(&execution, "success", success)?;
        self.doc.put_object(&execution, "outputs", ObjType::Map)?;
        self.append_outputs(id, outputs)?;
        Ok(())
    }

    /// Returns whether an execution exists.
    pub fn has_execution(&self, id: &str) -> bool {
        self.execution_object(id).is_some()
    }

    /// Returns an execution's status without reading anything else.
    pub fn status(&self, id: &str) -> Option<String> {
        self.reader().str(&self.execution_object(id)?, "status")
    }

    /// Whether an execution is there and has not ended.
    pub fn is_open(&self, id: &str) -> bool {
        self.status(id)
            .is_some_and(|now| !status::is_terminal(&now))
    }

    /// Returns one execution with its outputs.
    pub fn execution(&self, id: &str) -> Option<Execution> {
        Some(projection::execution(
            self.reader(),
            &self.execution_object(id)?,
            true,
        ))
    }

    /// Returns an execution without its outputs.
    pub fn execution_head(&self, id: &str) -> Option<Execution> {
        Some(projection::execution(
            self.reader(),
            &self.execution_object(id)?,
            false,
        ))
    }

    /// Returns the ids of all executions; reads the whole map.
    pub fn all_execution_ids(&self) -> Vec<String> {
        let executions = self.reader().root_map("executions");
        executions
            .map(|map| self.reader().keys(&map))
            .unwrap_or_default()
    }

    /// Returns the ids of all executions with a status, by seq (missing last), then id.
    pub fn all_with_status(&self, wanted: &str) -> Vec<String> {
        let mut found: Vec<(u64, String)> = self
            .all_execution_ids()
            .into_iter()
            .filter(|id| self.status(id).as_deref() == Some(wanted))
            .map(|id| (self.seq(&id).unwrap_or(u64::MAX), id))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Returns an execution's seq.
    pub fn seq(&self, id: &str) -> Option<u64> {
        self.reader().u64(&self.execution_object(id)?, "seq")
    }

    /// Returns the seq of the next execution; reads every execution, so keep it.
    pub fn next_seq(&self) -> u64 {
        let all = self.all_execution_ids();
        all.iter()
            .filter_map(|id| self.seq(id))
            .max()
            .map_or(0, |seq| seq.saturating_add(1))
    }

    fn put_in_execution(
        &mut self,
        id: &str,
        key: &str,
        value: impl Into<ScalarValue>,
    ) -> Result<bool, DocError> {
        let Some(execution) = self.execution_object(id) else {
            return Ok(false);
        };
        self.doc.put(&execution, key, value)?;
        Ok(true)
    }

    /// Moves an execution from queued to running; false if it is not queued.
    pub fn set_running(&mut self, id: &str) -> Result<bool, DocError> {
        if self.status(id).as_deref() != Some(status::QUEUED) {
            return Ok(false);
        }
        self.put_in_execution(id, "status", status::RUNNING)
    }

    /// Puts the kernel's count; false if the execution is gone or has it already.
    pub fn set_execution_count(&mut self, id: &str, count: i64) -> Result<bool, DocError> {
        let Some(execution) = self.execution_object(id) else {
            return Ok(false);
        };
        if self.reader().i64(&execution, "execution_count") == Some(count) {
            return Ok(false);
        }
        self.put_in_execution(id, "execution_count", count)
    }

    /// Ends a queued or running execution; false if it is over or gone.
    pub fn finish(&mut self, id: &str, success: bool) -> Result<bool, DocError> {
        let Some(now) = self.status(id) else {
            return Ok(false);
        };
        if status::is_terminal(&now) {
            return Ok(false);
        }
        let end = if success { status::DONE } else { status::ERROR };
        self.put_in_execution(id, "status", end)?;
        self.put_in_execution(id, "success", success)
    }

    /// Cancels a queued execution; false if it is not queued.
    pub fn cancel(&mut self, id: &str) -> Result<bool, DocError> {
        if self.status(id).as_deref() != Some(status::QUEUED) {
            return Ok(false);
        }
        self.put_in_execution(id, "status", status::CANCELLED)
    }

    /// Puts an additive key of an execution, such as a pending input; null deletes it.
    pub fn set_execution_extra(
        &mut self,
        id: &str,
        key: &str,
        value: &Json,
    ) -> Result<bool, DocError> {
        let Some(execution) = self.execution_object(id) else {
            return Ok(false);
        };
        if value.is_null() {
            if self.reader().get(&execution, key).is_some() {
                self.doc.delete(&execution, key)?;
            }
        } else {
            crate::value::update_json(&mut self.doc, &execution, key, value)?;
        }
        Ok(true)
    }

    /// Removes an execution and its display-index entries.
    pub fn remove_execution(&mut self, id: &str) -> Result<bool, DocError> {
        if !self.has_execution(id) {
            return Ok(false);
        }
        self.forget_displays_of(id)?;
        let executions = self.map("executions")?;
        self.doc.delete(&executions, id)?;
        Ok(true)
    }

    /// Returns what a reader sees of the whole document.
    pub fn projection(&self) -> Projection {
        project(self.reader(), &Selection::everything())
    }
}

#[cfg(test)]
mod tests;
