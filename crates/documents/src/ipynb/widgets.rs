//! Widget state of a file (documents.md 12.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::comms::{BINARY, CommsDoc, fold_large, put_at, reference as refer, unfold};
use crate::manifest::{self, Blob};
use crate::runtime_state::RuntimeStateDoc;

/// The key under a notebook's `metadata.widgets`.
pub const WIDGET_STATE_MIME: &str = "application/vnd.jupyter.widget-state+json";
/// The target of ipywidgets.
const TARGET: &str = "jupyter.widget";

/// Gathers the open widgets as `metadata.widgets` holds them; `None` when there are none.
pub fn widget_state(
    runtime: &RuntimeStateDoc,
    comms: &CommsDoc,
    blobs: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Option<Value> {
    let mut models = Map::new();
    for id in runtime.comm_ids() {
        if runtime.comm_target(&id).as_deref() != Some(TARGET) {
            continue;
        }
        let Some(mut state) = comms.state(&id) else {
            continue;
        };
        // What an Output widget shows is told by its entry; its trait mirrors that.
        let captured = runtime.comm_field(&id, "outputs");
        if let Some(Value::Array(outputs)) = captured.filter(|outputs| *outputs != json!([])) {
            let outputs = outputs
                .iter()
                .map(|manifest| captured_output(manifest, blobs));
            state.insert("outputs".to_owned(), outputs.collect());
        }
        let mut buffers = Vec::new();
        let state = unfold(Value::Object(state), &mut Vec::new(), blobs, &mut buffers);
        let buffers: Vec<Value> = buffers
            .into_iter()
            .map(|(path, bytes)| json!({"encoding": "base64", "path": path, "data": STANDARD.encode(bytes)}))
            .collect();
        let (Some(state), Some(name), Some(module)) = (
            state.as_ref(),
            word(state.as_ref(), "_model_name"),
            word(state.as_ref(), "_model_module"),
        ) else {
            continue;
        };
        let mut model = json!({"model_name": name, "model_module": module, "state": state});
        if let Some(version) = word(Some(state), "_model_module_version") {
            model["model_module_version"] = version.into();
        }
        if !buffers.is_empty() {
            model["buffers"] = buffers.into();
        }
        models.insert(id, model);
    }
    (!models.is_empty()).then(
        || json!({WIDGET_STATE_MIME: {"version_major": 2, "version_minor": 0, "state": models}}),
    )
}

fn captured_output(manifest: &Value, blobs: &dyn Fn(&str) -> Option<Vec<u8>>) -> Value {
    let mut output = manifest::resolve(manifest, blobs)
        .unwrap_or_else(|error| super::export::marker(&error.to_string()));
    if let Some(output) = output.as_object_mut() {
        output.shift_remove("output_id");
        output.shift_remove("transient");
    }
    output
}

/// A widget of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImportedWidget {
    pub(crate) id: String,
    pub(crate) model_name: String,
    pub(crate) model_module: String,
    /// Its traits, with references for what is large or binary.
    pub(crate) state: Map<String, Value>,
}

/// Reads the widgets of a file's metadata, by id; those without the name of their model are left out (documents 12.1).
pub(crate) fn imported_widgets(metadata: &Value, blobs: &mut Vec<Blob>) -> Vec<ImportedWidget> {
    let models = &metadata["widgets"][WIDGET_STATE_MIME]["state"];
    let mut models: Vec<(&String, &Value)> = models.as_object().into_iter().flatten().collect();
    models.sort_by_key(|(id, _)| *id);
    let read = |(id, model): (&String, &Value)| {
        let own = |key: &str| {
            word(Some(model), key).or_else(|| word(model.get("state"), &format!("_{key}")))
        };
        let (model_name, model_module) = (own("model_name")?, own("model_module")?);
        let mut state = model.get("state")?.as_object()?.clone();
        let buffers = model.get("buffers").and_then(Value::as_array);
        let buffers: Vec<_> = buffers.into_iter().flatten().filter_map(buffer).collect();
        let has_buffer = |key: &str| buffers.iter().any(|(path, _)| path[0] == key);
        blobs.extend(fold_large(&mut state, has_buffer));
        for (path, bytes) in buffers {
            put_at(&mut state, path, refer(BINARY, bytes, blobs));
        }
        Some(ImportedWidget {
            id: id.clone(),
            model_name,
            model_module,
            state,
        })
    };
    models.into_iter().filter_map(read).collect()
}

/// Where a buffer belongs, and its bytes, which the format allows as base64 or hex.
fn buffer(entry: &Value) -> Option<(&Vec<Value>, Vec<u8>)> {
    let path = entry
        .get("path")?
        .as_array()
        .filter(|path| !path.is_empty())?;
    let data = entry.get("data")?.as_str()?;
    let bytes = match entry.get("encoding")?.as_str()? {
        "base64" => STANDARD.decode(data).ok(),
        "hex" => hex::decode(data).ok(),
        _ => None,
    };
    Some((path, bytes?))
}

fn word(state: Option<&Value>, key: &str) -> Option<String> {
    Some(state?.get(key)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{WIDGET_STATE_MIME, widget_state};
    use crate::manifest::sha256_hex;
    use crate::{CommsDoc, RuntimeStateDoc};

    #[test]
    fn widget_state_has_its_values_and_buffers_back() {
        let mut runtime = RuntimeStateDoc::from_seed("system:room/room:a").unwrap();
        let mut comms = CommsDoc::from_seed("system:room/room:a").unwrap();
        let (long, bytes) = ("x".repeat(2000), vec![0_u8, 255]);
        let blobs = [long.clone().into_bytes(), bytes.clone()];
        let refer = |at: usize, kind: &str| json!({"blob": sha256_hex(&blobs[at]), "size": blobs[at].len(), "media_type": kind});
        let state = json!({
            "_model_name": "ImageModel", "_model_module": "@jupyter-widgets/controls",
            "_model_module_version": "2.0.0", "description": refer(0, "text/plain"),
            "value": refer(1, "application/octet-stream"),
            "items": [1, refer(1, "application/octet-stream")],
        });
        runtime
            .open_comm(
                "w",
                "jupyter.widget",
                "@jupyter-widgets/controls",
                "ImageModel",
            )
            .unwrap();
        runtime.open_comm("x", "hv", "", "").unwrap();
        comms.merge_state("w", state.as_object().unwrap()).unwrap();
        comms.merge_state("x", state.as_object().unwrap()).unwrap();
        let lookup = |hash: &str| blobs.iter().find(|blob| sha256_hex(blob) == hash).cloned();
        let found = widget_state(&runtime, &comms, &lookup).unwrap();
        let models = &found[WIDGET_STATE_MIME]["state"];
        assert_eq!(models.as_object().map(serde_json::Map::len), Some(1));
        let model = &models["w"];
        assert_eq!(model["state"]["description"], long);
        assert_eq!(model["state"]["items"], json!([1, null]));
        assert_eq!(model["state"].get("value"), None);
        let mut paths: Vec<Value> = model["buffers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|buffer| buffer["path"].clone())
            .collect();
        paths.sort_by_key(Value::to_string);
        assert_eq!(paths, [json!(["items", 1]), json!(["value"])]);
        assert_eq!(model["buffers"][0]["data"], "AP8=");
        assert_eq!(
            widget_state(&runtime, &CommsDoc::from_seed("a/b").unwrap(), &lookup),
            None
        );
    }

    // documents 5.11, 9
    #[test]
    fn what_an_output_widget_captured_is_exported_as_its_outputs() {
        let mut runtime = RuntimeStateDoc::from_seed("system:room/room:a").unwrap();
        let mut comms = CommsDoc::from_seed("system:room/room:a").unwrap();
        let (long, picture) = ("x".repeat(2000), vec![1_u8, 2, 3]);
        let blobs = [long.clone().into_bytes(), picture];
        let refer = |at: usize| json!({"blob": sha256_hex(&blobs[at]), "size": blobs[at].len()});
        let gone = json!({"blob": "0".repeat(64), "size": 9});
        let outputs = json!([
            {"output_type": "stream", "output_id": "1", "name": "stdout", "text": refer(0)},
            {"output_type": "display_data", "output_id": "2", "metadata": {}, "data": {"image/png": refer(1)}},
            {"output_type": "stream", "output_id": "3", "name": "stdout", "text": gone},
        ]);
        runtime
            .open_comm(
                "o",
                "jupyter.widget",
                "@jupyter-widgets/output",
                "OutputModel",
            )
            .unwrap();
        runtime.set_comm_field("o", "outputs", &outputs).unwrap();
        let state = json!({
            "_model_name": "OutputModel", "_model_module": "@jupyter-widgets/output",
            "outputs": {"blob": "1".repeat(64), "size": 9, "media_type": "application/json"},
        });
        comms.merge_state("o", state.as_object().unwrap()).unwrap();
        let lookup = |hash: &str| blobs.iter().find(|blob| sha256_hex(blob) == hash).cloned();
        let found = widget_state(&runtime, &comms, &lookup).unwrap();
        let model = &found[WIDGET_STATE_MIME]["state"]["o"];
        let shown = &model["state"]["outputs"];
        assert_eq!(
            shown[0],
            json!({"output_type": "stream", "name": "stdout", "text": long})
        );
        assert_eq!(shown[1]["data"], json!({"image/png": "AQID"}));
        assert_eq!(shown[2]["name"], "stderr");
        assert_eq!(model.get("buffers"), None);
    }
}
