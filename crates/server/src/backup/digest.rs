//! What tells a file from a damaged one: its length and its SHA-256.

use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The length and the SHA-256 of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest {
    bytes: u64,
    sha256: String,
}

impl Digest {
    /// Of all that comes.
    pub(super) fn of(mut bytes: impl io::Read) -> io::Result<Self> {
        let mut digesting = Digesting::new(io::sink());
        io::copy(&mut bytes, &mut digesting)?;
        Ok(digesting.end().1)
    }
}

/// A writer that counts and digests what passes through it.
pub(super) struct Digesting<W> {
    into: W,
    bytes: u64,
    hash: Sha256,
}

impl<W: io::Write> Digesting<W> {
    pub(super) fn new(into: W) -> Self {
        Self {
            into,
            bytes: 0,
            hash: Sha256::new(),
        }
    }

    /// What was written to, and the digest of all that was written.
    pub(super) fn end(self) -> (W, Digest) {
        let digest = Digest {
            bytes: self.bytes,
            sha256: format!("{:x}", self.hash.finalize()),
        };
        (self.into, digest)
    }
}

impl<W: io::Write> io::Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}
