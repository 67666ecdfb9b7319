//! A downloads folder: archives of programs and the manifest that names them, made, read and unpacked.
//!
//! Archives are the same bytes whenever they are made of the same files. The manifest is the truth about a folder; what
//! it does not name is not offered. Start reading at [`pack`], [`read`] and [`unpack`].

mod folder;
mod glibc;
mod pack;
mod unpack;

pub use folder::{CHECKSUMS, MANIFEST, checksums, offer, read};
pub use glibc::{needed_glibc, runs_with};
pub use pack::{Effort, Item, Package, pack};
pub use unpack::{UNPACKED_LIMIT, unpack};
pub use wire::http::{Archive, MINIMUM_BUILD, Manifest, Program, RUNT_PACKAGE};

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What goes wrong with a downloads folder.
#[derive(Debug, thiserror::Error)]
pub enum DownloadsError {
    /// A file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The manifest is not one.
    #[error("{} is no manifest of downloads: {cause}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// An archive is not what its manifest says.
    #[error("the archive {file} is not what the manifest says: {cause}")]
    Archive {
        /// The archive.
        file: String,
        /// What differs.
        cause: String,
    },
}

impl DownloadsError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { path, cause }
    }
}

/// The target that this program was built for, in Rust's words.
pub fn this_target() -> String {
    let system = if cfg!(target_os = "macos") {
        "apple-darwin"
    } else if cfg!(all(target_os = "linux", target_env = "musl")) {
        "unknown-linux-musl"
    } else if cfg!(target_os = "linux") {
        "unknown-linux-gnu"
    } else {
        std::env::consts::OS
    };
    format!("{}-{system}", std::env::consts::ARCH)
}

/// The SHA-256 of a file, in lower-case hex.
///
/// # Errors
/// It cannot be read.
pub fn digest_of(path: &Path) -> Result<String, DownloadsError> {
    let digest = || {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        io::copy(&mut file, &mut hasher)?;
        Ok(hex::encode(hasher.finalize()))
    };
    digest().map_err(DownloadsError::io(path))
}

/// Reads a file that may be no longer than the limit.
fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("longer than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
