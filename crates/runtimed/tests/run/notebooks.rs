//! Notebooks from short sources, and what makes two executed ones alike.

use std::collections::BTreeMap;

use documents::ipynb::WIDGET_STATE_MIME;
use documents::terminal::Terminal;
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

/// The notebook of a source: cells begin with `# %%`, then `[markdown]` or `[raw]`, then JSON with `tags`, or other
/// fields of the cell. A first line `# --- {…}` has `metadata` of the notebook, and options of `nbclient`.
pub fn notebook(source: &str) -> Value {
    let mut fields = json!({});
    let mut cells: Vec<Value> = Vec::new();
    let mut text = Vec::new();
    let close = |cells: &mut Vec<Value>, text: &mut Vec<&str>| {
        if let Some(cell) = cells.last_mut() {
            let is_code = cell["cell_type"] == "code";
            let lines = text.drain(..).map(|line: &str| {
                if is_code {
                    return line;
                }
                line.strip_prefix("# ")
                    .unwrap_or(line.trim_start_matches('#'))
            });
            cell["source"] = lines.collect::<Vec<_>>().join("\n").into();
        }
    };
    for line in source.lines() {
        if let Some(head) = line.strip_prefix("# --- ") {
            fields = serde_json::from_str(head).unwrap();
        } else if let Some(head) = line.strip_prefix("# %%") {
            close(&mut cells, &mut text);
            cells.push(cell(head.trim(), cells.len()));
        } else {
            text.push(line);
        }
    }
    close(&mut cells, &mut text);
    let mut metadata = fields["metadata"].take();
    if metadata.is_null() {
        metadata = json!({});
    }
    metadata["kernelspec"] =
        json!({"name": "python3", "display_name": "Python 3", "language": "python"});
    if fields["nbclient"].is_object() {
        metadata["nbclient"] = fields["nbclient"].take();
    }
    json!({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
}

fn cell(head: &str, at: usize) -> Value {
    let (kind, rest) = ["markdown", "raw"]
        .into_iter()
        .find_map(|kind| Some((kind, head.strip_prefix(&format!("[{kind}]"))?)))
        .unwrap_or(("code", head));
    let mut cell = json!({"cell_type": kind, "id": format!("cell-{at}"), "metadata": {}});
    if kind == "code" {
        cell["outputs"] = json!([]);
        cell["execution_count"] = Value::Null;
    }
    let fields: Map<String, Value> = if rest.trim().is_empty() {
        Map::new()
    } else {
        serde_json::from_str(rest).unwrap()
    };
    let tags = fields.get("tags").cloned();
    for (key, value) in fields.into_iter().filter(|(key, _)| key != "tags") {
        cell[key] = value;
    }
    if let Some(tags) = tags {
        cell["metadata"]["tags"] = tags;
    }
    cell
}

/// The notebook without what two runs may legitimately have different. Text that nbclient has `as_written` by the
/// kernel goes through a terminal here; ours has been through one.
pub fn normalised(mut notebook: Value, as_written: bool) -> Value {
    for cell in notebook["cells"].as_array_mut().unwrap() {
        join_lines(&mut cell["source"]);
        if let Some(outputs) = cell.get_mut("outputs").and_then(Value::as_array_mut) {
            normalise_outputs(outputs, as_written);
        }
    }
    if let Some(models) = notebook["metadata"]["widgets"][WIDGET_STATE_MIME]["state"].as_object() {
        notebook["metadata"]["widgets"] = models_alike(models);
    }
    let random = "0x[0-9a-f]{6,16}|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\
                  |ipykernel_[0-9]+(/[0-9]+[.]py)?";
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let text = Regex::new(random)
        .unwrap()
        .replace_all(&notebook.to_string(), |found: &Captures<'_>| {
            let next = format!("random-{}", names.len());
            names.entry(found[0].to_owned()).or_insert(next).clone()
        })
        .into_owned();
    serde_json::from_str(&text).unwrap()
}

fn normalise_outputs(outputs: &mut Vec<Value>, as_written: bool) {
    let mut joined: Vec<Value> = Vec::new();
    for mut output in outputs.drain(..) {
        if output["output_type"] == "stream" {
            join_lines(&mut output["text"]);
            if let Some(last) = joined.last_mut()
                && last["output_type"] == "stream"
                && last["name"] == output["name"]
            {
                let both = [&last["text"], &output["text"]].map(|text| text.as_str().unwrap());
                last["text"] = both.concat().into();
                continue;
            }
        }
        for (mime, value) in output["data"].as_object_mut().into_iter().flatten() {
            if !mime.ends_with("json") {
                join_lines(value);
            }
            // Files may break base64 into lines, or end it with one.
            let is_base64 = mime.starts_with("image/") && !mime.ends_with("xml");
            if let (true, Value::String(text)) = (is_base64, value) {
                text.retain(|c| c != '\n');
            }
        }
        joined.push(output);
    }
    let streams = joined
        .iter_mut()
        .filter(|output| output["output_type"] == "stream");
    for output in streams.filter(|_| as_written) {
        let mut terminal = Terminal::new();
        terminal.feed(output["text"].as_str().unwrap());
        output["text"] = terminal.render().into();
    }
    // A stream that shows nothing is none.
    joined.retain(|output| output["output_type"] != "stream" || output["text"] != "");
    *outputs = joined;
}

fn join_lines(value: &mut Value) {
    if let Some(lines) = value.as_array() {
        *value = lines
            .iter()
            .filter_map(Value::as_str)
            .collect::<String>()
            .into();
    }
}

/// Widget models in an order that does not depend on their ids.
fn models_alike(models: &Map<String, Value>) -> Value {
    let id = Regex::new("[0-9a-f]{32}").unwrap();
    let mut models: Vec<String> = models
        .values()
        .map(|model| {
            let mut model = model.clone();
            if let Some(outputs) = model["state"]["outputs"].as_array_mut() {
                normalise_outputs(outputs, false);
            }
            id.replace_all(&model.to_string(), "model").into_owned()
        })
        .collect();
    models.sort();
    models
        .into_iter()
        .map(|model| serde_json::from_str::<Value>(&model).unwrap())
        .collect()
}
