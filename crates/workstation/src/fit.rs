//! Whether this machine's programs and the cloud's fit, as both tell each other.

use serde_json::Value;
use wire::version::is_older;

/// The oldest cloud with which everything works that this build can do.
const MINIMUM_CLOUD: &str = "0.1.0";

/// How this build stands to what a cloud says in the list of workstations, or when it takes a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// Nothing newer is known.
    Fits,
    /// The cloud knows a newer build.
    Outdated {
        /// The newest.
        newest: String,
    },
    /// The cloud does not serve builds as old as this.
    TooOld {
        /// The oldest that it serves.
        minimum: String,
    },
}

impl Fit {
    /// Reads the cloud's answer for a build of this version. One of the reference names its own builds, which are none of
    /// ours, and no oldest one that it serves.
    pub fn of(answer: &Value, own: &str) -> Self {
        let named = |pointer: &str| {
            let version = answer.pointer(pointer).and_then(Value::as_str)?;
            is_older(own, version).then(|| version.to_owned())
        };
        if answer["minimum_build"].is_null() {
            return Self::Fits;
        }
        if let Some(minimum) = named("/minimum_build") {
            return Self::TooOld { minimum };
        }
        named("/latest_builds/stable").map_or(Self::Fits, |newest| Self::Outdated { newest })
    }

    /// What is to be said about it.
    pub fn told(&self) -> Option<String> {
        match self {
            Self::Fits => None,
            Self::Outdated { newest } => Some(format!("the cloud knows a newer build, {newest}")),
            Self::TooOld { minimum } => Some(format!(
                "this build is too old for the cloud, which serves {minimum} and newer"
            )),
        }
    }
}

/// Whether a cloud that says this of itself (`/api/health`) is too old for this build; its version.
pub fn cloud_too_old(health: &Value) -> Option<&str> {
    let version = health.pointer("/build/version").and_then(Value::as_str)?;
    is_older(version, MINIMUM_CLOUD).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_build_is_told_how_it_stands() {
        let answer = json!({
            "minimum_build": "0.2.0", "latest_builds": {"stable": "0.10.0", "nightly": null},
        });
        let of = |own: &str| Fit::of(&answer, own);
        let minimum = "0.2.0".to_owned();
        assert_eq!(of("0.1.9+abc"), Fit::TooOld { minimum });
        let newest = "0.10.0".to_owned();
        assert_eq!(of("0.9.0"), Fit::Outdated { newest });
        assert_eq!(of("0.10.0+abc"), Fit::Fits);
        assert_eq!(of("0.11.0"), Fit::Fits);
        // The reference's builds are others, and a build of somebody's own is no version.
        for stable in [json!(null), json!("2.8.0")] {
            let answer = json!({"latest_builds": {"stable": stable}});
            assert_eq!(Fit::of(&answer, "0.1.0"), Fit::Fits);
        }
        assert_eq!(of("mine"), Fit::Fits);
        assert!(of("0.1.0").told().unwrap().contains("too old"));
        assert_eq!(Fit::Fits.told(), None);
    }

    #[test]
    fn a_cloud_may_be_too_old_too() {
        let health = |version: &str| json!({"build": {"sha": null, "version": version}});
        assert_eq!(cloud_too_old(&health("0.0.9")), Some("0.0.9"));
        assert_eq!(cloud_too_old(&health(MINIMUM_CLOUD)), None);
        assert_eq!(cloud_too_old(&json!({"build": {"sha": null}})), None);
    }
}
