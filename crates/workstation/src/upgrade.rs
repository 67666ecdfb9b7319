//! Replacing this machine's programs by those that its cloud offers.
//!
//! The new programs are downloaded beside the old ones, checked, tried, and moved over them; what runs goes on running
//! the old ones. Runtime peers and kernels are not touched: the next agent adopts them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cloud_client::{CloudClient, CloudError};
use downloads::{Archive, DownloadsError, RUNT_PACKAGE, digest_of, this_target, unpack};
use semver::Version;

/// The programs, in the order in which they are replaced: the command line last, so that it finds its daemon.
const PROGRAMS: [&str; 2] = ["runtimed", "runt"];
/// How long a new program may take to say its version.
const TRIAL_LIMIT: Duration = Duration::from_secs(20);
/// The most bytes of an archive.
const ARCHIVE_LIMIT: u64 = 512 * 1024 * 1024;
/// Where package managers put programs.
const PACKAGED: [&str; 9] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/bin",
    "/sbin",
    "/nix",
    "/snap",
    "/opt/homebrew",
    "/usr/local/Cellar",
];
/// What cargo leaves in the folder it builds into.
const BUILT_HERE: &str = ".rustc_info.json";

/// Why the programs cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The cloud has none for this system.
    #[error(
        "{base} offers no runt for {target}\nHint: ask whoever runs it to put one into its downloads folder, or install the new programs by hand"
    )]
    NotOffered {
        /// The cloud.
        base: String,
        /// This system, in Rust's words.
        target: String,
    },
    /// Somebody else looks after the programs.
    #[error(
        "{} was installed by a package manager, which would not know of an upgrade\nHint: upgrade it with that one",
        .0.display()
    )]
    Packaged(PathBuf),
    /// The programs are built here.
    #[error(
        "{} was built from the source\nHint: update the source and build it again",
        .0.display()
    )]
    BuiltHere(PathBuf),
    /// The folder is not this user's to write.
    #[error(
        "the programs in {} cannot be replaced: {cause}\nHint: upgrade as the user who installed them",
        folder.display()
    )]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A new program does not run.
    #[error(
        "the new {program} does not start on this system, and nothing was replaced: {cause}\nHint: build it on this machine from the source"
    )]
    DoesNotStart {
        /// Which.
        program: String,
        /// What it said.
        cause: String,
    },
    /// The cloud did not answer as it should.
    #[error("{0}")]
    Cloud(#[from] CloudError),
    /// The download is not what was announced.
    #[error("{0}\nHint: nothing was replaced; try again")]
    Download(#[from] DownloadsError),
}

/// What a cloud's offer is to the programs that are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The same programs.
    Same,
    /// A newer version.
    Newer,
    /// Another build of the same version.
    OtherBuild,
    /// An older version.
    Older,
}

/// Where `runt` and `runtimed` lie side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    folder: PathBuf,
    version: String,
}

/// What the cloud offers for this system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The archive.
    pub archive: Archive,
    /// What it is to the programs that are here.
    pub standing: Standing,
}

impl Installation {
    /// The one of the running program, which has this version.
    ///
    /// # Errors
    /// The program cannot be found.
    pub fn of(program: &Path, version: &str) -> io::Result<Self> {
        let program = program.canonicalize()?;
        let folder = program.parent().unwrap_or(Path::new("/"));
        Ok(Self {
            folder: folder.to_owned(),
            version: version.to_owned(),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asks what the cloud offers; the client needs no credential.
    ///
    /// # Errors
    /// It offers nothing for this system, or cannot be asked.
    pub async fn offer(&self, client: &CloudClient) -> Result<Offer, UpgradeError> {
        let target = this_target();
        let offered = client.downloads().await?;
        let archives = offered.map(|offered| offered.archives).unwrap_or_default();
        let archive = archives
            .into_iter()
            .find(|archive| archive.package == RUNT_PACKAGE && archive.target == target)
            .ok_or_else(|| UpgradeError::NotOffered {
                base: client.base().to_string(),
                target,
            })?;
        Ok(Offer {
            standing: self.standing(&archive),
            archive,
        })
    }

    fn standing(&self, archive: &Archive) -> Standing {
        let is_here = |name: &str, sha256: &str| {
            digest_of(&self.folder.join(name)).is_ok_and(|digest| digest == sha256)
        };
        let mut programs = archive.programs.iter();
        if programs.all(|program| is_here(&program.name, &program.sha256)) {
            return Standing::Same;
        }
        match (
            Version::parse(&self.version),
            Version::parse(&archive.version),
        ) {
            (Ok(own), Ok(offered)) if own < offered => Standing::Newer,
            (Ok(own), Ok(offered)) if own > offered => Standing::Older,
            _ => Standing::OtherBuild,
        }
    }

    /// Fails unless the programs are this user's own to replace.
    ///
    /// # Errors
    /// They are not, and whose they are.
    pub fn may_be_replaced(&self) -> Result<(), UpgradeError> {
        if PACKAGED.iter().any(|place| self.folder.starts_with(place)) {
            return Err(UpgradeError::Packaged(self.folder.join("runt")));
        }
        let built = self
            .folder
            .ancestors()
            .any(|f| f.join(BUILT_HERE).is_file());
        if built {
            return Err(UpgradeError::BuiltHere(self.folder.join("runt")));
        }
        let tried = tempfile::tempfile_in(&self.folder);
        tried.map(drop).map_err(|cause| self.not_writable(cause))
    }

    /// Downloads, checks, tries and replaces; what the new programs call themselves.
    ///
    /// # Errors
    /// Something fails; then the old programs are in their places.
    pub async fn replace(
        &self,
        client: &CloudClient,
        archive: &Archive,
    ) -> Result<String, UpgradeError> {
        self.may_be_replaced()?;
        let work = tempfile::Builder::new()
            .prefix(".runt-upgrade-")
            .tempdir_in(&self.folder)
            .map_err(|cause| self.not_writable(cause))?;
        let file = work.path().join("archive");
        let mut into = fs::File::create(&file).map_err(|cause| self.not_writable(cause))?;
        let limit = archive.size.min(ARCHIVE_LIMIT);
        client.download(&archive.file, limit, &mut into).await?;
        into.sync_all().map_err(|cause| self.not_writable(cause))?;
        let new = work.path().join("new");
        fs::create_dir(&new).map_err(|cause| self.not_writable(cause))?;
        let unpacked = unpack(&file, archive, &new)?;
        for name in PROGRAMS {
            if !unpacked.contains(&new.join(name)) {
                return Err(UpgradeError::Download(DownloadsError::Archive {
                    file: archive.file.clone(),
                    cause: format!("it holds no {name}"),
                }));
            }
        }
        let mut version = String::new();
        for name in PROGRAMS {
            version = try_out(&new.join(name)).await?;
        }
        self.switch(&new, work.path())
            .map_err(|cause| self.not_writable(cause))?;
        Ok(version)
    }

    /// Moves the new programs over the old ones: both, or none.
    fn switch(&self, new: &Path, kept: &Path) -> io::Result<()> {
        let mut moved = Vec::new();
        for name in PROGRAMS {
            let (place, old) = (self.folder.join(name), kept.join(name));
            let switched = match fs::hard_link(&place, &old) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
                _ => fs::rename(new.join(name), &place),
            };
            if let Err(cause) = switched {
                for name in moved {
                    fs::rename(kept.join(name), self.folder.join(name))?;
                }
                return Err(cause);
            }
            moved.push(name);
        }
        fs::File::open(&self.folder)?.sync_all()
    }

    fn not_writable(&self, cause: io::Error) -> UpgradeError {
        UpgradeError::NotWritable {
            folder: self.folder.clone(),
            cause,
        }
    }
}

/// The version that a program says it has.
async fn try_out(program: &Path) -> Result<String, UpgradeError> {
    let failed = |cause: String| UpgradeError::DoesNotStart {
        program: program
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        cause,
    };
    let mut command = tokio::process::Command::new(program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(TRIAL_LIMIT, command.output()).await;
    let output = output.map_err(|_| failed("it does not end".to_owned()))?;
    let output = output.map_err(|cause| failed(cause.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or_default();
        return Err(failed(format!("{first} ({})", output.status)));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split_whitespace().last().unwrap_or_default();
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests;
