//! Which variables a kernel may see: never a credential of ours.

/// Prefixes of our own variables, and of the service manager's.
const DENIED_PREFIXES: [&str; 5] = ["RUNT_", "RUNTIMED_", "NTERACT_", "NOTEBOOK_CLOUD_", "NWC_"];
/// Further names that mean nothing to notebook code or would hand it something.
const DENIED_NAMES: [&str; 6] = [
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];
/// What our credentials begin with.
const CREDENTIAL_PREFIXES: [&str; 2] = ["nwc_", "nwr_"];

/// Whether a variable may reach the kernel (WS-288, WS-375).
pub fn may_reach_kernel(name: &str, value: &str) -> bool {
    !DENIED_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
        && !DENIED_NAMES.contains(&name)
        && !CREDENTIAL_PREFIXES
            .iter()
            .any(|prefix| value.trim_start().starts_with(prefix))
}

/// The variables of this process that may reach the kernel.
pub fn inherited() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os()
        .filter(|(name, value)| may_reach_kernel(&name.to_string_lossy(), &value.to_string_lossy()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::may_reach_kernel;

    // WS-288 WS-375
    #[test]
    fn credentials_do_not_reach_the_kernel() {
        for (name, value) in [
            ("RUNT_CLOUD_TOKEN", "x"),
            ("NTERACT_API_KEY", "x"),
            ("NOTEBOOK_CLOUD_PUBLISH_BEARER_TOKEN", "x"),
            ("ANYTHING", "nwc_abc"),
            ("ANYTHING", " nwc_abc"),
        ] {
            assert!(!may_reach_kernel(name, value), "{name}={value}");
        }
        for (name, value) in [("PATH", "/bin"), ("HF_TOKEN", "mine"), ("RUNTIME", "x")] {
            assert!(may_reach_kernel(name, value), "{name}={value}");
        }
    }
}
