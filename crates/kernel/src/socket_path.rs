//! Sockets in a job's folder, where neither notebook code nor another user reaches them, also where that has a path too
//! long for the system: by way of the open folder.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::endpoint::{MAX_SOCKET_PATH, socket_dir};

/// Where a keeper listens.
pub(crate) fn of_keeper(job_dir: &Path, name: &str) -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok(job_dir.join(name));
    }
    // Elsewhere there is no such way.
    Ok(socket_dir(job_dir)?.join(name))
}

/// Binds a socket.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    let (_folder, short) = shortened(path)?;
    UnixListener::bind(short)
}

/// Connects to a socket.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let (_folder, short) = shortened(path)?;
    UnixStream::connect(short).await
}

/// A path that is short enough, while the folder is held open.
fn shortened(path: &Path) -> io::Result<(Option<File>, PathBuf)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok((None, path.to_owned()));
    }
    let folder = File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok((Some(folder), short))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_keeper_is_reached_in_a_folder_of_any_length() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a-long-name".repeat(12));
        std::fs::create_dir(&folder).unwrap();
        let path = of_keeper(&folder, "keeper.sock").unwrap();
        assert!(path.starts_with(&folder));
        let listener = bind(&path).unwrap();
        let (met, accepted) = tokio::join!(connect(&path), listener.accept());
        assert!(met.is_ok() && accepted.is_ok());
    }
}
