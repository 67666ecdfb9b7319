//! What a cloud offers to other machines: archives of programs (additive).

use serde::{Deserialize, Serialize};

/// The package that `runt` and `runtimed` come in.
pub const RUNT_PACKAGE: &str = "runt";
/// The oldest build of `runt` that a cloud of this build serves without loss.
pub const MINIMUM_BUILD: &str = "0.1.0";

/// What a downloads folder holds: its `manifest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub archives: Vec<Archive>,
}

/// An archive: gzipped tar, one folder named as the file is, the programs in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// `runt` or `notebook-cloud`.
    pub package: String,
    pub version: String,
    /// As Rust names it, such as `x86_64-unknown-linux-gnu`.
    pub target: String,
    pub file: String,
    /// Of the file, in lower-case hex.
    pub sha256: String,
    pub size: u64,
    /// The oldest version of the GNU C library that runs all programs, such as `2.17`; none where they need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    pub programs: Vec<Program>,
}

/// A program in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub name: String,
    /// Of the program, in lower-case hex.
    pub sha256: String,
    pub size: u64,
}

/// `GET /api/downloads` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadsResponse {
    pub ok: bool,
    /// The address of the script that installs `runt`.
    pub install_script: String,
    /// Each is at `/downloads/` and its file's name.
    pub archives: Vec<Archive>,
}
