//! Where else a folder can be seen: file systems may be mounted in several places.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A line of `/proc/self/mountinfo`.
struct Mount {
    device: Vec<u8>,
    /// The part of the file system that is mounted.
    root: PathBuf,
    at: PathBuf,
}

/// The mounts of this process.
pub(super) struct Mounts(Vec<Mount>);

impl Mounts {
    pub(super) fn of_process() -> std::io::Result<Self> {
        Ok(Self::parse(&std::fs::read("/proc/self/mountinfo")?))
    }

    fn parse(text: &[u8]) -> Self {
        let mounts = text.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ').skip(2);
            Some(Mount {
                device: fields.next()?.to_vec(),
                root: unescaped(fields.next()?),
                at: unescaped(fields.next()?),
            })
        });
        Self(mounts.collect())
    }

    /// All places that show this folder, or a part of it: itself first. It must be free of symlinks.
    pub(super) fn places(&self, folder: &Path) -> Vec<PathBuf> {
        let mut places = vec![folder.to_owned()];
        // The last one counts where several are mounted on one another.
        let under = |mount: &&Mount| folder.starts_with(&mount.at);
        let deepest = |mount: &&Mount| mount.at.components().count();
        let Some(home) = self.0.iter().filter(under).max_by_key(deepest) else {
            return places;
        };
        let Ok(rest) = folder.strip_prefix(&home.at) else {
            return places;
        };
        let inside = home.root.join(rest);
        for mount in self.0.iter().filter(|mount| mount.device == home.device) {
            let place = match (
                inside.strip_prefix(&mount.root),
                mount.root.strip_prefix(&inside),
            ) {
                (Ok(rest), _) => mount.at.join(rest),
                (Err(_), Ok(_)) => mount.at.clone(),
                (Err(_), Err(_)) => continue,
            };
            let is_seen = mount.root.starts_with(&inside) || is_same(&place, folder);
            if is_seen && !place.starts_with(folder) && !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}

/// Whether both are the same file; not where something else is mounted over one of them.
fn is_same(one: &Path, other: &Path) -> bool {
    let (Ok(one), Ok(other)) = (one.symlink_metadata(), other.symlink_metadata()) else {
        return false;
    };
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// A path as the system writes it: white space and backslashes are in octal.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((byte, after)) = rest.split_first() {
        let code = after
            .get(..3)
            .filter(|_| *byte == b'\\')
            .and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 8).ok());
        path.push(code.unwrap_or(*byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_found_where_its_file_system_is_mounted_again() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let make = |path: &str| {
            let path = place.join(path);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let secret = make("home/ada/.config/runt");
        make("a b/ada/.config/runt");
        std::os::unix::fs::symlink(place.join("home"), place.join("again")).unwrap();
        let at = place.to_str().unwrap();
        let text = format!(
            "1 0 0:1 / / rw - x x x\n\
             2 1 8:1 /homes {at}/home rw - x x x\n\
             3 1 8:1 /homes {at}/again rw - x x x\n\
             4 1 8:1 /homes/ada/.config/runt/jobs {at}/part rw - x x x\n\
             5 1 8:1 /homes {at}/a\\040b rw - x x x\n\
             6 1 8:2 /homes {at}/other rw - x x x\n\
             7 1 8:1 /homes/bob {at}/bob rw - x x x\n"
        );
        // `a b` has something else mounted over it, `other` is another file system, `bob` another part.
        assert_eq!(
            Mounts::parse(text.as_bytes()).places(&secret),
            [
                secret.clone(),
                place.join("again/ada/.config/runt"),
                place.join("part")
            ]
        );
        let alone = Mounts::parse(b"1 0 0:1 / / rw - x x x\n");
        assert_eq!(alone.places(&secret), [secret]);
    }

    #[test]
    fn odd_names_are_read_back() {
        assert_eq!(unescaped(br"/a\040b\134c"), PathBuf::from("/a b\\c"));
        assert_eq!(unescaped(br"/a\9"), PathBuf::from("/a\\9"));
    }
}
