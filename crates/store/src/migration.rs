//! Migrations: one step of a schema, written for each database.

/// One step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The schema's version after it.
    pub version: i64,
    /// The script for SQLite.
    pub sqlite: &'static str,
    /// The script for PostgreSQL.
    pub postgres: &'static str,
}

/// A migration from the files of one name in `migrations/sqlite…` and `migrations/postgres…`.
macro_rules! migration {
    ($version:literal, $file:literal) => {
        $crate::migration::Migration {
            version: $version,
            sqlite: include_str!(concat!("../migrations/sqlite", $file, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres", $file, ".sql")),
        }
    };
}

pub(crate) use migration;
