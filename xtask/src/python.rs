//! Python interpreters: one that runs notebooks (has ipykernel), found or made.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::tools::{self, run_program, step};

/// What runs notebooks.
const KERNEL_PACKAGES: &[&str] = &["ipykernel>=6.29,<8", "matplotlib-inline"];
/// What an interpreter imports to be a kernel, with all that it needs: an installation that was cut short may have a
/// folder called `ipykernel` and no more.
const KERNEL_MODULE: &str = "ipykernel.kernelapp";
/// What the tests compare with, what their notebooks use, and kernels of other languages.
const TEST_PACKAGES: &[&str] = &[
    "ipykernel>=6.29,<8",
    "matplotlib-inline",
    "nbclient>=0.10,<1",
    "ipywidgets>=8,<9",
    "bash_kernel>=0.9,<1",
    "deno>=2.5,<3",
    "uv>=0.8,<1",
];
/// How IPython behaves in the tests' environment. The kernels of many tests share one home, and IPython's history file
/// there does not bear kernels that make or mend it at once: a cell then prints what a thread of IPython's met.
const TEST_IPYTHON_CONFIG: &str = "c.HistoryManager.hist_file = ':memory:'\n";
/// Notes in an environment what was installed into it.
const INSTALLED: &str = "installed-packages.txt";

/// The system's Python, or a message that says how to get one.
pub fn system() -> Result<PathBuf> {
    for name in ["python3", "python"] {
        let probe = "import sys; assert sys.version_info >= (3, 9); print(sys.executable)";
        if let Some(path) = tools::output(name, &["-c", probe]).filter(|path| !path.is_empty()) {
            return Ok(PathBuf::from(path));
        }
    }
    bail!(
        "Python 3.9 or newer was not found.\nHint: install it (Debian: apt-get install python3 python3-venv) and run this again"
    )
}

fn can_import(python: &Path, module: &str) -> bool {
    let probe = format!("import {module}; print(1)");
    tools::output(&python.display().to_string(), &["-c", &probe]).is_some()
}

/// An interpreter with ipykernel: the active environment's or the system's when it has one, else a new environment.
pub fn with_ipykernel(folder: &Path) -> Result<PathBuf> {
    let active = std::env::var_os("VIRTUAL_ENV").map(|path| PathBuf::from(path).join("bin/python"));
    for candidate in active.into_iter().chain(system().ok()) {
        if can_import(&candidate, KERNEL_MODULE) {
            return Ok(candidate);
        }
    }
    environment(folder, &KERNEL_PACKAGES[..1])
}

/// The environment of the tests, made once under `target/`.
pub fn for_tests() -> Result<PathBuf> {
    let folder = tools::target_dir().join("test-venv");
    let python = environment(&folder, TEST_PACKAGES)?;
    let config = folder.join("etc/ipython");
    std::fs::create_dir_all(&config)?;
    std::fs::write(config.join("ipython_config.py"), TEST_IPYTHON_CONFIG)?;
    Ok(python)
}

/// The environment of the benchmarks: a kernel and Jupyter Server, made once under `target/`.
pub fn for_benchmarks() -> Result<PathBuf> {
    let packages = [KERNEL_PACKAGES, &["jupyter_server>=2.14,<3"]].concat();
    environment(&tools::target_dir().join("bench-venv"), &packages)
}

/// The environment of the made-up requests, made once under `target/`.
pub fn for_fuzzing() -> Result<PathBuf> {
    let folder = tools::target_dir().join("fuzz-venv");
    environment_with(&folder, "schemathesis", &["schemathesis>=4.30,<5"])
}

/// The environment of the compiler and linker of distributions, made once under `target/`; its folder of programs.
pub fn for_distributions() -> Result<PathBuf> {
    let folder = tools::target_dir().join("dist-venv");
    let packages = &["ziglang>=0.15,<0.18", "cargo-zigbuild>=0.22,<0.25"];
    environment_with(&folder, "ziglang", packages)?;
    Ok(folder.join("bin"))
}

/// Makes (or finds again) a virtual environment with ipykernel in it.
fn environment(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    environment_with(folder, KERNEL_MODULE, packages)
}

/// Makes (or finds again) a virtual environment in which a module can be imported. One whose making was cut short has
/// no note of its packages and is made anew, from nothing: pip takes half a package for a whole one. One that was
/// whole keeps what its user installed since.
fn environment_with(folder: &Path, module: &str, packages: &[&str]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let wanted = packages.join("\n");
    let noted = folder.join(INSTALLED);
    let installed = std::fs::read_to_string(&noted).ok();
    if installed.as_ref() == Some(&wanted) && can_import(&python, module) {
        return Ok(python);
    }
    step(&format!(
        "making a Python environment with {} in {}",
        packages[0],
        folder.display()
    ));
    let parent = folder.parent().unwrap_or(folder);
    if installed.is_none() {
        std::fs::create_dir_all(parent)?;
        let base = system()?.display().to_string();
        let venv = folder.display().to_string();
        run_program(parent, &base, &["-m", "venv", "--clear", &venv])
            .context("`python -m venv` failed.\nHint: on Debian, apt-get install python3-venv")?;
    }
    let mut install = vec![
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    install.extend(packages);
    run_program(parent, &python.display().to_string(), &install).with_context(|| {
        format!(
            "{} could not be installed.\nHint: check the network",
            packages[0]
        )
    })?;
    if !can_import(&python, module) {
        bail!(
            "{} cannot import {module}, which pip calls installed.\nHint: remove {} to have it made anew",
            python.display(),
            folder.display()
        );
    }
    std::fs::write(noted, wanted)?;
    Ok(python)
}
