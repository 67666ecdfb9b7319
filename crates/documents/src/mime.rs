//! MIME kinds (documents.md 6.3): whether a payload is text, JSON or bytes.

/// How the payload of a MIME type is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MimeKind {
    /// UTF-8 text, inline or a blob by size.
    Text,
    /// JSON text, inline or a blob by size.
    Json,
    /// Raw bytes, always a blob.
    Binary,
}

const TEXT_APPLICATIONS: &[&str] = &[
    "javascript",
    "ecmascript",
    "xml",
    "xhtml+xml",
    "mathml+xml",
    "sql",
    "graphql",
    "x-latex",
    "x-tex",
];

/// Returns the kind of a MIME type; case-sensitive, parameters are part of the string.
#[allow(clippy::case_sensitive_file_extension_comparisons)] // a MIME type is no file name
pub fn kind(mime: &str) -> MimeKind {
    if let Some(sub) = mime.strip_prefix("application/") {
        if sub == "json" || sub.ends_with("+json") || sub.ends_with(".json") {
            return MimeKind::Json;
        }
        if TEXT_APPLICATIONS.contains(&sub) || sub.ends_with("+xml") {
            return MimeKind::Text;
        }
        return MimeKind::Binary;
    }
    if let Some(sub) = mime.strip_prefix("image/") {
        return if sub.ends_with("+xml") {
            MimeKind::Text
        } else {
            MimeKind::Binary
        };
    }
    if mime.starts_with("audio/") || mime.starts_with("video/") {
        return MimeKind::Binary;
    }
    MimeKind::Text
}

/// Returns the media type under which a blob of this MIME type is uploaded: types that a room
/// refuses travel as bytes, the real type stays in the manifest (workstation.md 4.15).
pub fn upload_media_type(mime: &str) -> &str {
    let base = mime
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let listed = [
        "application/octet-stream",
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/pdf",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.parquet",
        "application/wasm",
    ]
    .contains(&base.as_str())
        || ["audio/", "image/", "text/", "video/"]
            .iter()
            .any(|p| base.starts_with(p))
        || (base.starts_with("application/") && base.ends_with("+json"));
    if listed {
        mime
    } else {
        "application/octet-stream"
    }
}
