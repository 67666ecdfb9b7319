//! Input that a running execution asks for, its answer, and the line of both that stays (decision D12).

use serde_json::{Value, json};

use crate::commit::OpKind;
use crate::event::{Channel, Echo, Effect, JournalEntry};
use crate::session::Session;

/// The additive key of an execution that asks for input.
pub(crate) const PENDING_INPUT: &str = "pending_input";
/// What stands for the answer to a question for a secret.
const SECRET: &str = "········";

/// A question of the kernel that nobody has answered.
#[derive(Debug)]
pub(crate) struct InputRequest {
    execution_id: String,
    /// The question's own header, which the answer names.
    header: Value,
    prompt: String,
    is_secret: bool,
}

impl Session {
    /// Shows what the kernel asks for under the running execution.
    pub(crate) fn input_request(&mut self, parent: &str, entry: &JournalEntry) {
        if self
            .current
            .as_ref()
            .is_none_or(|current| current.id != parent || current.ending)
        {
            return;
        }
        let request = InputRequest {
            execution_id: parent.to_owned(),
            header: entry.header.clone(),
            prompt: entry.content["prompt"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            is_secret: entry.content["password"] == true,
        };
        let shown = json!({"prompt": request.prompt, "password": request.is_secret});
        self.input_request = Some(request);
        self.put_pending_input(parent, shown);
    }

    fn put_pending_input(&mut self, execution_id: &str, value: Value) {
        self.push_op(
            OpKind::Extra {
                execution_id: execution_id.to_owned(),
                key: PENDING_INPUT,
                value,
            },
            Vec::new(),
        );
    }

    /// The kernel has its answer; an earlier session may have given it.
    pub(crate) fn input_answered(&mut self) {
        if let Some(request) = self.input_request.take() {
            self.put_pending_input(&request.execution_id, Value::Null);
        }
    }

    /// Hands an answer to the kernel; false if it asks for none.
    pub(crate) fn input_reply(&mut self, execution_id: Option<&str>, value: &str) -> bool {
        let running = self.current.as_ref().map(|current| current.id.clone());
        let Some(request) = self.input_request.take_if(|request| {
            let asked = &request.execution_id;
            Some(asked) == running.as_ref() && execution_id.is_none_or(|id| id == asked)
        }) else {
            return false;
        };
        let mut message = self.message("input_reply", json!({"value": value, "status": "ok"}));
        message.channel = Channel::Stdin;
        message.parent_header = request.header;
        let answer = if request.is_secret { SECRET } else { value };
        // As a terminal would show it; it comes back as the next thing in the journal.
        message.echo = Some(Echo {
            execution_id: request.execution_id.clone(),
            text: format!("{}{answer}\n", request.prompt),
        });
        self.effects.push(Effect::SendToKernel(Box::new(message)));
        self.put_pending_input(&request.execution_id, Value::Null);
        true
    }
}
