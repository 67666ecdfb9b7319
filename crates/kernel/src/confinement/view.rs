//! A view of the files of one's own: a user namespace, in it a mount namespace, in that empty folders over the secrets.
//!
//! What is covered cannot be renamed in this view. So that it cannot be carried away with a folder above it, and another
//! put in its place that the next view would cover instead, the folders above it are mounted on themselves: what
//! something is mounted on cannot be renamed either. A mount namespace made from this one would be free of that once it
//! has let go of these mounts; therefore none can be made.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{Access, Mode, OFlags, StatVfsMountFlags};

use super::Obstacle;
use super::hidden::{Hidden, identity};
use super::mounts::Mounts;

/// An empty folder that nobody can write to.
const EMPTY: &str = "mode=0555,size=64k,nr_inodes=256";
/// How many mount namespaces there may be below this user namespace.
const MOUNT_NAMESPACES: &str = "/proc/sys/user/max_mnt_namespaces";

/// Hides folders and files from this process and all that descend from it; `shown` ones below stay as they are. What
/// does not exist cannot be hidden. `kept` files can be read, and neither changed nor replaced.
///
/// Afterwards the process has its former user and group, no rights beyond theirs, and cannot gain any: what is hidden
/// cannot be uncovered by it.
pub(super) fn enter(
    hidden: &[Hidden],
    shown: &[PathBuf],
    kept: &[PathBuf],
) -> Result<(), Obstacle> {
    if rustix::process::geteuid().is_root() {
        let what = "kernels run as root, from whom nothing can be hidden";
        return Err(Obstacle::Unsupported(what.to_owned()));
    }
    let failed = |what: &str, error: io::Error| Obstacle::Failed(format!("{what}: {error}"));
    let here = std::env::current_dir().map_err(|e| failed("the working directory", e))?;
    let secrets = secrets(hidden).map_err(|e| failed("a folder to hide", e))?;
    let kept = changeable(kept);
    let paths = secrets.iter().map(|secret| &secret.path).chain(&kept);
    let movable = movable(paths);
    namespaces()?;
    let shown = open_all(shown).map_err(|e| failed("a folder to show", e))?;
    let mounts = Mounts::of_process().map_err(|e| failed("the mounts", e))?;
    let mut work = Work::default();
    for folder in &movable {
        work.on(folder, bind(folder, folder, MsFlags::MS_REC))?;
    }
    for file in &kept {
        for place in mounts.places(file) {
            work.on(&place, keep(&place))?;
        }
    }
    for secret in &secrets {
        let path = &secret.path;
        let places = mounts.places(path);
        work.on(path, secret.cover())?;
        for place in places.iter().skip(1) {
            work.on(place, cover(place, place))?;
        }
        for (place, folder) in shown.iter().filter(|(place, _)| place.starts_with(path)) {
            work.on(place, uncover(place, folder))?;
        }
        for place in places.iter().filter(|place| place.is_dir()) {
            work.on(place, close(place))?;
        }
    }
    // Where the system's settings cannot be written, as in most containers, a folder that was moved is noticed later.
    let _ = fs::write(MOUNT_NAMESPACES, "0");
    // By its name: where it was is still there, below what covers it now.
    std::env::set_current_dir(&here)
        .map_err(|e| failed(&format!("the working directory {}", here.display()), e))?;
    rustix::thread::set_no_new_privs(true).map_err(|e| failed("giving up rights", e.into()))
}

/// The mounts of a view, one after the other.
#[derive(Default)]
struct Work {
    has_begun: bool,
}

impl Work {
    fn on(&mut self, place: &Path, done: io::Result<()>) -> Result<(), Obstacle> {
        match done {
            Ok(()) => self.has_begun = true,
            // Some systems let everybody have namespaces, in which nothing may be done then.
            Err(error) if !self.has_begun && error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Obstacle::Unsupported(format!(
                    "this system allows a user namespace, but no mounts in it ({error})"
                )));
            }
            Err(error) => return Err(Obstacle::Failed(format!("{}: {error}", place.display()))),
        }
        Ok(())
    }
}

/// What is hidden, as it was found.
struct Secret {
    /// Without symlinks.
    path: PathBuf,
    identity: (u64, u64),
}

impl Secret {
    /// Covers that very one, whatever its name leads to meanwhile.
    fn cover(&self) -> io::Result<()> {
        let opened = open(&self.path)?;
        let found = rustix::fs::fstat(&opened)?;
        if (found.st_dev, found.st_ino) != self.identity {
            return Err(io::Error::other("it was moved just now"));
        }
        cover(&self.path, &by_descriptor(&opened))
    }
}

/// What exists, without what lies below another; outer ones first.
fn secrets(hidden: &[Hidden]) -> io::Result<Vec<Secret>> {
    let mut found = Vec::new();
    for hidden in hidden {
        let shown = hidden.path.display();
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{shown}: {error}"));
        let path = match hidden.path.canonicalize() {
            Ok(path) => Some(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(named(error)),
        };
        let identity = path.as_deref().map(identity).transpose().map_err(named)?;
        if !hidden.may_be(identity) {
            return Err(io::Error::other(format!(
                "{shown} is not the one that was there when the agent began; move it back"
            )));
        }
        found.extend(path.zip(identity));
    }
    found.sort();
    let mut outer: Vec<Secret> = Vec::new();
    for (path, identity) in found {
        if !outer.iter().any(|other| path.starts_with(&other.path)) {
            outer.push(Secret { path, identity });
        }
    }
    Ok(outer)
}

/// The files among these that this account could change or replace.
fn changeable(files: &[PathBuf]) -> Vec<PathBuf> {
    let files = files.iter().filter_map(|file| file.canonicalize().ok());
    files
        .filter(|file| file.is_file())
        .filter(|file| may_change(file) || file.parent().is_some_and(may_change))
        .collect()
}

/// The folders above these that this account could rename; outer ones first.
fn movable<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> BTreeSet<PathBuf> {
    let above = paths.flat_map(|path| path.ancestors().skip(1));
    above
        .filter(|folder| folder.parent().is_some_and(may_change))
        .map(Path::to_owned)
        .collect()
}

/// Whether this account may write to a file or folder, or give itself the right to.
fn may_change(path: &Path) -> bool {
    let owner = path.metadata().map(|meta| meta.uid()).ok();
    owner == Some(rustix::process::geteuid().as_raw())
        || rustix::fs::access(path, Access::WRITE_OK).is_ok()
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
fn open_all(paths: &[PathBuf]) -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    let opened = paths.iter().map(|path| {
        let path = path.canonicalize()?;
        let folder = open(&path)?;
        Ok((path, folder))
    });
    opened.collect()
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// A path to what is held.
fn by_descriptor(held: impl AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", held.as_fd().as_raw_fd()).into()
}

/// Covers a folder or file; `way` leads there, too.
fn cover(place: &Path, way: &Path) -> io::Result<()> {
    let kind = place.symlink_metadata()?.file_type();
    if kind.is_dir() {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("none"), way, Some("tmpfs"), flags, Some(EMPTY))?;
    } else if kind.is_file() || kind.is_socket() {
        bind(Path::new("/dev/null"), way, MsFlags::empty())?;
    }
    Ok(())
}

/// Shows a folder again, in its place in the empty one.
fn uncover(place: &Path, folder: &OwnedFd) -> io::Result<()> {
    fs::create_dir_all(place)?;
    bind(&by_descriptor(folder), place, MsFlags::empty())
}

/// Lets nothing more be made in an empty folder.
fn close(place: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    read_only(place, flags)
}

/// Lets a file be neither changed nor replaced.
fn keep(file: &Path) -> io::Result<()> {
    bind(file, file, MsFlags::empty())?;
    // What restricts the file system already cannot be left out.
    let now = rustix::fs::statvfs(file)?.f_flag;
    let restrictions = [
        (StatVfsMountFlags::NOSUID, MsFlags::MS_NOSUID),
        (StatVfsMountFlags::NODEV, MsFlags::MS_NODEV),
        (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC),
        (StatVfsMountFlags::NOATIME, MsFlags::MS_NOATIME),
        (StatVfsMountFlags::NODIRATIME, MsFlags::MS_NODIRATIME),
        (StatVfsMountFlags::RELATIME, MsFlags::MS_RELATIME),
    ];
    let flags = restrictions
        .into_iter()
        .filter(|(has, _)| now.contains(*has))
        .map(|(_, flag)| flag)
        .collect();
    read_only(file, flags)
}

fn read_only(place: &Path, flags: MsFlags) -> io::Result<()> {
    let flags = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    let nothing: Option<&str> = None;
    Ok(mount(nothing, place, nothing, flags, nothing)?)
}

fn bind(what: &Path, place: &Path, more: MsFlags) -> io::Result<()> {
    let nothing: Option<&str> = None;
    let flags = MsFlags::MS_BIND | more;
    Ok(mount(Some(what), place, nothing, flags, nothing)?)
}
