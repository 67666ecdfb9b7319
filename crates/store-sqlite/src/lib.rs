//! The storage traits on SQLite: catalog, document log, blob folder.
