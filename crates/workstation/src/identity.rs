//! The workstation's id and name (spec 2.3).

use agent_core::slug;

use crate::Env;
use crate::facts::cut;

const ID_LIMIT: usize = 128;
const NAME_LIMIT: usize = 160;
const DEFAULT_ID_SLUG: usize = 80;

/// Why an id is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the workstation id {id:?} {problem}\nHint: use 1 to 128 ASCII characters without control characters, for example ws-lab"
)]
pub struct IdentityError {
    id: String,
    problem: &'static str,
}

/// The machine's name: kernel, `HOSTNAME`, `COMPUTERNAME`, the system call, `localhost`.
pub fn hostname(env: &Env) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let system = || {
        nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok())
    };
    first_name([
        kernel,
        env.get("HOSTNAME").map(str::to_owned),
        env.get("COMPUTERNAME").map(str::to_owned),
        system(),
    ])
}

fn first_name(sources: impl IntoIterator<Item = Option<String>>) -> String {
    let mut names = sources
        .into_iter()
        .flatten()
        .map(|name| name.trim().to_owned());
    names
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// Words that stand in the place of an id in the cloud's addresses (control plane 2.10).
const RESERVED: [&str; 3] = ["default", "credentials", "pairing-codes"];

/// The id of a machine that was not given one.
pub fn default_workstation_id(hostname: &str) -> String {
    let slug: String = slug(hostname).chars().take(DEFAULT_ID_SLUG).collect();
    if slug.is_empty() {
        "ws-local".to_owned()
    } else {
        format!("ws-{slug}")
    }
}

/// Checks an id given by hand.
pub fn check_workstation_id(id: &str) -> Result<String, IdentityError> {
    let id = id.trim();
    let problem = if id.is_empty() {
        "is empty"
    } else if id.len() > ID_LIMIT {
        "is too long"
    } else if !id.is_ascii() {
        "holds characters other than ASCII"
    } else if id.chars().any(|c| c.is_ascii_control()) {
        "holds control characters"
    } else if id.bytes().all(|b| b == b'.') {
        "consists of dots only"
    } else if id.contains(['/', '\\']) {
        "holds a slash"
    } else if RESERVED.contains(&id) {
        "is a word of the cloud's own"
    } else {
        return Ok(id.to_owned());
    };
    Err(IdentityError {
        id: id.chars().take(ID_LIMIT + 1).collect(),
        problem,
    })
}

/// Trims and cuts a name; an empty one becomes the fallback.
pub fn check_display_name(name: &str, fallback: &str) -> String {
    let clean: String = name.trim().chars().filter(|c| !c.is_control()).collect();
    cut(if clean.is_empty() { fallback } else { &clean }, NAME_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    // WS-018 WS-019
    #[test]
    fn ws_018_019_default_ids() {
        assert_eq!(default_workstation_id("Lab 2.local"), "ws-lab-2.local");
        assert_eq!(default_workstation_id("???"), "ws-local");
        assert_eq!(default_workstation_id(&"a".repeat(300)).len(), 83);
    }

    // WS-021
    #[test]
    fn ws_021_the_first_name_that_is_not_blank_wins() {
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(first_name([some("  \n"), None, some(" lab ")]), "lab");
        assert_eq!(first_name([some("")]), "localhost");
    }

    // WS-022 WS-023
    #[test]
    fn ws_022_023_ids_are_checked_and_names_cut() {
        for bad in [
            "",
            "  ",
            "a\nb",
            "zürich",
            &"x".repeat(129),
            "..",
            "a/b",
            "credentials",
        ] {
            assert!(check_workstation_id(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_workstation_id(" ws-1 ").unwrap(), "ws-1");
        assert_eq!(
            check_display_name(&"ü".repeat(200), "h").chars().count(),
            160
        );
        assert_eq!(
            check_display_name(&"😀".repeat(200), "h").chars().count(),
            80
        );
        assert_eq!(check_display_name("  ", "host"), "host");
    }
}
