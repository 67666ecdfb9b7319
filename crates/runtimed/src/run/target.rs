//! Where the executed notebook goes: a file, which is replaced whole and stays its owner's, or something that is written
//! to as it is (standard output, a pipe, a device).

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Mode of a new file, less what the umask takes.
const NEW_FILE: u32 = 0o666;

/// What is written to.
#[derive(Debug)]
pub enum Target {
    /// Standard output, by `-` or by its name in `/dev`.
    StandardOutput,
    /// A file, as it was named.
    File(PathBuf),
}

impl Target {
    /// What a person named.
    pub fn named(path: &Path) -> Self {
        if path == "-" || path == "/dev/stdout" {
            Self::StandardOutput
        } else {
            Self::File(path.to_owned())
        }
    }

    /// Fails where it cannot be written, before hours of work.
    pub fn check(&self) -> Result<()> {
        let Self::File(path) = self else {
            return Ok(());
        };
        match Place::of(path)? {
            Place::Direct(path) => may_write(&path),
            Place::Made(path) => probe(&path).map(drop),
            Place::Replaced(path, before) => {
                let fresh = probe(&path)?;
                match before {
                    Some(before) if !inherits(&fresh, &before)? => may_write(&path),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Writes the whole text; what cannot be written is kept elsewhere, as the error says.
    pub fn write(&self, text: &str) -> Result<()> {
        self.try_write(text).map_err(|error| match keep(text) {
            Ok(kept) => error.context(format!("what ran is kept in `{}`", kept.display())),
            Err(_) => error,
        })
    }

    fn try_write(&self, text: &str) -> Result<()> {
        let Self::File(path) = self else {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            return Ok(out.flush()?);
        };
        match Place::of(path)? {
            Place::Direct(path) | Place::Made(path) => write_into(&path, text)?,
            Place::Replaced(path, before) => replace(&path, before.as_ref(), text)?,
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput => f.write_str("standard output"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How a named file is written.
enum Place {
    /// As it is: a pipe or a device has nothing that could be replaced.
    Direct(PathBuf),
    /// As the file that a link names, which is not there yet.
    Made(PathBuf),
    /// By a new file in its place; with what it is now, if it is there. Links lead to the file that they name.
    Replaced(PathBuf, Option<Metadata>),
}

impl Place {
    fn of(path: &Path) -> Result<Self> {
        let before = match fs::metadata(path) {
            Ok(before) => before,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                let named = fs::read_link(path)?;
                return Self::of(&folder_of(path).join(named)).map(|place| match place {
                    Self::Replaced(path, None) => Self::Made(path),
                    other => other,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::Replaced(path.to_owned(), None));
            }
            Err(error) => return Err(error.into()),
        };
        anyhow::ensure!(!before.is_dir(), "it is a folder");
        if before.is_file() {
            Ok(Self::Replaced(fs::canonicalize(path)?, Some(before)))
        } else {
            Ok(Self::Direct(path.to_owned()))
        }
    }
}

/// Makes a file without a name where another is to be.
fn probe(path: &Path) -> Result<File> {
    let folder = folder_of(path);
    anyhow::ensure!(
        folder.is_dir(),
        "the folder `{}` does not exist",
        folder.display()
    );
    Ok(tempfile::tempfile_in(folder)?)
}

/// Fails where this user may not write to what is there.
fn may_write(path: &Path) -> Result<()> {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?;
    Ok(())
}

/// Leaves a text in a file of its own, and says where.
fn keep(text: &str) -> io::Result<PathBuf> {
    let mut file = tempfile::Builder::new()
        .prefix("runtimed-run-")
        .suffix(".ipynb")
        .tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file.keep()?.1)
}

/// Puts a new file in the place of one, whole or not at all; its mode and owner stay.
fn replace(path: &Path, before: Option<&Metadata>, text: &str) -> Result<()> {
    let name = path.file_name().context("no file name")?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mode = if before.is_some() { 0o600 } else { NEW_FILE };
    let mut fresh = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".new")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(path))?;
    fresh.write_all(text.as_bytes())?;
    if let Some(before) = before
        && !inherits(fresh.as_file(), before)?
    {
        // Another's file, which this user may write and not give away.
        return Ok(write_into(path, text)?);
    }
    fresh.persist(path)?;
    Ok(())
}

/// Gives a new file the owner and the mode of the one before; false where this user may not.
fn inherits(fresh: &File, before: &Metadata) -> io::Result<bool> {
    let now = fresh.metadata()?;
    if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
        match fchown(fresh, Some(before.uid()), Some(before.gid())) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    // After the owner, whose change takes bits of the mode.
    fresh.set_permissions(before.permissions())?;
    Ok(true)
}

fn write_into(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    fn write(path: &Path, text: &str) {
        let target = Target::named(path);
        target.check().unwrap();
        target.write(text).unwrap();
    }

    #[test]
    fn a_link_stays_and_its_file_keeps_its_mode_and_owner() {
        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("file.ipynb"), place.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&file, Some(31001), Some(31009)).unwrap();
        }
        let before = file.metadata().unwrap();
        std::os::unix::fs::symlink("file.ipynb", &link).unwrap();
        write(&link, "new");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        let after = file.metadata().unwrap();
        assert_eq!(mode(&file), 0o640);
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_ne!(after.ino(), before.ino(), "replaced whole");

        let dangling = place.path().join("dangling");
        std::os::unix::fs::symlink("later.ipynb", &dangling).unwrap();
        write(&dangling, "new");
        assert!(dangling.is_symlink());
        let made = place.path().join("later.ipynb");
        assert_eq!(fs::read_to_string(made).unwrap(), "new");
        let left = fs::read_dir(place.path()).unwrap().count();
        assert_eq!(left, 4, "nothing else is left");
    }

    #[test]
    fn what_is_no_file_is_written_to_and_a_folder_refused() {
        use std::os::unix::fs::FileTypeExt as _;
        let place = tempfile::tempdir().unwrap();
        let pipe = place.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        write(&pipe, "new");
        assert_eq!(reader.join().unwrap(), "new");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
        let refused = Target::named(place.path()).check().unwrap_err();
        assert!(refused.to_string().contains("a folder"), "{refused}");
        for named in ["-", "/dev/stdout"] {
            let target = Target::named(Path::new(named));
            assert!(matches!(target, Target::StandardOutput), "{named}");
        }
    }

    #[test]
    fn what_could_not_be_written_in_the_end_is_refused_before() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink("absent/later.ipynb", &link).unwrap();
        let refused = Target::named(&link).check().unwrap_err().to_string();
        assert!(refused.contains("absent` does not exist"), "{refused}");
        let (one, other) = (place.path().join("one"), place.path().join("other"));
        std::os::unix::fs::symlink("one", &other).unwrap();
        std::os::unix::fs::symlink("other", &one).unwrap();
        assert!(Target::named(&one).check().is_err());
    }

    #[test]
    fn what_cannot_be_written_after_all_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let target = Target::named(&folder.join("file.ipynb"));
        target.check().unwrap();
        fs::remove_dir(&folder).unwrap();
        let told = format!("{:#}", target.write("what ran").unwrap_err());
        let kept = told.split('`').nth(1).unwrap();
        assert_eq!(fs::read_to_string(kept).unwrap(), "what ran");
        fs::remove_file(kept).unwrap();
    }

    #[test]
    fn a_new_file_has_the_mode_that_the_umask_leaves() {
        let place = tempfile::tempdir().unwrap();
        let (ours, usual) = (place.path().join("ours"), place.path().join("usual"));
        write(&ours, "new");
        fs::write(&usual, "").unwrap();
        assert_eq!(mode(&ours), mode(&usual));
    }
}
