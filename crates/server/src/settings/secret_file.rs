//! Files that hold a secret: only the server may be able to read them.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::process::{getegid, geteuid, getgroups};

/// What to do about one that others can read.
pub(crate) const CLOSE_IT: &str =
    "`chmod 600` it, or have systemd hand it over (LoadCredential=, see docs/deploy.md)";

/// Where systemd puts what it hands over. Only the service can enter it, whatever the files' modes say: an access list
/// that lets its user read shows as rights of the group.
const HANDED_OVER: &str = "CREDENTIALS_DIRECTORY";

/// Whether others than the server may read a file. Its group may if that is the server's own and the file another's, as
/// root's are that a service reads.
pub(crate) fn is_open_to_others(path: &Path) -> io::Result<bool> {
    let handed_over = std::env::var_os(HANDED_OVER);
    if handed_over.is_some_and(|folder| !folder.is_empty() && path.starts_with(folder)) {
        return Ok(false);
    }
    let file = path.metadata()?;
    let mut own = getgroups().unwrap_or_default();
    own.push(getegid());
    Ok(is_open(
        file.permissions().mode(),
        file.uid() == geteuid().as_raw(),
        own.iter().any(|group| group.as_raw() == file.gid()),
    ))
}

fn is_open(mode: u32, is_ours: bool, is_our_groups: bool) -> bool {
    let group_reads_only = mode & 0o030 == 0;
    let is_lent_to_us = is_our_groups && !is_ours && group_reads_only;
    mode & 0o007 != 0 || (mode & 0o070 != 0 && !is_lent_to_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_roots_may_be_lent_to_the_servers_group_and_to_nobody_else() {
        for (mode, is_ours, is_our_groups, is_open_to_others) in [
            (0o600, true, true, false),
            (0o400, false, false, false),
            (0o640, true, true, true),
            (0o640, false, true, false),
            (0o640, false, false, true),
            (0o660, false, true, true),
            (0o644, false, true, true),
        ] {
            assert_eq!(
                is_open(mode, is_ours, is_our_groups),
                is_open_to_others,
                "{mode:o} {is_ours} {is_our_groups}"
            );
        }
    }
}
