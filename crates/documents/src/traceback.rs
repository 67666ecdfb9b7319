//! Rich tracebacks (documents.md 8.2) and their synthesis from ANSI text (8.3).

mod synthesis;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use synthesis::{strip_ansi, synthesize};

/// The MIME type of a rich traceback.
pub const MIME: &str = "application/vnd.nteract.traceback+json";

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_false(value: &bool) -> bool {
    !*value
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// The rich payload of an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RichTraceback {
    pub ename: String,
    pub evalue: String,
    pub frames: Vec<Frame>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syntax: Option<Syntax>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Frame {
    pub filename: String,
    pub lineno: u64,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<SourceLine>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub library: bool,
}

/// One source line of a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SourceLine {
    pub lineno: u64,
    pub source: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub highlight: bool,
}

/// Where a syntax error lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Syntax {
    pub filename: String,
    pub lineno: u64,
    pub offset: u64,
    pub text: String,
    pub msg: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub end_lineno: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub end_offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<Value>,
}

/// Parses the payload of [`MIME`], given as an object or as JSON text; `None` when it is not one.
pub fn parse(value: &Value) -> Option<RichTraceback> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        other => serde_json::from_value(other.clone()).ok(),
    }
}
