//! What the room must know about executions at every frame, kept beside the document.
//!
//! Reading it from the document each time would make a frame cost more the more was ever run; so
//! it is built once at load and afterwards follows the changes.

use std::collections::{BTreeMap, BTreeSet};

use automerge::AutoCommit;

use crate::runtime_doc;

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Queued,
    Running,
    Done,
    Error,
    Cancelled,
}

impl Status {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "done" => Self::Done,
            "error" => Self::Error,
            "cancelled" => Self::Cancelled,
            _ => return None,
        })
    }

    pub(crate) const fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// What is kept of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) status: Option<Status>,
    pub(crate) seq: Option<u64>,
}

/// All executions, and which of them are active.
#[derive(Debug, Default)]
pub(crate) struct RuntimeIndex {
    executions: BTreeMap<String, Execution>,
    active: BTreeSet<String>,
    by_seq: BTreeSet<(u64, String)>,
}

impl RuntimeIndex {
    pub(crate) fn rebuild(&mut self, doc: &AutoCommit) {
        *self = Self::default();
        for id in runtime_doc::execution_ids(doc) {
            self.refresh(doc, &id);
        }
    }

    /// Reads one execution anew.
    pub(crate) fn refresh(&mut self, doc: &AutoCommit, id: &str) {
        if let Some(Execution { seq: Some(seq), .. }) = self.executions.remove(id) {
            self.by_seq.remove(&(seq, id.to_owned()));
        }
        self.active.remove(id);
        let Some(execution) = runtime_doc::execution(doc, id) else {
            return;
        };
        if execution.status.is_some_and(Status::is_active) {
            self.active.insert(id.to_owned());
        }
        if let Some(seq) = execution.seq {
            self.by_seq.insert((seq, id.to_owned()));
        }
        self.executions.insert(id.to_owned(), execution);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Execution> {
        self.executions.get(id).copied()
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.executions.contains_key(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.executions.len()
    }

    /// Returns the number the next execution gets; derived from the document's records.
    pub(crate) fn next_seq(&self) -> u64 {
        self.by_seq.last().map_or(0, |(seq, _)| seq + 1)
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.active.is_empty()
    }

    /// Returns the active executions with their status.
    pub(crate) fn active(&self) -> Vec<(String, Status)> {
        let status = |id: &String| self.get(id).and_then(|execution| execution.status);
        self.active
            .iter()
            .filter_map(|id| Some((id.clone(), status(id)?)))
            .collect()
    }

    /// Returns the execution with the highest number.
    pub(crate) fn newest(&self) -> Option<&str> {
        self.by_seq.last().map(|(_, id)| id.as_str())
    }

    /// Returns ended executions, oldest first: by `seq`, those without last, then by id.
    pub(crate) fn oldest_ended(&self) -> impl Iterator<Item = &str> {
        let numbered = self.by_seq.iter().map(|(_, id)| id.as_str());
        let rest = self
            .executions
            .iter()
            .filter(|(_, execution)| execution.seq.is_none());
        numbered
            .chain(rest.map(|(id, _)| id.as_str()))
            .filter(|id| !self.active.contains(*id))
    }
}
