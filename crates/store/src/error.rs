//! What can go wrong in storage, as far as a caller can act on it.

use std::error::Error;

/// Failure of a storage operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database was written by a later release.
    #[error(
        "the database has schema version {found}, this program knows version {known}\n\
         Hint: start the newer notebook-cloud that wrote it, or restore a backup made with this one"
    )]
    NewerSchema {
        /// Version recorded in the database.
        found: i64,
        /// Newest version this program can handle.
        known: i64,
    },
    /// Another server writes the document log, or wrote it while this one was cut off.
    #[error(
        "another notebook-cloud uses this database\n\
         Hint: stop that server, or give each a database (or a schema) of its own; then start this one again"
    )]
    InUse,
    /// A text holds the character NUL, which PostgreSQL cannot store; refused on both databases.
    #[error("text must not hold the character NUL (U+0000)")]
    Nul,
    /// A stored value does not parse.
    #[error("the database holds an unexpected {what}: `{value}`")]
    Corrupt {
        /// The kind of value.
        what: &'static str,
        /// The value found.
        value: String,
    },
    /// The disk of the database is full.
    #[error("the database has no space left to {operation}")]
    Full {
        /// What was being done.
        operation: &'static str,
        /// The driver's own words.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database could not be asked, or refused.
    #[error("the database could not {operation}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// Whether the same call may succeed later.
        retryable: bool,
        /// The driver's own words.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether trying the same call again may help.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::Database {
                    retryable: true,
                    ..
                }
        )
    }
}
