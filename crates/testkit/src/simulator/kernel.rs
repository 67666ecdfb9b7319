//! A kernel behind a keeper: it prints a few lines for each execution, into a journal that lasts.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use session_core::{Channel, JournalEntry, KernelMessage};

#[derive(Default)]
pub(super) struct Kernel {
    pub(super) journal: Vec<JournalEntry>,
    pub(super) runs: BTreeMap<String, u32>,
    todo: VecDeque<(String, Channel, &'static str, Value)>,
    count: u64,
}

/// Returns the lines an execution prints.
pub(super) fn lines(execution: &str) -> Vec<String> {
    let many = execution.bytes().map(usize::from).sum::<usize>() % 7;
    (0..many)
        .map(|line| format!("{execution} line {line}\n"))
        .collect()
}

impl Kernel {
    /// Takes a message; returns whether there is something to do now and was nothing before.
    pub(super) fn take(&mut self, message: &KernelMessage) -> bool {
        if message.msg_type != "execute_request" {
            return false;
        }
        let idle = self.todo.is_empty();
        let id = message.msg_id.clone();
        *self.runs.entry(id.clone()).or_default() += 1;
        self.count += 1;
        let mut put = |channel, kind, content| {
            self.todo.push_back((id.clone(), channel, kind, content));
        };
        put(Channel::Sent, "execute_request", Value::Null);
        put(Channel::Iopub, "status", json!({"execution_state": "busy"}));
        put(
            Channel::Iopub,
            "execute_input",
            json!({"execution_count": self.count}),
        );
        for line in lines(&id) {
            put(
                Channel::Iopub,
                "stream",
                json!({"name": "stdout", "text": line}),
            );
        }
        put(Channel::Shell, "execute_reply", json!({"status": "ok"}));
        put(Channel::Iopub, "status", json!({"execution_state": "idle"}));
        idle
    }

    /// Writes the next message into the journal; returns whether more follow.
    pub(super) fn step(&mut self) -> bool {
        if let Some((parent, channel, kind, content)) = self.todo.pop_front() {
            let position = self.journal.last().map_or(8, |entry| entry.end);
            self.journal.push(JournalEntry {
                position,
                end: position + 100,
                channel,
                msg_type: kind.to_owned(),
                parent_msg_id: Some(parent),
                header: json!({"msg_id": format!("k{position}")}),
                content,
                buffers: Vec::new(),
            });
        }
        !self.todo.is_empty()
    }
}
