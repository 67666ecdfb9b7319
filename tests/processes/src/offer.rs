//! The programs of this build as a cloud's downloads.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use downloads::{Archive, Effort, Item, Package, RUNT_PACKAGE, offer, pack, this_target};

use crate::programs::program;

/// Puts `runt` and `runtimed` of this build into a downloads folder, called a version.
pub fn offer_programs(folder: &Path, version: &str) -> Result<Archive> {
    let items = named(program)?;
    offer_items(folder, version, &items)
}

/// Puts another build into a downloads folder: the same programs with something behind their end, which nothing reads.
pub fn offer_other_build(folder: &Path, version: &str) -> Result<Archive> {
    let place = tempfile::tempdir()?;
    let items = named(|name| {
        let mut bytes = std::fs::read(program(name)?)?;
        bytes.extend_from_slice(version.as_bytes());
        let path = place.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    })?;
    offer_items(folder, version, &items)
}

/// Puts two small scripts into a downloads folder that say a version and do nothing.
pub fn offer_scripts(folder: &Path, version: &str) -> Result<Archive> {
    let place = tempfile::tempdir()?;
    let items = named(|name| {
        let path = place.path().join(name);
        std::fs::write(
            &path,
            format!("#!/bin/sh\necho \"{name} {version}\" \"$@\"\n"),
        )?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(path)
    })?;
    offer_items(folder, version, &items)
}

fn named(find: impl Fn(&str) -> Result<PathBuf>) -> Result<Vec<Item>> {
    let item = |name: &str| Ok(Item::program(name, find(name)?));
    ["runt", "runtimed"].into_iter().map(item).collect()
}

fn offer_items(folder: &Path, version: &str, items: &[Item]) -> Result<Archive> {
    std::fs::create_dir_all(folder)?;
    let package = Package {
        name: RUNT_PACKAGE.to_owned(),
        version: version.to_owned(),
        target: this_target(),
    };
    let archive = pack(folder, &package, items, Effort::Quick)?;
    offer(folder, &archive).context("the archive cannot be offered")?;
    Ok(archive)
}
