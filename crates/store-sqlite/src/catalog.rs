//! The catalog on SQLite: one file, the storage traits of `store`.

mod accounts;
mod api_tokens;
mod attach_jobs;
mod blob_line;
mod notebooks;
mod pairing;
mod workstations;

use std::path::Path;

use store::{Result, sql};

use crate::pools::{Durability, Pools};

/// The catalog of accounts, access, pairing, workstations and jobs in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteCatalog {
    pools: Pools,
    blobs: blob_line::BlobLine,
}

impl SqliteCatalog {
    /// Opens or makes the catalog; a file written by a newer release is refused.
    pub async fn open(path: &Path) -> Result<Self> {
        let pools = Pools::open(path, Durability::Machine, sql::SQLITE_CATALOG_MIGRATIONS).await?;
        let blobs = blob_line::BlobLine::start(pools.clone());
        Ok(Self { pools, blobs })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}
