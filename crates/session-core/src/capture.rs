//! Output widgets: outputs of a request go to the widget that asks for them instead of the cell.

use documents::comms::fold_large;
use serde_json::{Map, Value, json};

use crate::commit::OpKind;
use crate::event::{Effect, JournalEntry};
use crate::journal::weight;
use crate::session::Session;

/// The model that captures.
const MODEL: &str = "OutputModel";
/// Output widgets that are looked after; those beyond show what the kernel itself puts into them.
const MAX_WIDGETS: usize = 1024;

/// An open Output widget.
#[derive(Debug, Default)]
pub(crate) struct OutputWidget {
    pub comm_id: String,
    /// The request whose outputs it takes; empty for none.
    msg_id: String,
    /// What it shows, as nbformat outputs.
    outputs: Vec<Value>,
    clear_pending: bool,
    /// Whether what it shows was not written yet.
    unwritten: bool,
}

/// The Output widgets of a session, for the one that takes its place.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    pub widgets: Vec<OutputWidget>,
    /// Where in the journal they stand.
    pub to: u64,
}

impl OutputWidget {
    fn take_over(&mut self, state: &Value) {
        if let Some(outputs) = state.get("outputs").and_then(Value::as_array) {
            self.outputs.clone_from(outputs);
        }
        if let Some(msg_id) = state.get("msg_id").and_then(Value::as_str) {
            msg_id.clone_into(&mut self.msg_id);
        }
    }

    /// Text joins the text before it, without a terminal (documents.md 7.3).
    fn append(&mut self, output: Value) {
        if std::mem::take(&mut self.clear_pending) {
            self.outputs.clear();
        }
        self.unwritten = true;
        let is_stream = output["output_type"] == "stream";
        match self.outputs.last_mut() {
            Some(last)
                if is_stream
                    && last["output_type"] == "stream"
                    && last["name"] == output["name"] =>
            {
                if let (Value::String(text), Some(more)) =
                    (&mut last["text"], output["text"].as_str())
                {
                    text.push_str(more);
                }
            }
            _ => self.outputs.push(output),
        }
    }
}

impl Session {
    /// Has the Output widgets stand where those of the session before stood, once everything until there is read.
    pub(crate) fn restore_captured(&mut self, read_to: u64) {
        let before = self.captured_before.take_if(|before| before.to <= read_to);
        if let Some(before) = before {
            self.output_widgets = before.widgets;
            for widget in &mut self.output_widgets {
                // The room may not have taken what was written last.
                widget.unwritten = true;
            }
        }
    }

    pub(crate) fn output_widget_opened(&mut self, comm_id: &str, content: &Value) {
        let state = &content["data"]["state"];
        if state["_model_name"] == MODEL {
            let mut widget = OutputWidget {
                comm_id: comm_id.to_owned(),
                ..OutputWidget::default()
            };
            widget.take_over(state);
            self.add_output_widget(widget);
        }
    }

    fn add_output_widget(&mut self, widget: OutputWidget) {
        self.output_widgets
            .retain(|other| other.comm_id != widget.comm_id);
        if self.output_widgets.len() < MAX_WIDGETS {
            self.output_widgets.push(widget);
        }
    }

    /// Takes in what the kernel says of a comm; true if it is an Output widget.
    pub(crate) fn output_widget_told(&mut self, comm_id: &str, content: &Value) -> bool {
        let state = &content["data"]["state"];
        let is_echo = content["data"]["method"] == "echo_update";
        let known = self
            .output_widgets
            .iter()
            .position(|widget| widget.comm_id == comm_id);
        let mut widget = match known {
            Some(at) if is_echo || state.get("msg_id").is_none() => {
                if !is_echo {
                    self.output_widgets[at].take_over(state);
                }
                return true;
            }
            Some(at) => self.output_widgets.remove(at),
            // An earlier peer saw it open.
            None => {
                let Some(comms) = self.comms.as_ref() else {
                    return false;
                };
                let value = |key: &str| comms.doc.value(comm_id, key);
                if value("_model_name").is_none_or(|name| name != MODEL) {
                    return false;
                }
                let mut widget = OutputWidget {
                    comm_id: comm_id.to_owned(),
                    ..OutputWidget::default()
                };
                widget.take_over(&json!({"outputs": value("outputs")}));
                widget
            }
        };
        if !is_echo {
            widget.take_over(state);
        }
        // The one that asked last takes precedence.
        self.add_output_widget(widget);
        true
    }

    /// Gives an output to the widget that captures it; false if there is none.
    pub(crate) fn captured(&mut self, parent: &str, entry: &JournalEntry) -> bool {
        let kind = entry.msg_type.as_str();
        let is_output = matches!(
            kind,
            "stream" | "display_data" | "execute_result" | "error" | "clear_output"
        );
        let captures = |widget: &OutputWidget| !parent.is_empty() && widget.msg_id == parent;
        if !is_output || !self.output_widgets.iter().any(captures) {
            return false;
        }
        let fits = kind == "clear_output"
            || !self.owns(parent)
            || self.fits(parent, entry, weight(&entry.content));
        let widget = self.output_widgets.iter_mut().rev();
        let Some(widget) = widget.into_iter().find(|widget| captures(widget)) else {
            return false;
        };
        if kind == "clear_output" {
            widget.clear_pending = true;
            if entry.content["wait"] != true {
                widget.clear_pending = false;
                widget.outputs.clear();
                widget.unwritten = true;
            }
        } else if fits {
            widget.append(output(kind, &entry.content));
        }
        true
    }

    /// Writes what was captured, once for all messages that came together, and tells the kernel.
    pub(crate) fn write_captured(&mut self) {
        let mut written = Vec::new();
        let is_known = self.captured_before.is_some();
        for widget in &mut self.output_widgets {
            if std::mem::take(&mut widget.unwritten) && !is_known {
                written.push((widget.comm_id.clone(), Value::from(widget.outputs.clone())));
            }
        }
        for (comm_id, outputs) in written {
            let mut state = Map::from_iter([("outputs".to_owned(), outputs)]);
            // What is read again was told before.
            if self.caught_up {
                let data = json!({"method": "update", "state": state, "buffer_paths": []});
                let message = self.message("comm_msg", json!({"comm_id": comm_id, "data": data}));
                self.effects.push(Effect::SendToKernel(Box::new(message)));
            }
            let blobs = fold_large(&mut state, |_| false);
            self.push_op(OpKind::CommState { comm_id, state }, blobs);
        }
    }
}

/// The nbformat output of a message.
pub(crate) fn output(kind: &str, content: &Value) -> Value {
    let keys: &[&str] = match kind {
        "stream" => &["name", "text"],
        "error" => &["ename", "evalue", "traceback"],
        "execute_result" => &["data", "metadata", "execution_count"],
        _ => &["data", "metadata"],
    };
    let fields = keys
        .iter()
        .map(|key| ((*key).to_owned(), content[*key].clone()));
    let kind = ("output_type".to_owned(), Value::from(kind));
    fields.chain([kind]).collect::<Map<_, _>>().into()
}
