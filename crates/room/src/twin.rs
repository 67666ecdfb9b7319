//! The second copy of a document, on which foreign changes are tried before they count.
//!
//! What passes makes the copy the document and the former document its copy, which then lacks those changes: it gets
//! them when there is time, many at once. So what a peer waits for is that its changes are applied once, not twice.

use automerge::{AutoCommit, AutomergeError, Change};

pub(crate) struct Twin {
    doc: Box<AutoCommit>,
    /// What the document has and this copy does not have yet, in order.
    lacks: Vec<Change>,
}

impl Twin {
    /// Copies a document; both write as the same actor, since each change of one comes to the other before the other
    /// is written to.
    pub(crate) fn of(doc: &mut AutoCommit) -> Self {
        let mut copy = doc.fork();
        copy.set_actor(doc.get_actor().clone());
        copy.update_diff_cursor();
        Self {
            doc: Box::new(copy),
            lacks: Vec::new(),
        }
    }

    /// Notes what the document got.
    pub(crate) fn lacks(&mut self, changes: Vec<Change>) {
        self.lacks.extend(changes);
    }

    /// Applies what the copy lacks.
    pub(crate) fn catch_up(&mut self) -> Result<(), AutomergeError> {
        if self.lacks.is_empty() {
            return Ok(());
        }
        // Nobody asks what these changes touched.
        self.doc.reset_diff_cursor();
        self.doc.apply_changes(std::mem::take(&mut self.lacks))?;
        self.doc.update_diff_cursor();
        Ok(())
    }

    /// The copy, for trying changes on it; it must have caught up.
    pub(crate) fn doc(&mut self) -> &mut AutoCommit {
        &mut self.doc
    }

    /// Makes the copy the document and the document, which lacks `changes`, the copy.
    pub(crate) fn change_places(&mut self, doc: &mut Box<AutoCommit>, changes: Vec<Change>) {
        self.doc.reset_diff_cursor();
        std::mem::swap(&mut self.doc, doc);
        self.lacks = changes;
    }
}
