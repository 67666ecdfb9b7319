//! The browser of the browser tests: found, or installed where the system allows it.

use anyhow::{Result, bail};

use crate::tools::{self, root, run_program, step};

/// Path of a Chromium; installs Debian's when run as root on a Debian.
pub fn find_or_install() -> Result<String> {
    if let Some(path) = find() {
        return Ok(path);
    }
    let root_user = tools::output("id", &["-u"]).as_deref() == Some("0");
    if root_user && tools::output("apt-get", &["--version"]).is_some() {
        step("installing Chromium");
        run_program(&root(), "apt-get", &["update", "-qq"])?;
        let install = [
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
            "fonts-liberation",
        ];
        run_program(&root(), "apt-get", &install)?;
        if let Some(path) = find() {
            return Ok(path);
        }
    }
    bail!(
        "Chromium was not found.\nHint: install it (Debian: apt-get install chromium) or set CHROMIUM to its path, \
         then run this again"
    )
}

fn find() -> Option<String> {
    let names = std::env::var("CHROMIUM").ok().into_iter().chain(
        [
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ]
        .map(str::to_owned),
    );
    names
        .filter_map(|name| tools::output("which", &[name]))
        .find(|path| !path.is_empty())
}
