//! Output widgets: outputs of a request go to the widget that asks for them instead of the cell.

use documents::comms::fold_large;
use documents::manifest::{self, Blob, BuildOptions};
use serde_json::{Map, Value, json};

use crate::commit::OpKind;
use crate::event::{Effect, JournalEntry};
use crate::journal::weight;
use crate::lane::output_id;
use crate::refused_blobs::unstored;
use crate::session::Session;

/// The model that captures.
const MODEL: &str = "OutputModel";
/// Output widgets that are looked after; those beyond show what the kernel itself puts into them.
const MAX_WIDGETS: usize = 1024;

/// Of more than this the kernel is not told what its widget shows: it would be said again with each output.
const TOLD_BYTES: usize = 8 * 1024 * 1024;

/// One output that a widget shows.
#[derive(Debug)]
struct Shown {
    id: String,
    /// As the kernel is told of it; `None` if an earlier peer captured it and its content lies in a blob.
    output: Option<Value>,
    /// As the documents hold it, once it is built.
    manifest: Option<Value>,
    /// The blobs that the manifest names.
    blobs: Vec<String>,
    /// Whether an earlier peer captured it.
    is_restored: bool,
}

impl Shown {
    fn new(id: String, output: Value) -> Self {
        Self {
            id,
            output: Some(output),
            manifest: None,
            blobs: Vec::new(),
            is_restored: false,
        }
    }

    fn restored(manifest: Value) -> Self {
        Self {
            id: manifest["output_id"].as_str().unwrap_or("").to_owned(),
            output: manifest::resolve(&manifest, &|_| None).ok(),
            manifest: Some(manifest),
            blobs: Vec::new(),
            is_restored: true,
        }
    }

    /// Adds text to a stream, without a terminal (documents.md 7.3); false if it is none, or another.
    fn grow(&mut self, more: &Value) -> bool {
        let Some(output) = self.output.as_mut() else {
            return false;
        };
        let is_stream = |output: &Value| output["output_type"] == "stream";
        if !is_stream(output) || !is_stream(more) || output["name"] != more["name"] {
            return false;
        }
        if let (Value::String(text), Some(more)) = (&mut output["text"], more["text"].as_str()) {
            text.push_str(more);
            self.manifest = None;
        }
        true
    }

    fn manifest(&mut self, has_blob: &dyn Fn(&str) -> bool, blobs: &mut Vec<Blob>) -> Value {
        if let Some(manifest) = &self.manifest {
            return manifest.clone();
        }
        let output = self.output.as_ref().unwrap_or(&Value::Null);
        let options = BuildOptions {
            has_blob,
            ..BuildOptions::live(&self.id)
        };
        let manifest = match manifest::build(output, &options) {
            Ok(built) => {
                self.blobs = built.blobs.iter().map(|blob| blob.sha256.clone()).collect();
                blobs.extend(built.blobs);
                built.manifest
            }
            Err(_) => manifest::raw_fallback(output, &self.id),
        };
        self.manifest.insert(manifest).clone()
    }

    /// Shows what became of it instead, if it names a blob that the cloud does not take.
    fn leave_out(&mut self, sha256: &str, reason: &str) -> bool {
        let names = self.blobs.iter().any(|blob| blob == sha256);
        if names {
            self.blobs.clear();
            self.manifest = Some(json!({
                "output_type": "stream", "output_id": self.id, "name": "stderr",
                "text": {"inline": unstored("an output", reason) + "\n"},
            }));
        }
        names
    }
}

/// An open Output widget.
#[derive(Debug, Default)]
pub(crate) struct OutputWidget {
    pub comm_id: String,
    /// The request whose outputs it takes; empty for none.
    msg_id: String,
    /// The one that the documents name.
    written_msg_id: String,
    outputs: Vec<Shown>,
    clear_pending: bool,
    /// Whether the documents do not have what it shows.
    unwritten: bool,
    /// Whether the kernel does not.
    untold: bool,
}

/// The Output widgets of a session, for the one that takes its place.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    pub widgets: Vec<OutputWidget>,
    /// Where in the journal they stand.
    pub to: u64,
}

impl OutputWidget {
    fn new(comm_id: &str) -> Self {
        Self {
            comm_id: comm_id.to_owned(),
            ..Self::default()
        }
    }

    /// What the kernel itself says that the widget shows, and takes.
    fn take_over(&mut self, state: &Value, position: u64) {
        if let Some(outputs) = state.get("outputs").and_then(Value::as_array) {
            let outputs = (0..).zip(outputs);
            self.outputs = outputs
                .map(|(part, output)| {
                    Shown::new(output_id(&self.comm_id, position, part), output.clone())
                })
                .collect();
            self.clear_pending = false;
            self.unwritten = true;
            self.untold = false;
        }
        if let Some(msg_id) = state.get("msg_id").and_then(Value::as_str) {
            msg_id.clone_into(&mut self.msg_id);
        }
    }

    fn append(&mut self, id: String, output: Value) {
        if std::mem::take(&mut self.clear_pending) {
            self.outputs.clear();
        }
        // An earlier peer captured it: it is read again, with all that follows it.
        let known = |shown: &Shown| shown.is_restored && shown.id == id;
        if let Some(at) = self.outputs.iter().position(known) {
            self.outputs.truncate(at);
        }
        (self.unwritten, self.untold) = (true, true);
        let last = self.outputs.last_mut();
        if !last.is_some_and(|last| last.grow(&output)) {
            self.outputs.push(Shown::new(id, output));
        }
    }

    /// The write of whose outputs it takes, if that is news.
    fn captures(&mut self) -> Option<OpKind> {
        (self.msg_id != self.written_msg_id).then(|| {
            self.written_msg_id.clone_from(&self.msg_id);
            OpKind::Captures {
                comm_id: self.comm_id.clone(),
                msg_id: self.msg_id.clone(),
            }
        })
    }

    /// The message that tells the kernel what it shows.
    fn told(&self) -> Option<Value> {
        let outputs = self.outputs.iter();
        let outputs: Vec<_> = outputs.filter_map(|shown| shown.output.as_ref()).collect();
        if outputs.iter().map(|output| weight(output)).sum::<usize>() > TOLD_BYTES {
            return None;
        }
        let data = json!({"method": "update", "state": {"outputs": outputs}, "buffer_paths": []});
        Some(json!({"comm_id": self.comm_id, "data": data}))
    }

    /// The write of what it shows, its new blobs, and all that it names.
    fn written(&mut self, has_blob: &dyn Fn(&str) -> bool) -> (OpKind, Vec<Blob>, Vec<String>) {
        let mut blobs = Vec::new();
        let shown = self.outputs.iter_mut();
        let outputs: Vec<Value> = shown
            .map(|shown| shown.manifest(has_blob, &mut blobs))
            .collect();
        let outputs = Value::from(outputs);
        let mut state = Map::from_iter([("outputs".to_owned(), outputs.clone())]);
        blobs.extend(fold_large(&mut state, |_| false));
        let named = self
            .outputs
            .iter()
            .flat_map(|shown| shown.blobs.clone())
            .collect();
        let comm_id = self.comm_id.clone();
        (
            OpKind::Captured {
                comm_id,
                outputs,
                state,
            },
            blobs,
            named,
        )
    }

    fn clear(&mut self, wait: bool) {
        self.clear_pending = wait;
        if !wait {
            self.outputs.clear();
            (self.unwritten, self.untold) = (true, true);
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
                (widget.unwritten, widget.untold) = (true, true);
                widget.written_msg_id.clear();
                let built = widget
                    .outputs
                    .iter_mut()
                    .filter(|shown| shown.output.is_some());
                built.for_each(|shown| shown.manifest = None);
            }
        }
    }

    pub(crate) fn output_widget_opened(&mut self, comm_id: &str, entry: &JournalEntry) {
        let state = &entry.content["data"]["state"];
        if state["_model_name"] == MODEL {
            let mut widget = OutputWidget::new(comm_id);
            widget.take_over(state, entry.position);
            widget.unwritten &= !widget.outputs.is_empty();
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
    pub(crate) fn output_widget_told(&mut self, comm_id: &str, entry: &JournalEntry) -> bool {
        let data = &entry.content["data"];
        let (state, is_echo) = (&data["state"], data["method"] == "echo_update");
        let widgets = &mut self.output_widgets;
        let known = widgets.iter().position(|widget| widget.comm_id == comm_id);
        if let Some(at) = known
            && (is_echo || state.get("msg_id").is_none())
        {
            if !is_echo {
                widgets[at].take_over(state, entry.position);
            }
            return true;
        }
        // An earlier peer may have seen it open.
        let known = known.map(|at| widgets.remove(at));
        let Some(mut widget) = known.or_else(|| self.restored_output_widget(comm_id)) else {
            return false;
        };
        if !is_echo {
            widget.take_over(state, entry.position);
        }
        // The one that asked last takes precedence.
        self.add_output_widget(widget);
        true
    }

    /// An Output widget as its entry has it: the journal is read once that is here, be the state of widgets here or not.
    fn restored_output_widget(&self, comm_id: &str) -> Option<OutputWidget> {
        let entry = &self.state.as_ref()?.doc;
        let word = |key: &str| entry.comm_field(comm_id, key);
        word("model_name").filter(|name| name == MODEL)?;
        let mut widget = OutputWidget::new(comm_id);
        let taken = word("capture_msg_id").unwrap_or_default();
        taken
            .as_str()
            .unwrap_or("")
            .clone_into(&mut widget.written_msg_id);
        let outputs = word("outputs");
        let outputs = outputs.as_ref().and_then(Value::as_array);
        widget.outputs = outputs
            .into_iter()
            .flatten()
            .cloned()
            .map(Shown::restored)
            .collect();
        Some(widget)
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
            widget.clear(entry.content["wait"] == true);
        } else if fits {
            let id = output_id(parent, entry.position, 0);
            widget.append(id, output(kind, &entry.content));
        }
        true
    }

    /// Writes what was captured, once for all messages that came together, and tells the kernel.
    pub(crate) fn write_captured(&mut self) {
        if !self.caught_up {
            // What is read again was told before, and is written once all of it is read.
            let widgets = self.output_widgets.iter_mut();
            return widgets.for_each(|widget| widget.untold = false);
        }
        let (mut told, mut written) = (Vec::new(), Vec::new());
        for widget in &mut self.output_widgets {
            let is_untold = std::mem::take(&mut widget.untold);
            let is_unwritten = std::mem::take(&mut widget.unwritten);
            written.extend(widget.captures().map(|kind| (kind, Vec::new(), Vec::new())));
            if is_unwritten {
                told.extend(is_untold.then(|| widget.told()).flatten());
                let uploaded = |sha: &str| self.uploaded.contains(sha);
                written.push(widget.written(&uploaded));
            }
        }
        for content in told {
            let message = self.message("comm_msg", content);
            self.effects.push(Effect::SendToKernel(Box::new(message)));
        }
        for (kind, blobs, named) in written {
            self.push_op_after(kind, blobs, named);
        }
    }

    /// The cloud does not take a blob: the outputs that name it are left out.
    pub(crate) fn captured_blob_failed(&mut self, sha256: &str, reason: &str) {
        for widget in &mut self.output_widgets {
            for shown in &mut widget.outputs {
                widget.unwritten |= shown.leave_out(sha256, reason);
            }
        }
        self.write_captured();
    }

    /// Writes what an Output widget shows or takes, if it is open. A write fails only for an object that is gone.
    pub(crate) fn apply_capture(&mut self, kind: OpKind) {
        let Some(state) = self.state.as_mut() else {
            return;
        };
        match kind {
            OpKind::Captured {
                comm_id,
                outputs,
                state: mirrored,
            } => {
                let _ = state.doc.set_comm_field(&comm_id, "outputs", &outputs);
                self.write_comm_state(&comm_id, &mirrored);
            }
            OpKind::Captures { comm_id, msg_id } => {
                let msg_id = Value::from(msg_id);
                let _ = state
                    .doc
                    .set_comm_field(&comm_id, "capture_msg_id", &msg_id);
            }
            _ => {}
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
