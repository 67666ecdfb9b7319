//! A Python for tests that drive a real kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter to test with: `TEST_PYTHON`, else the one of `target/test-venv`, which `cargo xtask test` makes
/// (ipykernel, and what is compared with).
///
/// # Panics
///
/// When there is neither: a test that needs a kernel must not pass without one.
pub fn test_python() -> PathBuf {
    if let Some(given) = std::env::var_os("TEST_PYTHON") {
        return PathBuf::from(given);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("the workspace's folder exists");
    let python = root.join("target/test-venv/bin/python");
    assert!(
        python.exists(),
        "{} is not there: run `cargo xtask test` once, which makes it, or set TEST_PYTHON",
        python.display()
    );
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

fn run(command: &mut Command) {
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
