//! `cargo xtask dist`: archives of the programs for one platform, their checksums and manifest: a downloads folder.
//!
//! On Linux the programs are linked against an old GNU C library, so that they run wherever that or a newer one is. Fully
//! static is not possible with that library: it loads what looks up names (NSS) at run time, of the very version that the
//! program was linked with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use downloads::{
    Archive, Effort, Item, Package, RUNT_PACKAGE, digest_of, offer, pack, read, this_target,
};

use crate::tools::{files, root, run_command, step, target_dir};
use crate::{python, web};

/// The GNU C library that programs are linked against: the oldest that Rust's own library runs with.
const GLIBC: &str = "2.17";
/// The profile that hands out are built with.
const PROFILE: &str = "dist";
const MIB: f64 = 1024.0 * 1024.0;

#[derive(clap::Args)]
pub struct Options {
    /// The platform, as Rust names it; its standard library must be installed [default: this machine's].
    #[arg(long)]
    target: Option<String>,
    /// Where the archives go [default: target/distribution].
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Builds and packs everything.
pub fn run(options: &Options) -> Result<()> {
    web::require_node()?;
    web::build()?;
    let target = options.target.clone().unwrap_or_else(this_target);
    let programs = build(&target)?;
    let out = options.out.clone();
    let out = out.unwrap_or_else(|| target_dir().join("distribution"));
    std::fs::create_dir_all(&out)?;
    step(&format!("packing into {}", out.display()));
    let runt = pack(
        &out,
        &package(RUNT_PACKAGE, &target),
        &runt_items(&programs, true),
        Effort::Best,
    )?;
    offer(&out, &runt)?;
    let cloud = package("notebook-cloud", &target);
    let cloud = pack(&out, &cloud, &cloud_items(&programs), Effort::Best)?;
    offer(&out, &cloud)?;
    for archive in [runt, cloud] {
        report(&archive);
    }
    println!(
        "    {} lists them; `sha256sum -c {}` checks them",
        downloads::MANIFEST,
        downloads::CHECKSUMS
    );
    Ok(())
}

/// Puts what was just built into a downloads folder, so that other machines of this platform can have it; quick, and
/// nothing where it is there already.
pub fn offer_quickly(programs: &Path, folder: &Path) -> Result<()> {
    let items = runt_items(programs, false);
    let package = package(RUNT_PACKAGE, &this_target());
    std::fs::create_dir_all(folder)?;
    let known = read(folder).ok().flatten().unwrap_or_default();
    let is_there = |archive: &Archive| {
        archive.target == package.target
            && archive.version == package.version
            && folder.join(&archive.file).is_file()
            && items.iter().all(|item| {
                let named = archive.programs.iter().find(|p| p.name == item.name);
                named.is_some_and(|p| digest_of(&item.source).is_ok_and(|sum| sum == p.sha256))
            })
    };
    if known.archives.iter().any(is_there) {
        return Ok(());
    }
    step("offering runt and runtimed to other machines");
    let archive = pack(folder, &package, &items, Effort::Quick)?;
    Ok(offer(folder, &archive)?)
}

fn package(name: &str, target: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        target: target.to_owned(),
    }
}

/// The folder of the built programs.
fn build(target: &str) -> Result<PathBuf> {
    step(&format!(
        "building for {target} (several minutes the first time)"
    ));
    let mut command = Command::new("cargo");
    let mut built_for = target.to_owned();
    if target.contains("-linux-") {
        let tools = python::for_distributions()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(tools).chain(std::env::split_paths(&path));
        command
            .env("PATH", std::env::join_paths(paths)?)
            .arg("zigbuild");
        if target.ends_with("-gnu") {
            built_for = format!("{target}.{GLIBC}");
        }
    } else {
        command.arg("build");
    }
    command.args(["--profile", PROFILE, "--target", &built_for]);
    command.args(["-p", "runt", "-p", "runtimed", "-p", "notebook-cloud"]);
    // Where it was built is nobody's concern, and would make two builds differ.
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            let home = std::env::var_os("HOME")?;
            Some(PathBuf::from(home).join(".cargo"))
        });
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let flags = [
        format!("--remap-path-prefix={}=/cargo", home.display()),
        format!("--remap-path-prefix={}=/source", root().display()),
    ];
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    run_command(command.current_dir(root()))?;
    Ok(target_dir().join(target).join(PROFILE))
}

fn runt_items(programs: &Path, with_license: bool) -> Vec<Item> {
    let mut items: Vec<Item> = ["runt", "runtimed"]
        .iter()
        .map(|name| Item::program(name, programs.join(name)))
        .collect();
    if with_license {
        items.push(Item::file("LICENSE", root().join("LICENSE")));
    }
    items
}

/// The server holds the page; what helps to run it lies beside it.
fn cloud_items(programs: &Path) -> Vec<Item> {
    let mut items = vec![
        Item::program("notebook-cloud", programs.join("notebook-cloud")),
        Item::file("LICENSE", root().join("LICENSE")),
    ];
    for path in files(&root().join("deploy"), &|_| true) {
        let name = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        items.push(Item::file(&name, path));
    }
    items
}

fn report(archive: &Archive) {
    let needs = archive
        .glibc
        .as_deref()
        .map_or_else(String::new, |glibc| format!(", needs glibc {glibc}"));
    println!(
        "    {}: {:.1} MiB{needs}",
        archive.file,
        archive.size as f64 / MIB
    );
    for program in &archive.programs {
        println!(
            "        {}: {:.1} MiB",
            program.name,
            program.size as f64 / MIB
        );
    }
}
