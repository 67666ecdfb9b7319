//! Versions of builds, as machines and clouds tell each other (control plane 2.15).

use semver::Version;

/// Whether both read as versions and the first comes before the second; build metadata does not count.
pub fn is_older(one: &str, other: &str) -> bool {
    match (Version::parse(one), Version::parse(other)) {
        (Ok(one), Ok(other)) => one.cmp_precedence(&other).is_lt(),
        _ => false,
    }
}
