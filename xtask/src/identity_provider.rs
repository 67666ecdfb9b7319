//! The OpenID Connect provider that the tests sign in by, installed once under `target/`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{tools, web};

/// What the provider consists of.
const FILES: &[&str] = &["package.json", "package-lock.json", "provider.mjs"];

/// The folder of the installed provider.
pub fn for_tests() -> Result<PathBuf> {
    let source = tools::root().join("tests/identity-provider");
    let folder = tools::target_dir().join("identity-provider");
    std::fs::create_dir_all(&folder)?;
    for name in FILES {
        let bytes = std::fs::read(source.join(name))?;
        let to = folder.join(name);
        // Written only when it changed, so that nothing is installed anew without a reason.
        if std::fs::read(&to).ok().as_ref() != Some(&bytes) {
            std::fs::write(&to, bytes)?;
        }
    }
    web::install(&folder).context("the identity provider of the tests could not be installed.\nHint: check the network, or run the tests with plain `cargo test`, which skips those that need it")?;
    Ok(folder)
}
