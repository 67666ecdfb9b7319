//! Taking the programs out of an archive, checked.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use wire::http::Archive;

use crate::{DownloadsError, digest_of};

/// The most bytes of one program.
pub const UNPACKED_LIMIT: u64 = 1024 * 1024 * 1024;

/// Writes the programs of an archive into a folder, under their own names, and returns their paths; archive and programs
/// must be what the manifest says. What else the archive holds stays in it.
///
/// # Errors
/// Something differs, or cannot be read or written; files may be left in the folder.
pub fn unpack(
    file: &Path,
    archive: &Archive,
    folder: &Path,
) -> Result<Vec<PathBuf>, DownloadsError> {
    let differs = |cause: String| DownloadsError::Archive {
        file: archive.file.clone(),
        cause,
    };
    let digest = digest_of(file)?;
    if digest != archive.sha256 {
        return Err(differs(format!(
            "its SHA-256 is {digest} and not {}",
            archive.sha256
        )));
    }
    let stem = archive.file.trim_end_matches(".tar.gz");
    take(file, archive, stem, folder).map_err(DownloadsError::io(file))?;
    let mut programs = Vec::new();
    for program in &archive.programs {
        let path = folder.join(&program.name);
        if !path.is_file() {
            return Err(differs(format!("it holds no {}", program.name)));
        }
        let digest = digest_of(&path)?;
        if digest != program.sha256 {
            return Err(differs(format!(
                "the SHA-256 of {} is {digest} and not {}",
                program.name, program.sha256
            )));
        }
        programs.push(path);
    }
    Ok(programs)
}

fn take(file: &Path, archive: &Archive, stem: &str, folder: &Path) -> io::Result<()> {
    let unpacked = GzDecoder::new(BufReader::new(File::open(file)?));
    for entry in tar::Archive::new(unpacked).entries()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        let wanted = |name: &str| path == Path::new(stem).join(name);
        let Some(program) = archive.programs.iter().find(|p| wanted(&p.name)) else {
            continue;
        };
        if !entry.header().entry_type().is_file() || entry.size() > UNPACKED_LIMIT {
            continue;
        }
        let to = folder.join(&program.name);
        let mut new = File::create_new(&to)?;
        io::copy(&mut entry.take(UNPACKED_LIMIT), &mut new)?;
        fs::set_permissions(&to, Permissions::from_mode(0o755))?;
        new.sync_all()?;
    }
    Ok(())
}
