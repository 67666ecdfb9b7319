//! Whether a workstation runs the newest build of its channel (2.15).

use semver::Version;
use wire::http::{LatestBuilds, Workstation};
use wire::version::is_older;

/// Says of a workstation which build of its channel is the newest, and whether its own is older.
pub fn compare(workstation: &mut Workstation, latest: &LatestBuilds) {
    let channel = workstation.channel.as_deref().map(str::to_ascii_lowercase);
    let newest = match channel.as_deref() {
        Some("stable") => latest.stable.clone(),
        Some("nightly") => latest.nightly.clone(),
        _ => None,
    };
    workstation.is_outdated = match (&workstation.installed_build, &newest) {
        (Some(installed), Some(newest)) => is_older(installed, newest),
        _ => false,
    };
    workstation.latest_build = newest;
}

/// The newer of two versions; one that reads as none is older than any.
pub fn newer(one: String, other: String) -> String {
    match (Version::parse(&one), Version::parse(&other)) {
        (Ok(first), Ok(second)) if first.cmp_precedence(&second).is_lt() => other,
        (Err(_), Ok(_)) => other,
        _ => one,
    }
}

#[cfg(test)]
mod tests;
