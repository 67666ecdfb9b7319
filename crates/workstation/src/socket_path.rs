//! Unix sockets also where their path is too long for the system: by way of their open folder.
//!
//! `kernel` does the same for its keepers: what it and this crate both know (`wire`) does no I/O.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Longest path of a Unix socket that works everywhere.
const PATH_LIMIT: usize = 100;

/// Binds a socket.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    let (_folder, short) = shortened(path)?;
    UnixListener::bind(short)
}

/// Connects to a socket.
pub(crate) async fn connect(path: &Path) -> io::Result<UnixStream> {
    let (_folder, short) = shortened(path)?;
    UnixStream::connect(short).await
}

/// A path that is short enough, while the folder is held open.
fn shortened(path: &Path) -> io::Result<(Option<File>, PathBuf)> {
    if path.as_os_str().len() <= PATH_LIMIT {
        return Ok((None, path.to_owned()));
    }
    let absent = || io::Error::other("no folder");
    let folder = File::open(path.parent().ok_or_else(absent)?)?;
    let name = path.file_name().ok_or_else(absent)?;
    let short = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    Ok((Some(folder), short))
}
