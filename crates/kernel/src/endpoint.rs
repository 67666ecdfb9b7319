//! Where a kernel listens: connection file and socket folder.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jupyter_protocol::ConnectionInfo;
use jupyter_protocol::connection_info::Transport;

use crate::failure::{FailureClass, LaunchFailure};

/// Longest path of a Unix socket that works everywhere (the kernel's limit is 108 with the NUL).
pub(crate) const MAX_SOCKET_PATH: usize = 100;
/// Room for `/k12345-ipc-5`.
const SOCKET_NAME_ROOM: usize = 20;
/// The kernel's folder in the job's.
const KERNEL_DIR: &str = "kernel";

/// A folder for the sockets of a folder: itself when its path is short, else one in the user's
/// runtime folder or in `/tmp`, mode 0700 and owned by this user (WS-298). Somebody else's is refused.
pub(crate) fn socket_dir(folder: &Path) -> std::io::Result<PathBuf> {
    if folder.as_os_str().len() + SOCKET_NAME_ROOM <= MAX_SOCKET_PATH {
        return Ok(folder.to_owned());
    }
    let id = uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_URL,
        folder.as_os_str().as_encoded_bytes(),
    );
    let id = &id.simple().to_string()[..16];
    let runtime_dir = own_runtime_dir().filter(|dir| dir.as_os_str().len() < 40);
    let parent = runtime_dir.map_or_else(fallback_dir, |dir| dir.join("runt"));
    private_dir(&parent)?;
    let dir = parent.join(id);
    private_dir(&dir)?;
    Ok(dir)
}

/// The folder for what runs as this user: `XDG_RUNTIME_DIR`, unless it is somebody else's, as `su` leaves it.
pub(crate) fn own_runtime_dir() -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
    let meta = dir.metadata().ok()?;
    (meta.is_dir() && meta.uid() == rustix::process::getuid().as_raw()).then_some(dir)
}

/// Where sockets go without a folder of the user's own for them.
pub(crate) fn fallback_dir() -> PathBuf {
    format!("/tmp/runt-{}", rustix::process::getuid().as_raw()).into()
}

/// Makes sure of a folder that only this user can enter; refuses somebody else's.
pub(crate) fn private_dir(dir: &Path) -> std::io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            let what = format!("`{}` cannot be made: {error}", dir.display());
            return Err(std::io::Error::new(error.kind(), what));
        }
    }
    let meta = std::fs::symlink_metadata(dir)?;
    let uid = rustix::process::getuid().as_raw();
    if !meta.is_dir() || meta.uid() != uid || meta.mode() & 0o077 != 0 {
        return Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            format!(
                "`{}` must be a folder of this user alone (mode 0700)",
                dir.display()
            ),
        ));
    }
    Ok(())
}

/// One launch's addresses, and the listeners that hold TCP ports until the kernel binds them.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub info: ConnectionInfo,
    pub file: PathBuf,
    pub listeners: Vec<TcpListener>,
}

impl Endpoint {
    /// Chooses addresses and writes the connection file (mode 0600, a new name each launch,
    /// WS-297), all in folders of the kernel's own, since it sees nothing else of the job's.
    pub(crate) fn create(job_dir: &Path, ipc: bool) -> Result<Self, LaunchFailure> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let folder = job_dir.join(KERNEL_DIR);
        private_dir(&folder).map_err(|error| {
            let what = format!("the kernel's folder cannot be used: {error}");
            LaunchFailure::new(FailureClass::Other, what)
        })?;
        let sockets = ipc.then(|| ipc_info(&folder, &id));
        let (info, listeners) = match sockets {
            Some(Ok(info)) => (info, Vec::new()),
            // As where another user of the machine has made the folder before us.
            Some(Err(error)) => {
                tracing::warn!(%error, "the kernel has no folder for its sockets and is reached over TCP");
                tcp_info()?
            }
            None => tcp_info()?,
        };
        let file = folder.join(format!("kernel-{id}.json"));
        let json = serde_json::to_vec_pretty(&info)
            .map_err(|error| LaunchFailure::new(FailureClass::Other, error.to_string()))?;
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut open| open.write_all(&json))
            .map_err(|error| {
                let what = format!("`{}` cannot be written: {error}", file.display());
                LaunchFailure::new(FailureClass::Other, what)
            })?;
        Ok(Self {
            info,
            file,
            listeners,
        })
    }

    /// The socket files, for IPC.
    pub(crate) fn sockets(&self) -> Vec<PathBuf> {
        if self.info.transport != Transport::IPC {
            return Vec::new();
        }
        (1..=5)
            .map(|n| PathBuf::from(format!("{}-{n}", self.info.ip)))
            .collect()
    }

    /// The folders that the kernel needs.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let files = self.sockets().into_iter().chain([self.file.clone()]);
        let mut folders: Vec<_> = files
            .filter_map(|file| Some(file.parent()?.to_owned()))
            .collect();
        folders.dedup();
        folders
    }

    /// Removes connection file and sockets, and the kernel's folder with them (WS-343).
    pub(crate) fn remove_files(&self) {
        for path in self.sockets().iter().chain([&self.file]) {
            // Absent already is as good.
            let _ = std::fs::remove_file(path);
        }
        for folder in self.folders() {
            // What else is in it stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn ipc_info(folder: &Path, id: &str) -> std::io::Result<ConnectionInfo> {
    let prefix = socket_dir(folder)?.join(format!("k{}-ipc", &id[..8]));
    let prefix = prefix.to_string_lossy().into_owned();
    Ok(info(Transport::IPC, prefix, [1, 2, 3, 4, 5]))
}

fn tcp_info() -> Result<(ConnectionInfo, Vec<TcpListener>), LaunchFailure> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let bind = || TcpListener::bind((loopback, 0));
    let port_failure = |error: std::io::Error| {
        LaunchFailure::new(
            FailureClass::PortBind,
            format!("no free loopback port: {error}"),
        )
    };
    let mut listeners = Vec::new();
    let mut ports = [0_u16; 5];
    for port in &mut ports {
        let listener = bind().map_err(port_failure)?;
        *port = listener.local_addr().map_err(port_failure)?.port();
        listeners.push(listener);
    }
    Ok((info(Transport::TCP, loopback.to_string(), ports), listeners))
}

fn info(transport: Transport, ip: String, ports: [u16; 5]) -> ConnectionInfo {
    let [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
    ConnectionInfo {
        ip,
        transport,
        shell_port,
        iopub_port,
        stdin_port,
        control_port,
        hb_port,
        key: uuid::Uuid::new_v4().to_string(),
        signature_scheme: "hmac-sha256".to_owned(),
        kernel_name: None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use super::private_dir;

    // WS-298
    #[test]
    fn a_folder_for_sockets_is_this_users_alone() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("sockets");
        private_dir(&dir).unwrap();
        let meta = dir.metadata().unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o700);
        private_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o750)).unwrap();
        let refused = private_dir(&dir).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
        // A link to a good folder is nobody's promise.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).unwrap();
        let link = place.path().join("link");
        symlink(&dir, &link).unwrap();
        assert!(private_dir(&link).is_err());
        if meta.uid() == 0 {
            chown(&dir, Some(65_534), None).unwrap();
            assert!(private_dir(&dir).is_err());
        } else {
            println!("skipped: only root can give a folder to somebody else");
        }
    }
}
