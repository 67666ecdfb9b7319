//! Making an archive: the same bytes for the same files, whoever makes it and when.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};
use wire::http::{Archive, Program};

use crate::{DownloadsError, digest_of, needed_glibc};

/// What an archive is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// `runt` or `notebook-cloud`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The target it was built for.
    pub target: String,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its path in the archive's folder.
    pub name: String,
    /// Where it is.
    pub source: PathBuf,
    /// Whether it is one of the programs.
    pub is_program: bool,
}

/// How much time a smaller archive is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Little: for what is used on this very machine and its neighbours.
    Quick,
    /// All: for what is handed out.
    Best,
}

impl Package {
    /// The folder in the archive, and the archive's name without its ending.
    pub fn stem(&self) -> String {
        format!("{}-{}-{}", self.name, self.version, self.target)
    }
}

impl Item {
    /// A program.
    pub fn program(name: &str, source: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            source,
            is_program: true,
        }
    }

    /// A file that is no program.
    pub fn file(name: &str, source: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            source,
            is_program: false,
        }
    }
}

/// Writes an archive into a folder, beside its place and then there; says what to offer it as.
///
/// # Errors
/// A file cannot be read, or the archive not be written.
pub fn pack(
    folder: &Path,
    package: &Package,
    items: &[Item],
    effort: Effort,
) -> Result<Archive, DownloadsError> {
    let file = format!("{}.tar.gz", package.stem());
    let path = folder.join(&file);
    let mut items = items.to_vec();
    items.sort_by(|one, other| one.name.cmp(&other.name));
    write(folder, &path, &package.stem(), &items, effort)?;
    let mut programs = Vec::new();
    let mut glibc: Option<String> = None;
    for item in items.iter().filter(|item| item.is_program) {
        let meta = fs::metadata(&item.source).map_err(DownloadsError::io(&item.source))?;
        programs.push(Program {
            name: item.name.clone(),
            sha256: digest_of(&item.source)?,
            size: meta.len(),
        });
        let needs = needed_glibc(&item.source)?;
        glibc = match (glibc, needs) {
            (Some(one), Some(other)) if crate::runs_with(&one, &other) => Some(one),
            (one, other) => other.or(one),
        };
    }
    Ok(Archive {
        package: package.name.clone(),
        version: package.version.clone(),
        target: package.target.clone(),
        sha256: digest_of(&path)?,
        size: fs::metadata(&path)
            .map_err(DownloadsError::io(&path))?
            .len(),
        file,
        glibc,
        programs,
    })
}

fn write(
    folder: &Path,
    path: &Path,
    stem: &str,
    items: &[Item],
    effort: Effort,
) -> Result<(), DownloadsError> {
    let io = DownloadsError::io;
    let level = match effort {
        Effort::Quick => Compression::fast(),
        Effort::Best => Compression::best(),
    };
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(io(folder))?;
    // No name and no time in its header.
    let packed = GzBuilder::new().write(BufWriter::new(new.as_file_mut()), level);
    let mut archive = Builder::new(packed);
    for item in items {
        append(&mut archive, stem, item).map_err(io(&item.source))?;
    }
    let done = archive.into_inner().and_then(GzEncoder::finish);
    done.and_then(|mut packed| packed.flush())
        .map_err(io(path))?;
    let place = || -> io::Result<()> {
        new.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        new.persist(path)?;
        Ok(())
    };
    place().map_err(io(path))
}

fn append(archive: &mut Builder<impl io::Write>, stem: &str, item: &Item) -> io::Result<()> {
    let file = File::open(&item.source)?;
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(file.metadata()?.len());
    header.set_mode(if item.is_program { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, format!("{stem}/{}", item.name), file)
}
