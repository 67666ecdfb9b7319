//! Output manifests (documents.md 6): Jupyter outputs to manifests with content references and the
//! blobs they name, and back.

mod build;
mod preview;
mod resolve;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use build::{BuildOptions, Built, build};
pub use preview::{error_preview, stream_preview};
pub(crate) use resolve::blob_of;
pub use resolve::{ResolveError, resolve};

/// Text of this many bytes or more becomes a blob.
pub const INLINE_THRESHOLD: usize = 1024;
/// The threshold of a live `error` output.
pub const ERROR_INLINE_THRESHOLD: usize = 16 * 1024;
/// The largest blob (documents.md 11.3).
pub const MAX_BLOB_BYTES: usize = 100 * 1024 * 1024;

/// The envelope by which a kernel sends bytes beside the JSON (documents.md 11.5).
pub const BLOB_REF_MIME: &str = "application/vnd.nteract.blob-ref+json";
/// The manifest of an Arrow stream in chunks (documents.md 11.6).
pub const ARROW_MANIFEST_MIME: &str = "application/vnd.nteract.arrow-stream-manifest+json";
/// The pre-computed render plan of markdown; never exported.
pub const MARKDOWN_PLAN_MIME: &str = "application/vnd.nteract.markdown+json";
/// An Arrow IPC stream.
pub const ARROW_STREAM_MIME: &str = "application/vnd.apache.arrow.stream";
/// A Parquet file.
pub const PARQUET_MIME: &str = "application/vnd.apache.parquet";

/// A blob to be stored before the manifest that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Lower-case hex SHA-256 of the bytes.
    pub sha256: String,
    /// The MIME type of the content.
    pub media_type: String,
    /// The content.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Makes a blob and its address.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            sha256: sha256_hex(&bytes),
            media_type: media_type.to_owned(),
            bytes,
        }
    }

    /// The content reference that names this blob.
    pub fn content_ref(&self) -> Value {
        json!({"blob": self.sha256, "size": self.bytes.len()})
    }
}

/// Why an output has no manifest; the raw output is stored instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ManifestError {
    /// The `output_type` is not one of the four.
    #[error("unknown output_type: {0}")]
    UnknownOutputType(String),
    /// Base64 that is not strict, or a binary MIME that is no string.
    #[error("base64 decode failed for {0}")]
    Base64(String),
    /// A payload above the limit of one blob.
    #[error("{mime} holds {bytes} bytes, limit 104857600 bytes")]
    TooLarge {
        /// The MIME type of the payload.
        mime: String,
        /// Its size.
        bytes: usize,
    },
}

/// The lower-case hex SHA-256 of bytes, which is a blob's address.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The raw fallback (documents.md 6.2): the output itself with its id.
pub fn raw_fallback(output: &Value, output_id: &str) -> Value {
    let mut raw = output.clone();
    if let Some(map) = raw.as_object_mut()
        && map
            .get("output_id")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    {
        map.insert("output_id".into(), output_id.into());
    }
    raw
}

/// Joins a string or an array of strings, as nbformat stores text.
pub fn joined_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}
