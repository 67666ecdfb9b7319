//! The folder: its manifest, written whole or not at all.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use wire::http::{Archive, Manifest};

use crate::{DownloadsError, read_limited};

/// The manifest's name in the folder.
pub const MANIFEST: &str = "manifest.json";
/// The name of the list that `sha256sum -c` reads.
pub const CHECKSUMS: &str = "SHA256SUMS";
/// The longest manifest.
const MANIFEST_LIMIT: u64 = 256 * 1024;
/// Everybody reads what is offered.
const FILE_MODE: u32 = 0o644;

/// The manifest of a folder; none when the folder offers nothing.
///
/// # Errors
/// It cannot be read, or names something that cannot be a file of the folder.
pub fn read(folder: &Path) -> Result<Option<Manifest>, DownloadsError> {
    let path = folder.join(MANIFEST);
    let bytes = match read_limited(&path, MANIFEST_LIMIT) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(DownloadsError::Io { path, cause }),
    };
    let unfit = |cause: String| DownloadsError::Manifest {
        path: path.clone(),
        cause,
    };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|cause| unfit(cause.to_string()))?;
    match manifest.archives.iter().find(|archive| !is_fit(archive)) {
        Some(archive) => Err(unfit(format!("{:?} is no archive", archive.file))),
        None => Ok(Some(manifest)),
    }
}

/// Whether an archive's members are what they are called: they go into addresses and into a script.
fn is_fit(archive: &Archive) -> bool {
    let plain = |text: &str| {
        !text.is_empty()
            && text.len() <= 200
            && !text.starts_with(['.', '-'])
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
    };
    let digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    [&archive.package, &archive.version, &archive.target]
        .into_iter()
        .chain(&archive.glibc)
        .all(|text| plain(text))
        && plain(&archive.file)
        && archive.file.ends_with(".tar.gz")
        && digest(&archive.sha256)
        && archive
            .programs
            .iter()
            .all(|program| plain(&program.name) && digest(&program.sha256))
}

/// Adds an archive that lies in the folder to its manifest, in place of the one of the same package and target.
///
/// # Errors
/// The folder cannot be read or written.
pub fn offer(folder: &Path, archive: &Archive) -> Result<(), DownloadsError> {
    let mut manifest = read(folder)?.unwrap_or_default();
    let is_same =
        |other: &Archive| other.package == archive.package && other.target == archive.target;
    let old = manifest.archives.iter().find(|other| is_same(other));
    let old = old.map(|old| old.file.clone());
    manifest.archives.retain(|other| !is_same(other));
    manifest.archives.push(archive.clone());
    manifest
        .archives
        .sort_by(|one, other| one.file.cmp(&other.file));
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    write(&folder.join(CHECKSUMS), checksums(&manifest).as_bytes())?;
    write(&folder.join(MANIFEST), format!("{text}\n").as_bytes())?;
    if let Some(old) = old.filter(|old| *old != archive.file) {
        // Nothing names it any more.
        let _ = fs::remove_file(folder.join(old));
    }
    Ok(())
}

/// The lines that `sha256sum -c` reads.
pub fn checksums(manifest: &Manifest) -> String {
    let archives = manifest.archives.iter();
    let lines: Vec<String> = archives
        .map(|archive| format!("{}  {}\n", archive.sha256, archive.file))
        .collect();
    lines.concat()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DownloadsError> {
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(DownloadsError::io(path))
}
