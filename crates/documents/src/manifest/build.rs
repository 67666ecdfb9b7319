//! Output to manifest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{
    BLOB_REF_MIME, Blob, INLINE_THRESHOLD, MAX_BLOB_BYTES, ManifestError, error_preview,
    joined_text, stream_preview,
};
use crate::mime::{self, MimeKind};
use crate::traceback::{self, RichTraceback};

/// What `build` needs beside the output.
#[derive(Clone, Copy)]
pub struct BuildOptions<'a> {
    /// Text of this many bytes or more becomes a blob.
    pub threshold: usize,
    /// The id used when the output has none.
    pub output_id: &'a str,
    /// The message's binary buffers.
    pub buffers: &'a [Vec<u8>],
    /// Says whether a blob is known to be stored already.
    pub has_blob: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for BuildOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildOptions")
            .field("output_id", &self.output_id)
            .finish_non_exhaustive()
    }
}

impl<'a> BuildOptions<'a> {
    /// Options of a live output without buffers.
    pub fn live(output_id: &'a str) -> Self {
        Self {
            threshold: INLINE_THRESHOLD,
            output_id,
            buffers: &[],
            has_blob: &|_| false,
        }
    }
}

/// A manifest and the blobs to store before it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// The manifest.
    pub manifest: Value,
    /// Blobs the manifest names, each once.
    pub blobs: Vec<Blob>,
    /// Whether the output is an error (a classic one or a rich traceback).
    pub is_error: bool,
}

struct Builder<'a> {
    options: BuildOptions<'a>,
    blobs: Vec<Blob>,
}

/// Builds the manifest of one nbformat output (documents.md 6.2 to 6.4).
pub fn build(output: &Value, options: &BuildOptions<'_>) -> Result<Built, ManifestError> {
    let mut builder = Builder {
        options: *options,
        blobs: Vec::new(),
    };
    let kind = output
        .get("output_type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (manifest, is_error) = match kind {
        "stream" => (builder.stream(output)?, false),
        "display_data" | "execute_result" => builder.display(output, kind)?,
        "error" => (builder.classic_error(output)?, true),
        other => return Err(ManifestError::UnknownOutputType(other.to_owned())),
    };
    Ok(Built {
        manifest,
        blobs: builder.blobs,
        is_error,
    })
}

impl Builder<'_> {
    fn id(&self, output: &Value) -> String {
        output
            .get("output_id")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty())
            .unwrap_or(self.options.output_id)
            .to_owned()
    }

    fn blob(&mut self, mime: &str, bytes: Vec<u8>) -> Result<Value, ManifestError> {
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(ManifestError::TooLarge {
                mime: mime.to_owned(),
                bytes: bytes.len(),
            });
        }
        let blob = Blob::new(mime, bytes);
        let reference = blob.content_ref();
        if !self.blobs.iter().any(|b| b.sha256 == blob.sha256) {
            self.blobs.push(blob);
        }
        Ok(reference)
    }

    fn text(&mut self, mime: &str, text: String) -> Result<Value, ManifestError> {
        if text.len() < self.options.threshold {
            Ok(json!({"inline": text}))
        } else {
            self.blob(mime, text.into_bytes())
        }
    }

    fn stream(&mut self, output: &Value) -> Result<Value, ManifestError> {
        let text = output.get("text").and_then(joined_text).unwrap_or_default();
        let preview = (text.len() >= self.options.threshold).then(|| stream_preview(&text));
        let mut manifest = json!({
            "output_type": "stream",
            "output_id": self.id(output),
            "name": output.get("name").and_then(Value::as_str).unwrap_or("stdout"),
            "text": self.text("text/plain", text)?,
        });
        if let Some(preview) = preview {
            manifest["llm_preview"] = preview;
        }
        Ok(manifest)
    }

    fn classic_error(&mut self, output: &Value) -> Result<Value, ManifestError> {
        let word = |key: &str| {
            output
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        let traceback: Vec<String> = output
            .get("traceback")
            .and_then(Value::as_array)
            .map(|lines| {
                lines
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default();
        let (ename, evalue) = (word("ename"), word("evalue"));
        let rich = traceback::synthesize(&ename, &evalue, &traceback);
        let id = self.id(output);
        self.error(&id, &ename, &evalue, &traceback, rich.as_ref())
    }

    fn error(
        &mut self,
        id: &str,
        ename: &str,
        evalue: &str,
        traceback: &[String],
        rich: Option<&RichTraceback>,
    ) -> Result<Value, ManifestError> {
        let text = Value::from(traceback).to_string();
        let preview =
            (text.len() >= self.options.threshold).then(|| error_preview(traceback, text.len()));
        let mut manifest = json!({
            "output_type": "error",
            "output_id": id,
            "ename": ename,
            "evalue": evalue,
            "traceback": self.text("application/json", text)?,
        });
        if let Some(preview) = preview {
            manifest["llm_preview"] = preview;
        }
        if let Some(text) = rich.and_then(|rich| serde_json::to_string(rich).ok()) {
            manifest["rich"] = self.text(traceback::MIME, text)?;
        }
        Ok(manifest)
    }

    fn display(&mut self, output: &Value, kind: &str) -> Result<(Value, bool), ManifestError> {
        let empty = Map::new();
        let data = output
            .get("data")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        if let Some(rich) = data.get(traceback::MIME).and_then(traceback::parse) {
            let lines: Vec<String> = rich.text.lines().map(str::to_owned).collect();
            let id = self.id(output);
            return Ok((
                self.error(&id, &rich.ename, &rich.evalue, &lines, Some(&rich))?,
                true,
            ));
        }
        let mut metadata = output
            .get("metadata")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut refs = Map::new();
        for (mime, value) in data {
            if mime != BLOB_REF_MIME {
                refs.insert(mime.clone(), self.content(mime, value)?);
            }
        }
        if let Some(envelope) = data.get(BLOB_REF_MIME) {
            self.blob_ref(envelope, &mut refs, &mut metadata)?;
        }
        let mut manifest = Map::new();
        manifest.insert("output_type".into(), kind.into());
        manifest.insert("output_id".into(), self.id(output).into());
        manifest.insert("data".into(), refs.into());
        if !metadata.is_empty() {
            manifest.insert("metadata".into(), metadata.into());
        }
        if kind == "execute_result" {
            let count = output
                .get("execution_count")
                .cloned()
                .unwrap_or(Value::Null);
            manifest.insert("execution_count".into(), count);
        }
        if let Some(id) = output
            .pointer("/transient/display_id")
            .and_then(Value::as_str)
        {
            manifest.insert("transient".into(), json!({"display_id": id}));
        }
        Ok((manifest.into(), false))
    }

    fn content(&mut self, mime: &str, value: &Value) -> Result<Value, ManifestError> {
        match mime::kind(mime) {
            MimeKind::Binary => {
                let bytes = joined_text(value)
                    .and_then(|text| decode(&text))
                    .ok_or_else(|| ManifestError::Base64(mime.to_owned()))?;
                self.blob(mime, bytes)
            }
            MimeKind::Json => {
                let text = match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                self.text(mime, text)
            }
            MimeKind::Text => {
                let text = joined_text(value).unwrap_or_else(|| value.to_string());
                self.text(mime, text)
            }
        }
    }

    /// Stores the buffers an envelope names and puts its target MIME (documents.md 11.5).
    fn blob_ref(
        &mut self,
        envelope: &Value,
        refs: &mut Map<String, Value>,
        metadata: &mut Map<String, Value>,
    ) -> Result<(), ManifestError> {
        let parsed;
        let envelope = match envelope {
            Value::String(text) => {
                parsed = serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
                &parsed
            }
            other => other,
        };
        if let Some(entries) = envelope.get("refs").and_then(Value::as_array) {
            for entry in entries {
                self.stored_buffer(entry)?;
            }
            return Ok(());
        }
        let Some(hash) = envelope.get("hash").and_then(Value::as_str) else {
            return Ok(());
        };
        let Some(mime) = envelope.get("content_type").and_then(Value::as_str) else {
            return Ok(());
        };
        let stored = self.stored_buffer(envelope)?;
        let hash = match stored {
            Some(true_hash) => true_hash,
            None if (self.options.has_blob)(hash) => hash.to_owned(),
            None => return Ok(()),
        };
        let size = envelope.get("size").and_then(Value::as_u64).unwrap_or(0);
        refs.insert(mime.to_owned(), json!({"blob": hash, "size": size}));
        let mut hints = Map::new();
        for key in ["summary", "query"] {
            if let Some(value) = envelope.get(key).filter(|v| !v.is_null()) {
                hints.insert(key.into(), value.clone());
            }
        }
        if !hints.is_empty() {
            let entry = metadata.entry(mime.to_owned()).or_insert_with(|| json!({}));
            if let Some(nteract) = entry
                .as_object_mut()
                .map(|e| e.entry("nteract").or_insert_with(|| json!({})))
                .and_then(Value::as_object_mut)
            {
                for (key, value) in hints {
                    nteract.entry(key).or_insert(value);
                }
            }
        }
        Ok(())
    }

    /// Stores the buffer of one entry; returns its true address, `None` when there is no buffer.
    fn stored_buffer(&mut self, entry: &Value) -> Result<Option<String>, ManifestError> {
        if entry.get("hash").and_then(Value::as_str).is_none() {
            return Ok(None);
        }
        let Some(mime) = entry.get("content_type").and_then(Value::as_str) else {
            return Ok(None);
        };
        let index = entry
            .get("buffer_index")
            .and_then(Value::as_u64)
            .unwrap_or(0) as usize;
        let Some(bytes) = self.options.buffers.get(index) else {
            return Ok(None);
        };
        let reference = self.blob(mime, bytes.clone())?;
        Ok(reference
            .get("blob")
            .and_then(Value::as_str)
            .map(str::to_owned))
    }
}

/// The bytes of base64, which files and kernels may break into lines (quirk Q3).
fn decode(text: &str) -> Option<Vec<u8>> {
    let unbroken = || text.split_ascii_whitespace().collect::<String>();
    let bytes = STANDARD.decode(text);
    bytes.or_else(|_| STANDARD.decode(unbroken())).ok()
}
