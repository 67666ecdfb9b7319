//! The blob folder: bytes under the name of their SHA-256, written once and never changed.
//!
//! A file appears under its name only when it is whole and on disk. Which notebook may read which
//! blob is the catalog's matter.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

/// The folder of all blobs.
#[derive(Debug)]
pub struct BlobFolder {
    root: PathBuf,
    next: AtomicU64,
    /// Held to remove, shared to find out that bytes are there already: an upload that relies on
    /// them makes them young before anybody may look at their age.
    removing: Arc<RwLock<()>>,
}

/// What became of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The bytes are new.
    New,
    /// The bytes were there already.
    Known,
}

impl BlobFolder {
    /// Opens or makes the folder and removes what broken uploads left.
    pub fn open(root: &Path) -> io::Result<Self> {
        let partial = root.join("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        Ok(Self {
            root: root.to_owned(),
            next: AtomicU64::new(0),
            removing: Arc::default(),
        })
    }

    /// The folder as it is, for a program beside the server that only reads.
    pub fn for_reading(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            next: AtomicU64::new(0),
            removing: Arc::default(),
        }
    }

    /// Starts an upload.
    pub fn begin(&self) -> io::Result<Upload> {
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let path = self.root.join("partial").join(name);
        Ok(Upload {
            file: File::create_new(&path)?,
            path,
            hash: Sha256::new(),
            size: 0,
            root: self.root.clone(),
            removing: Arc::clone(&self.removing),
        })
    }

    /// Says when a blob was last uploaded.
    pub fn touch(&self, hash: &str, at: SystemTime) -> io::Result<()> {
        self.read(hash)?.set_modified(at)
    }

    /// The blobs whose names begin with two given digits and that nobody uploaded for so long.
    pub fn older_than(&self, digits: &str, age: Duration) -> io::Result<Vec<String>> {
        let folder = self.root.join(digits);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut old = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_hash(&name) && is_older(&entry.metadata()?, age)? {
                old.push(name);
            }
        }
        Ok(old)
    }

    /// Removes a blob that nobody uploaded for so long; says whether it is gone.
    pub fn remove_if_older(&self, hash: &str, age: Duration) -> io::Result<bool> {
        let _alone = self
            .removing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let old = is_hash(hash) && is_older(&fs::metadata(place(&self.root, hash))?, age)?;
        if old {
            fs::remove_file(place(&self.root, hash))?;
        }
        Ok(old)
    }

    /// Opens a blob for reading.
    pub fn read(&self, hash: &str) -> io::Result<File> {
        if !is_hash(hash) {
            return Err(io::ErrorKind::NotFound.into());
        }
        File::open(place(&self.root, hash))
    }
}

/// An upload that has not ended; dropped, it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size: u64,
    root: PathBuf,
    removing: Arc<RwLock<()>>,
}

impl Upload {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The lower-case hex SHA-256 of the bytes so far.
    pub fn hash(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// Puts the bytes under their name, on disk before this returns.
    pub fn keep(self) -> io::Result<Stored> {
        let target = place(&self.root, &self.hash());
        {
            let _kept = self.removing.read().unwrap_or_else(PoisonError::into_inner);
            if target.exists() {
                File::open(&target)?.set_modified(SystemTime::now())?;
                return Ok(Stored::Known);
            }
        }
        self.file.sync_all()?;
        let folder = target.parent().unwrap_or(&self.root);
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            File::open(&self.root)?.sync_all()?;
        }
        fs::rename(&self.path, &target)?;
        File::open(folder)?.sync_all()?;
        Ok(Stored::New)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Gone already when the upload was kept.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a text is 64 lower-case hex digits.
pub fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a file was last written so long ago; one from the future is not.
fn is_older(file: &fs::Metadata, age: Duration) -> io::Result<bool> {
    let since = file.modified()?.elapsed().unwrap_or_default();
    Ok(since >= age)
}

fn place(root: &Path, hash: &str) -> PathBuf {
    root.join(&hash[..2]).join(hash)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn bytes_are_found_under_their_hash() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(folder.path()).unwrap();
        for stored in [Stored::New, Stored::Known] {
            let mut upload = blobs.begin().unwrap();
            upload.write(b"hel").unwrap();
            upload.write(b"lo").unwrap();
            assert_eq!(upload.hash(), HELLO);
            assert_eq!(upload.keep().unwrap(), stored);
        }
        let mut text = String::new();
        blobs
            .read(HELLO)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "hello");
    }

    #[test]
    fn a_broken_upload_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(folder.path()).unwrap();
        let mut upload = blobs.begin().unwrap();
        upload.write(b"hello").unwrap();
        drop(upload);
        assert!(blobs.read(HELLO).is_err());
        assert_eq!(
            fs::read_dir(folder.path().join("partial")).unwrap().count(),
            0
        );
    }

    #[test]
    fn what_is_uploaded_again_is_young_again() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(folder.path()).unwrap();
        let hour = Duration::from_secs(3600);
        let upload = || {
            let mut upload = blobs.begin().unwrap();
            upload.write(b"hello").unwrap();
            upload.keep().unwrap()
        };
        upload();
        assert!(blobs.older_than("2c", hour).unwrap().is_empty());
        blobs.touch(HELLO, SystemTime::now() - 2 * hour).unwrap();
        assert_eq!(blobs.older_than("2c", hour).unwrap(), [HELLO]);
        assert_eq!(upload(), Stored::Known);
        assert!(!blobs.remove_if_older(HELLO, hour).unwrap());
        blobs.touch(HELLO, SystemTime::now() - 2 * hour).unwrap();
        assert!(blobs.remove_if_older(HELLO, hour).unwrap());
        assert!(blobs.read(HELLO).is_err());
        assert!(blobs.older_than("00", hour).unwrap().is_empty());
    }

    #[test]
    fn only_hashes_are_names() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(folder.path()).unwrap();
        for name in ["../partial", "", &HELLO.to_uppercase(), "ab"] {
            assert!(blobs.read(name).is_err(), "{name}");
        }
    }
}
