//! A Python for tests that drive a real kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the environment needs to have.
const MODULES: &str = "import bash_kernel, deno, ipykernel, ipywidgets, nbclient, uv";
const PACKAGES: [&str; 6] = [
    "ipykernel",
    "ipywidgets",
    "nbclient",
    "bash_kernel",
    "deno",
    "uv",
];

/// The interpreter to test with: `TEST_PYTHON`, else a virtual environment under
/// `target/test-venv`, made once with ipykernel, and what is compared with, from PyPI.
///
/// # Panics
///
/// When it can be neither found nor made: a test that needs a kernel must not pass without one.
pub fn test_python() -> PathBuf {
    if let Some(given) = std::env::var_os("TEST_PYTHON") {
        return PathBuf::from(given);
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::fs::create_dir_all(&target).expect("the target folder can be made");
    let target = target.canonicalize().expect("the target folder exists");
    let venv = target.join("test-venv");
    let python = venv.join("bin/python");
    // One test process makes it, the others wait.
    let lock = std::fs::File::create(target.join("test-venv.lock")).expect("a lock file");
    lock.lock().expect("a file lock");
    if !has_modules(&python) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        let install = ["-m", "pip", "install", "--quiet"];
        run(Command::new(&python).args(install).args(PACKAGES));
    }
    python
}

/// Makes a wheel of a package with one module, which says `WHO = "<name> <version>"`, in a folder.
///
/// # Panics
///
/// When the folder cannot be written.
pub fn make_wheel(folder: &Path, name: &str, version: &str) {
    const MAKE: &str = "\
import sys, zipfile
folder, name, version = sys.argv[1:]
info = f'{name}-{version}.dist-info'
with zipfile.ZipFile(f'{folder}/{name}-{version}-py3-none-any.whl', 'w') as wheel:
    wheel.writestr(f'{name}.py', f'WHO = {(name + \" \" + version)!r}\\n')
    wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')
    wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(f'{info}/RECORD', '')
";
    run(Command::new(test_python())
        .args(["-c", MAKE])
        .arg(folder)
        .args([name, version]));
}

fn has_modules(python: &Path) -> bool {
    Command::new(python)
        .args(["-c", MODULES])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) {
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        status.success(),
        "{command:?}: {status}; set TEST_PYTHON to a Python with ipykernel"
    );
}
