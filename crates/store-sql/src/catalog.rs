//! The catalog: the storage traits of `store`, on either database.

mod accounts;
mod api_tokens;
mod attach_jobs;
mod audit;
mod blob_line;
mod invitations;
mod library;
mod machines;
mod notebooks;
mod pairing;
mod people;
mod revisions;
mod room_tokens;
mod upkeep;
mod workstations;

use store::Result;

use crate::database::Database;
use crate::db::Db;

/// The catalog of accounts, access, pairing, workstations and jobs in one database.
#[derive(Debug, Clone)]
pub struct SqlCatalog {
    db: Db,
    blobs: blob_line::BlobLine,
}

impl store::Catalog for SqlCatalog {}

impl SqlCatalog {
    /// Opens or makes the catalog; a database written by a newer release is refused.
    pub async fn open(database: &Database) -> Result<Self> {
        let db = database.open_catalog().await?;
        let blobs = blob_line::BlobLine::start(db.clone());
        Ok(Self { db, blobs })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
