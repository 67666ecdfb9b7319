//! A view of the files of one's own: a user namespace, in it a mount namespace, in that empty folders over the secrets.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{Mode, OFlags};

use super::mounts::Mounts;
use super::{Obstacle, is_within};

/// An empty folder that nobody can write to.
const EMPTY: &str = "mode=0555,size=64k,nr_inodes=256";

/// Hides folders and files from this process and all that descend from it; `shown` ones below stay as they are. What
/// does not exist cannot be hidden.
///
/// Afterwards the process has its former user and group, no rights beyond theirs, and cannot gain any: what is hidden
/// cannot be uncovered by it.
pub(super) fn enter(hidden: &[PathBuf], shown: &[PathBuf]) -> Result<(), Obstacle> {
    if rustix::process::geteuid().is_root() {
        let what = "kernels run as root, from whom nothing can be hidden";
        return Err(Obstacle::Unsupported(what.to_owned()));
    }
    let failed = |what: &str, error: io::Error| Obstacle::Failed(format!("{what}: {error}"));
    let here = std::env::current_dir().map_err(|e| failed("the working directory", e))?;
    let hidden = resolved(hidden).map_err(|e| failed("a folder to hide", e))?;
    namespaces()?;
    let shown = open(shown).map_err(|e| failed("a folder to show", e))?;
    let mounts = Mounts::of_process().map_err(|e| failed("the mounts", e))?;
    let mut first = true;
    for path in &hidden {
        let places = mounts.places(path);
        for place in &places {
            match cover(place) {
                Ok(()) => {}
                // Some systems let everybody have namespaces, in which nothing may be done then.
                Err(error) if first && error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(Obstacle::Unsupported(format!(
                        "this system allows a user namespace, but no mounts in it ({error})"
                    )));
                }
                Err(error) => return Err(failed(&place.display().to_string(), error)),
            }
            first = false;
        }
        for (place, folder) in shown.iter().filter(|(place, _)| place.starts_with(path)) {
            uncover(place, folder).map_err(|e| failed(&place.display().to_string(), e))?;
        }
        for place in places.iter().filter(|place| place.is_dir()) {
            close(place).map_err(|e| failed(&place.display().to_string(), e))?;
        }
    }
    // By its name: where it was is still there, below what covers it now.
    std::env::set_current_dir(&here)
        .map_err(|e| failed(&format!("the working directory {}", here.display()), e))?;
    rustix::thread::set_no_new_privs(true).map_err(|e| failed("giving up rights", e.into()))
}

/// What exists, without symlinks and without what lies below another; outer ones first.
fn resolved(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        match path.canonicalize() {
            Ok(path) => found.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let what = format!("{}: {error}", path.display());
                return Err(io::Error::new(error.kind(), what));
            }
        }
    }
    found.sort();
    let mut outer: Vec<PathBuf> = Vec::new();
    for path in found {
        if !is_within(&path, &outer) {
            outer.push(path);
        }
    }
    Ok(outer)
}

/// Enters the namespaces; user and group keep their numbers.
fn namespaces() -> Result<(), Obstacle> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS) {
        Ok(()) => {}
        Err(errno @ (Errno::ENOSPC | Errno::EUSERS | Errno::ENOMEM | Errno::EAGAIN))
            if namespaces_are_allowed() =>
        {
            return Err(Obstacle::Failed(format!(
                "a user namespace: {}",
                io::Error::from(errno)
            )));
        }
        Err(errno) => {
            return Err(Obstacle::Unsupported(format!(
                "this system does not let this account make user namespaces ({})",
                io::Error::from(errno)
            )));
        }
    }
    for (file, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{uid} {uid} 1")),
        ("/proc/self/gid_map", format!("{gid} {gid} 1")),
    ] {
        fs::write(file, text).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Obstacle::Unsupported(format!(
                "this system allows a user namespace, but no rights in it ({error})"
            )),
            _ => Obstacle::Failed(format!("{file}: {error}")),
        })?;
    }
    Ok(())
}

/// False where the administrator allows none at all; otherwise there are too many just now.
fn namespaces_are_allowed() -> bool {
    fs::read_to_string("/proc/sys/user/max_user_namespaces").is_ok_and(|most| most.trim() != "0")
}

/// Holds the folders by what they are, since their names will lead elsewhere.
fn open(paths: &[PathBuf]) -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    let opened = paths.iter().map(|path| {
        let path = path.canonicalize()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, Mode::empty())?;
        Ok((path, folder))
    });
    opened.collect()
}

fn cover(place: &Path) -> io::Result<()> {
    let kind = place.symlink_metadata()?.file_type();
    if kind.is_dir() {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("none"), place, Some("tmpfs"), flags, Some(EMPTY))?;
    } else if kind.is_file() || kind.is_socket() {
        bind(Path::new("/dev/null"), place)?;
    }
    Ok(())
}

/// Shows a folder again, in its place in the empty one.
fn uncover(place: &Path, folder: &OwnedFd) -> io::Result<()> {
    fs::create_dir_all(place)?;
    bind(
        Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())),
        place,
    )
}

/// Lets nothing more be made in an empty folder.
fn close(place: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::MS_NOEXEC;
    let nothing: Option<&str> = None;
    Ok(mount(nothing, place, nothing, flags, nothing)?)
}

fn bind(what: &Path, place: &Path) -> io::Result<()> {
    let nothing: Option<&str> = None;
    Ok(mount(
        Some(what),
        place,
        nothing,
        MsFlags::MS_BIND,
        nothing,
    )?)
}
