//! The data folder: made when absent, held by one server at a time, and the note in it that says
//! where that server listens.

use std::error::Error as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use blob_store::{BlobStore, BucketConfig};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store_sql::{Database, SqlCatalog, SqlDocumentLog};

use crate::app::Storage;
use crate::backup::Restored;
use crate::config::Config;
use crate::serve::kept::KeptIn;

const BLOBS: &str = "blobs";
const LOCK: &str = "server.lock";
pub(super) const INFO: &str = "server.json";

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Reading or writing in it fails.
    #[error(
        "cannot use the data directory {}: {cause}\nHint: check that it is a directory you may write to, or name another with --data",
        .path.display()
    )]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's word.
        cause: io::Error,
    },
    /// Another server holds it.
    #[error(
        "another notebook-cloud uses the data directory {}\nHint: stop that server, or name another directory with --data",
        .0.display()
    )]
    InUse(PathBuf),
    /// No server holds it.
    #[error(
        "no notebook-cloud is running on {}\nHint: start it with `notebook-cloud serve --listen 127.0.0.1:8080 --data {}`",
        .0.display(), .0.display()
    )]
    NotRunning(PathBuf),
    /// The server keeps its records in another kind of database than the one named.
    #[error(
        "the server on {} keeps accounts and documents in {kept}, and the settings here name {asked}\nHint: {}",
        .data.display(), .kept.hint()
    )]
    KeptElsewhere {
        /// The folder.
        data: PathBuf,
        /// Where the server keeps them.
        kept: KeptIn,
        /// Where they were looked for.
        asked: KeptIn,
    },
    /// No server ever ran on it.
    #[error(
        "{} holds no notebook-cloud data\nHint: name the server's data directory with --data",
        .0.display()
    )]
    NoData(PathBuf),
    /// Blobs are in the folder, and they are to be in a bucket.
    #[error(
        "{} holds blobs, and with s3.bucket set they would not be found\nHint: copy them into the bucket and move that \
         folder away, or make a backup without s3.bucket and restore it with it (docs/database-and-backup.md)",
        .0.display()
    )]
    BlobsHere(PathBuf),
    /// A database in it cannot be used; the text says why and what to do.
    #[error("cannot use {0}")]
    Store(String),
}

/// Opens the catalog of a database, or makes it.
///
/// # Errors
/// It cannot be opened, or was written by a newer release.
pub(super) async fn open_catalog(database: &Database) -> Result<SqlCatalog, DataDirError> {
    SqlCatalog::open(database)
        .await
        .map_err(|cause| store_error("catalog", database, &cause))
}

/// Opens everything that a server keeps, for reading only, beside a running server too.
///
/// # Errors
/// A part cannot be opened, or was written by a newer release.
pub async fn open_for_reading(
    database: &Database,
    bucket: Option<BucketConfig>,
    data: &Path,
) -> Result<Storage, DataDirError> {
    let catalog = open_catalog(database).await?;
    let documents = SqlDocumentLog::open_for_reading(database)
        .await
        .map_err(|cause| store_error("document log", database, &cause))?;
    let folder = data.join(BLOBS);
    let blobs = BlobStore::for_reading(bucket, &folder).map_err(io_at(folder))?;
    Ok(Storage {
        catalog,
        documents,
        blobs,
        restored: Restored::of(data),
    })
}

fn io_at(path: PathBuf) -> impl FnOnce(io::Error) -> DataDirError {
    |cause| DataDirError::Io { path, cause }
}

fn store_error(part: &str, database: &Database, cause: &StoreError) -> DataDirError {
    let mut text = format!("the {part} in {database}: {cause}");
    if let Some(source) = cause.source() {
        text.push_str(": ");
        text.push_str(&source.to_string());
    }
    if !text.contains("Hint:") {
        text.push_str(if database.is_postgres() {
            "\nHint: check that the database runs, and its address, user and password"
        } else {
            "\nHint: check the disk and the file's rights, or restore a backup"
        });
    }
    DataDirError::Store(text)
}

/// The note about a running server, for `sign-in-link` and for scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The bound address and port.
    pub address: String,
    /// The address people use.
    pub url: String,
    /// The server's process.
    pub pid: u32,
    /// The server's version.
    pub version: String,
    /// What holds its records; releases that did not say it are read too.
    #[serde(default)]
    pub kept_in: Option<KeptIn>,
}

impl ServerInfo {
    /// The note for this process.
    pub fn new(config: &Config) -> Self {
        Self {
            address: config.bound.to_string(),
            url: config.public.to_string(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            kept_in: Some(KeptIn::of(&config.database)),
        }
    }
}

/// The data folder, held until dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder when absent (0700) and takes it.
    ///
    /// # Errors
    /// It cannot be written, or another server holds it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let io = |cause| DataDirError::Io {
            path: path.to_owned(),
            cause,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(cause)) => Err(io(cause)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the database, and the blobs in the bucket or the folder.
    ///
    /// # Errors
    /// One cannot be opened, was written by a newer release, or is another server's.
    pub async fn storage(
        &self,
        database: &Database,
        bucket: Option<BucketConfig>,
    ) -> Result<Storage, DataDirError> {
        let folder = self.path.join(BLOBS);
        if bucket.is_some() && BlobStore::is_filled(&folder).map_err(io_at(folder.clone()))? {
            return Err(DataDirError::BlobsHere(folder));
        }
        let catalog = open_catalog(database).await?;
        let documents = SqlDocumentLog::open(database)
            .await
            .map_err(|cause| store_error("document log", database, &cause))?;
        let blobs = BlobStore::open(bucket, &folder).map_err(io_at(folder))?;
        Ok(Storage {
            catalog,
            documents,
            blobs,
            restored: Restored::of(&self.path),
        })
    }

    /// Writes the note about this server, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_info(&self, info: &ServerInfo) -> Result<(), DataDirError> {
        let write = || -> io::Result<()> {
            let temporary = self.path.join("server.json.tmp");
            let mut file = File::options()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&temporary)?;
            serde_json::to_writer_pretty(&mut file, info)?;
            file.write_all(b"\n")?;
            fs::rename(temporary, self.path.join(INFO))
        };
        write().map_err(|cause| DataDirError::Io {
            path: self.path.clone(),
            cause,
        })
    }

    /// The note of the server that runs on a folder.
    ///
    /// # Errors
    /// No server runs there, or its note cannot be read.
    pub fn running(path: &Path) -> Result<ServerInfo, DataDirError> {
        let not_running = || DataDirError::NotRunning(path.to_owned());
        let lock = File::open(path.join(LOCK)).map_err(|_| not_running())?;
        match lock.try_lock_shared() {
            Ok(()) => return Err(not_running()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(cause)) => {
                return Err(DataDirError::Io {
                    path: path.to_owned(),
                    cause,
                });
            }
        }
        let text = fs::read(path.join(INFO)).map_err(|_| not_running())?;
        serde_json::from_slice(&text).map_err(|cause| DataDirError::Io {
            path: path.to_owned(),
            cause: cause.into(),
        })
    }
}
