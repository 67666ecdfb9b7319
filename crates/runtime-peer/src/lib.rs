//! The edges of a runtime peer: room link, blob upload, kernel journal, around session-core.
