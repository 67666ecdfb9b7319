//! Warm kernels: started before anybody asked, given to the first job whose kernel would be the same.
//!
//! A *warm keeper* starts a kernel in a folder of the pool and, once it answers, offers it there (`offer.json`). Who
//! needs such a kernel moves the offer away, which succeeds for one alone, and tells the keeper for which job it works
//! from now on: the keeper brings the kernel into the job's folder and moves its journal there. Whatever goes wrong on
//! the way, the kernel is not used, and the job starts one of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::client::KeeperClient;
use crate::environment;
use crate::protocol::Command;
use crate::spec::LaunchSpec;

/// An offer's name in its folder.
const OFFER: &str = "offer.json";
/// Most folders of a pool that are looked at.
const LOOKED_AT: usize = 64;
/// How long taking over a warm kernel may take; starting one anew takes about as long.
const CLAIM_LIMIT: Duration = Duration::from_secs(2);
/// What a service manager sets for each process anew, of no meaning to a kernel.
const UNSTABLE: [&str; 3] = ["INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"];

/// What is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Offer {
    spec: LaunchSpec,
    /// Stands for the variables that the kernel inherited.
    inherited: String,
}

/// Offers a kernel that answers.
pub(crate) fn offer(folder: &Path, spec: &LaunchSpec) -> std::io::Result<()> {
    let offer = Offer {
        spec: spec.clone(),
        inherited: fingerprint(environment::inherited()),
    };
    let fresh = folder.join("offer.json.new");
    let text = serde_json::to_vec(&offer).map_err(std::io::Error::other)?;
    std::fs::write(&fresh, text)?;
    std::fs::rename(fresh, folder.join(OFFER))
}

/// Takes an offer back.
pub(crate) fn withdraw(folder: &Path) {
    // Claimed already is as good.
    let _ = std::fs::remove_file(folder.join(OFFER));
}

fn fingerprint(mut variables: Vec<(OsString, OsString)>) -> String {
    variables.retain(|(name, _)| !UNSTABLE.iter().any(|unstable| name == unstable));
    variables.sort();
    let mut hash = Sha256::new();
    for text in variables.iter().flat_map(|(name, value)| [name, value]) {
        let bytes = text.as_encoded_bytes();
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    let hash = hash.finalize();
    let first = hash.iter().take(16);
    let number = first.fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:032x}")
}

/// A warm kernel of the pool for a job, and the connection to its keeper; none when there is none that is the same as
/// a new one would be.
pub async fn claim(pool: &Path, spec: &LaunchSpec, job_dir: &Path) -> Option<KeeperClient> {
    let inherited = fingerprint(environment::inherited());
    let entries = std::fs::read_dir(pool).ok()?.flatten();
    for entry in entries.take(LOOKED_AT) {
        let folder = entry.path();
        let offer = read(&folder).filter(|offer| {
            offer.inherited == inherited
                && is_same(&offer.spec, spec, |name| std::env::var_os(name))
        });
        let mine = job_dir.join("warm-offer.json");
        // One alone can move it.
        if offer.is_some() && std::fs::rename(folder.join(OFFER), mine).is_ok() {
            let taken = timeout(CLAIM_LIMIT, take_over(&folder, spec, job_dir)).await;
            if let Ok(Some(client)) = taken {
                return Some(client);
            }
            tracing::warn!("a warm kernel could not be taken over; one is started");
            tokio::spawn(dismiss(folder));
            return None;
        }
    }
    None
}

fn read(folder: &Path) -> Option<Offer> {
    serde_json::from_slice(&std::fs::read(folder.join(OFFER)).ok()?).ok()
}

/// Whether a kernel that was started by `warm` is what `wanted` would start. It can be brought into another folder,
/// unless a person's startup files have already looked around in its own.
fn is_same(
    warm: &LaunchSpec,
    wanted: &LaunchSpec,
    variable: impl Fn(&str) -> Option<OsString>,
) -> bool {
    let elsewhere = LaunchSpec {
        cwd: warm.cwd.clone(),
        ..wanted.clone()
    };
    *warm == elsewhere && (warm.cwd == wanted.cwd || !has_startup_files(variable))
}

fn has_startup_files(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let own = variable("IPYTHONDIR").map(PathBuf::from);
    let home = || Some(PathBuf::from(variable("HOME")?).join(".ipython"));
    let Some(ipython) = own.or_else(home) else {
        return false;
    };
    let entries = std::fs::read_dir(ipython.join("profile_default/startup"));
    let mut entries = entries.into_iter().flatten().flatten();
    entries.any(|entry| {
        let path = entry.path();
        let end = path.extension().and_then(OsStr::to_str);
        matches!(end, Some("py" | "ipy"))
    })
}

async fn take_over(folder: &Path, spec: &LaunchSpec, job_dir: &Path) -> Option<KeeperClient> {
    let keeper = KeeperClient::connect(folder).await.ok()?;
    let command = Command::Serve {
        job_dir: job_dir.to_owned(),
        spec: Box::new(spec.clone()),
    };
    if let Err(error) = keeper.request(command).await {
        tracing::info!(%error, "the warm kernel stays behind");
        return None;
    }
    // Its place is the job's folder now.
    KeeperClient::connect(job_dir).await.ok()
}

/// Ends a keeper that was claimed in vain.
async fn dismiss(folder: PathBuf) {
    if let Ok(keeper) = KeeperClient::connect(&folder).await {
        // One that is gone already is as good.
        let _ = keeper.request(Command::Shutdown).await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{fingerprint, is_same};
    use crate::spec::LaunchSpec;

    #[test]
    fn a_warm_kernel_is_given_away_only_where_it_is_the_same() {
        let home = tempfile::tempdir().unwrap();
        let spec =
            |python: &str, cwd: &str| LaunchSpec::current_python(Path::new(python), Path::new(cwd));
        let same = |wanted: &LaunchSpec| {
            is_same(&spec("/py", "/work"), wanted, |name| {
                (name == "HOME").then(|| home.path().into())
            })
        };
        assert!(same(&spec("/py", "/work")) && same(&spec("/py", "/elsewhere")));
        assert!(!same(&spec("/other", "/work")));
        let mut with_variable = spec("/py", "/work");
        with_variable.env.insert("A".to_owned(), "1".to_owned());
        assert!(!same(&with_variable));
        // A startup file has seen the first folder.
        let startup = home.path().join(".ipython/profile_default/startup");
        std::fs::create_dir_all(&startup).unwrap();
        std::fs::write(startup.join("README"), "").unwrap();
        assert!(same(&spec("/py", "/elsewhere")));
        std::fs::write(startup.join("00-first.py"), "").unwrap();
        assert!(!same(&spec("/py", "/elsewhere")) && same(&spec("/py", "/work")));
    }

    #[test]
    fn inherited_variables_count_in_any_order_but_those_of_the_service_manager() {
        let print = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(a, b)| ((*a).into(), (*b).into()));
            fingerprint(pairs.collect())
        };
        let both = print(&[("A", "1"), ("B", "2")]);
        assert_eq!(
            both,
            print(&[("B", "2"), ("INVOCATION_ID", "x"), ("A", "1")])
        );
        assert_ne!(both, print(&[("A", "12"), ("B", "")]));
        assert_ne!(both, print(&[("A", "1")]));
    }
}
