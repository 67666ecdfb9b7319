//! A folder or file that is hidden, and how another process of ours is told which one it is.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A folder or file that is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    pub(super) path: PathBuf,
    /// Device and number of the one that it has to be.
    identity: Option<(u64, u64)>,
}

impl Hidden {
    /// The one that is there now: while another is in its place nothing counts as hidden.
    pub(super) fn as_it_is(path: PathBuf) -> Self {
        let identity = identity(&path).ok();
        Self { path, identity }
    }

    /// Whatever is there when something is to be hidden.
    pub(super) fn whatever_is_at(path: PathBuf) -> Self {
        Self {
            path,
            identity: None,
        }
    }

    /// Whether it may be this one that is there, or none.
    #[cfg(target_os = "linux")]
    pub(super) fn may_be(&self, found: Option<(u64, u64)>) -> bool {
        self.identity.is_none_or(|known| found == Some(known))
    }

    /// `DEVICE:NUMBER:PATH`, or a path alone.
    pub(super) fn word(&self) -> OsString {
        let mut word = Vec::new();
        if let Some((device, number)) = self.identity {
            word.extend_from_slice(format!("{device}:{number}:").as_bytes());
        }
        word.extend_from_slice(self.path.as_os_str().as_bytes());
        OsString::from_vec(word)
    }

    /// Reads a word back; a path has to be absolute.
    pub fn read(word: &OsStr) -> Option<Self> {
        let absolute = |path: &[u8]| {
            let path = Path::new(OsStr::from_bytes(path));
            path.is_absolute().then(|| path.to_owned())
        };
        if let Some(path) = absolute(word.as_bytes()) {
            return Some(Self::whatever_is_at(path));
        }
        let mut parts = word.as_bytes().splitn(3, |byte| *byte == b':');
        let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
        let identity = Some((number()?, number()?));
        let path = absolute(parts.next()?)?;
        Some(Self { path, identity })
    }
}

/// Which file or folder a path leads to.
pub(super) fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    path.metadata().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_told_in_a_word() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a:b");
        std::fs::create_dir(&path).unwrap();
        let known = Hidden::as_it_is(path.clone());
        assert_eq!(Hidden::read(&known.word()), Some(known.clone()));
        let any = Hidden::whatever_is_at(path.clone());
        assert_eq!(any.word(), path.as_os_str());
        assert_eq!(Hidden::read(&any.word()), Some(any));
        for odd in ["", "relative", "1:/x", "1:2:x", "1:x:/x"] {
            assert_eq!(Hidden::read(OsStr::new(odd)), None, "{odd}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_folder_in_its_place_is_not_the_one() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("runt");
        std::fs::create_dir(&path).unwrap();
        let known = Hidden::as_it_is(path.clone());
        assert!(known.may_be(identity(&path).ok()));
        std::fs::rename(&path, place.path().join("aside")).unwrap();
        assert!(!known.may_be(None));
        std::fs::create_dir(&path).unwrap();
        assert!(!known.may_be(identity(&path).ok()));
        assert!(Hidden::whatever_is_at(path.clone()).may_be(identity(&path).ok()));
    }
}
