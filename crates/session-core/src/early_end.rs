//! The end of an interrupted execution whose outputs still wait for their blobs: the interrupt is seen at once, and the
//! outputs are appended when they can be (WS-337).

use std::collections::VecDeque;

use crate::commit::{Op, OpKind};
use crate::input::PENDING_INPUT;
use crate::session::Session;

impl Session {
    /// Whether writes wait for a blob.
    fn waits_for_blobs(&self) -> bool {
        let mut waits = self.ops.iter().flat_map(|op| &op.waits);
        waits.any(|sha256| !self.uploaded.contains(sha256))
    }

    /// Ends an execution: at once if its outputs cannot be written yet, otherwise after them.
    pub(crate) fn end_early(&mut self, id: &str, cancel: Vec<String>) {
        self.finish(id, false, cancel);
        if !self.waits_for_blobs() {
            return;
        }
        let Some(end) = self.ops.pop_back() else {
            return;
        };
        let (mut ahead, mut behind) = (VecDeque::new(), VecDeque::<Op>::new());
        for op in std::mem::take(&mut self.ops) {
            match &op.kind {
                OpKind::Start(of)
                | OpKind::Count {
                    execution_id: of, ..
                } if of == id => ahead.push_back(op),
                OpKind::Clear { execution_id: of } if of == id => {
                    behind.retain(|before| {
                        !matches!(&before.kind, OpKind::Output { execution_id, .. } if execution_id == id)
                    });
                    ahead.push_back(op);
                }
                // What has ended asks for nothing.
                OpKind::Extra {
                    execution_id: of,
                    key: PENDING_INPUT,
                    ..
                } if of == id => {}
                _ => behind.push_back(op),
            }
        }
        ahead.push_back(end);
        ahead.append(&mut behind);
        self.ops = ahead;
    }
}
