//! Which version of the GNU C library a program needs.

use std::path::Path;

use crate::DownloadsError;

/// How the version of a symbol begins; the name stands between zero bytes in the program's table of names.
const MARK: &[u8] = b"\0GLIBC_";

/// The newest version of the GNU C library that a program's symbols name: it runs with that one and later ones. None for
/// a program that uses no such library.
///
/// # Errors
/// It cannot be read.
pub fn needed_glibc(program: &Path) -> Result<Option<String>, DownloadsError> {
    let bytes = std::fs::read(program).map_err(DownloadsError::io(program))?;
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    let newest = bytes
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK)
        .filter_map(|(at, _)| version_at(&bytes[at + MARK.len()..]))
        .max();
    Ok(newest.map(|(major, minor)| format!("{major}.{minor}")))
}

/// Whether a machine with this version of the library runs what needs that one.
pub fn runs_with(has: &str, needs: &str) -> bool {
    match (version(has), version(needs)) {
        (Some(has), Some(needs)) => has >= needs,
        _ => false,
    }
}

/// `2.34` before a zero byte; `PRIVATE` is no version.
fn version_at(bytes: &[u8]) -> Option<(u32, u32)> {
    let end = bytes.iter().take(16).position(|byte| *byte == 0)?;
    version(std::str::from_utf8(&bytes[..end]).ok()?)
}

/// Major and minor; what stands behind a second dot does not count.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(runs_with("2.36", "2.17") && runs_with("2.17", "2.17"));
        assert!(!runs_with("2.9", "2.17") && !runs_with("", "2.17"));
    }

    #[test]
    fn this_test_needs_what_its_symbols_name() {
        let needs = needed_glibc(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(needs.is_some(), cfg!(target_env = "gnu"), "{needs:?}");
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "#!/bin/sh\n\0GLIBC_9.9\0").unwrap();
        assert_eq!(needed_glibc(script.path()).unwrap(), None);
        std::fs::write(
            script.path(),
            b"\x7fELF\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_PRIVATE\0",
        )
        .unwrap();
        assert_eq!(
            needed_glibc(script.path()).unwrap().as_deref(),
            Some("2.17")
        );
    }
}
