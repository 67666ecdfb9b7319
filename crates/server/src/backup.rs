//! `notebook-cloud backup` and `restore`: one file with the catalog, the document log and the blobs of
//! one moment.
//!
//! The file is a tar archive: `backup.json`, the two SQLite files, and `blobs/HASH` for each blob that
//! the catalog knows. Every part is checked at the restore: the databases by what `backup.json` says of them, blobs by
//! their names.

mod digest;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use blob_store::{BlobError, BlobStore, BucketConfig, Kept};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store_sql::{Database, SqlCatalog, SqlDocumentLog, check_database, copy_databases};
use tokio::runtime::Handle;
use tokio_util::io::{StreamReader, SyncIoBridge};
use wire::UnixMs;

use crate::clock::Clock;
use crate::serve::KeptIn;
use digest::{Digest, Digesting};

/// The form of the archive.
const FORMAT: u32 = 1;
const ABOUT: &str = "backup.json";
const DATABASES: [&str; 2] = ["catalog.sqlite", "documents.sqlite"];
const BLOBS: &str = "blobs";
/// Says in a data folder that it was restored.
const RESTORED: &str = "restored.json";
/// Bytes copied at a time.
const CHUNK: usize = 256 * 1024;

/// Why a backup or a restore did not come about.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The records are not in the data folder.
    #[error(
        "the accounts and documents of this server are in {0}, which a backup of the data directory lacks\n\
         Hint: use pg_dump for the database, and copy the folder `blobs` of the data directory, or the bucket, after it"
    )]
    NotHere(String),
    /// There is nothing to back up.
    #[error("{} holds no notebook-cloud data\nHint: name the server's data directory with --data", .0.display())]
    NoData(PathBuf),
    /// The target is taken.
    #[error("{} is there already\nHint: name a file or directory that is not", .0.display())]
    Exists(PathBuf),
    /// The file is no backup, or not a whole one.
    #[error("{} cannot be restored: {}\nHint: use a file that `notebook-cloud backup` wrote", .0.display(), .1)]
    NotABackup(PathBuf, String),
    /// A database could not be read or written.
    #[error("the backup failed: {}", said(.0))]
    Store(#[from] StoreError),
    /// A blob could not be read or kept.
    #[error("the backup failed: {0}")]
    Blobs(#[from] BlobError),
    /// The work broke off.
    #[error("the backup broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
    /// Reading or writing a file failed.
    #[error("{}: {cause}\nHint: check the disk's space and the rights", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        cause: io::Error,
    },
}

fn said(cause: &StoreError) -> String {
    match std::error::Error::source(cause) {
        Some(source) => format!("{cause}: {source}"),
        None => cause.to_string(),
    }
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |cause| BackupError::Io { path, cause }
}

/// What the archive says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    format: u32,
    release: String,
    moment_ms: i64,
    /// The databases by their names; empty in a backup of a release that did not note them.
    #[serde(default)]
    databases: BTreeMap<String, Digest>,
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Everything acknowledged before this is in it.
    pub moment: UnixMs,
    /// Blobs in it.
    pub blobs: usize,
    /// Blobs that were collected while it was written; nothing shows them.
    pub gone: usize,
}

/// That and when a data folder was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The backup's moment.
    pub moment_ms: i64,
    /// When it was restored.
    pub restored_ms: i64,
}

impl Restored {
    /// The note of a data folder; none when it was never restored.
    pub fn of(data: &Path) -> Option<Self> {
        let text = fs::read(data.join(RESTORED)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Everything acknowledged before this is there.
    pub fn moment(&self) -> UnixMs {
        UnixMs(self.moment_ms)
    }

    /// What a machine is told whose credential is not known.
    pub fn hint(&self, url: &str) -> String {
        format!(
            "this server was restored on {} from a backup of {}; a machine paired after that backup is \
             not known any more: pair it again with `runt workstation connect {url}`",
            UnixMs(self.restored_ms),
            self.moment(),
        )
    }
}

/// Writes a backup of a data folder, beside a running server too. Blobs are copied into it wherever they are, so that it
/// restores without its bucket, and into another.
///
/// # Errors
/// There is nothing to back up, or it cannot be read or written. Nothing is left then.
pub async fn backup(
    database: &Database,
    bucket: Option<BucketConfig>,
    data: &Path,
    to: &Path,
) -> Result<Made, BackupError> {
    for kept in KeptIn::noted(data)
        .into_iter()
        .chain([KeptIn::of(database)])
    {
        if let KeptIn::Postgres(place) = kept {
            return Err(BackupError::NotHere(place));
        }
    }
    if DATABASES.iter().any(|file| !data.join(file).exists()) {
        return Err(BackupError::NoData(data.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let folder = parent(to);
    let copies = tempfile::tempdir_in(&folder).map_err(io_at(&folder))?;
    let moment_ms = Clock::System.now_ms();
    let hashes = copy_databases(data, copies.path()).await?;
    // Only its owner may read it until somebody says otherwise.
    let file = tempfile::NamedTempFile::new_in(&folder).map_err(io_at(&folder))?;
    let archive = tar::Builder::new(io::BufWriter::new(file));
    let blobs = data.join(BLOBS);
    let blobs = BlobStore::for_reading(bucket, &blobs).map_err(io_at(&blobs))?;
    let (known, target) = (hashes.len(), to.to_owned());
    let work = move || {
        let mut archive = archive;
        let about = about(moment_ms, copies.path())?;
        fill(&mut archive, &about, copies.path(), &blobs, &hashes)
            .map_err(|cause| cause.at(&target))
            .map(|written| (archive, written))
    };
    let (archive, written) = tokio::task::spawn_blocking(work).await??;
    let file = archive
        .into_inner()
        .and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error))
        .map_err(io_at(to))?;
    file.as_file().sync_all().map_err(io_at(to))?;
    file.persist_noclobber(to)
        .map_err(|cause| io_at(to)(cause.error))?;
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_at(&folder))?;
    Ok(Made {
        moment: UnixMs(moment_ms),
        blobs: written,
        gone: known - written,
    })
}

/// What the archive is to say of itself and of the copied databases.
fn about(moment_ms: i64, copies: &Path) -> Result<About, BackupError> {
    let mut databases = BTreeMap::new();
    for name in DATABASES {
        let path = copies.join(name);
        let digest = File::open(&path)
            .and_then(Digest::of)
            .map_err(io_at(&path))?;
        databases.insert(name.to_owned(), digest);
    }
    Ok(About {
        format: FORMAT,
        release: env!("CARGO_PKG_VERSION").into(),
        moment_ms,
        databases,
    })
}

/// Why the archive could not be filled.
enum Unfilled {
    Io(io::Error),
    Blobs(BlobError),
}

impl From<io::Error> for Unfilled {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

impl Unfilled {
    fn at(self, path: &Path) -> BackupError {
        match self {
            Self::Io(cause) => io_at(path)(cause),
            Self::Blobs(cause) => cause.into(),
        }
    }
}

/// Puts everything into the archive: the catalog, then the log, then the blobs that the copied catalog knows; how many
/// blobs. To be called where waiting is allowed.
fn fill(
    archive: &mut tar::Builder<impl io::Write>,
    about: &About,
    copies: &Path,
    blobs: &BlobStore,
    hashes: &[String],
) -> Result<usize, Unfilled> {
    let waiting = Handle::current();
    let about = serde_json::to_vec_pretty(about).map_err(io::Error::from)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(about.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, ABOUT, about.as_slice())?;
    for name in DATABASES {
        archive.append_path_with_name(copies.join(name), name)?;
    }
    let mut written = 0;
    for hash in hashes {
        let found = waiting.block_on(async {
            let size = blobs.size(hash).await?;
            Ok((size, blobs.read(hash, 0..size).await?))
        });
        let (size, bytes) = match found {
            Ok(found) => found,
            Err(BlobError::Absent) => continue,
            Err(cause) => return Err(Unfilled::Blobs(cause)),
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        let bytes = SyncIoBridge::new(StreamReader::new(bytes));
        archive.append_data(&mut header, format!("{BLOBS}/{hash}"), bytes)?;
        written += 1;
    }
    Ok(written)
}

/// Makes a data folder from a backup, whole or not at all; its blobs go into the bucket when one is given. What was put
/// there before something failed is of no harm.
///
/// # Errors
/// The folder is there and not empty, the file is no backup or was made by a newer release, or
/// something cannot be read or written.
pub async fn restore(
    from: &Path,
    bucket: Option<BucketConfig>,
    data: &Path,
) -> Result<Restored, BackupError> {
    let taken = fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some());
    if taken || data.is_file() {
        return Err(BackupError::Exists(data.to_owned()));
    }
    let folder = parent(data);
    fs::create_dir_all(&folder).map_err(io_at(&folder))?;
    // Only its owner may enter it.
    let made = tempfile::tempdir_in(&folder).map_err(io_at(&folder))?;
    let (file, into) = (from.to_owned(), made.path().to_owned());
    let about = tokio::task::spawn_blocking(move || unpack(&file, bucket, &into)).await??;
    if about.databases.is_empty() {
        for name in DATABASES {
            let path = made.path().join(name);
            if let Some(damage) = check_database(&path).await? {
                let what = format!("{name} is damaged: {damage}");
                return Err(BackupError::NotABackup(from.to_owned(), what));
            }
        }
    }
    let database = Database::in_folder(made.path());
    // Brings an older schema up to date and refuses a newer one.
    SqlCatalog::open(&database).await?.close().await;
    SqlDocumentLog::open(&database).await?.close().await;
    let restored = Restored {
        moment_ms: about.moment_ms,
        restored_ms: Clock::System.now_ms(),
    };
    let note = made.path().join(RESTORED);
    let text = serde_json::to_vec_pretty(&restored).map_err(|cause| io_at(&note)(cause.into()))?;
    create(&note)
        .and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        })
        .map_err(io_at(&note))?;
    if data.exists() {
        fs::remove_dir(data).map_err(io_at(data))?;
    }
    fs::rename(made.path(), data).map_err(io_at(data))?;
    // It has another name now.
    let _ = made.keep();
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_at(&folder))?;
    Ok(restored)
}

/// Unpacks an archive and checks that it is whole; every name in it is one that is expected. To be called where waiting
/// is allowed.
fn unpack(from: &Path, bucket: Option<BucketConfig>, into: &Path) -> Result<About, BackupError> {
    let bad = |what: &str| BackupError::NotABackup(from.to_owned(), what.to_owned());
    let unreadable = |cause: io::Error| bad(&cause.to_string());
    let file = File::open(from).map_err(io_at(from))?;
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    let blobs = into.join(BLOBS);
    let blobs = BlobStore::open(bucket, &blobs).map_err(io_at(&blobs))?;
    let mut about: Option<About> = None;
    let mut found = BTreeMap::new();
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry
            .path()
            .map_err(unreadable)?
            .to_string_lossy()
            .into_owned();
        if name == ABOUT {
            let read: About =
                serde_json::from_reader(&mut entry).map_err(|cause| bad(&cause.to_string()))?;
            if read.format != FORMAT {
                return Err(bad(&format!(
                    "it was written by notebook-cloud {} in another form",
                    read.release
                )));
            }
            about = Some(read);
        } else if DATABASES.contains(&name.as_str()) {
            let path = into.join(&name);
            let digest = create(&path)
                .and_then(|file| {
                    let mut file = Digesting::new(file);
                    io::copy(&mut entry, &mut file)?;
                    let (file, digest) = file.end();
                    file.sync_all()?;
                    Ok(digest)
                })
                .map_err(io_at(&path))?;
            found.insert(name, digest);
        } else if let Some(hash) = name.strip_prefix("blobs/") {
            let kept = blob(&mut entry, hash, &blobs).map_err(|cause| cause.at(into))?;
            if !kept {
                return Err(bad(&format!("the blob {hash} is damaged")));
            }
        } else {
            return Err(bad(&format!("it holds `{name}`")));
        }
    }
    let about = about.filter(|_| found.len() == DATABASES.len());
    let about = about.ok_or_else(|| bad("it is not whole"))?;
    for (name, digest) in &about.databases {
        if found.get(name) != Some(digest) {
            return Err(bad(&format!("{name} is damaged")));
        }
    }
    Ok(about)
}

/// Stores one blob; false when its bytes are not what its name says.
fn blob(bytes: &mut impl io::Read, hash: &str, blobs: &BlobStore) -> Result<bool, Unfilled> {
    let waiting = Handle::current();
    let mut upload = blobs.begin();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        if bytes.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
            break;
        }
        let written = waiting.block_on(upload.write(chunk.into()));
        written.map_err(Unfilled::Blobs)?;
    }
    let kept = waiting.block_on(upload.keep_as(hash));
    let kept = kept.map_err(Unfilled::Blobs)?;
    Ok(matches!(kept, Kept::Stored { .. }))
}

/// A new file that only its owner may read.
fn create(path: &Path) -> io::Result<File> {
    File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
