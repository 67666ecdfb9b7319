//! Requests (0x01) and responses (0x02) of a hosted room, parsed with tolerance.
//!
//! A room forwards the bytes it received; these types are for reading them and for clients that
//! write them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{CellId, ExecutionId};

/// Requests of a client; a missing or odd id is allowed here (room protocol 5.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The requester's own name for the request.
    pub id: Option<String>,
    /// NotebookDoc heads the requester wants applied first.
    pub required_heads: Vec<String>,
    /// What is wanted.
    pub action: Action,
}

/// What a request wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Runs one code cell.
    ExecuteCell {
        /// The cell; a room refuses the request without it.
        cell_id: Option<CellId>,
        /// Makes a retry idempotent; absent means the room mints one.
        execution_id: Option<ExecutionId>,
        /// Heads of the guarded variant; `None` for the plain one.
        observed_heads: Option<Vec<String>>,
    },
    /// Runs all code cells.
    RunAllCells {
        /// The raw map; see [`parse_cell_execution_ids`].
        cell_execution_ids: Option<Value>,
        /// Heads of the guarded variant; `None` for the plain one.
        observed_heads: Option<Vec<String>>,
    },
    /// Interrupts the kernel.
    InterruptExecution,
    /// Sends a widget message to the kernel.
    SendComm {
        /// The Jupyter message.
        message: Value,
        /// CommsDoc heads that it comes after (additive).
        comms_heads: Vec<String>,
    },
    /// Asks for completions.
    Complete {
        /// The code.
        code: String,
        /// The cursor in code points.
        cursor_pos: u64,
    },
    /// Answers an input prompt of the kernel (additive).
    InputReply {
        /// The execution that asks, if the client knows it.
        execution_id: Option<ExecutionId>,
        /// The text.
        value: String,
    },
    /// Asks for documentation (additive).
    Inspect {
        /// The code.
        code: String,
        /// The cursor in code points.
        cursor_pos: u64,
        /// 0 or 1.
        detail_level: u64,
    },
    /// Asks for the kernel's history (additive); the fields are Jupyter's.
    History {
        /// The request's other fields.
        fields: Map<String, Value>,
    },
    /// Asks whether code is complete (additive).
    IsComplete {
        /// The code.
        code: String,
    },
    /// Speaks to the kernel's debugger (additive).
    Debug {
        /// The request of the Debug Adapter Protocol.
        request: Value,
    },
    /// Restarts the kernel in place (additive).
    RestartKernel,
    /// Shuts the kernel down (additive).
    ShutdownKernel,
    /// Any other name, or none.
    Other {
        /// The name, if it was a string.
        action: Option<String>,
    },
}

impl Action {
    /// Returns the name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::ExecuteCell {
                observed_heads: None,
                ..
            } => "execute_cell",
            Self::ExecuteCell { .. } => "execute_cell_guarded",
            Self::RunAllCells {
                observed_heads: None,
                ..
            } => "run_all_cells",
            Self::RunAllCells { .. } => "run_all_cells_guarded",
            Self::InterruptExecution => "interrupt_execution",
            Self::SendComm { .. } => "send_comm",
            Self::Complete { .. } => "complete",
            Self::InputReply { .. } => "input_reply",
            Self::Inspect { .. } => "inspect",
            Self::History { .. } => "history",
            Self::IsComplete { .. } => "is_complete",
            Self::Debug { .. } => "debug",
            Self::RestartKernel => "restart_kernel",
            Self::ShutdownKernel => "shutdown_kernel",
            Self::Other { action } => action.as_deref().unwrap_or(""),
        }
    }

    /// Returns whether the room itself creates execution intent for it.
    pub const fn is_execution(&self) -> bool {
        matches!(self, Self::ExecuteCell { .. } | Self::RunAllCells { .. })
    }

    /// Returns whether it is forwarded to the runtime peer and no response is expected.
    pub const fn is_command(&self) -> bool {
        matches!(self, Self::InterruptExecution | Self::SendComm { .. })
    }

    /// Returns whether it is forwarded to the runtime peer and a response comes back.
    pub const fn is_query(&self) -> bool {
        matches!(
            self,
            Self::Complete { .. }
                | Self::InputReply { .. }
                | Self::Inspect { .. }
                | Self::History { .. }
                | Self::IsComplete { .. }
                | Self::Debug { .. }
                | Self::RestartKernel
                | Self::ShutdownKernel
        )
    }

    /// Returns whether a hosted room refuses it as response-bearing (room protocol 5.3).
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self.name(),
            "launch_kernel" | "sync_environment" | "get_history"
        )
    }
}

/// Why a request payload cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("decode request: {0}")]
pub struct RequestError(#[from] serde_json::Error);

impl Request {
    /// Parses a payload; JSON that is no object becomes [`Action::Other`].
    pub fn parse(payload: &[u8]) -> Result<Self, RequestError> {
        let value: Value = serde_json::from_slice(payload)?;
        let Value::Object(fields) = value else {
            return Ok(Self {
                id: None,
                required_heads: vec![],
                action: Action::Other { action: None },
            });
        };
        let id = text(&fields, "id");
        let required_heads = heads(&fields, "required_heads").unwrap_or_default();
        Ok(Self {
            id,
            required_heads,
            action: action(fields),
        })
    }

    /// Returns the payload a client sends.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Map::new();
        if let Some(id) = &self.id {
            out.insert("id".into(), id.clone().into());
        }
        out.insert("action".into(), self.action.name().into());
        if !self.required_heads.is_empty() {
            out.insert("required_heads".into(), self.required_heads.clone().into());
        }
        put_action(&mut out, &self.action);
        Value::Object(out).to_string().into_bytes()
    }
}

fn text(fields: &Map<String, Value>, key: &str) -> Option<String> {
    fields.get(key)?.as_str().map(str::to_owned)
}

fn count(fields: &Map<String, Value>, key: &str) -> u64 {
    fields.get(key).and_then(Value::as_u64).unwrap_or(0)
}

fn heads(fields: &Map<String, Value>, key: &str) -> Option<Vec<String>> {
    let list = fields.get(key)?.as_array()?;
    Some(
        list.iter()
            .filter_map(|head| head.as_str().map(str::to_owned))
            .collect(),
    )
}

fn action(mut fields: Map<String, Value>) -> Action {
    let name = text(&fields, "action");
    let observed = || Some(heads(&fields, "observed_heads").unwrap_or_default());
    match name.as_deref() {
        Some(name @ ("execute_cell" | "execute_cell_guarded")) => Action::ExecuteCell {
            cell_id: text(&fields, "cell_id").map(CellId::from),
            execution_id: text(&fields, "execution_id").map(ExecutionId::from),
            observed_heads: if name == "execute_cell" {
                None
            } else {
                observed()
            },
        },
        Some(name @ ("run_all_cells" | "run_all_cells_guarded")) => Action::RunAllCells {
            observed_heads: if name == "run_all_cells" {
                None
            } else {
                observed()
            },
            cell_execution_ids: fields
                .remove("cell_execution_ids")
                .filter(|ids| !ids.is_null()),
        },
        Some("interrupt_execution") => Action::InterruptExecution,
        Some("send_comm") => Action::SendComm {
            comms_heads: heads(&fields, "comms_heads").unwrap_or_default(),
            message: fields.remove("message").unwrap_or(Value::Null),
        },
        Some("complete") => Action::Complete {
            code: text(&fields, "code").unwrap_or_default(),
            cursor_pos: count(&fields, "cursor_pos"),
        },
        Some("input_reply") => Action::InputReply {
            execution_id: text(&fields, "execution_id").map(ExecutionId::from),
            value: text(&fields, "value").unwrap_or_default(),
        },
        Some("inspect") => Action::Inspect {
            code: text(&fields, "code").unwrap_or_default(),
            cursor_pos: count(&fields, "cursor_pos"),
            detail_level: count(&fields, "detail_level"),
        },
        Some("history") => {
            for key in ["id", "action", "required_heads"] {
                fields.remove(key);
            }
            Action::History { fields }
        }
        Some("is_complete") => Action::IsComplete {
            code: text(&fields, "code").unwrap_or_default(),
        },
        Some("debug") => Action::Debug {
            request: fields.remove("request").unwrap_or(Value::Null),
        },
        Some("restart_kernel") => Action::RestartKernel,
        Some("shutdown_kernel") => Action::ShutdownKernel,
        _ => Action::Other { action: name },
    }
}

fn put_action(out: &mut Map<String, Value>, action: &Action) {
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            out.insert(key.to_owned(), value);
        }
    };
    match action {
        Action::ExecuteCell {
            cell_id,
            execution_id,
            observed_heads,
        } => {
            put("cell_id", cell_id.as_ref().map(CellId::as_str).into());
            put(
                "execution_id",
                execution_id.as_ref().map(ExecutionId::as_str).into(),
            );
            put("observed_heads", observed_heads.clone().into());
        }
        Action::RunAllCells {
            cell_execution_ids,
            observed_heads,
        } => {
            put("cell_execution_ids", cell_execution_ids.clone().into());
            put("observed_heads", observed_heads.clone().into());
        }
        Action::SendComm {
            message,
            comms_heads,
        } => {
            put("message", message.clone());
            if !comms_heads.is_empty() {
                put("comms_heads", comms_heads.clone().into());
            }
        }
        Action::Complete { code, cursor_pos } => {
            put("code", code.clone().into());
            put("cursor_pos", (*cursor_pos).into());
        }
        Action::InputReply {
            execution_id,
            value,
        } => {
            put(
                "execution_id",
                execution_id.as_ref().map(ExecutionId::as_str).into(),
            );
            put("value", value.clone().into());
        }
        Action::Inspect {
            code,
            cursor_pos,
            detail_level,
        } => {
            put("code", code.clone().into());
            put("cursor_pos", (*cursor_pos).into());
            put("detail_level", (*detail_level).into());
        }
        Action::History { fields } => {
            for (key, value) in fields {
                put(key, value.clone());
            }
        }
        Action::IsComplete { code } => put("code", code.clone().into()),
        Action::Debug { request } => put("request", request.clone()),
        Action::InterruptExecution
        | Action::RestartKernel
        | Action::ShutdownKernel
        | Action::Other { .. } => {}
    }
}

/// Reads `cell_execution_ids` in its order; the error's text is the room's refusal.
pub fn parse_cell_execution_ids(
    value: &Value,
) -> Result<Vec<(CellId, ExecutionId)>, CellExecutionIdsError> {
    let object = value
        .as_object()
        .ok_or(CellExecutionIdsError("expected a map"))?;
    object
        .iter()
        .map(|(cell, id)| {
            let id = id
                .as_str()
                .ok_or(CellExecutionIdsError("expected a string id"))?;
            Ok((CellId::from(cell.as_str()), ExecutionId::from(id)))
        })
        .collect()
}

/// Says that `cell_execution_ids` is no map of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("decode cell_execution_ids: {0}")]
pub struct CellExecutionIdsError(&'static str);

/// One answer to a request (room protocol 5.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The kind of answer, such as `completion_result` or `error`.
    #[serde(default)]
    pub result: String,
    /// Its other fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Response {
    /// Makes an answer of a kind.
    pub fn new(id: impl Into<String>, result: &str, fields: Map<String, Value>) -> Self {
        Self {
            id: Some(id.into()),
            result: result.to_owned(),
            fields,
        }
    }

    /// Makes an error answer.
    pub fn error(id: impl Into<String>, error: impl Into<String>) -> Self {
        let fields = Map::from_iter([("error".to_owned(), Value::String(error.into()))]);
        Self::new(id, "error", fields)
    }

    /// Makes a plain `ok`.
    pub fn ok(id: impl Into<String>) -> Self {
        Self::new(id, "ok", Map::new())
    }

    /// Makes a `completion_result`.
    pub fn completion(
        id: impl Into<String>,
        items: Vec<CompletionItem>,
        cursor_start: u64,
        cursor_end: u64,
    ) -> Self {
        let items: Vec<Value> = items.into_iter().map(CompletionItem::into_value).collect();
        let fields = Map::from_iter([
            ("items".to_owned(), Value::Array(items)),
            ("cursor_start".to_owned(), cursor_start.into()),
            ("cursor_end".to_owned(), cursor_end.into()),
        ]);
        Self::new(id, "completion_result", fields)
    }

    /// Parses a payload; an id that is no string reads as absent.
    pub fn parse(payload: &[u8]) -> Result<Self, serde_json::Error> {
        let mut fields: Map<String, Value> = serde_json::from_slice(payload)?;
        let mut take = |key: &str| match fields.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (id, result) = (take("id"), take("result").unwrap_or_default());
        Ok(Self { id, result, fields })
    }

    /// Returns the payload.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// One completion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionItem {
    /// The text to insert.
    pub label: String,
    /// What it is, such as `function`.
    #[serde(default)]
    pub kind: Option<String>,
    /// More about it.
    #[serde(default)]
    pub detail: Option<String>,
    /// Who offered it.
    #[serde(default)]
    pub source: Option<String>,
}

impl CompletionItem {
    fn into_value(self) -> Value {
        serde_json::json!({
            "label": self.label, "kind": self.kind, "detail": self.detail, "source": self.source,
        })
    }
}

#[cfg(test)]
mod tests;
