//! Requests that the room forwards, and the kernel's replies (room protocol 5; decision D12).

use serde_json::{Map, Value, json};
use wire::request::{Action, CompletionItem, Request, Response};
use wire::{FrameType, UnixMs};

use crate::event::{Channel, Effect, KernelMessage};
use crate::session::{Kernel, Session};

/// Queries that may wait for the kernel.
const MAX_QUERIES: usize = 128;

/// A query that waits for the kernel's reply.
#[derive(Debug)]
pub(crate) struct Query {
    request_id: String,
    action: String,
    pub deadline: UnixMs,
}

impl Session {
    pub(crate) fn message(&mut self, msg_type: &str, content: Value) -> KernelMessage {
        self.next_message += 1;
        KernelMessage {
            channel: Channel::Shell,
            msg_type: msg_type.to_owned(),
            msg_id: format!(
                "{}-{}-{}",
                self.settings.nonce, self.now.0, self.next_message
            ),
            content,
            metadata: json!({}),
            parent_header: Value::Null,
            buffers: Vec::new(),
            echo: None,
        }
    }

    fn respond(&mut self, response: &Response) {
        if self.linked {
            let frame = wire::frame::encode(FrameType::Response, &response.encode());
            self.send_doubtful(frame);
        }
    }

    pub(crate) fn request(&mut self, payload: &[u8]) {
        let Ok(request) = Request::parse(payload) else {
            return;
        };
        // Nobody could be answered (RP-184).
        let Some(id) = request.id else { return };
        let name = request.action.name().to_owned();
        match request.action {
            Action::InterruptExecution => self.interrupt(),
            Action::SendComm {
                message,
                comms_heads,
            } => self.comm_sent(message, &comms_heads),
            Action::Complete { code, cursor_pos } => {
                let content = json!({"code": code, "cursor_pos": cursor_pos});
                self.query(&id, &name, "complete_request", content);
            }
            Action::Inspect {
                code,
                cursor_pos,
                detail_level,
            } => {
                let content =
                    json!({"code": code, "cursor_pos": cursor_pos, "detail_level": detail_level});
                self.query(&id, &name, "inspect_request", content);
            }
            Action::IsComplete { code } => {
                self.query(&id, &name, "is_complete_request", json!({"code": code}));
            }
            Action::History { fields } => {
                self.query(&id, &name, "history_request", Value::Object(fields));
            }
            Action::Debug { request } => {
                self.query_on(Channel::Control, &id, &name, "debug_request", request);
            }
            Action::InputReply {
                execution_id,
                value,
            } => {
                let execution = execution_id.map(wire::ExecutionId::into_string);
                let response = if self.input_reply(execution.as_deref(), &value) {
                    Response::ok(id)
                } else {
                    Response::error(id, "No input is asked for")
                };
                self.respond(&response);
            }
            Action::RestartKernel => {
                self.restart_kernel();
                self.respond(&Response::ok(id));
            }
            Action::ShutdownKernel => {
                self.shutdown_kernel();
                self.respond(&Response::ok(id));
            }
            // Unknown ones get an answer rather than a silence.
            _ => {
                let text = format!("`{name}` is not supported by this runtime");
                self.respond(&Response::error(id, text));
            }
        }
    }

    fn query(&mut self, id: &str, action: &str, msg_type: &str, content: Value) {
        self.query_on(Channel::Shell, id, action, msg_type, content);
    }

    fn query_on(
        &mut self,
        channel: Channel,
        id: &str,
        action: &str,
        msg_type: &str,
        content: Value,
    ) {
        if self.kernel != Kernel::Ready {
            return self.respond(&Response::error(id, "No kernel running"));
        }
        if self.queries.len() >= MAX_QUERIES {
            return self.respond(&Response::error(id, "Too many queries are pending"));
        }
        let mut message = self.message(msg_type, content);
        message.channel = channel;
        let query = Query {
            request_id: id.to_owned(),
            action: action.to_owned(),
            deadline: self.now.plus(self.settings.query_timeout_ms),
        };
        self.queries.insert(message.msg_id.clone(), query);
        self.effects.push(Effect::SendToKernel(Box::new(message)));
    }

    pub(crate) fn query_reply(&mut self, parent: &str, content: &Value) {
        let Some(query) = self.queries.remove(parent) else {
            return;
        };
        let response = if query.action == "complete" {
            completion(query.request_id, content)
        } else {
            let fields = content.as_object().cloned().unwrap_or_default();
            Response::new(
                query.request_id,
                &format!("{}_result", query.action),
                fields,
            )
        };
        self.respond(&response);
    }

    pub(crate) fn expire_queries(&mut self) {
        let now = self.now;
        let late: Vec<Query> = self
            .queries
            .extract_if(|_, query| query.deadline <= now)
            .map(|(_, q)| q)
            .collect();
        for query in late {
            let word = match query.action.as_str() {
                "complete" => "Completion",
                "inspect" => "Inspection",
                "history" => "History",
                // A kernel without a debugger does not answer at all.
                "debug" => "Debug",
                _ => "Query",
            };
            let text = format!("{word} request timed out");
            self.respond(&Response::error(query.request_id, text));
        }
    }
}

/// Turns a `complete_reply` into the protocol's answer.
fn completion(id: String, content: &Value) -> Response {
    let number = |key: &str| content.get(key).and_then(Value::as_u64).unwrap_or(0);
    let typed = content
        .pointer("/metadata/_jupyter_types_experimental")
        .and_then(Value::as_array);
    let word = |item: &Value, key: &str| {
        item.get(key)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    let items: Vec<CompletionItem> = match typed {
        Some(items) => items
            .iter()
            .map(|item| CompletionItem {
                label: word(item, "text").unwrap_or_default(),
                kind: word(item, "type"),
                detail: word(item, "signature"),
                source: None,
            })
            .collect(),
        None => content
            .get("matches")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|label| CompletionItem {
                label: label.to_owned(),
                ..Default::default()
            })
            .collect(),
    };
    if content.get("status").and_then(Value::as_str) == Some("error") {
        let fields =
            Map::from_iter([("error".to_owned(), json!("The kernel refused to complete"))]);
        return Response::new(id, "error", fields);
    }
    Response::completion(id, items, number("cursor_start"), number("cursor_end"))
}
